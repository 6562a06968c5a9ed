// An example week, made of the tools that are loaded: their recorded sizes, many small ones and few large ones.

import { byRows, toolDetails } from "./catalogue.js";
import { spelledBytes } from "./sizes.js";

const MOST_TOOLS = 3;
const COUNTS = [3200, 1800, 800, 240];

/** Rows in CSV, with one column for each input of these tools. */
export async function exampleWeek() {
  const found = await Promise.all(
    byRows()
      .slice(0, MOST_TOOLS)
      .map((one) => toolDetails(one.tool)),
  );
  const inputs = [...new Set(found.flatMap(inputsOf))];
  const rows = found.flatMap((details) => COUNTS.map((count, step) => rowOf(details, count, step, inputs)));
  return (
    [["tool", "count", "run_seconds", ...inputs], ...rows].map((cells) => cells.map(cell).join(",")).join("\n") + "\n"
  );
}

function inputsOf({ inputs }) {
  return inputs.length ? inputs : ["total_filesize"];
}

function rowOf(details, count, step, inputs) {
  const seconds = details.run_seconds ? Math.max(Math.round(details.run_seconds.median * 2 ** (step - 1)), 1) : "";
  return [details.tool, count, seconds, ...inputs.map((name) => sizeOf(details, name, step))];
}

/** From the smallest recorded size to the largest; nothing for an input that most jobs do not have. */
function sizeOf({ sizes_bytes: sizes, categories, inputs }, name, step) {
  if (name === "total_filesize" && !inputs.length) return spelledBytes(2 ** (30 + step));
  const seen = sizes[name];
  if (!seen || categories[`extension:${name}`]?.[0] === "(absent)") return "";
  // three digits are written: the largest shall not become larger than what was recorded
  const share = (step / (COUNTS.length - 1)) * 0.98;
  return spelledBytes(Math.round(seen.smallest * (seen.largest / seen.smallest) ** share));
}

function cell(value) {
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
