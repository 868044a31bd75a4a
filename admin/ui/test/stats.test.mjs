// What the page computes by itself, against figures from the literature and plain counting.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ago, count, duration, milliseconds, percent, rate } from "../static/format.js";
import { Histories, History, KEPT, ROUTES_KEPT } from "../static/history.js";
import { compareBands, compareShares, quantile, quantileBand, shareDifference, split, wilson } from "../static/stats.js";
import { Parser } from "../static/stream.js";

const near = (got, want, what) => assert.ok(Math.abs(got - want) < 5e-4, `${what}: got ${got}, want ${want}`);

test("Wilson's interval, Newcombe 1998 (one proportion), table I", () => {
  for (const [hits, all, low, high] of [[81, 263, 0.2553, 0.3662], [15, 148, 0.0624, 0.1605], [0, 20, 0, 0.1611], [1, 29, 0.0061, 0.1718]]) {
    const w = wilson(hits, all);
    near(w.low, low, `${hits}/${all} low`);
    near(w.high, high, `${hits}/${all} high`);
  }
  assert.equal(wilson(0, 0), null);
  assert.ok(wilson(20, 20).high <= 1 && wilson(20, 20).low > 0.8);
});

test("Newcombe's interval of a difference, 1998 (two proportions), table II", () => {
  for (const [a, m, b, n, low, high] of [[56, 70, 48, 80, 0.0524, 0.3339], [9, 10, 3, 10, 0.1705, 0.809], [5, 56, 0, 29, -0.0381, 0.1926]]) {
    const d = shareDifference(wilson(b, n), wilson(a, m));
    near(d.low, low, `${a}/${m} - ${b}/${n} low`);
    near(d.high, high, `${a}/${m} - ${b}/${n} high`);
  }
});

test("how gray stands to stable", () => {
  const row = (a, m, b, n, want) => assert.equal(compareShares(wilson(a, m), wilson(b, n), m, n), want, `${a}/${m}, ${b}/${n}`);
  row(30, 10000, 23, 1000, "higher");
  row(230, 10000, 3, 1000, "lower");
  row(30, 10000, 3, 1000, "alike");
  row(3000, 10000, 29, 29, "few");
  row(0, 0, 0, 0, "few");
});

test("quantiles of a histogram", () => {
  const bounds = [1, 2, 4];
  assert.equal(quantile(bounds, [0, 0, 0, 0], 0.5), null);
  assert.equal(quantile(bounds, [0, 10, 0, 0], 0.5), 1.5);
  assert.equal(quantile(bounds, [5, 5, 0, 0], 0.5), 1);
  assert.equal(quantile(bounds, [0, 0, 10, 0], 1), 4);
  assert.equal(quantile(bounds, [10, 0, 0, 90], 0.5), Infinity);
  assert.equal(quantileBand(bounds, [1, 0, 0, 0], 0.95).high, Infinity, "one observation bounds no quantile from above");
});

test("the band of a quantile holds the true one about 95 times of 100", () => {
  let state = 12345; // a small generator with a seed: the same draw in every run
  const random = () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) + 0.5) / 2 ** 32;
  const bounds = Array.from({ length: 400 }, (_, i) => (i + 1) / 40); // fine buckets: it is about ranks, not about interpolation
  let held = 0;
  for (let trial = 0; trial < 2000; trial++) {
    const counts = new Float64Array(bounds.length + 1);
    for (let i = 0; i < 300; i++) counts[Math.min(bounds.length, Math.floor(-Math.log(random()) * 40))]++;
    const b = quantileBand(bounds, counts, 0.9);
    if (b.low <= Math.LN10 && Math.LN10 <= b.high) held++;
  }
  assert.ok(held > 1860 && held < 1950, `${held} of 2000`);
});

test("bands that do not meet", () => {
  const b = (low, high) => ({ value: (low + high) / 2, low, high });
  assert.equal(compareBands(b(1, 2), b(3, 4), 99, 99), "higher");
  assert.equal(compareBands(b(3, 4), b(1, 2), 99, 99), "lower");
  assert.equal(compareBands(b(1, 3), b(2, 4), 99, 99), "alike");
  assert.equal(compareBands(b(1, 2), b(3, Infinity), 99, 5), "few");
  assert.equal(compareBands(null, b(1, 2), 99, 99), "few");
});

test("where requests went sums to all of them", () => {
  assert.deepEqual(split(100, 20, 5), { stable: 80, gray: 15, fallback: 5 });
  assert.deepEqual(split(10, 12, 13), { stable: 0, gray: 0, fallback: 10 }); // counts of loops that were read one after the other
});

