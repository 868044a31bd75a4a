// Samples of the gateway's counts, which only grow, and the differences between them. Pure.

/** KEPT_MS is how far back samples are kept: the longest span on offer, and what its first point looks back over. */
const KEPT_MS = 15 * 60_000 + 15_000;

/** FINE_MS is how far back each of them is kept; of older ones the first of every STEP_MS, or 200 routes would be 70 MB. */
const FINE_MS = 75_000;
const STEP_MS = 5000;

/** GAP_MS is from when on there is a gap between two samples: nothing was asked for a while. */
const GAP_MS = 3 * STEP_MS;

/** KEPT is how many samples that makes at most, one a second. */
export const KEPT = FINE_MS / 1000 + KEPT_MS / STEP_MS;

/** ROUTES_KEPT bounds the routes that have a history: 100 are shown at once, and what was shown before goes first. */
export const ROUTES_KEPT = 200;

const HEAD = 3; // requests, gray_assigned, fallbacks
const SIDE = 3; // requests, errors, own; the buckets come after

/**
 * History holds the samples of one route, or of all of them, as flat arrays of numbers: a thousand samples of an object each
 * would be work for the collector. Samples are in order of time.
 */
export class History {
  constructor() {
    this.samples = []; // {at: ms of the gateway's monotonic clock, counts: Float64Array}
  }

  /** push adds a sample of `counts` (an entry of "routes", or "total"). Counts that went down began anew, and so does it. */
  push(at, counts) {
    const flat = flatten(counts);
    const last = this.samples.at(-1);
    if (last && (at <= last.at || flat.length !== last.counts.length || flat.some((n, i) => n < last.counts[i]))) this.samples = [];
    this.samples.push({ at, counts: flat });
    this.#thin(at);
  }

  /** over gives what was counted in the last `ms`, or in as much of them as is known; null before the second sample. */
  over(ms) {
    const n = this.samples.length;
    return n < 2 ? null : difference(this.samples[this.#since(n - 1, ms)], this.samples[n - 1]);
  }

  /**
   * points gives the samples of the last `ms`, each with what was counted in the `smooth` ms before it: [{ago, counted}], ago in
   * seconds, negative. Of a span longer than FINE_MS they are STEP_MS apart, the last one aside, so that no part looks calmer than another. Where nothing was asked for a while (paused, hidden, cut off) `counted` is null: a line has a gap there.
   */
  points(ms, smooth) {
    const last = this.samples.at(-1);
    const out = [];
    for (let i = 1; last && i < this.samples.length; i++) {
      const at = this.samples[i].at;
      if (last.at - at > ms || (ms > FINE_MS && i < this.samples.length - 1 && step(at) === step(this.samples[i - 1].at))) continue;
      const gap = at - this.samples[i - 1].at > GAP_MS;
      out.push({ ago: (at - last.at) / 1000, counted: gap ? null : difference(this.samples[this.#since(i, smooth)], this.samples[i]) });
    }
    return out;
  }

  // thin drops what is too old, and what has just become old if it is not the first of its step.
  #thin(now) {
    const s = this.samples;
    let old = 0;
    while (old < s.length && now - s[old].at > KEPT_MS) old++;
    s.splice(0, Math.max(old, s.length - KEPT));
    const i = s.length < 3 ? 0 : this.#since(s.length - 1, FINE_MS) - 1;
    if (i > 0 && step(s[i].at) === step(s[i - 1].at)) s.splice(i, 1);
  }

  // since gives the sample that is nearest to ms before sample i, and before it at any rate.
  #since(i, ms) {
    let low = 0;
    let high = i - 1;
    const from = this.samples[i].at - ms;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.samples[middle].at >= from) high = middle;
      else low = middle + 1;
    }
    return low > 0 && from - this.samples[low - 1].at < this.samples[low].at - from ? low - 1 : low;
  }
}

/** Histories holds a History for each route, and forgets those that were not seen for longest. */
export class Histories {
  #of = new Map();

  /** push adds a sample of a route, known by its key. */
  push(key, at, counts) {
    const h = this.#of.get(key) ?? new History();
    this.#of.delete(key); // and to the end: the map's order is by when a route was seen last
    this.#of.set(key, h);
    h.push(at, counts);
    if (this.#of.size > ROUTES_KEPT) this.#of.delete(this.#of.keys().next().value);
  }

  /** get gives the history of a route, or an empty one. */
  get(key) {
    return this.#of.get(key) ?? new History();
  }

  clear() {
    this.#of.clear();
  }
}

const step = (at) => Math.floor(at / STEP_MS);

function flatten(c) {
  const flat = [c.requests, c.gray_assigned, c.fallbacks];
  for (const side of [c.stable, c.gray]) flat.push(side.requests, side.errors, side.own, ...side.latency.buckets);
  return Float64Array.from(flat);
}

function difference(from, to) {
  const d = to.counts.map((n, i) => n - from.counts[i]);
  const width = (d.length - HEAD) / 2;
  const side = (at) => ({ requests: d[at], errors: d[at + 1], own: d[at + 2], buckets: d.subarray(at + SIDE, at + width) });
  return {
    seconds: (to.at - from.at) / 1000,
    requests: d[0],
    grayAssigned: d[1],
    fallbacks: d[2],
    stable: side(HEAD),
    gray: side(HEAD + width),
  };
}
