// Pools, their endpoints and breakers: what state each is in, and why.

import { Rows, badge, byId, h, setAttr, setBadge, setText, show } from "./dom.js";
import { count, duration, milliseconds, word } from "./format.js";

// How the states are, each in one of the page's colours.
const KIND = {
  healthy: "good", unprobed: "none", warming: "warn", half_open: "warn", draining: "warn",
  open: "bad", ejected: "bad", unhealthy: "bad", closed: "good",
};

const spoken = (state) => state.replaceAll("_", "-");

/** POOLS_SHOWN and ENDPOINTS_SHOWN bound what is drawn; what is not well comes first, so nothing of that is hidden by what is. */
const POOLS_SHOWN = 60;
const ENDPOINTS_SHOWN = 50;

const troubled = (p) => p.panic || p.well < p.endpoints_total || p.endpoints_total === 0 || Boolean(p.breaker && p.breaker.state !== "closed");

/** Upstreams owns the section. */
export class Upstreams {
  constructor() {
    this.section = byId("upstreams");
    this.rows = new Rows(this.section.querySelector(".pools"), makePool, fillPool);
    this.empty = this.section.querySelector(".empty");
  }

  /** update shows the pools of an answer. */
  update(pools) {
    const shown = pools.length <= POOLS_SHOWN ? pools : [...pools.filter(troubled), ...pools.filter((p) => !troubled(p))].slice(0, POOLS_SHOWN);
    this.rows.set(shown, (p) => p.name);
    const all = pools.reduce((n, p) => n + p.endpoints_total, 0);
    const well = pools.reduce((n, p) => n + p.well, 0);
    setText(byId("upstreams-count"), pools.length ? `${word(pools.length, "pool")}, ${count(well)} of ${word(all, "endpoint")} can be asked${shown.length < pools.length ? `; ${shown.length} pools shown, those in trouble first` : ""}` : "");
    show(this.empty, pools.length === 0);
    setText(this.empty, "The config has no upstreams.");
  }
}

function makePool(pool) {
  const parts = { breaker: badge("", "none"), panic: badge("panic: asks all of them", "bad"), well: badge("", "none"), facts: h("span", { class: "sub" }), more: h("p", { class: "sub" }), why: h("span", { class: "sub" }) };
  const body = h("tbody");
  const heads = [["Endpoint"], ["State"], ["Reason"], ["In flight", "n"], ["Latency", "n"], ["Failures", "n"], ["Ejected", "n"]];
  const el = h("article", { class: "pool", "aria-label": `Pool ${pool.name}` },
    h("header", {}, h("h3", {}, pool.name), parts.well, parts.breaker, parts.why, parts.panic, parts.facts),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Endpoints of ${pool.name}` },
      h("table", { class: "grid" }, h("thead", {}, h("tr", {}, heads.map(([t, c]) => h("th", { scope: "col", class: c }, t)))), body)),
    parts.more);
  el.parts = { ...parts, rows: new Rows(body, makeEndpoint, fillEndpoint) };
  return el;
}

function fillPool(el, pool) {
  const { breaker, panic, well, facts, more, why, rows } = el.parts;
  const all = pool.endpoints_total;
  setBadge(well, `${count(pool.well)} of ${count(all)} well`, pool.well === all && all > 0 ? "good" : pool.well === 0 ? "bad" : "warn");
  show(breaker, Boolean(pool.breaker));
  if (pool.breaker) setBadge(breaker, `breaker ${spoken(pool.breaker.state)}`, KIND[pool.breaker.state]);
  setText(why, breakerWhy(pool.breaker));
  show(why, breakerWhy(pool.breaker) !== "");
  show(panic, pool.panic);
  const p95 = pool.p95_ms > 0 ? ` · p95 ${milliseconds(pool.p95_ms)}` : "";
  setText(facts, `${pool.balance} · ${count(pool.in_flight)} in flight · ${word(pool.retries, "retry", "retries")}${p95}`);
  const shown = pool.endpoints.slice(0, ENDPOINTS_SHOWN);
  rows.set(shown, (e) => e.address);
  const rest = all - shown.length;
  show(more, rest > 0 || all === 0);
  setText(more, all === 0 ? "No endpoints: its discovery has found none yet." : `and ${word(rest, "endpoint")} more`);
}

function makeEndpoint() {
  const state = badge("", "none");
  const cell = (kind) => h("td", { class: kind });
  const parts = { address: h("code"), labels: h("span", { class: "sub" }), state, why: cell("why"), flight: cell("n"), latency: cell("n"), failures: cell("n"), ejected: cell("n") };
  const el = h("tr", {}, h("th", { scope: "row" }, parts.address, " ", parts.labels), h("td", {}, state), parts.why, parts.flight, parts.latency, parts.failures, parts.ejected);
  el.parts = parts;
  return el;
}

function fillEndpoint(el, e) {
  const p = el.parts;
  setText(p.address, e.address);
  const labels = Object.entries(e.labels ?? {}).map(([k, v]) => `${k}=${v}`);
  if (e.zone) labels.push(e.zone);
  if (e.weight !== 1) labels.push(`weight ${e.weight}`);
  if (e.priority > 0) labels.push(`priority ${e.priority}`);
  setText(p.labels, labels.join(" "));
  setBadge(p.state, spoken(e.state), KIND[e.state] ?? "none");
  setText(p.why, e.reason === "ok" ? "" : e.reason);
  setText(p.flight, count(e.in_flight));
  setText(p.latency, e.latency_ms > 0 ? milliseconds(e.latency_ms) : "–");
  setText(p.failures, count(e.failures));
  setAttr(p.failures, "title", `of ${count(e.failures + e.successes)} that it answered`);
  setText(p.ejected, count(e.ejections));
}

const REASON = {
  failures: "too many failures", consecutive: "failures in a row", slow: "too many slow answers", trial_failed: "the trial failed",
  trials_passed: "the trials passed", probe: "by probe", waited: "its time was over", reset: "reset by hand",
};

function breakerWhy(b) {
  if (!b || b.state === "closed") return "";
  const why = REASON[b.reason] ?? b.reason ?? "";
  return b.open_for_ms > 0 ? `${why}${why ? ", " : ""}for another ${duration(Math.ceil(b.open_for_ms / 1000))}` : why;
}
