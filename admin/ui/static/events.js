// What happened lately: from the event stream as it happens, and from every poll; an event counts once, by its id.

import { badge, byId, h, setText, show } from "./dom.js";
import { clock, count } from "./format.js";

/** SHOWN is how many events are kept; the gateway keeps about as many. */
const SHOWN = 200;

const BAD = new Set(["open", "unhealthy", "ejected", "failed", "on"]);
const GOOD = new Set(["closed", "healthy", "ok", "off"]);

/** Events owns the section. */
export class Events {
  #items = []; // the newest first

  constructor() {
    this.section = byId("events");
    this.body = this.section.querySelector("tbody");
    this.empty = this.section.querySelector(".empty");
    this.lost = false;
    this.#count();
  }

  /** last is the id of the newest event, 0 if there is none. */
  get last() {
    return this.#items[0]?.id ?? 0;
  }

  /** clear forgets all of them: the process is another one, and its ids begin at 1. */
  clear() {
    this.#items = [];
    this.lost = false;
    this.body.replaceChildren();
    this.#count();
  }

  /** add takes events in any order, old ones again too. */
  add(items) {
    const fresh = items.filter((e) => e.id > this.last).sort((a, b) => a.id - b.id);
    if (fresh.length === 0) return;
    for (const e of fresh) {
      this.#items.unshift(e);
      this.body.prepend(row(e));
    }
    while (this.#items.length > SHOWN) {
      this.#items.pop();
      this.body.lastElementChild.remove();
    }
    this.#count();
  }

  /** how says where they come from: as they happen, or once a second. */
  how(streaming) {
    setText(byId("events-how"), streaming ? "as they happen" : "asked for every second");
  }

  #count() {
    const n = this.#items.length;
    setText(byId("events-count"), n === 0 ? "" : `${count(n)}${this.lost ? ", some were missed" : ""}`);
    show(this.section.querySelector(".scroll"), n > 0);
    show(this.empty, n === 0);
    setText(this.empty, "Nothing has changed since the gateway began.");
  }
}

function row(e) {
  const where = [e.pool, e.endpoint].filter(Boolean).join(" · ");
  const kind = BAD.has(e.to) || e.to?.endsWith("_failed") ? "bad" : GOOD.has(e.to) ? "good" : "none";
  const change = e.to && h("div", {}, e.from ? `${spoken(e.from)} → ` : "", badge(spoken(e.to), kind));
  return h("tr", {},
    h("td", { class: "time" }, h("time", { datetime: e.time, title: e.time }, clock(e.time))),
    h("td", { class: "kind" }, spoken(e.kind)),
    h("td", {}, where, change),
    h("td", { class: "why" }, e.reason ?? ""));
}

const spoken = (word) => word.replaceAll("_", " ");
