// The fields of one tool, made from what its bundle was trained on, and the job that they describe.

import { element } from "./elements.js";
import { formatBytes, formatCount, parseBytes, spelledBytes } from "./sizes.js";

const ABSENT = "(absent)";
const OTHER = "(other)";
const ANOTHER = "\u0000another";
const TOTALS_INPUT = "total_filesize";

export class AskFields {
  constructor(place) {
    this.place = place;
  }

  /** Make the fields anew; `told` holds what stands in the address. */
  setTool(details, told = new URLSearchParams()) {
    this.details = details;
    this.fields = [];
    // a link that names a tool alone means its usual job
    this.isTold = [...told.keys()].some((key) => key !== "tool");
    const names = details.inputs.length ? details.inputs : [TOTALS_INPUT];
    const inputs = names.map((name) => this.inputField(name, told));
    this.place.replaceChildren(
      fieldset("Input datasets", ...inputs, this.scale()),
      fieldset("Settings", ...this.settings(told)),
      retry(this.sizeField("previous", "The attempt before requested", "", told.get("previous"))),
    );
    this.fields.find((field) => field.key === "previous").hint.textContent =
      "Only for a job that ran out of memory: what was requested then.";
  }

  /** What differs from nothing, for the address. */
  parameters() {
    const values = this.fields.map(({ key, value }) => [key, value()]);
    return new URLSearchParams([["tool", this.details.tool], ...values.filter(([, value]) => value !== "")]);
  }

  /** The JobDescription; a RangeError where a field cannot be read, which is marked. */
  job() {
    const told = Object.fromEntries(this.fields.map((field) => [field.key, checked(field)]));
    const names = this.details.inputs.length ? this.details.inputs : [TOTALS_INPUT];
    const job = { tool_id: this.details.tool, inputs: names.flatMap((name) => described(name, told)) };
    const parameters = this.details.parameters.map((name) => [name, told[`parameter:${name}`]]);
    job.parameters = Object.fromEntries(parameters.filter(([, value]) => value));
    for (const key of ["dbkey", "slots", "tool_version"]) if (told[key]) job[key] = told[key];
    return told.previous ? { ...job, attempt: 2, previous_request_bytes: told.previous } : job;
  }

  /** Write sizes into the fields, by the names of the inputs. */
  setSizes(sizes) {
    for (const field of this.fields) {
      const name = field.key.replace(/^size:/, "");
      if (field.key.startsWith("size:") && name in sizes) field.control.value = spelledBytes(sizes[name]);
    }
  }

  /** Mark the field that the service complains of. */
  refuse(path, message) {
    const place = /inputs\[(\d+)\]/.exec(path);
    const names = this.details.inputs.length ? this.details.inputs : [TOTALS_INPUT];
    const key = place ? `size:${names[Number(place[1])]}` : /(slots|dbkey)/.exec(path)?.[1];
    const field = this.fields.find((one) => one.key === key);
    if (field) mark(field, message);
  }

  inputField(name, told) {
    const seen = this.details.sizes_bytes[name];
    const categories = this.details.categories[`extension:${name}`] ?? [];
    const usual = seen && categories[0] !== ABSENT ? spelledBytes(seen.median) : "";
    const label = name === TOTALS_INPUT ? "All input datasets together" : name;
    const size = this.sizeField(`size:${name}`, label, usual, this.isTold ? (told.get(`size:${name}`) ?? "") : null);
    const { hint } = this.fields.at(-1);
    hint.textContent = seen ? rangeText(seen, categories) : "";
    if (name === TOTALS_INPUT)
      return element("div", { class: "pair" }, size, this.numberField("count", "How many", 1, told));
    const known = categories.filter((value) => value !== ABSENT);
    const type = known.length && this.choiceField(`extension:${name}`, "Type", [...known, ""], told, `Type of ${name}`);
    return element("div", { class: "pair" }, size, type || null, hint);
  }

  settings(told) {
    const { categories, parameters, usual_slots: slots } = this.details;
    const fields = [this.numberField("slots", "Cores", slots || "", told)];
    if (categories.dbkey) fields.unshift(this.choiceField("dbkey", "Genome build", spelled(categories.dbkey), told));
    if (categories.version && !this.details.tool.includes("/")) {
      fields.unshift(this.choiceField("tool_version", "Version of the tool", spelled(categories.version), told));
    }
    const of = (name) => spelled(categories[`parameter:${name}`] ?? [""]);
    return [...fields, ...parameters.map((name) => this.choiceField(`parameter:${name}`, name, of(name), told))];
  }

