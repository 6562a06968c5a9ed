// The recorded jobs of one tool: peak over input size, and the limit that they were held to.

import {
  axes,
  bytesAxis,
  byteTicksLogarithmic,
  describe,
  dots,
  logarithmic,
  room,
  sized,
  whenResized,
} from "./chart.js";
import { element, shape } from "./elements.js";
import { formatBytes } from "./sizes.js";

const HEIGHT = 280;

export function showRecorded(svg, details) {
  const { recorded } = details;
  if (!recorded?.peaks_bytes.length) {
    svg.parentElement.replaceChildren(
      element("p", { class: "hint" }, "This bundle does not hold its recorded jobs; train the tool again to see them."),
    );
    return;
  }
  draw(svg, details);
  whenResized(svg, () => draw(svg, details));
}

function draw(svg, { tool, recorded, limit_bytes: limit }) {
  const box = room(sized(svg, HEIGHT), HEIGHT, 70);
  const peaks = limit ? [...recorded.peaks_bytes, limit] : recorded.peaks_bytes;
  const x = axis(recorded.sizes_bytes.filter(Boolean), [box.left, box.right], "size of all inputs");
  const y = axis(peaks, [box.bottom, box.top], "peak memory");
  const points = recorded.peaks_bytes.map((peak, place) => [
    x.scale(recorded.sizes_bytes[place] || x.scale.domain[0]),
    y.scale(peak),
  ]);
  const at = limit && y.scale(limit);
  svg.replaceChildren(
    axes(box, x, y),
    shape("path", { class: "dots", d: dots(points) }),
    ...(limit ? [shape("line", { class: "limit", x1: box.left, x2: box.right, y1: at, y2: at })] : []),
  );
  const limited = limit ? ` They were limited to ${formatBytes(limit)}.` : "";
  const [least, most] = [Math.min(...recorded.peaks_bytes), Math.max(...recorded.peaks_bytes)].map(formatBytes);
  describe(
    svg,
    `Recorded jobs of ${tool}`,
    `${points.length} recorded jobs with peaks from ${least} to ${most}.${limited}`,
  );
}

function axis(values, range, label) {
  const [low, high] = values.length ? [Math.min(...values) / 1.15, Math.max(...values) * 1.15] : [1, 1024];
  const scale = logarithmic(high / low < 2 ? [low / 1.5, high * 1.5] : [low, high], range);
  return { scale, ticks: byteTicksLogarithmic(scale.domain, 6), label, ...bytesAxis };
}
