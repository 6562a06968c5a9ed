// The view Plan: jobs and nodes in, and what they would need out, live; downloads, and a link that holds all of it.

import { packed, replaceAddress, unpacked, writeAddress } from "./address.js";
import { Answering } from "./answering.js";
import { postForText, postJson } from "./api.js";
import { allTools } from "./catalogue.js";
import { byId, element } from "./elements.js";
import { planText, showPlan } from "./plan_answer.js";
import { exampleWeek } from "./plan_example.js";
import { PlanForm } from "./plan_form.js";
import { block, say, setState } from "./state.js";

/** What mail, chats and browsers still take. */
const MOST_ADDRESS_LETTERS = 16_000;
const MOST_KNOWN = 2000;

export class Plan {
  constructor(again) {
    this.again = again;
    this.form = new PlanForm((event) => this.changed(event));
    this.answering = new Answering(
      (signal) => this.ask(signal),
      (refused) => this.refuse(refused),
    );
    byId("plan-example").addEventListener("click", (event) => this.takeExample(event));
    byId("plan-download-csv").addEventListener("click", () => this.downloadCsv());
    byId("plan-download-json").addEventListener("click", () =>
      save("plan.json", "application/json", JSON.stringify(this.plan, null, 1)),
    );
    byId("plan-share").addEventListener("click", () => this.share());
  }

  setTools() {
    const names = allTools()
      .slice(0, MOST_KNOWN)
      .map(({ tool }) => element("option", { value: tool }));
    byId("plan-tools-known").replaceChildren(...names);
    this.noted = null;
  }

  /** Show the plan of a link, or the one that is here already. */
  async show(parameters) {
    const text = parameters.get("state");
    const isRead = !text || text === this.noted || (await this.open(text));
    if (!location.hash.startsWith("#plan")) return;
    if (this.form.rows.trim()) this.answering.soon();
    else this.showEmpty();
    if (!isRead) this.complain("The link holds no plan that could be read; it may have been cut short.");
  }

  leave() {
    this.answering.stop();
  }

  async open(text) {
    try {
      this.form.setState(Object(await unpacked(text)));
      this.noted = text;
      return true;
    } catch {
      return false;
    }
  }

  /** The totals of another cap are here already; the rest follows. */
  changed(event) {
    if (event?.target?.id === "plan-cap" && this.plan) showPlan(this.plan, this.form.cap);
    this.answering.soon(event);
  }

  async takeExample(event) {
    try {
      this.form.setRows(await exampleWeek());
      this.changed(event);
    } catch (refused) {
      this.refuse(refused);
    }
  }

  async ask(signal) {
    if (!this.form.rows.trim()) return () => this.showEmpty();
    let request;
    try {
      request = this.form.request();
    } catch (error) {
      return () => this.complain(error.message);
    }
    const plan = await postJson("v1/plan", request, signal);
    return () => this.draw(plan, request);
  }

  draw(plan, request) {
    this.plan = plan;
    this.request = request;
    byId("plan-problem").hidden = byId("plan-empty").hidden = true;
    byId("plan-answer").hidden = false;
    showPlan(plan, request.failure_cap);
    setState("ready");
    say(planText(plan, request.failure_cap));
    this.note();
  }

  showEmpty() {
    this.plan = null;
    byId("plan-problem").hidden = byId("plan-answer").hidden = true;
    byId("plan-empty").hidden = false;
    setState("empty");
    say("No jobs yet.");
    this.noted = null;
    replaceAddress(writeAddress("plan"));
  }

  /** The address holds the plan as long as it is short enough to be sent to somebody. */
  async note() {
    const state = this.form.state();
    const text = state.rows.length < 40 * MOST_ADDRESS_LETTERS ? await packed(state) : null;
    const fits = text !== null && text.length <= MOST_ADDRESS_LETTERS;
    this.noted = fits ? text : null;
    if (location.hash.startsWith("#plan"))
      replaceAddress(writeAddress("plan", "", fits ? new URLSearchParams({ state: text }) : null));
  }

  async share() {
    await this.note();
    if (!this.noted) return say("Too many rows for a link: send the CSV itself.");
    try {
      await navigator.clipboard.writeText(location.href);
      say("The link is copied; it holds the rows, the nodes and the cap.");
    } catch {
      say("The address of this page now holds the plan: copy it from there.");
    }
  }

  async downloadCsv() {
    try {
      save("plan.csv", "text/csv", await postForText("v1/plan", this.request, "text/csv"));
    } catch (refused) {
      this.refuse(refused);
    }
  }

  refuse(refused) {
    if (refused.status === 401 || refused.code === "not_ready") return block(refused, this.again);
    this.complain(refused.message);
  }

  /** It cannot be planned as it stands; the plan before stays. */
  complain(message) {
    byId("plan-problem").textContent = message;
    byId("plan-problem").hidden = false;
    // there are jobs, though nobody can read them yet
    if (this.form.rows.trim()) byId("plan-empty").hidden = true;
    setState("error");
    say(message);
  }
}

function save(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  say(`${name} is saved.`);
}
