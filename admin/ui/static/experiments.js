// The table of experiments. Thousands of them: only the rows in view are elements, all others are height.

import { badge, byId, h, setAttr, setText, show } from "./dom.js";
import { count, percent } from "./format.js";

/** PAGE is how many are asked for at once, PAGES how often: what is beyond is found by the server's own search alone. */
const PAGE = 1000;
const PAGES = 10;

/** ROW is the height of a row in px, the same as in console.css: positions are computed, not measured. */
const ROW = 40;

/** BEYOND is how many rows are drawn above and below what can be seen, so that scrolling does not show the making of them. */
const BEYOND = 8;

const KIND = { active: "good", created: "none", paused: "warn", archived: "none" };

/** Experiments owns the section. */
export class Experiments {
  #all = []; // {item, text}, text in lower case
  #found = [];
  #total = 0;
  #drawn = "";
  #frame = 0;

  constructor() {
    this.section = byId("experiments");
    this.scroll = this.section.querySelector(".scroll");
    this.table = this.section.querySelector("table");
    this.body = this.table.tBodies[0];
    this.empty = this.section.querySelector(".empty");
    this.search = byId("experiments-search");
    this.state = byId("experiments-state");
    this.search.addEventListener("input", () => this.#find(true));
    this.state.addEventListener("change", () => this.#find(true));
    this.scroll.addEventListener("scroll", () => this.#later(), { passive: true });
    new ResizeObserver(() => this.#later()).observe(this.scroll);
  }

  /** load asks for all of them, page by page. */
  async load(client) {
    const all = [];
    let total = 0;
    for (let page = 0; page < PAGES; page++) {
      const answer = await client.get(`experiments?limit=${PAGE}&offset=${page * PAGE}`);
      total = answer.total;
      all.push(...answer.items);
      if (answer.items.length === 0 || all.length >= answer.matched) break;
    }
    this.#total = total;
    this.#all = all.map((item) => ({ item, text: [item.name, item.tenant, item.owner, item.layer].join("\n").toLowerCase() }));
    this.#find(false);
  }

  #find(anew) {
    const text = this.search.value.trim().toLowerCase();
    const state = this.state.value;
    this.#found = this.#all.filter((e) => (!text || e.text.includes(text)) && (!state || (state === "!" ? e.item.mismatch : e.item.state === state))).map((e) => e.item);
    if (anew) this.scroll.scrollTop = 0;
    const narrowed = text || state;
    const beyond = this.#total > this.#all.length ? `, the first ${count(this.#all.length)} of them looked at` : "";
    setText(byId("experiments-count"), narrowed ? `${count(this.#found.length)} of ${count(this.#total)}${beyond}` : `${count(this.#total)}${beyond}`);
    show(this.scroll, this.#found.length > 0);
    show(this.empty, this.#found.length === 0);
    setText(this.empty, this.#all.length === 0 ? "The config has no experiments." : "No experiment is like that.");
    this.#drawn = "";
    this.#draw();
  }

  #later() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const n = this.#found.length;
    const first = Math.max(0, Math.min(n, Math.floor(this.scroll.scrollTop / ROW)) - BEYOND);
    const end = Math.min(n, Math.ceil((this.scroll.scrollTop + (this.scroll.clientHeight || 420)) / ROW) + BEYOND);
    const key = `${first}-${end}`;
    if (key === this.#drawn) return;
    this.#drawn = key;
    setAttr(this.table, "aria-rowcount", n + 1);
    const rows = this.#found.slice(first, end).map((e, i) => row(e, first + i));
    this.body.replaceChildren(filler(first), ...rows, filler(n - end));
  }
}

// filler stands for n rows that are not drawn.
function filler(n) {
  const cell = h("td", { colspan: "7" });
  cell.style.height = `${n * ROW}px`;
  const el = h("tr", { class: "filler", "aria-hidden": "true", hidden: n === 0 }, cell);
  return el;
}

function row(e, index) {
  const name = e.tenant ? `${e.tenant} / ${e.name}` : e.name;
  return h("tr", { "aria-rowindex": index + 2, class: index % 2 ? "odd" : null },
    h("th", { scope: "row", title: title(e, name) }, name),
    h("td", {}, badge(e.state, KIND[e.state] ?? "none"), e.mismatch && [" ", badge("ratio off", "bad")]),
    h("td", { title: e.layer }, e.layer),
    h("td", { class: "n" }, percent(e.share)),
    h("td", { class: "wide" }, variants(e)),
    h("td", { class: "n" }, count(e.assigned)),
    h("td", { title: e.owner }, e.owner || "–"));
}

function title(e, name) {
  const parts = [name];
  if (e.when) parts.push(`when ${e.when}`);
  if (e.start || e.end) parts.push(`from ${e.start || "the beginning"} to ${e.end || "no end"}`);
  if (e.mismatch) parts.push("the units that were assigned do not come in the ratio of the weights: do not trust its results");
  return parts.join("\n");
}

// variants are shown by what was assigned, or by weight where nothing was yet.
function variants(e) {
  const all = e.variants ?? [];
  const sum = (of) => all.reduce((n, v) => n + of(v), 0);
  const by = sum((v) => v.assigned) > 0 ? (v) => v.assigned : (v) => v.weight;
  const whole = sum(by) || 1;
  const text = all.map((v) => `${v.name} ${percent(by(v) / whole)}`).join(" · ");
  const bar = h("span", { class: "arms", "aria-hidden": "true" }, all.slice(0, 12).map((v) => {
    const part = h("i");
    part.style.width = `${((by(v) / whole) * 100).toFixed(2)}%`;
    return part;
  }));
  return h("div", { class: "variants", title: text }, bar, h("span", {}, text));
}
