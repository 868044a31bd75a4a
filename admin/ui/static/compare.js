// Gray against stable: three charts, a sentence, and the figures as a table.

import { Chart } from "./chart.js";
import { byId, h, setText } from "./dom.js";
import { ago, count, duration, milliseconds, percent, rate } from "./format.js";
import { FEW, compareBands, compareShares, quantile, quantileBand, total, wilson } from "./stats.js";

/** smoothMS is what each point of a chart looks back over: less, and a quiet route would be nothing but noise. */
const smoothMS = (spanMs) => Math.max(10_000, spanMs / 30);

const SAYS = {
  higher: (what, than) => `${what} is higher than ${than}`,
  lower: (what, than) => `${what} is lower than ${than}`,
  alike: (what) => `${what} shows no difference that chance would not make`,
  few: (what) => `${what} cannot be compared yet: a side has fewer than ${FEW} requests`,
};

/** Compare owns the section of the page; onScope(key) is called when another route is chosen. */
export class Compare {
  constructor(onScope) {
    this.rate = new Chart(byId("chart-rate"), { format: rate, axis: (v) => count(v), floor: 4 });
    this.errors = new Chart(byId("chart-errors"), { format: percent, axis: (v) => `${short(v * 100)} %`, floor: 0.01 });
    this.latency = new Chart(byId("chart-latency"), { format: milliseconds, axis: (v) => (v < 1000 ? `${short(v)} ms` : `${short(v / 1000)} s`), floor: 1 });
    this.scope = byId("scope");
    this.scope.addEventListener("change", () => onScope(this.scope.value));
    this.#head();
    for (const id of ["span", "quantile"]) {
      byId(id).addEventListener("change", () => {
        this.#head();
        this.onView?.();
      });
    }
    byId("as-table").addEventListener("toggle", () => this.onView?.());
  }

  /** spanMs and q are what the reader chose. */
  get spanMs() {
    return Number(byId("span").value) * 1000;
  }

  get q() {
    return Number(byId("quantile").value);
  }

  /** offer puts routes, as [key, name], into the list of scopes; the chosen one stays. */
  offer(routes, chosen) {
    const have = [...this.scope.options].map((o) => o.value).join("\n");
    const want = ["", ...routes.map(([key]) => key)];
    if (have !== want.join("\n")) {
      this.scope.replaceChildren(h("option", { value: "" }, "All routes"), ...routes.map(([key, name]) => h("option", { value: key }, name)));
    }
    if (this.scope.value !== chosen) this.scope.value = chosen;
  }

  /** update draws a History, of everything or of the chosen route, whose histogram has `bounds` in ms. */
  update(history, bounds, metered) {
    const { spanMs, q } = this;
    const sides = (c) => {
      if (!c) return { rate: {}, errors: {}, latency: {} };
      const both = (f) => ({ stable: f(c.stable), gray: f(c.gray) });
      return {
        rate: both((s) => ({ value: s.requests / c.seconds, share: s.requests / c.requests })),
        errors: both((s) => wilson(s.errors, s.requests)),
        latency: both((s) => quantileBand(bounds, s.buckets, q)),
      };
    };
    const points = history.points(spanMs, smoothMS(spanMs)).map((p) => ({ ago: p.ago, ...sides(p.counted) }));
    const series = (what) => points.map((p) => ({ ago: p.ago, stable: p[what].stable ?? null, gray: p[what].gray ?? null }));
    const all = history.over(spanMs);
    const span = sides(all);
    const texts = (what, value, between) => Object.fromEntries(["stable", "gray"].map((side) => {
      const s = span[what][side];
      return [side, { value: s ? value(s.value) : "–", band: s && between ? between(s) : "" }];
    }));
    const longest = bounds.at(-1);
    const ms = (v) => milliseconds(v, longest);
    const seconds = spanMs / 1000;
    const draw = (chart, what, title, figures) => chart.draw(series(what), seconds, figures, describe(title, figures, what === "rate" ? "" : "95 % interval "));
    draw(this.rate, "rate", "Requests a second", texts("rate", rate, (s) => (Number.isFinite(s.share) ? `${percent(s.share)} of all` : "")));
    draw(this.errors, "errors", "Error share", texts("errors", percent, (s) => `${percent(s.low)} to ${percent(s.high)}`));
    draw(this.latency, "latency", `Latency, ${this.#name()}`, texts("latency", ms, (s) => `${ms(s.low)} to ${s.high === Infinity ? "?" : ms(s.high)}`));
    setText(byId("verdict"), metered ? this.#verdict(all, span) : "The gateway counts nothing: its metrics are switched off.");
    if (byId("as-table").open) this.#table(points);
  }

  #name() {
    return byId("quantile").selectedOptions[0].textContent;
  }

  #head() {
    setText(byId("latency-name"), this.#name());
    setText(byId("routes-latency"), this.#name());
  }

  #verdict(all, span) {
    if (!all) return "Waiting for the second sample.";
    const seconds = this.spanMs / 1000;
    const last = duration(Math.abs(all.seconds - seconds) < 6 ? seconds : Math.max(1, Math.round(all.seconds)));
    if (all.requests === 0) return `No requests in the last ${last}.`;
    const n = { stable: all.stable.requests, gray: all.gray.requests };
    let text = `${count(all.requests)} requests in the last ${last}, ${percent(all.grayAssigned / all.requests)} of them assigned to gray`;
    if (all.fallbacks > 0) text += `, of which stable answered ${count(all.fallbacks)} instead`;
    if (n.gray === 0) return `${text}.`;
    const errors = compareShares(span.errors.stable, span.errors.gray, n.stable, n.gray);
    const latency = compareBands(span.latency.stable, span.latency.gray, total(all.stable.buckets), total(all.gray.buckets));
    if (errors === "few" && latency === "few") return `${text}. ${SAYS.few("Gray")}.`;
    return `${text}. ${SAYS[errors]("Gray's error share", "stable's")}; ${SAYS[latency](`its ${this.#name()}`, "stable's")}.`;
  }

  #table(points) {
    const table = byId("as-table").querySelector("table");
    const heads = ["When", "Stable req/s", "Gray req/s", "Stable errors", "Gray errors", `Stable ${this.#name()}`, `Gray ${this.#name()}`];
    table.tHead.replaceChildren(h("tr", {}, heads.map((t, i) => h("th", { scope: "col", class: i > 0 && "n" }, t))));
    const step = Math.max(1, Math.floor(points.length / 12));
    const rows = points.filter((_, i) => (points.length - 1 - i) % step === 0).reverse();
    const cell = (s, write) => h("td", { class: "n" }, s ? write(s.value) : "–");
    table.tBodies[0].replaceChildren(...rows.map((p) => h("tr", {}, h("th", { scope: "row" }, p.ago === 0 ? "now" : `${ago(p.ago)} ago`),
      cell(p.rate.stable, rate), cell(p.rate.gray, rate), cell(p.errors.stable, percent), cell(p.errors.gray, percent),
      cell(p.latency.stable, milliseconds), cell(p.latency.gray, milliseconds))));
  }
}

const short = (n) => Number(n.toPrecision(2));

/** latencyOf and errorsOf are a side's figures for the table of routes. */
export const latencyOf = (bounds, side, q) => quantile(bounds, side.buckets, q);
export const errorsOf = (side) => (side.requests > 0 ? side.errors / side.requests : NaN);

function describe(title, figures, interval) {
  const part = (side) => `${side} ${figures[side].value}${figures[side].band ? ` (${interval}${figures[side].band})` : ""}`;
  return `${title}: ${part("stable")}, ${part("gray")}. The figures are below, as a table.`;
}
