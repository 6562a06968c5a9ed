// How the jobs of a plan fit the nodes, as tables: each type by itself, and all types together.

import { element, table } from "./elements.js";
import { formatCount, formatNumber } from "./sizes.js";

/** How many nodes of each type all jobs would take, were there no other. */
export function nodesTable(rows, ofConstant) {
  const headings = [
    "Each type by itself",
    "At once on one",
    "Fit",
    "Too large",
    "Nodes needed",
    "with a constant",
    "Enough",
    "Cost",
  ];
  const cells = rows.map((one, place) => [
    one.name,
    one.at_once_least === one.at_once_most
      ? formatNumber(one.at_once)
      : `${formatNumber(one.at_once)} (${formatNumber(one.at_once_least)} to ${formatNumber(one.at_once_most)})`,
    formatCount(one.jobs_fit),
    one.jobs_too_large ? element("span", { class: "word bad" }, formatCount(one.jobs_too_large)) : "0",
    needed(one.needed),
    needed(ofConstant?.[place]?.needed),
    enough(one.enough),
    cost(one.cost),
  ]);
  return table("Nodes needed within the time: in half of all cases, and in 95 of 100", headings, cells);
}

/** The same with each job on the type that suits it best. */
export function mixTable(rows) {
  const headings = ["All types together", "Jobs", "Nodes needed", "Enough", "Cost"];
  const cells = (rows ?? []).map((one) => [
    one.name,
    formatCount(one.jobs),
    needed(one.needed),
    enough(one.enough),
    cost(one.cost),
  ]);
  return table(
    "Each job where its share of a node costs least; without prices, on the smallest that holds it",
    headings,
    cells,
  );
}

function needed(count) {
  if (!count) return "—";
  return count.p50 === count.p95 ? formatCount(count.p50) : `${formatCount(count.p50)} to ${formatCount(count.p95)}`;
}

function enough(isEnough) {
  if (isEnough === null || isEnough === undefined) return "—";
  return element("span", { class: `word ${isEnough ? "good" : "bad"}` }, isEnough ? "enough" : "too few");
}

function cost(amount) {
  if (!amount) return "—";
  return amount.p50 === amount.p95
    ? formatNumber(amount.p50)
    : `${formatNumber(amount.p50)} to ${formatNumber(amount.p95)}`;
}
