// The plan that the service made: totals, nodes, tools, and whatever did not go in.

import { shortName } from "./catalogue.js";
import { showCaps } from "./caps_chart.js";
import { byId, element, table, terms } from "./elements.js";
import { showHistogram } from "./histogram.js";
import { mixTable, nodesTable } from "./plan_fit.js";
import { formatBytes, formatCount, formatWastage, formatNumber, formatSeconds, formatShare } from "./sizes.js";

const CAPS = [0.01, 0.02, 0.05, 0.1];
const drawn = new Map();

/** Show a plan at a cap; what is as it was before is not drawn again. */
export function showPlan(plan, cap) {
  for (const part of document.querySelectorAll("#plan-answer [data-needs=jobs]")) part.hidden = !plan.jobs;
  const policy = (cap !== null && plan.policies[`cap_${cap}`]) || plan.policies.predicted;
  const { constant } = plan.policies;
  fresh("plan-totals", [plan.jobs, plan.distinct_jobs, policy, constant], (place) =>
    place.replaceChildren(...terms(totals(plan, policy, constant))),
  );
  fresh("plan-alarms", [policy.fit_nowhere, plan.refused_jobs, plan.too_long], (place) =>
    place.replaceChildren(...alarms(plan, policy)),
  );
  fresh("plan-nodes", [policy.nodes, constant?.nodes], (place) =>
    replaceTable(place, nodesTable(policy.nodes, constant?.nodes)),
  );
  fresh("plan-mix", policy.mix, (place) => replaceTable(place, mixTable(policy.mix)));
  fresh("plan-caps", [capsOf(plan), cap], () => caps(plan, cap));
  if (plan.jobs) fresh("plan-histogram", plan.histogram, (svg) => histogram(svg, plan.histogram));
  fresh("plan-by-tool", plan.tools, (place) => replaceTable(place, byTool(plan.tools)));
  fresh("plan-nowhere", plan.fit_nowhere, (place) => listed(place, nowhere(plan.fit_nowhere ?? [])));
  fresh("plan-refused", plan.refused, (place) => listed(place, refused(plan.refused ?? [])));
  fresh("plan-notes", plan.notes, (place) => notes(place, plan.notes ?? []));
}

/** The same in one sentence, for who listens. */
export function planText(plan, cap) {
  const policy = (cap !== null && plan.policies[`cap_${cap}`]) || plan.policies.predicted;
  const [requested, wasted] = [policy.requested_gbh, policy.wasted_gbh].map(({ mean }) => formatWastage(mean));
  return `${formatCount(plan.jobs)} jobs planned: ${requested} requested, ${wasted} wasted.`;
}

function fresh(id, content, draw) {
  const key = JSON.stringify(content) ?? "";
  if (drawn.get(id) === key) return;
  drawn.set(id, key);
  draw(byId(id));
}

function totals(plan, policy, constant) {
  const { requested_gbh: requested, used_gbh: used, wasted_gbh: wasted } = policy;
  const distinct =
    !plan.jobs || plan.distinct_jobs === plan.jobs ? "" : `${formatCount(plan.distinct_jobs)} different ones`;
  return [
    ["Jobs", formatCount(plan.jobs), distinct],
    ["Requested", formatWastage(requested.mean), upTo(requested)],
    ["Used", formatWastage(used.mean), upTo(used)],
    ["Wasted", formatWastage(wasted.mean), constant ? change(wasted.mean, constant.wasted_gbh.mean) : upTo(wasted)],
    [
      "Out-of-memory retries",
      formatNumber(policy.expected_retries),
      `${formatShare(policy.failure_rate)} of first attempts`,
    ],
    [
      "Largest request",
      formatBytes(policy.requested_bytes.largest),
      `half of the jobs request at most ${formatBytes(policy.requested_bytes.p50)}`,
    ],
  ];
}

function upTo({ p95 }) {
  return `in 95 of 100 cases at most ${formatWastage(p95)}`;
}

function change(wasted, constant) {
  if (!constant) return "";
  const [share, times] = [1 - wasted / constant, wasted / constant];
  if (times >= 2)
    return element("span", { class: "word warn" }, `${formatNumber(times)} times as much as a constant per tool`);
  const kind = share > 0.005 ? "good" : share < -0.005 ? "warn" : "";
  return element(
    "span",
    { class: `word ${kind}` },
    `${formatShare(Math.abs(share))} ${share >= 0 ? "less" : "more"} than a constant per tool`,
  );
}

