// The view Ask: a tool, a job in its fields, and what the service recommends for it.

import { Answering } from "./answering.js";
import { postJson, Refused } from "./api.js";
import { replaceAddress, writeAddress } from "./address.js";
import { answerText, showAnswer } from "./ask_answer.js";
import { AskChart } from "./ask_chart.js";
import { BEYOND, Curve, recordedRange, totalOf } from "./ask_curve.js";
import { AskFields, jobsText } from "./ask_fields.js";
import { byRows, findTool, shortName, toolDetails } from "./catalogue.js";
import { Combobox } from "./combobox.js";
import { byId } from "./elements.js";
import { formatBytes } from "./sizes.js";
import { showSnippets } from "./snippets.js";
import { block, say, setState } from "./state.js";

export class Ask {
  /** `again` loads the page anew, where the whole service has gone. */
  constructor(again) {
    this.again = again;
    this.fields = new AskFields(byId("ask-fields"));
    this.chart = new AskChart((total, event) => this.resize(total, event));
    this.curve = new Curve();
    this.answering = new Answering(
      (signal) => this.ask(signal),
      (refused) => this.refuse(refused),
    );
    this.combobox = new Combobox(byId("ask-tool"), (tool) => this.choose(tool));
    byId("ask-form").addEventListener("submit", (event) => event.preventDefault());
    byId("ask-fields").addEventListener("input", (event) => this.changed(event));
  }

  /** The tools are there, or others are. */
  setTools() {
    const options = byRows().map((one) => {
      const name = shortName(one.tool);
      return {
        value: one.tool,
        name,
        note: `${name === one.tool ? "" : `${one.tool}, `}${jobsText(one.rows)}`,
        search: one.tool.toLowerCase(),
      };
    });
    this.combobox.setOptions(options);
    this.tool = this.noted = null;
  }

  /** Show what the address says; without a tool the one that most is known of. */
  async show(parameters) {
    const tool = parameters.get("tool") ?? this.tool ?? byRows()[0]?.tool;
    if (String(parameters) && String(parameters) === this.noted) return;
    this.isShown = true;
    if (tool === this.tool && tool === this.details?.tool && !parameters.has("tool")) this.answering.soon();
    else await this.choose(tool, parameters);
  }

  leave() {
    this.answering.stop();
    this.isShown = false;
    this.noted = null;
  }

  async choose(tool, parameters = new URLSearchParams()) {
    this.tool = tool;
    this.combobox.setValue(tool);
    if (!findTool(tool))
      return this.refuse(
        new Refused(404, { error: "unknown_tool", message: `No tool ${tool} is loaded; choose another.` }),
      );
    try {
      const details = await toolDetails(tool);
      if (tool !== this.tool || !this.isShown) return;
      this.details = details;
      this.range = recordedRange(details);
      this.fields.setTool(details, parameters);
      byId("ask-tool-hint").textContent =
        shortName(tool) === tool ? jobsText(details.rows) : `${tool}: ${jobsText(details.rows)}`;
      this.answering.soon();
    } catch (error) {
      if (tool === this.tool && this.isShown) this.refuse(error);
    }
  }

  changed(event) {
    if (event.target.id === "ask-scale") this.rescale(this.scale(Number(event.target.value) / 1000));
    this.answering.soon(event);
  }

  resize(total, event) {
    this.rescale(total);
    this.answering.soon(event);
  }

  /** Bring all inputs to a total, in the proportion that they have now. */
  rescale(wanted) {
    const inputs = this.inputs?.length
      ? this.inputs
      : [{ name: this.details.inputs[0] ?? "total_filesize", size_bytes: 1 }];
    const total = totalOf(inputs);
    const sizes = inputs.map(({ name, size_bytes: size }) => [name, Math.max(Math.round((size / total) * wanted), 1)]);
    this.fields.setSizes(Object.fromEntries(sizes));
  }

  /** The total size at a share of the slider's way; it is the size itself where `share` is null. */
  scale(share) {
    const [low, high] = this.range ?? [1 << 20, 2 ** 40];
    return low * ((high * BEYOND) / low) ** share;
  }

  async ask(signal) {
    let job;
    try {
      job = this.fields.job();
    } catch (error) {
      return () => this.complain(error.message);
    }
    const { totals, jobs, key } = this.curve.question(job, this.range, this.details.bundle);
    const { recommendations } = await postJson("v1/predict/batch", { jobs: [job, ...jobs] }, signal);
    const refused = recommendations.find((one) => one.error);
    if (refused) throw new Refused(422, refused);
    const [answer, ...answers] = recommendations;
    return () => this.draw(job, answer, totals, this.curve.keep(key, answers));
  }

  draw(job, answer, totals, curve) {
    const total = totalOf(job.inputs);
    this.inputs = job.inputs;
    byId("ask-problem").hidden = byId("ask-empty").hidden = true;
    byId("ask-answer").hidden = false;
    showAnswer(answer, this.details);
    this.chart.show({ details: this.details, total, answer, totals, curve, range: this.range });
    showSnippets(job);
    this.showScale(total);
    this.note();
    setState("ready");
    say(answerText(answer));
  }

  showScale(total) {
    const [slider, told] = [byId("ask-scale"), total ? `${formatBytes(total)} in all` : "no inputs"];
    const [low, high] = [this.scale(0), this.scale(1)];
    slider.setAttribute("aria-valuetext", told);
    byId("ask-scale-total").textContent = told;
    // where it is held it stays
    if (document.activeElement !== slider)
      slider.value = total ? (1000 * Math.log(total / low)) / Math.log(high / low) : 0;
  }

  /** The job stands in the address, to come back to or to send to somebody. */
  note() {
    this.noted = String(this.fields.parameters());
    replaceAddress(writeAddress("ask", "", this.noted));
  }

  refuse(refused) {
    if (refused.status === 401 || refused.code === "not_ready") return block(refused, this.again);
    if (refused.field) this.fields.refuse(refused.field, refused.message);
    this.complain(refused.message);
    byId("ask-answer").hidden = true;
    byId("ask-empty").hidden = refused.code !== "unknown_tool";
    if (refused.code === "unknown_tool") this.fields.place.replaceChildren();
  }

  /** What stands in the fields cannot be asked; the answer before stays, paler. */
  complain(message) {
    byId("ask-problem").textContent = message;
    byId("ask-problem").hidden = false;
    setState("error");
    say(message);
  }
}
