// How many jobs request how much: predicted as bars, a constant per tool as an outline over them.

import { axes, describe, linear, room, sized, ticksLinear, whenResized } from "./chart.js";
import { shape } from "./elements.js";
import { formatBytes, formatCount } from "./sizes.js";

const HEIGHT = 260;

/** Draw {edges_bytes, jobs: {predicted, constant}}. */
export function showHistogram(svg, histogram) {
  svg.shown = histogram;
  draw(svg);
  if (!svg.observed) whenResized(svg, () => draw(svg));
  svg.observed = true;
}

function draw(svg) {
  const { edges_bytes: edges, jobs } = svg.shown;
  const box = room(sized(svg, HEIGHT), HEIGHT, 56);
  const top = Math.max(...jobs.predicted, ...(jobs.constant ?? []), 1) * 1.1;
  const y = {
    scale: linear([0, top], [box.bottom, box.top]),
    ticks: ticksLinear(top, 4).filter(Number.isInteger),
    format: formatCount,
    label: "jobs",
  };
  const x = {
    scale: linear([0, edges.length - 1], [box.left, box.right]),
    ticks: edges.map((_, place) => place),
    format: (place) => formatBytes(edges[place]),
    label: "request",
  };
  const bars = jobs.predicted.map((count, place) => bar(x.scale, y.scale, place, count));
  const outline = jobs.constant ? [shape("path", { class: "outline", d: steps(x.scale, y.scale, jobs.constant) })] : [];
  svg.replaceChildren(axes(box, x, y), ...bars, ...outline);
  const most = jobs.predicted.indexOf(Math.max(...jobs.predicted));
  const [from, to] = [edges[most], edges[most + 1]].map(formatBytes);
  const told = `Most jobs, ${formatCount(jobs.predicted[most])}, request ${from} to ${to}.`;
  describe(svg, "Jobs by what they request", told);
}

function bar(x, y, place, count) {
  const [left, right, top] = [x(place) + 1, x(place + 1) - 1, y(count)];
  return shape("rect", {
    class: "bar",
    x: left.toFixed(1),
    y: top.toFixed(1),
    width: Math.max(right - left, 1).toFixed(1),
    height: Math.max(y(0) - top, 0).toFixed(1),
    rx: 2,
  });
}

function steps(x, y, counts) {
  const across = counts.map(
    (count, place) =>
      `${place ? "V" : `M${x(0).toFixed(1)} ${y(0).toFixed(1)}V`}${y(count).toFixed(1)}H${x(place + 1).toFixed(1)}`,
  );
  return `${across.join("")}V${y(0).toFixed(1)}`;
}
