// Amounts: sizes as an administrator types them, and numbers as a person reads them.

const UNITS = { "": 1n, k: 1024n, m: 1024n ** 2n, g: 1024n ** 3n, t: 1024n ** 4n };
const AMOUNT = /^\s*(\d+)(?:\.(\d+))?\s*([kmgt]?)(?:i?b)?\s*$/i;
const NAMES = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const SPACE = "\u00a0";
export const GB_HOURS = "GB·h";
export const MAX_SIZE_BYTES = Number.MAX_SAFE_INTEGER;

/** Bytes, rounded up, of "1.4 GB", "512M" or "2048"; powers of 1024, as galaxy_memory_rules/memory.py reads them. */
export function parseBytes(text) {
  const match = AMOUNT.exec(String(text));
  if (!match) throw new RangeError("Write a size such as 1.4 GB, 512 MB or a number of bytes.");
  const [, whole, fraction = "", unit] = match;
  const scale = 10n ** BigInt(fraction.length);
  const bytes = (BigInt(whole + fraction) * UNITS[unit.toLowerCase()] + scale - 1n) / scale;
  if (bytes > BigInt(MAX_SIZE_BYTES)) throw new RangeError("No size is above 8 PiB.");
  return Number(bytes);
}

/** Three digits and the largest unit that is filled; what `parseBytes` reads back to within half a percent. */
export function formatBytes(bytes) {
  let [value, place] = [bytes, 0];
  while (rounded(value) >= 1024 && place < NAMES.length - 1) [value, place] = [value / 1024, place + 1];
  return `${place ? digits(value) : Math.round(value)}${SPACE}${NAMES[place]}`;
}

/** The same with plain spaces, for a field that a person edits. */
export function spelledBytes(bytes) {
  return formatBytes(bytes).replaceAll(SPACE, " ").replaceAll(",", "");
}

export function formatCount(count) {
  return Math.round(count).toLocaleString("en-GB");
}

/** A share as percent, to one decimal; small ones are not written as nothing. */
export function formatShare(share) {
  if (share === null || share === undefined) return "unknown";
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return `<${SPACE}0.1${SPACE}%`;
  return `${Number(percent.toFixed(1))}${SPACE}%`;
}

/** A number to three digits, with separators for thousands. */
export function formatNumber(value) {
  return Math.abs(value) >= 1000 ? formatCount(value) : digits(value);
}

/** Wastage; where a tool's run times are unknown, every job counts alike, in GB·job. */
export function formatWastage(amount, unit = GB_HOURS) {
  return `${formatNumber(amount)}${SPACE}${unit}`;
}

/** A span of time in the unit that suits it. */
export function formatSeconds(seconds) {
  const [length, name] = timeUnit(seconds);
  return `${digits(seconds / length)}${SPACE}${name}`;
}

/** How long ago it was, in whole units. */
export function formatAge(seconds) {
  const [length, name] = timeUnit(seconds);
  return `${Math.round(seconds / length)}${SPACE}${name} ago`;
}

function timeUnit(seconds) {
  const units = [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
  ];
  return units.find(([one]) => seconds >= 2 * one) ?? [1, "s"];
}

function rounded(value) {
  return value >= 100 ? Math.round(value) : value;
}

function digits(value) {
  const size = Math.abs(value);
  return String(Number(value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)));
}
