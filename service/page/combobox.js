// An accessible combobox: a list that narrows as one types, for mouse, keyboard and screen reader.

import { element } from "./elements.js";

const MOST_SHOWN = 60;

/** Makes `input` and the list beside it a combobox; `choose` hears the value of the option that is chosen. */
export class Combobox {
  constructor(input, choose) {
    this.input = input;
    this.popup = input.parentElement.querySelector(".popup");
    this.list = this.popup.querySelector("[role=listbox]");
    this.hint = this.popup.querySelector(".hint");
    this.choose = choose;
    this.options = [];
    this.value = null;
    this.active = -1;
    this.listen();
  }

  /** `options`: {value, name, note, search}, of which `search` is what is looked through, in lower case. */
  setOptions(options) {
    this.options = options;
  }

  /** Show a value as chosen, without telling anybody. */
  setValue(value) {
    this.value = value;
    this.input.value = this.options.find((option) => option.value === value)?.name ?? "";
    this.close();
  }

  listen() {
    this.input.addEventListener("input", () => this.open(this.input.value));
    this.input.addEventListener("click", () => this.open(""));
    this.input.addEventListener("keydown", (event) => this.press(event));
    this.input.addEventListener("focus", () => this.input.select());
    this.input.addEventListener("blur", () => this.setValue(this.value));
    // before the input loses the focus
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.take(Number(option.dataset.place));
    });
  }

  open(text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const found = this.options.filter((option) => words.every((word) => option.search.includes(word)));
    this.shown = found.slice(0, MOST_SHOWN);
    this.list.replaceChildren(...this.shown.map((option, place) => this.optionElement(option, place)));
    this.hint.textContent = hintOf(found.length, this.shown.length);
    this.popup.hidden = false;
    this.input.setAttribute("aria-expanded", "true");
    const chosen = this.shown.findIndex((option) => option.value === this.value);
    this.activate(words.length && this.shown.length ? 0 : chosen);
  }

  close() {
    this.popup.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.activate(-1);
  }

  press(event) {
    const isOpen = !this.popup.hidden;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in steps) {
      event.preventDefault();
      if (isOpen) this.step(steps[event.key]);
      else this.open("");
    } else if (event.key === "Enter") {
      // a form of this page is never sent
      event.preventDefault();
      if (isOpen && this.active >= 0) this.take(this.active);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      this.setValue(this.value);
      this.input.select();
    }
  }

  step(by) {
    const count = this.shown.length;
    if (!count) return;
    const at = this.active + by;
    const turned = Math.abs(by) === 1 ? (at + count) % count : Math.min(Math.max(at, 0), count - 1);
    this.activate(this.active < 0 ? (by > 0 ? 0 : count - 1) : turned);
  }

  activate(place) {
    const options = this.list.children;
    options[this.active]?.setAttribute("aria-selected", "false");
    this.active = place;
    options[place]?.setAttribute("aria-selected", "true");
    options[place]?.scrollIntoView({ block: "nearest" });
    if (options[place]) this.input.setAttribute("aria-activedescendant", options[place].id);
    else this.input.removeAttribute("aria-activedescendant");
  }

  take(place) {
    const { value } = this.shown[place];
    this.setValue(value);
    this.choose(value);
  }

  optionElement(option, place) {
    const id = `${this.list.id}-${place}`;
    return element(
      "li",
      { role: "option", id, "data-place": place, "aria-selected": "false" },
      element("span", { class: "name" }, option.name),
      element("span", { class: "note" }, option.note),
    );
  }
}

function hintOf(found, shown) {
  if (!found) return "Nothing is called so.";
  return found > shown ? `${found - shown} more; type to narrow them down.` : "";
}
