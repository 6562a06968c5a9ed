// The chart of Ask: the quantile band over input size, the recorded jobs behind it, the limit, and the job asked about.

import {
  area,
  axes,
  bytesAxis,
  byteTicksLogarithmic,
  describe,
  dots,
  line,
  logarithmic,
  room,
  sized,
  tag,
  whenResized,
} from "./chart.js";
import { byId, element, shape, table } from "./elements.js";
import { formatBytes } from "./sizes.js";

const HEIGHT = 380;
const BANDS = [
  ["0.95", "0.99", "outer"],
  ["0.9", "0.95", "middle"],
  ["0.5", "0.9", "inner"],
];
const LEGEND = [
  ["dots", "recorded job"],
  ["median", "median peak"],
  ["inner", "to the 0.9 quantile"],
  ["middle", "to 0.95"],
  ["outer", "to 0.99"],
  ["request", "request"],
  ["beyond", "larger than any recorded job"],
];

const NOTE = "All inputs grow and shrink together along the curve; click on it to ask about another size.";

export class AskChart {
  /** `choose` hears the total size that somebody clicked on; the slider does the same for the keyboard. */
  constructor(choose) {
    this.svg = byId("ask-curve");
    this.layers = ["beyond", "ground", "recorded", "band", "marks", "pointer"].map((name) =>
      shape("g", { class: name }),
    );
    this.svg.append(...this.layers);
    this.svg.addEventListener("pointermove", (event) => this.point(this.nearest(event)));
    this.svg.addEventListener("pointerleave", () => this.point(-1));
    this.svg.addEventListener("click", (event) => {
      const place = this.nearest(event);
      if (place >= 0) choose(this.shown.totals[place], event);
    });
    whenResized(this.svg, () => this.shown && this.draw());
    byId("ask-curve-data").addEventListener("toggle", () => this.shown && this.tell());
  }

  /** `shown`: {details, total, answer, totals, curve, range}, of which curve are recommendations for the totals. */
  show(shown) {
    this.shown = shown;
    this.draw();
    this.tell();
  }

  draw() {
    const { details, total, answer, totals, curve } = this.shown;
    const width = sized(this.svg, HEIGHT);
    const box = room(width, HEIGHT, 70);
    const scales = this.scales(box);
    Object.assign(this, { box, across: scales.x });
    const key = JSON.stringify([details.bundle, width, scales.x.domain, scales.y.domain]);
    // a thousand dots are not drawn again while only the job changes
    if (key !== this.key) this.drawGround(box, scales);
    this.key = key;
    this.layers[3].replaceChildren(...band(totals, curve, scales));
    this.layers[4].replaceChildren(...marks(box, scales, details.limit_bytes, total, answer));
    this.legend();
    this.point(-1);
    describe(this.svg, `Memory over input size: ${details.tool}`, this.description());
  }

  scales(box) {
    const { details, totals, curve, answer, total } = this.shown;
    const recorded = details.recorded ?? { sizes_bytes: [], peaks_bytes: [] };
    const sizes = [...totals, ...recorded.sizes_bytes.filter(Boolean), total || 1].filter(Boolean);
    const memory = [
      ...curve.flatMap((one) => [one.quantiles["0.5"], one.quantiles["0.99"], one.memory_bytes]),
      ...recorded.peaks_bytes,
    ];
    memory.push(answer.memory_bytes, answer.predicted_peak_bytes);
    return {
      x: logarithmic(widened(sizes, 1), [box.left, box.right]),
      y: logarithmic(widened([...memory, ...(details.limit_bytes ? [details.limit_bytes] : [])], 0.5), [
        box.bottom,
        box.top,
      ]),
    };
  }

  drawGround(box, { x, y }) {
    const { details, range } = this.shown;
    const recorded = details.recorded ?? { sizes_bytes: [], peaks_bytes: [] };
    const across = { scale: x, ticks: byteTicksLogarithmic(x.domain, 7), label: "size of all inputs", ...bytesAxis };
    const upwards = { scale: y, ticks: byteTicksLogarithmic(y.domain, 6), label: "memory", ...bytesAxis };
    this.layers[0].replaceChildren(...(range ? beyond(box, x(range[1])) : []));
    this.layers[1].replaceChildren(axes(box, across, upwards));
    const points = recorded.sizes_bytes.map((size, place) => [x(size || x.domain[0]), y(recorded.peaks_bytes[place])]);
    this.layers[2].replaceChildren(shape("path", { class: "dots", d: dots(points) }));
  }

  legend() {
    const { details, curve, range } = this.shown;
    const has = { dots: details.recorded?.sizes_bytes.length, request: true, beyond: Boolean(range) };
    const entries = LEGEND.filter(([kind]) => (kind in has ? has[kind] : curve.length));
    if (details.limit_bytes) entries.push(["limit", `limit of recorded jobs, ${formatBytes(details.limit_bytes)}`]);
    const key = JSON.stringify(entries);
    if (this.legendKey === key) return;
    this.legendKey = key;
    byId("ask-legend").replaceChildren(...entries.map(([kind, told]) => element("li", { class: `key ${kind}` }, told)));
  }

