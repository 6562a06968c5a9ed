// The view Tools: a table of everything that is loaded, sorted and filtered where it stands, and a report of each tool.

import { writeAddress } from "./address.js";
import { allTools, findTool, shortName, toolDetails } from "./catalogue.js";
import { byId, element } from "./elements.js";
import { formatAge, formatCount, formatShare } from "./sizes.js";
import { block, say, setState } from "./state.js";
import { promiseText, showReport } from "./tool_report.js";

/** More at once take a browser longer than a person notices; the others come when they are asked for. */
const AT_ONCE = 100;
const known = (value) => (value === null || value === undefined ? null : value);
/** Heading, what is sorted by, and what is shown; the first is the name. */
const COLUMNS = [
  ["Tool", (one) => shortName(one.tool).toLowerCase(), named],
  ["Jobs", (one) => one.rows, (one) => formatCount(one.rows)],
  ["Trained", (one) => known(one.published_seconds), (one) => ageText(one.published_seconds)],
  ["Promised failures", (one) => known(one.promised_failure_rate), (one) => capText(one.promised_failure_rate)],
  ["Achieved", (one) => known(one.achieved_failure_rate), achieved],
  ["Wastage saved", (one) => known(one.wastage_saved_share), (one) => savedText(one.wastage_saved_share)],
  ["Cut off at a limit", (one) => known(one.censored_share), (one) => formatShare(one.censored_share)],
  ["Answered by", (one) => one.source, (one) => one.source],
];

export class Tools {
  constructor(again) {
    this.again = again;
    this.sorted = { column: 1, falling: true };
    this.most = AT_ONCE;
    byId("tools-filter").addEventListener("input", () => this.filter());
    byId("tools-more").addEventListener("click", () => this.showAll());
    byId("tools-table").addEventListener("click", (event) => {
      const button = event.target.closest("button.sort");
      if (button) this.sortBy(Number(button.dataset.column));
    });
  }

  setTools() {
    const headings = COLUMNS.map(([name], column) =>
      element(
        "th",
        { scope: "col" },
        element("button", { type: "button", class: "sort", "data-column": column }, name),
      ),
    );
    this.rows = allTools().map((one) => ({ one, search: one.tool.toLowerCase() }));
    this.body = element("tbody", {});
    byId("tools-table").replaceChildren(
      element("caption", {}, "Rates are those of jobs that the model had not seen."),
      element("thead", {}, element("tr", {}, ...headings)),
      this.body,
    );
    this.order();
  }

  /** The table, or the report of one tool. */
  async show(parameters, tool) {
    this.tool = tool;
    byId("tools-list").hidden = Boolean(tool);
    byId("tool-report").hidden = !tool;
    byId("tools-title").hidden = Boolean(tool);
    if (!tool) return setState(this.rows.length ? "ready" : "empty");
    if (!findTool(tool)) return this.miss(`No tool ${tool} is loaded.`);
    setState("loading");
    try {
      const details = await toolDetails(tool);
      if (tool !== this.tool) return;
      showReport(details);
      setState("ready");
      say(`Report of ${shortName(tool)}.`);
      byId("tool-report-title").focus();
    } catch (refused) {
      if (refused.status === 401 || refused.code === "not_ready") block(refused, this.again);
      else if (tool === this.tool) this.miss(refused.message);
    }
  }

  leave() {
    this.tool = null;
  }

  miss(message) {
    byId("tool-report").replaceChildren(
      element("h1", { id: "tool-report-title", tabindex: "-1" }, "No report"),
      element("p", { class: "problem", role: "alert" }, message),
      element("p", {}, element("a", { href: "#tools" }, "Back to all tools")),
    );
    setState("error");
    say(message);
  }

  sortBy(column) {
    const falling = this.sorted.column === column ? !this.sorted.falling : column > 0;
    this.sorted = { column, falling };
    this.order();
    say(`Sorted by ${COLUMNS[column][0].toLowerCase()}, ${falling ? "largest" : "smallest"} first.`);
  }

  order() {
    const { column, falling } = this.sorted;
    const key = COLUMNS[column][1];
    this.rows.sort(
      (one, other) => compared(key(one.one), key(other.one), falling) || one.one.tool.localeCompare(other.one.tool),
    );
    byId("tools-table")
      .querySelectorAll("thead th")
      .forEach((heading, place) => {
        if (place === column) heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
        else heading.removeAttribute("aria-sort");
      });
    this.draw();
  }

  filter() {
    this.most = AT_ONCE;
    const count = this.draw();
    if (byId("tools-filter").value.trim()) say(`${formatCount(count)} tools.`);
  }

  showAll() {
    this.most = Infinity;
    this.draw();
    this.body.children[AT_ONCE]?.querySelector("a").focus();
  }

  /** Show the tools that are wanted, as many as are shown at once; returns how many there are. */
  draw() {
    const words = byId("tools-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = this.rows.filter(({ search }) => words.every((word) => search.includes(word)));
    this.body.replaceChildren(...wanted.slice(0, this.most).map((one) => (one.row ??= rowOf(one.one))));
    const left = Math.max(wanted.length - this.most, 0);
    byId("tools-more").hidden = !left;
    byId("tools-more").textContent = `Show ${formatCount(left)} more`;
    byId("tools-empty").hidden = wanted.length > 0;
    byId("tools-table").hidden = !wanted.length;
    const [all, shown] = [formatCount(this.rows.length), formatCount(wanted.length)];
    byId("tools-count").textContent = words.length
      ? `${shown} of ${all} tools`
      : `${all} tool${this.rows.length === 1 ? "" : "s"}`;
    return wanted.length;
  }
}

function rowOf(one) {
  return element(
    "tr",
    {},
    ...COLUMNS.map(([, , shown], place) => element(place ? "td" : "th", place ? {} : { scope: "row" }, shown(one))),
  );
}

function named(one) {
  const name = shortName(one.tool);
  const link = element("a", { href: writeAddress("tools", one.tool) }, name);
  return name === one.tool ? link : element("span", {}, link, element("span", { class: "note" }, one.tool));
}

function achieved(one) {
  if (one.achieved_failure_rate === null) return "not measured";
  const { kind, word } = promiseText(one);
  return element(
    "span",
    {},
    formatShare(one.achieved_failure_rate),
    " ",
    element("span", { class: `word ${kind}` }, word),
  );
}

function capText(cap) {
  return cap === null ? "none" : formatShare(cap);
}

function savedText(share) {
  return share < 0 ? `${formatShare(-share)} more` : formatShare(share);
}

function ageText(seconds) {
  return seconds ? formatAge(Math.max(Date.now() / 1000 - seconds, 0)) : "unknown";
}

/** What is not known comes last, however it is sorted. */
function compared(one, other, falling) {
  if (one === null || other === null) return (one === null) - (other === null);
  return (one < other ? -1 : one > other ? 1 : 0) * (falling ? -1 : 1);
}
