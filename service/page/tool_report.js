// What the training of one tool was worth: its scores, its promise, its recorded jobs and what became of their rows.

import { writeAddress } from "./address.js";
import { shortName } from "./catalogue.js";
import { showCaps } from "./caps_chart.js";
import { byId, element, shape, table, terms } from "./elements.js";
import { showRecorded } from "./recorded_chart.js";
import { formatBytes, formatCount, formatNumber, formatSeconds, formatShare, formatWastage } from "./sizes.js";

const SCORES = [
  ["R²", "r2", formatNumber],
  ["Mean error", "mape", formatShare],
  ["Median error", "median_ape", formatShare],
  ["Under-allocated", "under_allocated", formatShare],
  ["(used + wasted) / used", "rel", formatNumber],
];

/** Whether the promised failure rate was kept: a word, and how bad it is. */
export function promiseText({
  promised_failure_rate: promised,
  achieved_failure_rate: rate,
  achieved_failure_interval: interval,
}) {
  if (rate === null || promised === null) return { kind: "", word: promised === null ? "no promise" : "not measured" };
  if (rate <= promised) return { kind: "good", word: "kept" };
  return interval && interval[0] <= promised
    ? { kind: "warn", word: "above, may be chance" }
    : { kind: "bad", word: "broken" };
}

export function showReport(details) {
  const { tool } = details;
  byId("tool-report").replaceChildren(
    element("p", {}, element("a", { href: "#tools" }, "← All tools")),
    element("h1", { id: "tool-report-title", tabindex: "-1" }, shortName(tool)),
    element("div", { class: "card" }, element("dl", { class: "numbers" }, ...terms(headline(details))), links(details)),
    element("div", { class: "pieces" }, ...pieces(details)),
  );
  drawCharts(details);
}

function headline(details) {
  const { kind, word } = promiseText(details);
  const { achieved_failure_interval: interval, wastage_saved_share: saved } = details;
  const achieved = details.achieved_failure_rate === null ? "not measured" : formatShare(details.achieved_failure_rate);
  const between = interval ? `; 95 % interval ${formatShare(interval[0])} to ${formatShare(interval[1])}` : "";
  return [
    ["Recorded jobs", formatCount(details.rows)],
    [
      "Promised failures",
      details.promised_failure_rate === null ? "no cap" : `≤ ${formatShare(details.promised_failure_rate)}`,
    ],
    ["Achieved", achieved, element("span", {}, element("span", { class: `word ${kind}` }, word), between)],
    [
      "Wastage saved",
      saved === null || saved === undefined ? "unknown" : formatShare(saved),
      "against a constant that fails as seldom",
    ],
    ["Median error", formatShare(details.test_median_ape), "on jobs not seen in training"],
  ];
}

function links({ tool, bundle }) {
  const asked = element("a", { href: writeAddress("ask", "", new URLSearchParams({ tool })) }, "Ask with this tool");
  return element("p", { class: "hint" }, asked, ` · ${tool} · bundle ${bundle}`);
}

function pieces(details) {
  const found = [piece("Recorded jobs", chartPlace("tool-recorded"), sizes(details))];
  if (details.cap_curve?.length)
    found.push(piece("Wastage over the failure cap", chartPlace("tool-caps"), caps(details)));
  if (details.scores) found.push(piece("Scores of the model", scores(details)));
  if (details.constant) found.push(piece("Against a constant request", constant(details)));
  found.push(piece("What became of the rows", rows(details)), piece("How it was trained", facts(details)));
  return found;
}

function piece(title, ...content) {
  return element("section", { class: "card" }, element("h2", {}, title), ...content);
}

function chartPlace(id) {
  return element("figure", {}, shape("svg", { id, class: "chart" }));
}

function drawCharts(details) {
  showRecorded(byId("tool-recorded"), details);
  if (!details.cap_curve?.length) return;
  const points = details.cap_curve.map((one) => ({
    cap: one.failure_cap,
    name: capText(one.failure_cap),
    value: one.wastage_gbh,
  }));
  showCaps(byId("tool-caps"), {
    title: `Wastage over the failure cap: ${details.tool}`,
    points,
    chosen: details.promised_failure_rate,
    unit: details.wastage_unit,
  });
}

function sizes({ sizes_bytes: seen }) {
  const ranges = Object.entries(seen).map(([name, one]) => [
    name,
    ...[one.smallest, one.median, one.largest].map(formatBytes),
  ]);
  return ranges.length
    ? wide(table("Sizes that were recorded", ["Input", "Smallest", "Median", "Largest"], ranges))
    : null;
}

function caps({ cap_curve: curve, wastage_unit: unit }) {
  const lines = curve.map((one) => [
    capText(one.failure_cap),
    formatShare(one.failure_rate),
    formatWastage(one.wastage_gbh, unit),
    formatNumber(one.rel),
  ]);
  const headings = ["Cap", "Achieved", "Wastage", "(used + wasted) / used"];
  return element(
    "details",
    {},
    element("summary", {}, "The chart as a table"),
    wide(table("What other caps would have cost", headings, lines)),
  );
}

function capText(cap) {
  return cap === null ? "no cap" : formatShare(cap);
}

function scores({ scores: { train, test } }) {
  const cell = (part, key, format) => ((part?.[key] ?? null) === null ? "—" : format(part[key]));
  const lines = SCORES.map(([name, key, format]) => [name, cell(train, key, format), cell(test, key, format)]);
  return wide(table("Errors are relative to the recorded peak", ["Score", "Training rows", "Held-out rows"], lines));
}

function constant({ constant: one, wastage_gbh: ours, wastage_unit: unit, achieved_failure_rate: rate }) {
  const wasted = (amount) => ((amount ?? null) === null ? "unknown" : formatWastage(amount, unit));
  const lines = [
    ["This bundle", "varies", formatShare(rate), wasted(ours)],
    ["One constant", formatBytes(one.memory_bytes), formatShare(one.failure_rate), wasted(one.wastage_gbh)],
  ];
  return wide(table("On the same held-out jobs", ["Rule", "Request", "Failures", "Wastage"], lines));
}

function rows({ rows: used, rows_dropped: dropped, rows_flagged: flagged }) {
  const of = (kind, reasons) =>
    Object.entries(reasons ?? {})
      .filter(([, count]) => count)
      .map(([why, count]) => [why, kind, formatCount(count)]);
  const lines = [
    ["learned from", "used", formatCount(used)],
    ...of("kept, but marked", flagged),
    ...of("left out", dropped),
  ];
  return wide(table("Rows of the recorded jobs", ["Why", "What", "Rows"], lines));
}

function facts(details) {
  const told = [
    ["Answered by", `${details.source}: ${details.model}`],
    ["Predicts", details.label],
    ...Object.entries(details.best_parameters ?? {}).map(([name, value]) => [name, String(value)]),
    ["Memory limit", details.limit_bytes ? formatBytes(details.limit_bytes) : "not recorded"],
    [
      "Run time",
      details.run_seconds
        ? `median ${formatSeconds(details.run_seconds.median)}, 95 % below ${formatSeconds(details.run_seconds.p95)}`
        : "not recorded",
    ],
    ["Features", formatCount(details.features?.length ?? 0)],
    ...Object.entries(details.versions ?? {}).map(([name, version]) => [name.replaceAll("_", " "), version]),
  ];
  return element("dl", { class: "facts" }, ...terms(told));
}

function wide(content) {
  const label = content.querySelector("caption").textContent;
  return element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": label }, content);
}
