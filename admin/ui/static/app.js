// The console: asks the gateway once a second, and hands each part of the page what it shows.

import { Client } from "./client.js";
import { Compare } from "./compare.js";
import { byId, setAttr, setText, show } from "./dom.js";
import { Events } from "./events.js";
import { Experiments } from "./experiments.js";
import { Explain } from "./explain.js";
import { count, duration } from "./format.js";
import { Histories, History } from "./history.js";
import { Routes, routeKey, routeName } from "./routes.js";
import { follow } from "./stream.js";
import { Upstreams } from "./upstreams.js";

const POLL_MS = 1000;
const SLOWEST_MS = 5000; // between tries while the gateway cannot be reached
const EXPERIMENTS_MS = 10_000; // between looks at the experiments, while they are in view
const STREAM_AGAIN_MS = 15_000; // after the event stream broke or was refused: polling shows events too
const ROUTES_SHOWN = 100;

// anotherProcess tells by the answers that the gateway was started anew. In a container the pid is always the same, so the time of
// the start is looked at as well; a wall clock that was set makes the page begin anew too, which costs only its history.
function anotherProcess(was, is) {
  const began = (d) => Date.parse(d.now) - d.process.uptime_s * 1000;
  return was.process.pid !== is.process.pid || is.at_ms < was.at_ms || Math.abs(began(is) - began(was)) > 5000;
}

/** App is the page's state: one of it, made when the page is. */
class App {
  client = new Client();
  total = new History();
  routes = new Histories();
  scope = ""; // the key of the route in the charts, "" for all
  scopeName = "";
  query = "";
  paused = false;
  locked = false; // a token is needed: nothing is asked until there is one
  data = null; // the last answer
  failures = 0; // polls in a row that failed
  retryAfterMS = 0; // what the server asked for, the last time that it said no
  timer = 0;
  polling = false;
  again = false; // another poll is wanted as soon as this one is over
  stream = null; // the AbortController of the event stream
  streamAfter = 0;
  experimentsAt = -Infinity;
  experimentsOf = -1; // the generation that they are of
  experimentsSeen = false;

