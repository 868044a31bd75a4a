// What the page computes from counts. Pure: no document, no clock; the tests run it in node.

/** Z is the normal quantile of a two-sided 95 % interval. */
export const Z = 1.959964;

/** FEW is how many requests a side needs before the page says anything about it. */
export const FEW = 30;

/**
 * wilson gives the score interval of a share: {value, low, high} in 0..1, or null if there is nothing to take it of.
 * (Wilson 1927.)
 */
export function wilson(hits, all) {
  if (!(all > 0)) return null;
  const p = Math.min(1, hits / all);
  const z2 = Z * Z;
  const middle = (p + z2 / (2 * all)) / (1 + z2 / all);
  const half = (Z / (1 + z2 / all)) * Math.sqrt((p * (1 - p)) / all + z2 / (4 * all * all));
  return { value: p, low: Math.max(0, Math.min(p, middle - half)), high: Math.min(1, Math.max(p, middle + half)) };
}

/**
 * shareDifference gives the interval of b - a, of two wilson() results. (Newcombe 1998, method 10: made of the two
 * score intervals, so it is right for shares near 0 too.)
 */
export function shareDifference(a, b) {
  if (!a || !b) return null;
  const d = b.value - a.value;
  return {
    difference: d,
    low: d - Math.hypot(b.value - b.low, a.high - a.value),
    high: d + Math.hypot(b.high - b.value, a.value - a.low),
  };
}

/**
 * quantile gives the q-quantile of a histogram in the unit of its bounds: counts has one more number than bounds, the last
 * for what is longer than all of them. Infinity if the quantile lies there; null if the histogram is empty.
 */
export function quantile(bounds, counts, q) {
  const n = total(counts);
  return n > 0 ? atRank(bounds, counts, q * n) : null;
}

/**
 * quantileBand gives {value, low, high} of a quantile. The band is free of any assumption on how latencies are spread: how many
 * of n lie below the true quantile is binomial, so the true value lies between the order statistics at n q ± z √(n q (1-q)).
 * Ranks are looked up in the histogram by even spread within a bucket.
 */
export function quantileBand(bounds, counts, q) {
  const n = total(counts);
  if (!(n > 0)) return null;
  const half = Z * Math.sqrt(n * q * (1 - q));
  return {
    value: atRank(bounds, counts, q * n),
    low: atRank(bounds, counts, Math.max(0, q * n - half)),
    // Beyond the greatest observation nothing is known: the sample is too small to bound the quantile from above.
    high: q * n + half > n ? Infinity : atRank(bounds, counts, q * n + half),
  };
}

/** total is the sum of counts. */
export function total(counts) {
  let n = 0;
  for (const c of counts) n += c;
  return n;
}

function atRank(bounds, counts, rank) {
  let below = 0;
  for (let i = 0; i < bounds.length; i++) {
    if (counts[i] > 0 && below + counts[i] >= rank) {
      const from = i === 0 ? 0 : bounds[i - 1];
      return from + (bounds[i] - from) * Math.max(0, (rank - below) / counts[i]);
    }
    below += counts[i];
  }
  return Infinity;
}

/**
 * compareShares says in a word how b's share stands to a's: "higher", "lower", "alike" (no difference that chance would not
 * make), or "few" (too few requests to say).
 */
export function compareShares(a, b, countA, countB) {
  if (countA < FEW || countB < FEW) return "few";
  const d = shareDifference(a, b);
  return !d ? "few" : d.low > 0 ? "higher" : d.high < 0 ? "lower" : "alike";
}

/** compareBands says the same of two quantileBand() results: different only where they do not meet. */
export function compareBands(a, b, countA, countB) {
  if (!a || !b || countA < FEW || countB < FEW) return "few";
  return b.low > a.high ? "higher" : b.high < a.low ? "lower" : "alike";
}

/** split gives where requests went, which sums to requests: fallbacks were assigned to gray and answered by stable. */
export function split(requests, gray, fallbacks) {
  const assigned = Math.min(gray, requests);
  const back = Math.min(fallbacks, assigned);
  return { stable: requests - assigned, gray: assigned - back, fallback: back };
}