  scale() {
    const input = element("input", { type: "range", id: "ask-scale", min: 0, max: 1000, step: 1 });
    return element(
      "div",
      { class: "field scale" },
      element("label", { for: "ask-scale" }, "All inputs, smaller or larger"),
      input,
      element("output", { for: "ask-scale", id: "ask-scale-total", class: "hint" }),
    );
  }

  sizeField(key, label, usual, told) {
    const attributes = { type: "text", inputmode: "decimal", placeholder: "absent", spellcheck: "false" };
    const control = element("input", attributes);
    control.value = told ?? usual;
    return this.field(key, label, control, {
      value: () => control.value.trim(),
      read: () => (control.value.trim() ? parseBytes(control.value) : 0),
    });
  }

  numberField(key, label, usual, told) {
    const control = element("input", { type: "text", inputmode: "numeric", placeholder: "as usual" });
    control.value = this.isTold ? (told.get(key) ?? "") : usual;
    return this.field(key, label, control, {
      value: () => control.value.trim(),
      read: () => wholeNumber(control.value),
    });
  }

  choiceField(key, label, values, told, fullName = label) {
    const chosen = this.isTold ? (told.get(key) ?? "") : values[0];
    const isNew = !values.includes(chosen);
    const options = [...values, ...(isNew && chosen === "" ? [""] : [])];
    const select = element("select", {}, ...options.map(option), element("option", { value: ANOTHER }, "another …"));
    const text = element("input", { type: "text", "aria-label": `Another value of ${fullName}`, spellcheck: "false" });
    select.value = isNew && chosen !== "" ? ANOTHER : chosen;
    text.value = select.value === ANOTHER ? chosen : "";
    text.hidden = select.value !== ANOTHER;
    select.addEventListener("input", () => {
      text.hidden = select.value !== ANOTHER;
      if (!text.hidden) text.focus();
    });
    const value = () => (select.value === ANOTHER ? text.value.trim() : select.value);
    if (fullName !== label) select.setAttribute("aria-label", fullName);
    return this.field(key, label, select, { value, read: value }, text);
  }

  field(key, label, control, reading, ...more) {
    const id = `ask-field-${this.fields.length}`;
    const hint = element("p", { class: "hint", id: `${id}-hint` });
    const problem = element("p", { class: "problem", id: `${id}-problem`, hidden: true });
    control.id = id;
    control.setAttribute("aria-describedby", `${hint.id} ${problem.id}`);
    this.fields.push({ key, label, control, hint, problem, ...reading });
    return element("div", { class: "field" }, element("label", { for: id }, label), control, ...more, hint, problem);
  }
}

function fieldset(legend, ...fields) {
  return element("fieldset", {}, element("legend", {}, legend), ...fields);
}

function retry(field) {
  return element("details", {}, element("summary", {}, "A second attempt"), field);
}

function option(value) {
  return element("option", { value }, value === "" ? "not told" : value);
}

/** The values as a job may tell them: absent is not told, and the rare ones together are none of them. */
function spelled(values) {
  const told = values.filter((value) => value !== OTHER).map((value) => (value === ABSENT ? "" : value));
  return told.includes("") ? told : [...told, ""];
}

function rangeText({ smallest, median, largest }, categories) {
  const range = `recorded ${formatBytes(smallest)} to ${formatBytes(largest)}, median ${formatBytes(median)}`;
  return categories[0] === ABSENT ? `absent in most jobs, else ${range}` : range;
}

function wholeNumber(text) {
  if (!text.trim()) return 0;
  if (!/^\s*\d{1,6}\s*$/.test(text)) throw new RangeError("Write a whole number.");
  return Number(text);
}

function checked(field) {
  try {
    const value = field.read();
    mark(field, "");
    return value;
  } catch (error) {
    mark(field, error.message);
    throw new RangeError(`${field.label}: ${error.message}`);
  }
}

function mark(field, message) {
  field.problem.textContent = message;
  field.problem.hidden = !message;
  if (message) field.control.setAttribute("aria-invalid", "true");
  else field.control.removeAttribute("aria-invalid");
}

function described(name, told) {
  const size = told[`size:${name}`];
  if (!size) return [];
  const dataset = { name, size_bytes: size };
  if (told[`extension:${name}`]) dataset.extension = told[`extension:${name}`];
  if (name === TOTALS_INPUT && told.count > 1) dataset.count = told.count;
  return [dataset];
}

/** "320 recorded jobs" and the like. */
export function jobsText(count) {
  return `${formatCount(count)} recorded job${count === 1 ? "" : "s"}`;
}