  constructor() {
    this.compare = new Compare((key) => this.choose(key));
    this.compare.onView = () => this.draw();
    this.table = new Routes((key) => this.choose(key === this.scope ? "" : key), (text) => {
      this.query = text;
      this.soon();
    });
    this.upstreams = new Upstreams();
    this.experiments = new Experiments();
    this.events = new Events();
    new Explain(this.client, (problem) => problem.status === 401 && this.needToken(problem));
    byId("pause").addEventListener("click", () => this.pause(!this.paused));
    byId("token-form").addEventListener("submit", (submitted) => {
      submitted.preventDefault();
      this.client.useToken(byId("token").value.trim());
      byId("token").value = "";
      this.failures = 0;
      this.streamAfter = 0;
      this.locked = false;
      this.soon();
    });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.rest() : this.soon()));
    new IntersectionObserver((seen) => {
      this.experimentsSeen = seen.at(-1).isIntersecting;
      this.loadExperiments();
    }, { rootMargin: "300px" }).observe(this.experiments.section);
    this.soon();
  }

  get asleep() {
    return this.paused || this.locked || document.hidden;
  }

  /** pause stops asking, and so everything that moves; what is shown stays. */
  pause(paused) {
    this.paused = paused;
    setText(byId("pause"), paused ? "Go on" : "Pause");
    setAttr(byId("pause"), "aria-pressed", paused);
    if (paused) {
      this.rest();
      this.link("paused", "paused");
    } else {
      this.soon();
    }
  }

  /** choose puts a route into the charts. */
  choose(key) {
    this.scope = key;
    this.scopeName = this.known(key)?.name ?? this.scopeName;
    this.draw();
    this.soon();
  }

  known(key) {
    return this.data?.routes.find((r) => routeKey(r) === key) ?? (this.scoped && routeKey(this.scoped) === key ? this.scoped : undefined);
  }

  rest() {
    clearTimeout(this.timer);
    this.stream?.abort();
  }

  /** soon polls now, or when the poll that is at work is over. */
  soon() {
    clearTimeout(this.timer);
    if (this.polling) this.again = true;
    else this.poll();
  }

  async poll() {
    if (this.asleep) return;
    this.polling = true;
    this.again = false;
    const began = performance.now();
    try {
      const data = await this.client.get(`ui/data?since=${this.events.last}&limit=${ROUTES_SHOWN}&q=${encodeURIComponent(this.query)}`);
      if (this.paused) return;
      this.take(data);
      await this.lookAtScope(data);
      this.draw();
      this.up();
    } catch (problem) {
      this.down(problem);
    } finally {
      this.polling = false;
    }
    if (this.asleep) return;
    const wait = this.failures ? Math.max(this.retryAfterMS, Math.min(SLOWEST_MS, POLL_MS * this.failures)) : Math.max(100, POLL_MS - (performance.now() - began));
    this.timer = setTimeout(() => this.poll(), this.again ? 0 : wait);
    this.loadExperiments();
    this.followEvents();
  }

  take(data) {
    if (this.data && anotherProcess(this.data, data)) {
      this.total = new History();
      this.routes.clear();
      this.events.clear();
      this.stream?.abort();
    }
    this.data = data;
    this.total.push(data.at_ms, data.total);
    for (const r of data.routes) this.routes.push(routeKey(r), data.at_ms, r);
    this.events.lost ||= data.events.lost && this.events.last > 0;
    this.events.add(data.events.items);
  }

  // lookAtScope asks for the chosen route by itself where the search leaves it out of the answer.
  async lookAtScope(data) {
    if (!this.scope) return;
    this.scoped = data.routes.find((r) => routeKey(r) === this.scope);
    if (this.scoped) return;
    const answer = await this.client.get(`ui/data?since=${this.events.last}&limit=1000&q=${encodeURIComponent(this.scopeName)}`);
    this.scoped = answer.routes.find((r) => routeKey(r) === this.scope);
    if (this.scoped) this.routes.push(this.scope, answer.at_ms, this.scoped);
    else this.scope = ""; // the config has it no more
  }

  draw() {
    const { data } = this;
    if (!data) return;
    const { spanMs, q } = this.compare;
    const offered = data.routes.map((r) => [routeKey(r), routeName(r)]);
    if (this.scoped && this.scope && !offered.some(([key]) => key === this.scope)) offered.unshift([this.scope, routeName(this.scoped)]);
    this.compare.offer(offered, this.scope);
    this.compare.update(this.scope ? this.routes.get(this.scope) : this.total, data.bounds_ms, data.metered);
    this.table.update(data, this.routes, spanMs, q, this.scope);
    this.upstreams.update(data.pools);
    setText(byId("fact-ready"), data.ready ? "ready" : "not ready");
    setAttr(byId("fact-ready"), "data-kind", data.ready ? "good" : "warn");
    setText(byId("fact-version"), data.process.version);
    setText(byId("fact-uptime"), duration(data.process.uptime_s));
    setText(byId("fact-config"), data.reload.ok ? `generation ${data.generation}` : `generation ${data.generation}, the last reload failed`);
    setAttr(byId("fact-config"), "data-kind", data.reload.ok ? null : "bad");
    setAttr(byId("fact-config"), "title", data.reload.ok ? data.process.config : `${data.process.config}: ${data.reload.error ?? ""}`);
    setText(byId("fact-connections"), count(data.gateway.connections));
  }

  up() {
    this.failures = 0;
    document.body.removeAttribute("data-stale");
    show(byId("token-form"), false);
    show(byId("banner"), false);
    if (!this.paused) this.link("live", "live");
  }

  down(problem) {
    if (problem.status === 401) return this.needToken(problem);
    this.failures++;
    this.retryAfterMS = 1000 * (problem.retryAfter ?? 0);
    if (!(problem.status >= 0)) console.error(problem); // a fault of the page's own
    this.link("lost", problem.status === 0 ? "connection lost" : "no figures");
    if (this.data) setAttr(document.body, "data-stale", "");
    const since = this.data ? ` The figures are those of ${new Date(this.data.now).toLocaleTimeString("en-GB")}.` : "";
    setText(byId("banner"), `${problem.message}${problem.fix ? ` ${problem.fix}` : ""}${since} Trying again.`);
    show(byId("banner"), true);
    return undefined;
  }

  needToken(problem) {
    this.failures++;
    this.locked = true;
    this.rest();
    this.link("lost", "token needed");
    show(byId("banner"), false);
    if (this.client.hasToken) setText(byId("token-why"), `That is not the token of this address: ${problem.message}`);
    this.client.useToken("");
    if (!byId("token-form").hidden) return;
    show(byId("token-form"), true);
    byId("token").focus();
  }

  link(state, text) {
    setAttr(byId("link"), "data-state", state);
    setText(byId("link"), text);
  }

  async loadExperiments() {
    if (!this.data || this.asleep || this.failures || !this.experimentsSeen) return;
    const now = performance.now();
    if (this.experimentsOf === this.data.generation && now - this.experimentsAt < EXPERIMENTS_MS) return;
    this.experimentsAt = now;
    this.experimentsOf = this.data.generation;
    try {
      await this.experiments.load(this.client);
    } catch (problem) {
      if (!(problem.status >= 0)) console.error(problem); // else the poll says it
    }
  }

  async followEvents() {
    if (this.stream || this.asleep || this.failures || performance.now() < this.streamAfter) return;
    const stream = (this.stream = new AbortController());
    try {
      await follow(this.client, this.events.last, stream.signal, () => this.events.how(true), (e) => this.events.add([e]));
    } catch (problem) {
      if (problem.name !== "AbortError" && !(problem.status >= 0) && !(problem instanceof TypeError)) console.error(problem);
    }
    this.stream = null;
    this.streamAfter = stream.signal.aborted ? 0 : performance.now() + STREAM_AGAIN_MS;
    this.events.how(false);
  }
}

new App();
