// Numbers and times as people read them. Pure.

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** count writes a whole number: 12,345; from a million on 1.23 M. */
export function count(n) {
  if (!Number.isFinite(n)) return "–";
  if (n >= 1e9) return `${(n / 1e9).toFixed(2)} G`;
  return n >= 1e6 ? `${(n / 1e6).toFixed(2)} M` : grouped.format(n);
}

/** rate writes how many a second: 0, 0.42, 8.3, 1,234. */
export function rate(n) {
  if (!Number.isFinite(n)) return "–";
  if (n === 0) return "0";
  return n < 1 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : count(n);
}

/** percent writes a share of 0..1. What is not nothing is never written as 0, what is not all never as 100. */
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  const p = share * 100;
  if (p === 0 || p === 100) return `${p} %`;
  if (p < 0.01) return "< 0.01 %";
  if (p > 99.99) return "> 99.99 %";
  return `${p.toFixed(p < 1 || p > 99.9 ? 2 : 1)} %`;
}

/** milliseconds writes a latency. Infinity is what is longer than the histogram's last bound. */
export function milliseconds(ms, longest = 10000) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  if (ms === Infinity) return `> ${milliseconds(longest)}`;
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
  return `${ms < 1 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0)} ms`;
}

/** duration writes seconds by their two largest units: 3 d 4 h, 12 min 5 s. */
export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  const s = Math.floor(seconds);
  if (s < 60) return `${s} s`;
  const two = (large, unit, small, smallUnit) => (small ? `${large} ${unit} ${small} ${smallUnit}` : `${large} ${unit}`);
  if (s < 3600) return two(Math.floor(s / 60), "min", s % 60, "s");
  if (s < 86400) return two(Math.floor(s / 3600), "h", Math.floor((s % 3600) / 60), "min");
  return two(Math.floor(s / 86400), "d", Math.floor((s % 86400) / 3600), "h");
}

/** clock writes the time of day of an RFC 3339 text where the reader is, "" if it is none. */
export function clock(text) {
  const t = new Date(text);
  return Number.isNaN(t.getTime()) ? "" : t.toLocaleTimeString("en-GB");
}

/** ago writes seconds before now, for an axis: now, 10 s, 4 min. */
export function ago(seconds) {
  const s = Math.round(-seconds);
  if (s === 0) return "now";
  return s % 60 === 0 ? `${s / 60} min` : `${s} s`;
}

/** word puts a word in the number that n asks for. */
export function word(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}
