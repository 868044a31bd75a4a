// The table of routes: how each one's traffic is split, as a bar and as numbers.

import { errorsOf, latencyOf } from "./compare.js";
import { Rows, byId, h, setAttr, setText, show } from "./dom.js";
import { count, milliseconds, percent, rate } from "./format.js";
import { compareBands, compareShares, quantileBand, split, wilson } from "./stats.js";

/** routeKey tells routes apart. */
export const routeKey = (r) => `${r.tenant}/${r.name}`;

/** routeName is how a reader tells them apart. */
export const routeName = (r) => (r.tenant ? `${r.tenant} / ${r.name}` : r.name);

/** Routes owns the section. onChoose(key) is called when a row's name is chosen, onSearch(text) when something is looked for. */
export class Routes {
  #timer = 0;

  constructor(onChoose, onSearch) {
    this.section = byId("routes");
    this.rows = new Rows(this.section.querySelector("tbody"), (r) => this.#make(r, onChoose), (el, r) => this.#fill(el, r));
    this.empty = this.section.querySelector(".empty");
    this.search = byId("routes-search");
    this.search.addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => onSearch(this.search.value.trim()), 120);
    });
  }

  /** update shows the routes of an answer; histories holds the samples of each. */
  update(data, histories, spanMs, q, chosen) {
    Object.assign(this, { bounds: data.bounds_ms, histories, spanMs, q, chosen });
    this.rows.set(data.routes, routeKey);
    const of = data.routes_matched < data.routes_total ? `${count(data.routes_matched)} of ${count(data.routes_total)}` : count(data.routes_total);
    const shown = data.routes.length < data.routes_matched ? `${of}, the first ${count(data.routes.length)} shown` : of;
    setText(byId("routes-count"), shown);
    show(this.section.querySelector(".scroll"), data.routes.length > 0);
    show(this.empty, data.routes.length === 0);
    setText(this.empty, data.routes_total === 0 ? "The config has no routes." : `No route has “${this.search.value.trim()}” in its name, host, path or tenant.`);
  }

  #make(r, onChoose) {
    const button = h("button", { type: "button", class: "name" }, routeName(r));
    button.addEventListener("click", () => onChoose(routeKey(r)));
    const bar = h("div", { class: "split", role: "img" }, ["stable", "gray", "fallback"].map((k) => h("i", { class: k })));
    const cells = Object.fromEntries(["rate", "gray", "fallback", "errors", "latency"].map((k) => [k, h("td", { class: "n" })]));
    const pair = (cell) => {
      const [a, b] = [h("span"), h("span")];
      cell.append(a, h("span", { class: "sub" }, " / "), b);
      return [a, b];
    };
    const where = h("span", { class: "sub" });
    const el = h("tr", {}, h("th", { scope: "row" }, button, where), cells.rate, h("td", { class: "wide" }, bar), cells.gray, cells.fallback, cells.errors, cells.latency);
    el.parts = { button, bar, where, cells, errors: pair(cells.errors), latency: pair(cells.latency) };
    return el;
  }

  #fill(el, r) {
    const { button, bar, where, cells, errors, latency } = el.parts;
    setAttr(button, "aria-pressed", routeKey(r) === this.chosen);
    setAttr(button, "title", `Show ${routeName(r)} in the charts`);
    setText(where, `${r.host || "any host"}${r.path}`);
    const c = this.histories.get(routeKey(r)).over(this.spanMs);
    setAttr(el, "data-idle", !c || c.requests === 0 ? "" : null);
    setText(cells.rate, c ? rate(c.requests / c.seconds) : "–");
    const s = c ? split(c.requests, c.grayAssigned, c.fallbacks) : { stable: 0, gray: 0, fallback: 0 };
    const share = (n) => (c && c.requests > 0 ? n / c.requests : NaN);
    for (const part of bar.children) {
      const width = `${((share(s[part.className]) || 0) * 100).toFixed(2)}%`;
      if (part.style.width !== width) part.style.width = width;
      setAttr(part, "data-some", share(s[part.className]) > 0 ? "" : null);
    }
    setAttr(bar, "aria-label", c && c.requests > 0
      ? `stable ${percent(share(s.stable))}, gray ${percent(share(s.gray))}, fallback ${percent(share(s.fallback))}` : "no requests");
    setText(cells.gray, percent(share(s.gray)));
    setText(cells.fallback, percent(share(s.fallback)));
    setAttr(cells.fallback, "data-kind", s.fallback > 0 ? "fallback" : null);
    setText(errors[0], c ? percent(errorsOf(c.stable)) : "–");
    setText(errors[1], c ? percent(errorsOf(c.gray)) : "–");
    mark(errors[1], c && compareShares(wilson(c.stable.errors, c.stable.requests), wilson(c.gray.errors, c.gray.requests), c.stable.requests, c.gray.requests));
    const longest = this.bounds.at(-1);
    setText(latency[0], c ? milliseconds(latencyOf(this.bounds, c.stable, this.q), longest) : "–");
    setText(latency[1], c ? milliseconds(latencyOf(this.bounds, c.gray, this.q), longest) : "–");
    mark(latency[1], c && compareBands(quantileBand(this.bounds, c.stable.buckets, this.q), quantileBand(this.bounds, c.gray.buckets, this.q), c.stable.requests, c.gray.requests));
  }
}

// mark shows that gray is worse than stable.
function mark(el, how) {
  setAttr(el, "data-kind", how === "higher" ? "bad" : null);
  setAttr(el, "title", how === "higher" ? "higher than stable's, beyond what chance would make" : null);
}