function alarms(plan, policy) {
  const found = [];
  const { jobs, largest_request_bytes: largest } = policy.fit_nowhere ?? {};
  if (jobs)
    found.push(["bad", "Warning", `${jobsText(jobs)} fit no node`, `The largest request is ${formatBytes(largest)}.`]);
  if (plan.too_long)
    found.push([
      "warn",
      "Careful",
      `${jobsText(plan.too_long)} run longer than the time there is`,
      "No number of nodes helps them.",
    ]);
  if (plan.refused_jobs)
    found.push(["warn", "Careful", `${jobsText(plan.refused_jobs)} could not be planned`, "Why is told below."]);
  return found.map(([kind, badge, title, told]) =>
    element(
      "div",
      { class: `guard ${kind}` },
      element("strong", {}, element("span", { class: "badge" }, badge), ` ${title}. `),
      told,
    ),
  );
}

function jobsText(count) {
  return `${formatCount(count)} job${count === 1 ? "" : "s"}`;
}

function replaceTable(place, made) {
  place.replaceChildren(...made.childNodes);
}

function capsOf({ policies }) {
  const of = (name, cap) =>
    policies[name] ? [{ cap, value: policies[name].wasted_gbh.mean, policy: policies[name] }] : [];
  return [
    ...CAPS.flatMap((cap) => of(`cap_${cap}`, cap)),
    ...(policies.predicted.failure_cap === null ? of("predicted", null) : []),
  ];
}

function caps(plan, cap) {
  const points = capsOf(plan);
  const constant = plan.policies.constant?.wasted_gbh.mean;
  const named = points.map((one) => ({ ...one, name: one.cap === null ? "own" : formatShare(one.cap) }));
  const chosen = cap ?? plan.policies.predicted.failure_cap;
  showCaps(byId("plan-caps"), { title: "Wasted memory over the failure cap", points: named, chosen, constant });
  const lines = named.map(({ name, policy }) => [
    name === "own" ? "each tool's own" : name,
    ...[policy.requested_gbh, policy.used_gbh, policy.wasted_gbh].map(({ mean }) => formatWastage(mean)),
    formatNumber(policy.expected_retries),
  ]);
  byId("plan-caps-data").replaceChildren(
    table("What each cap would cost", ["Cap", "Requested", "Used", "Wasted", "Retries"], lines),
  );
}

function histogram(svg, { edges_bytes: edges, jobs }) {
  showHistogram(svg, { edges_bytes: edges, jobs });
  const lines = jobs.predicted.map((count, place) => [
    `${formatBytes(edges[place])} to ${formatBytes(edges[place + 1])}`,
    formatCount(count),
    jobs.constant ? formatCount(jobs.constant[place]) : "—",
  ]);
  byId("plan-histogram-data").replaceChildren(
    table("Jobs by what they request", ["Request", "Predicted", "Constant per tool"], lines),
  );
}

function byTool(tools) {
  const headings = [
    "Tool",
    "Jobs",
    "Run time",
    "Largest request",
    "Requested",
    "Used",
    "Wasted",
    "Constant wastes",
    "Retries",
    "Guards",
  ];
  return table("GB·h over all jobs of a tool", headings, tools.map(toolRow));
}

function toolRow(one) {
  const guards = Object.entries(one.guards ?? {}).map(
    ([name, count]) => `${name.replaceAll("_", " ")}: ${formatCount(count)}`,
  );
  return [
    shortName(one.tool),
    formatCount(one.jobs),
    seconds(one.run_seconds),
    formatBytes(one.requested_bytes.largest),
    ...[one.requested_gbh, one.used_gbh, one.wasted_gbh, one.constant_wasted_gbh].map(amount),
    formatNumber(one.expected_retries),
    element("span", { class: "text" }, guards.join(", ") || "none"),
  ];
}

/** Means, told as a number or with their spread. */
function amount(gbh) {
  const mean = gbh?.mean ?? gbh;
  return typeof mean === "number" ? formatNumber(mean) : "—";
}

function seconds(told) {
  const length = told?.mean ?? told?.median ?? told;
  return typeof length === "number" ? formatSeconds(length) : "—";
}

function nowhere(jobs) {
  const lines = jobs.map((one) => [
    placeOf(one),
    shortName(one.tool),
    formatCount(one.jobs),
    formatBytes(one.inputs_bytes),
    formatCount(one.slots),
    formatBytes(one.request_bytes),
  ]);
  return lines.length
    ? table("Those that ask for most", ["Row", "Tool", "Jobs", "Inputs", "Cores", "Request"], lines)
    : null;
}

function refused(tools) {
  const lines = tools.map((one) => [
    placeOf(one),
    shortName(one.tool),
    formatCount(one.jobs),
    element("span", { class: "text" }, one.message),
  ]);
  return lines.length
    ? table("Left out of everything above; the row is the first of its tool", ["Row", "Tool", "Jobs", "Why"], lines)
    : null;
}

function placeOf({ line, job }) {
  return line === undefined ? `job ${job ?? "?"}` : `line ${line}`;
}

function listed(place, made) {
  place.hidden = !made;
  place.querySelector("div").replaceChildren(...(made ? [made] : []));
}

function notes(place, told) {
  place.hidden = !told.length;
  place.querySelector("ul").replaceChildren(...told.map((note) => element("li", {}, note)));
}
