// The editor of node types: name, memory by slider or as text, cores, how many there are, and what an hour costs.

import { byId, element } from "./elements.js";
import { parseBytes, spelledBytes } from "./sizes.js";

const GIB = 1024 ** 3;
/** What the slider stops at: sizes that are sold. */
const STOPS = [
  0.25, 0.5, 1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096,
].map((gib) => gib * GIB);
const MOST_NODES = 12;
const USUAL = [
  { name: "small", memory_bytes: 16 * GIB, cores: 4 },
  { name: "medium", memory_bytes: 64 * GIB, cores: 16 },
  { name: "large", memory_bytes: 256 * GIB, cores: 48 },
];

export class PlanNodes {
  /** `changed` hears of a node type that was added or taken away; the fields' own events bubble. */
  constructor(changed) {
    this.place = byId("plan-node-types");
    this.changed = changed;
    this.count = 0;
    byId("plan-add-node").addEventListener("click", (event) => {
      const { last } = this;
      this.add({
        name: `node ${this.place.children.length + 1}`,
        memory_bytes: last ? last.memory_bytes * 2 : 16 * GIB,
        cores: last?.cores ?? 4,
      });
      this.place.lastChild.querySelector("input").focus();
      this.changed(event);
    });
  }

  get last() {
    try {
      return this.nodes().at(-1);
    } catch {
      return undefined;
    }
  }

  /** Show these node types, or the usual ones. */
  set(nodes = USUAL) {
    this.place.replaceChildren();
    (Array.isArray(nodes) && nodes.length ? nodes : USUAL).slice(0, MOST_NODES).forEach((node) => this.add(node));
  }

  /** The node types as the service reads them; a RangeError where a field cannot be read. */
  nodes() {
    return [...this.place.children].map((row, place) => read(row, place));
  }

  add({ name, memory_bytes: memory, cores, count = null, price_per_hour: price = null }) {
    const id = `plan-node-${this.count++}`;
    const numbers = [
      field(`${id}-cores`, "Cores", { type: "number", min: 1, max: 65536, step: 1, "data-key": "cores", value: cores }),
      field(`${id}-count`, "How many", {
        type: "number",
        min: 0,
        step: 1,
        "data-key": "count",
        placeholder: "any",
        value: count,
      }),
      field(`${id}-price`, "Price per hour", {
        type: "number",
        min: 0,
        step: "any",
        "data-key": "price_per_hour",
        placeholder: "none",
        value: price,
      }),
    ];
    const row = element(
      "div",
      { class: "node", role: "group", "aria-label": `Node type ${name}` },
      element(
        "div",
        { class: "line" },
        field(`${id}-name`, "Name", { type: "text", maxlength: 40, "data-key": "name", value: name }),
        this.removing(name),
      ),
      this.memory(id, Number(memory) || 16 * GIB),
      element("div", { class: "three" }, ...numbers),
    );
    this.place.append(row);
    byId("plan-add-node").disabled = this.place.children.length >= MOST_NODES;
  }

  memory(id, bytes) {
    const text = element("input", {
      type: "text",
      id: `${id}-memory`,
      "data-key": "memory",
      spellcheck: "false",
      value: spelledBytes(bytes),
    });
    const slider = element("input", {
      type: "range",
      min: 0,
      max: STOPS.length - 1,
      step: 1,
      "aria-label": "Memory",
      class: "memory",
    });
    const follow = () => {
      slider.value = nearest(bytesOf(text.value) ?? bytes);
      slider.setAttribute("aria-valuetext", text.value);
    };
    text.addEventListener("input", follow);
    slider.addEventListener("input", () => {
      text.value = spelledBytes(STOPS[Number(slider.value)]);
      slider.setAttribute("aria-valuetext", text.value);
    });
    follow();
    return element(
      "div",
      { class: "pair" },
      element("div", { class: "field" }, element("label", { for: text.id }, "Memory"), text),
      element("div", { class: "field slide" }, slider),
    );
  }

  removing(name) {
    const remove = (event) => {
      event.target.closest(".node").remove();
      byId("plan-add-node").disabled = false;
      byId("plan-add-node").focus();
      this.changed(event);
    };
    return element(
      "button",
      { type: "button", class: "remove", "aria-label": `Remove node type ${name}`, on: { click: remove } },
      "Remove",
    );
  }
}

function field(id, label, attributes) {
  return element(
    "div",
    { class: "field" },
    element("label", { for: id }, label),
    element("input", { id, ...attributes }),
  );
}

function read(row, place) {
  const told = Object.fromEntries(
    [...row.querySelectorAll("[data-key]")].map((input) => [input.dataset.key, input.value.trim()]),
  );
  const name = told.name || `node ${place + 1}`;
  const number = (key, isNeeded) => {
    const value = told[key] === "" ? null : Number(told[key]);
    const control = row.querySelector(`[data-key=${key}]`);
    const wrong = Number.isNaN(value) || value < 0 || (isNeeded && !value) || !control.validity.valid;
    if (wrong) throw new RangeError(`${name}: ${control.previousSibling.textContent} is no such number.`);
    return value;
  };
  const bytes = bytesOf(told.memory);
  if (!bytes) throw new RangeError(`${name}: write the memory as 64 GB or the like.`);
  return {
    name,
    memory_bytes: bytes,
    cores: number("cores", true),
    count: number("count"),
    price_per_hour: number("price_per_hour"),
  };
}

function bytesOf(text) {
  try {
    return parseBytes(text);
  } catch {
    return null;
  }
}

function nearest(bytes) {
  const off = STOPS.map((stop) => Math.abs(Math.log(stop / Math.max(bytes, 1))));
  return off.indexOf(Math.min(...off));
}
