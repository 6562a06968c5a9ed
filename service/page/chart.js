// What every chart is made of: scales, ticks, axes, paths, and the drawing anew when the room for it changes.

import { shape } from "./elements.js";
import { formatBytes, formatCount } from "./sizes.js";

const LETTER = 7.2;

/** A scale from numbers to places; `invert` goes back. */
export function linear([low, high], [from, to]) {
  const span = high - low || 1;
  const scale = (value) => from + ((value - low) / span) * (to - from);
  return Object.assign(scale, { domain: [low, high], invert: (at) => low + ((at - from) / (to - from)) * span });
}

export function logarithmic([low, high], range) {
  const inner = linear([Math.log(low), Math.log(high)], range);
  const scale = (value) => inner(Math.log(Math.max(value, low / 1e3)));
  return Object.assign(scale, { domain: [low, high], invert: (at) => Math.exp(inner.invert(at)) });
}

/** Powers of two of bytes within a range, at most `most` of them, evenly spaced; in a narrow one half steps as well. */
export function byteTicksLogarithmic([low, high], most) {
  const within = ticksOfTwo([low, high], most);
  const halves = high / low < 8 ? ticksOfTwo([low / 1.5, high / 1.5], most).map((tick) => tick * 1.5) : [];
  return [...within, ...halves].sort((one, other) => one - other);
}

function ticksOfTwo([low, high], most) {
  const [first, last] = [Math.ceil(Math.log2(low) - 1e-9), Math.floor(Math.log2(high) + 1e-9)];
  const step = [1, 2, 3, 4, 5, 6, 8, 10].find((one) => (last - first) / one < most) ?? 20;
  const start = Math.ceil(first / step) * step;
  return Array.from(
    { length: Math.max(Math.floor((last - start) / step) + 1, 0) },
    (_, place) => 2 ** (start + place * step),
  );
}

/** Round steps from 0 to the top; of bytes in their binary unit. */
export function ticksLinear(top, most, unit = 1) {
  const rough = top / unit / most;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * decade).find((one) => one >= rough) * unit;
  return Array.from({ length: Math.floor(top / step + 1e-9) + 1 }, (_, place) => place * step);
}

export function byteTicksLinear(top, most) {
  return ticksLinear(top, most, 1024 ** Math.min(Math.floor(Math.log2(Math.max(top, 1)) / 10), 5));
}

/** The d of a line through points. */
export function line(points) {
  return points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/** The d of the area between two lines. */
export function area(upper, lower) {
  return `${line(upper)}${line([...lower].reverse()).replace("M", "L")}Z`;
}

/** The d of many dots: one path, whatever their number; its round caps are what is seen. */
export function dots(points) {
  return points.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("");
}

/** Axes with ticks, faint lines across, and what each axis is of. `x` and `y`: {scale, ticks, format, label}. */
export function axes(box, x, y) {
  const { left, top, right, bottom } = box;
  const group = shape("g", { class: "axes" });
  for (const value of y.ticks) {
    const at = y.scale(value).toFixed(1);
    group.append(
      shape("line", { class: "grid", x1: left, x2: right, y1: at, y2: at }),
      text(left - 8, at, y.format(value), "end", "0.32em"),
    );
  }
  for (const value of fitting(x, right - left)) {
    const at = x.scale(value).toFixed(1);
    group.append(
      shape("line", { class: "tick", x1: at, x2: at, y1: bottom, y2: bottom + 4 }),
      text(at, bottom + 18, x.format(value), "middle"),
    );
  }
  group.append(shape("line", { class: "base", x1: left, x2: right, y1: bottom, y2: bottom }));
  group.append(
    text(right, bottom + 36, x.label, "end", "0", "label"),
    text(4, top - 12, y.label, "start", "0", "label"),
  );
  return group;
}

export function text(x, y, content, anchor = "start", dy = "0", kind = "") {
  return shape("text", { x, y, dy, "text-anchor": anchor, class: kind || null }, content);
}

/** A label on a ground of the card's colour, so that it is read whatever lies behind. */
export function tag(x, y, content, anchor, box, kind) {
  const width = content.length * LETTER + 10;
  const wanted = anchor === "end" ? x - width : anchor === "middle" ? x - width / 2 : x;
  const left = Math.min(Math.max(wanted, box.left), box.right - width);
  return shape(
    "g",
    { class: `tag ${kind}` },
    shape("rect", { x: left.toFixed(1), y: (y - 10).toFixed(1), width: width.toFixed(1), height: 20, rx: 4 }),
    text((left + width / 2).toFixed(1), y.toFixed(1), content, "middle", "0.34em"),
  );
}

/** The place for what is drawn, in a chart of such a size. */
export function room(width, height, left = 64) {
  return { left, top: 26, right: width - 14, bottom: height - 44, width, height };
}

export const bytesAxis = { format: formatBytes };
export const countAxis = { format: formatCount };

/** Name and describe a chart for who cannot see it; it is one picture. */
export function describe(svg, title, description) {
  const [titled, told] = [
    shape("title", { id: `${svg.id}-name` }, title),
    shape("desc", { id: `${svg.id}-told` }, description),
  ];
  svg.querySelectorAll(":scope > title, :scope > desc").forEach((old) => old.remove());
  svg.prepend(titled, told);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-labelledby", titled.id);
  svg.setAttribute("aria-describedby", told.id);
}

/** Size a chart to the room it has; returns its width. */
export function sized(svg, height) {
  const width = Math.max(Math.round(svg.parentElement.clientWidth), 260);
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("height", height);
  return width;
}

/** Draw again whenever the width has changed. */
export function whenResized(svg, draw) {
  let width = 0;
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now && now !== width) draw();
    width = now;
  }).observe(svg.parentElement);
}

function fitting({ ticks, format, scale }, width) {
  const widest = Math.max(...ticks.map((value) => format(value).length), 1) * LETTER + 14;
  const every = Math.max(Math.ceil((widest * ticks.length) / width), 1);
  return ticks.filter((value, place) => place % every === 0 && Number.isFinite(scale(value)));
}