  description() {
    const { details, total, answer, totals, curve } = this.shown;
    const told = [`For inputs of ${formatBytes(total)} in all ${formatBytes(answer.memory_bytes)} are requested.`];
    if (curve.length) {
      const [first, last] = [curve[0], curve.at(-1)].map((one) => formatBytes(one.memory_bytes));
      told.push(
        `Over inputs of ${formatBytes(totals[0])} to ${formatBytes(totals.at(-1))} it goes from ${first} to ${last}.`,
      );
    }
    const peaks = details.recorded?.peaks_bytes ?? [];
    const [count, largest] = [peaks.length, Math.max(...peaks)];
    if (count) told.push(`Behind it are ${count} recorded jobs with peaks up to ${formatBytes(largest)}.`);
    if (details.limit_bytes) told.push(`Recorded jobs were limited to ${formatBytes(details.limit_bytes)}.`);
    return told.join(" ");
  }

  /** The place on the curve that an event points at, -1 where there is none. */
  nearest(event) {
    const { totals, curve } = this.shown ?? { curve: [] };
    const at = event.clientX - this.svg.getBoundingClientRect().left;
    if (!curve.length || at < this.box.left || at > this.box.right) return -1;
    const off = totals.map((size) => Math.abs(this.across(size) - at));
    return off.indexOf(Math.min(...off));
  }

  /** Read the curve out at a place, below the chart. */
  point(place) {
    const { totals, curve } = this.shown;
    const { top, bottom } = this.box;
    const at = place < 0 ? 0 : this.across(totals[place]).toFixed(1);
    this.layers[5].replaceChildren(...(place < 0 ? [] : [shape("line", { x1: at, x2: at, y1: top, y2: bottom })]));
    byId("ask-curve-note").textContent =
      place < 0
        ? curve.length
          ? NOTE
          : "Write the size of an input to see the curve."
        : readout(totals[place], curve[place]);
  }

  /** The text alternative, made when somebody opens it. */
  tell() {
    const opened = byId("ask-curve-data");
    opened.hidden = !this.shown.curve.length;
    if (!opened.open || opened.hidden) return;
    const headings = ["All inputs", "Median peak", "0.9 quantile", "0.95", "0.99", "Request"];
    const rows = this.shown.curve.map((one, place) =>
      [
        this.shown.totals[place],
        ...["0.5", "0.9", "0.95", "0.99"].map((name) => one.quantiles[name]),
        one.memory_bytes,
      ].map(formatBytes),
    );
    opened.querySelector("div").replaceChildren(table("Predicted peak and request over input size", headings, rows));
  }
}

function readout(total, { quantiles, memory_bytes: request }) {
  const [half, most] = [quantiles["0.5"], quantiles["0.99"]].map(formatBytes);
  const told = `half of the jobs stay below ${half}, 99 in 100 below ${most}`;
  return `${formatBytes(total)} of input: ${told}; the request is ${formatBytes(request)}.`;
}

function widened(values, leastDoublings) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const margin = Math.max((high / low) ** 0.04, 2 ** (leastDoublings / 2) * (high / low < 2 ? 1 : 0), 1.08);
  return [low / margin, high * margin];
}

function band(totals, curve, { x, y }) {
  if (!curve.length) return [];
  const through = (pick) => curve.map((one, place) => [x(totals[place]), y(pick(one))]);
  const quantile = (name) => through((one) => one.quantiles[name]);
  return [
    ...BANDS.map(([lower, upper, kind]) =>
      shape("path", { class: `area ${kind}`, d: area(quantile(upper), quantile(lower)) }),
    ),
    shape("path", { class: "line median", d: line(quantile("0.5")) }),
    shape("path", { class: "line request", d: line(through((one) => one.memory_bytes)) }),
  ];
}

function beyond(box, from) {
  const left = Math.max(from, box.left);
  if (box.right - left < 8) return [];
  return [
    shape("rect", { class: "beyond", x: left, y: box.top, width: box.right - left, height: box.bottom - box.top }),
  ];
}

function marks(box, { x, y }, limitBytes, total, answer) {
  const found = [];
  const across = (bytes, kind) =>
    shape("line", { class: kind, x1: box.left, x2: box.right, y1: y(bytes), y2: y(bytes) });
  if (limitBytes) found.push(across(limitBytes, "limit"));
  found.push(across(answer.memory_bytes, "asked"));
  const label = `request ${formatBytes(answer.memory_bytes)}`;
  if (!total) return [...found, tag(box.left + 6, y(answer.memory_bytes) - 14, label, "start", box, "request")];
  const [at, height] = [x(total), y(answer.memory_bytes)];
  const size = tag(at, box.bottom - 14, formatBytes(total), "middle", box, "size");
  const side = at > (box.left + box.right) / 2 ? ["end", -10] : ["start", 10];
  return [
    ...found,
    shape("line", { class: "asked", x1: at, x2: at, y1: box.top, y2: box.bottom }),
    size,
    shape("circle", { class: "chosen", cx: at, cy: height, r: 6 }),
    tag(at + side[1], Math.max(height - 16, box.top + 10), label, side[0], box, "request"),
  ];
}
