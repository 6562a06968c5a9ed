// What is planned: rows from a file, the clipboard or the example, and the settings beside them, as one state.

import { byId } from "./elements.js";
import { formatBytes, formatCount, formatShare } from "./sizes.js";
import { PlanNodes } from "./plan_nodes.js";

/** Beyond this a file is not put into the field, which would be slow to edit. */
const MOST_SHOWN_BYTES = 300_000;
export const CAPS = [null, 0.01, 0.02, 0.05, 0.1];

export class PlanForm {
  /** `changed` hears of everything that the plan depends on. */
  constructor(changed) {
    this.changed = changed;
    this.file = null;
    this.nodes = new PlanNodes(changed);
    this.nodes.set();
    this.showCap();
    this.listen();
  }

  get rows() {
    return this.file?.text ?? byId("plan-rows").value;
  }

  get cap() {
    return CAPS[Number(byId("plan-cap").value)];
  }

  /** All of it, as it is kept in an address. */
  state() {
    const { rows, cap } = this;
    const nodes = this.nodes.nodes();
    return {
      rows,
      nodes,
      cap,
      tool: byId("plan-tool").value.trim(),
      window: byId("plan-window").value,
      hours: byId("plan-hours").value,
    };
  }

  /** Show a state, which may come from a stranger's link: what is not of its type is passed over. */
  setState(state) {
    const text = (value, otherwise) => (typeof value === "string" ? value : otherwise);
    this.setRows(text(state.rows, ""));
    byId("plan-tool").value = text(state.tool, "");
    byId("plan-window").value = text(state.window, "168");
    byId("plan-hours").value = text(state.hours, "1");
    byId("plan-cap").value = Math.max(CAPS.indexOf(state.cap), 0);
    this.nodes.set((Array.isArray(state.nodes) ? state.nodes : []).filter((node) => node && typeof node === "object"));
    this.showCap();
  }

  /** The body of POST /v1/plan; a RangeError where something cannot be read. */
  request() {
    const window = positive("plan-window", "The time for all of it");
    const hours = positive("plan-hours", "The hours that a job runs");
    const request = {
      csv: this.rows,
      nodes: this.nodes.nodes(),
      window_hours: window,
      default_run_seconds: hours * 3600,
      failure_cap: this.cap,
      seed: 0,
    };
    const tool = byId("plan-tool").value.trim();
    return tool ? { ...request, tool } : request;
  }

  setRows(text, name = "") {
    const field = byId("plan-rows");
    const isLarge = text.length > MOST_SHOWN_BYTES;
    this.file = isLarge ? { text } : null;
    field.value = isLarge ? "" : text;
    field.readOnly = isLarge;
    const lines = isLarge && text.split("\n").filter(Boolean).length - 1;
    field.placeholder = isLarge
      ? `${name || "A file"}: ${formatCount(lines)} rows, ${formatBytes(text.length)}, too many to edit here`
      : "tool,count,input_1\nbowtie2,20,1.4 GB";
  }

  async take(file, event) {
    if (!file) return;
    this.setRows(await file.text(), file.name);
    // recorded jobs of one tool are often in a file of its name, without a column that tells it
    const named = [...byId("plan-tools-known").options].find(({ value }) => value === file.name.replace(/\.\w+$/, ""));
    if (named) byId("plan-tool").value = named.value;
    this.changed(event);
  }

  showCap() {
    const told = this.cap === null ? "as each tool was trained" : `at most ${formatShare(this.cap)}`;
    byId("plan-cap-told").textContent = told;
    byId("plan-cap").setAttribute("aria-valuetext", told);
  }

  listen() {
    const [form, drop, file] = ["plan-form", "plan-drop", "plan-file"].map(byId);
    form.addEventListener("submit", (event) => event.preventDefault());
    file.addEventListener("change", (event) => this.take(file.files[0], event));
    byId("plan-cap").addEventListener("input", () => this.showCap());
    form.addEventListener("input", (event) => event.target !== file && this.changed(event));
    byId("plan-clear").addEventListener("click", (event) => {
      this.setRows("");
      file.value = "";
      this.changed(event);
    });
    for (const kind of ["dragenter", "dragover"]) {
      drop.addEventListener(kind, (event) => {
        event.preventDefault();
        drop.classList.add("over");
      });
    }
    for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      this.take(event.dataTransfer.files[0], event);
    });
  }
}

function positive(id, name) {
  const value = Number(byId(id).value);
  if (!(value > 0)) throw new RangeError(`${name}: write a number of hours above 0.`);
  return value;
}