const sample = (n) => {
  const side = (k) => ({ requests: k, errors: 0, own: 0, latency: { buckets: [k, 0] } });
  return { requests: 2 * n, gray_assigned: n, fallbacks: 0, stable: side(n), gray: side(n) };
};

test("a history gives differences", () => {
  const h = new History();
  h.push(1000, sample(10));
  assert.equal(h.over(60000), null);
  for (let i = 2; i <= 30; i++) h.push(i * 1000, sample(10 * i));
  const d = h.over(10000);
  assert.deepEqual([d.seconds, d.requests, d.grayAssigned, [...d.gray.buckets]], [10, 200, 100, [100, 0]]);
  assert.equal(h.over(3600000).requests, 580);
  assert.deepEqual(h.points(2000, 1000).map((p) => [p.ago, p.counted.requests]), [[-2, 20], [-1, 20], [0, 20]]);
});

test("a history has gaps, begins anew, and has an end", () => {
  const h = new History();
  h.push(1000, sample(1));
  h.push(2000, sample(2));
  h.push(60000, sample(3));
  assert.deepEqual(h.points(60000, 1000).map((p) => p.counted === null), [false, true]);
  assert.equal(h.over(90000).requests, 4);
  h.push(61000, sample(1));
  assert.equal(h.over(1e6), null, "counts went down: another process");
  h.push(500, sample(2));
  assert.equal(h.samples.length, 1, "the clock went back: another process");
  const seconds = 2000;
  for (let i = 0; i < seconds; i++) h.push(1000 + i * 1000, sample(10 + i));
  assert.ok(h.samples.length <= KEPT && h.samples.length > KEPT - 20, `${h.samples.length} samples, at most ${KEPT}`);
  assert.ok(h.samples.every((s, i) => i === 0 || s.at - h.samples[i - 1].at <= 5000), "old samples are five seconds apart");
  assert.equal(h.over(60_000).seconds, 60);
  assert.equal(h.over(900_000).requests, 2 * h.over(900_000).seconds);
  assert.ok(h.over(900_000).seconds > 890);
  assert.ok(h.points(900_000, 10_000).every((p) => p.counted.seconds >= 5 && p.counted.seconds <= 14));
  const apart = h.points(300_000, 10_000).map((p, i, all) => (i === 0 ? 5 : p.ago - all[i - 1].ago));
  assert.ok(apart.slice(0, -1).every((s) => s === 5), `seconds between the points of five minutes: ${apart}`);
  const all = new Histories();
  for (let i = 0; i < ROUTES_KEPT + 10; i++) all.push(`r${i}`, 1000, sample(1));
  assert.equal(all.get("r5").samples.length, 0);
  assert.equal(all.get("r10").samples.length, 1);
});

test("numbers as people read them", () => {
  const row = (f, ...pairs) => pairs.forEach(([n, want]) => assert.equal(f(n), want));
  row(count, [0, "0"], [12345, "12,345"], [1234567, "1.23 M"], [NaN, "–"]);
  row(rate, [0, "0"], [0.421, "0.42"], [8.31, "8.3"], [1234.5, "1,235"], [undefined, "–"]);
  row(percent, [0, "0 %"], [1, "100 %"], [0.00001, "< 0.01 %"], [0.99999, "> 99.99 %"], [0.0042, "0.42 %"], [0.123, "12.3 %"], [NaN, "–"]);
  row(milliseconds, [null, "–"], [0.25, "0.25 ms"], [34.91, "34.9 ms"], [1500, "1.50 s"], [Infinity, "> 10.0 s"]);
  row(duration, [5, "5 s"], [300, "5 min"], [301, "5 min 1 s"], [93784, "1 d 2 h"], [7200, "2 h"]);
  row(ago, [0, "now"], [-15, "15 s"], [-120, "2 min"]);
});

test("an event stream, whole, cut anywhere, and with other line ends", () => {
  const text = ': heartbeat\n\nid: 1\nevent: endpoint\ndata: {"id":1}\n\ndata: a\ndata:b\n\nevent: lost\n\n';
  const want = [["endpoint", '{"id":1}'], ["message", "a\nb"]];
  for (const t of [text, text.replaceAll("\n", "\r\n")]) {
    for (let cut = 0; cut <= t.length; cut++) {
      const got = [];
      const p = new Parser((kind, data) => got.push([kind, data]));
      p.feed(t.slice(0, cut));
      p.feed(t.slice(cut));
      assert.deepEqual(got, want, `cut at ${cut}`);
    }
  }
  assert.throws(() => new Parser(() => {}).feed("x".repeat(70000)), /too long/);
});
