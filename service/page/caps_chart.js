// What a larger failure cap would save: wastage at each cap, the chosen one marked.

import { axes, describe, line, linear, room, sized, text, ticksLinear, whenResized } from "./chart.js";
import { shape } from "./elements.js";
import { formatNumber, formatWastage, GB_HOURS } from "./sizes.js";

const HEIGHT = 260;
const VALUE_WIDTH = 44;

/** Draw `points` ({cap, name, value in `unit`}); `constant` is what one request for all jobs would waste. */
export function showCaps(svg, shown) {
  svg.shown = shown;
  draw(svg);
  if (!svg.observed) whenResized(svg, () => draw(svg));
  svg.observed = true;
}

function draw(svg) {
  const { title, points, chosen, constant, unit = GB_HOURS } = svg.shown;
  const box = room(sized(svg, HEIGHT), HEIGHT, 56);
  const top = Math.max(...points.map((one) => one.value), constant ?? 0, 1e-9) * 1.15;
  const y = {
    scale: linear([0, top], [box.bottom, box.top]),
    ticks: ticksLinear(top, 4),
    format: formatNumber,
    label: `wasted ${unit}`,
  };
  const x = {
    scale: linear([-0.5, points.length - 0.5], [box.left, box.right]),
    ticks: points.map((_, place) => place),
    format: (place) => points[place].name,
    label: "failure cap",
  };
  const places = points.map((one, place) => [x.scale(place), y.scale(one.value)]);
  const isChosen = (one) => one.cap === chosen;
  // where they would run into each other, every other number or fewer, and always the chosen one
  const every = Math.ceil((points.length * VALUE_WIDTH) / (box.right - box.left));
  const isTold = (place) => (place - Math.max(points.findIndex(isChosen), 0)) % every === 0;
  svg.replaceChildren(
    axes(box, x, y),
    ...(constant ? constantLine(box, y.scale(constant), constant) : []),
    shape("path", { class: "line median", d: line(places) }),
    ...points.flatMap((one, place) => dot(places[place], isTold(place) ? one.value : null, isChosen(one))),
  );
  describe(
    svg,
    title,
    points.map((one) => `${one.name}: ${formatWastage(one.value, unit)}${isChosen(one) ? ", chosen" : ""}`).join("; "),
  );
}

/** A point, and the value over it where it is told. */
function dot([x, y], value, isChosen) {
  const circle = shape("circle", {
    class: isChosen ? "chosen" : "point",
    cx: x.toFixed(1),
    cy: y.toFixed(1),
    r: isChosen ? 7 : 4.5,
  });
  if (value === null) return [circle];
  return [circle, text(x.toFixed(1), (y - 13).toFixed(1), formatNumber(value), "middle", "0", isChosen ? "label" : "")];
}

function constantLine(box, at, value) {
  return [
    shape("line", { class: "constant", x1: box.left, x2: box.right, y1: at, y2: at }),
    text(box.right, at - 7, `constant per tool ${formatNumber(value)}`, "end", "0", "constant"),
  ];
}
