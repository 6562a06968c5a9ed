// What the service recommends for one job, in words and numbers.

import { byId, element, terms } from "./elements.js";
import { formatBytes, formatCount, formatShare } from "./sizes.js";

const SOURCES = { forest: "a forest", line: "a line", pooled: "all tools together", static: "a constant" };
/** What each guard means, and how much it matters: warn where the prediction is a guess, note where it is known of. */
const GUARDS = {
  beyond_training_sizes: [
    "warn",
    "Larger than any recorded job",
    "A straight line goes on where the recorded jobs end, and the request is at least that.",
  ],
  unseen_reference: ["note", "A reference that no recorded job had", "Sized as jobs on new references were."],
  unseen_category: [
    "warn",
    "A setting that no recorded job had",
    "The request is at least what suffices for the tool as a whole.",
  ],
  missing_input: [
    "warn",
    "Something that all recorded jobs had is missing",
    "The request is at least what suffices for the tool as a whole.",
  ],
  unknown_version: ["note", "A version that was not recorded", "A higher quantile is requested until it is."],
  follows_request: [
    "bad",
    "This tool takes what it is given",
    "Its peak follows its own request, so what once sufficed is held.",
  ],
};

/** Write an answer; only what differs from the one before is touched. */
export function showAnswer(answer, details) {
  byId("ask-request").textContent = formatBytes(answer.memory_bytes);
  byId("ask-request-note").textContent =
    `${formatCount(answer.memory_bytes)} bytes, --mem=${Math.ceil(answer.memory_bytes / 1048576)}M for Slurm`;
  byId("ask-numbers").replaceChildren(...terms(numbers(answer, details)));
  byId("ask-guards").replaceChildren(...guards(answer.guards));
  byId("ask-reasons").replaceChildren(...answer.reasons.map((reason) => element("li", {}, reason)));
  const source = SOURCES[answer.source] ?? answer.source;
  byId("ask-bundle").textContent =
    `Answered by ${source} learned from ${formatCount(details.rows)} recorded jobs: ${answer.bundle}`;
}

/** The same in one sentence, for who listens. */
export function answerText(answer) {
  const count = answer.guards.length;
  const warned = count ? ` ${count === 1 ? "One guard" : `${count} guards`} fired.` : "";
  const [request, peak] = [answer.memory_bytes, answer.predicted_peak_bytes].map(formatBytes);
  return `Request ${request}, predicted peak ${peak}.${warned}`;
}

function numbers(answer, details) {
  const cap = details.promised_failure_rate;
  return [
    ["Predicted peak", formatBytes(answer.predicted_peak_bytes)],
    ["95 in 100 stay below", formatBytes(answer.quantiles["0.95"])],
    [
      "Runs out of memory",
      formatShare(answer.failure_probability),
      cap === null ? "no cap is set" : `cap over all jobs ${formatShare(cap)}`,
    ],
  ];
}

function guards(names) {
  if (!names.length)
    return [guard("good", "Like recorded jobs", "No guard fired: sizes, settings and references were seen before.")];
  return names.map((name) =>
    guard(...(GUARDS[name] ?? ["warn", name.replaceAll("_", " "), "A guard of the service; see its documentation."])),
  );
}

function guard(kind, title, told) {
  const words = { good: "All well", note: "Note", warn: "Careful", bad: "Warning" };
  return element(
    "div",
    { class: `guard ${kind}` },
    element("strong", {}, element("span", { class: "badge" }, words[kind]), ` ${title}. `),
    element("span", {}, told),
  );
}
