// For which jobs the curve of Ask is asked: the same one with its inputs smaller and larger; not asked twice.

/** How far beyond the recorded sizes the curve and the slider go. */
export const BEYOND = 4;
const POINTS = 40;

/** The range of total input sizes that were recorded, as far as the service tells it; null where nothing is known. */
export function recordedRange({ recorded, sizes_bytes: sizes }) {
  const totals = (recorded?.sizes_bytes ?? []).filter((size) => size > 0);
  if (totals.length) return [Math.min(...totals), Math.max(...totals)];
  const seen = Object.values(sizes ?? {});
  if (!seen.length) return null;
  return [Math.min(...seen.map((one) => one.smallest)), seen.reduce((sum, one) => sum + one.largest, 0)];
}

export function totalOf(inputs) {
  return inputs.reduce((sum, { size_bytes: size }) => sum + size, 0);
}

/** The answers along the curve; while only the total of a job changes, they stay the same. */
export class Curve {
  /** What to ask: `jobs` for the `totals`, none where the answers are here; `key` tells what they depend on. */
  question(job, range, bundle) {
    const total = totalOf(job.inputs);
    const totals = totalsOf(range, total);
    const shares = job.inputs.map((one) => ({ ...one, size_bytes: (one.size_bytes / total).toFixed(2) }));
    const key = JSON.stringify([bundle, totals, { ...job, inputs: shares }]);
    const jobs = key === this.key ? [] : totals.map((size) => scaled(job, size / total));
    return { totals, jobs, key };
  }

  /** Keep the answers to a question, or return those that were kept. */
  keep(key, answers) {
    if (key !== this.key) [this.key, this.answers] = [key, answers];
    return this.answers;
  }
}

function totalsOf(range, total) {
  if (!total) return [];
  const [low, high] = range ?? [total / 32, total * 8];
  const [from, to] = [Math.max(Math.min(low, total), 1), Math.max(high * BEYOND, total * 1.25)];
  return Array.from({ length: POINTS }, (_, place) => Math.round(from * (to / from) ** (place / (POINTS - 1))));
}

function scaled(job, factor) {
  const inputs = job.inputs.map((one) => ({ ...one, size_bytes: Math.max(Math.round(one.size_bytes * factor), 1) }));
  return { ...job, inputs };
}
