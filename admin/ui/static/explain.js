// The form that asks what would become of a request, and the answer, readable.

import { badge, byId, h } from "./dom.js";
import { percent } from "./format.js";

const PPM = 1_000_000;

/** Explain owns the section. onProblem(problem) hears of what the whole page has to say: a token is needed. */
export class Explain {
  constructor(client, onProblem) {
    this.result = byId("explain-result");
    const form = byId("explain-form");
    const button = form.querySelector("button");
    form.addEventListener("submit", async (submitted) => {
      submitted.preventDefault();
      button.disabled = true;
      try {
        this.show(await client.post("explain", request()));
      } catch (problem) {
        this.result.replaceChildren(h("p", { class: "problem" }, h("b", {}, problem.message), problem.fix && ` ${problem.fix}`));
        onProblem(problem);
      } finally {
        button.disabled = false;
      }
    });
  }

  /** show puts an explanation on the page. */
  show(x) {
    this.result.replaceChildren(...[
      decision(x),
      part("Rules", x.rules?.length > 0 && h("ol", { class: "rules" }, x.rules.map(rule))),
      part("Layers", x.layers?.length > 0 && h("ul", { class: "plain" }, x.layers.map(layer))),
      part("Variants", x.assignments?.length > 0 && h("ul", { class: "plain" }, x.assignments.map(assignment))),
      x.override && part("Override", h("p", {}, h("code", {}, x.override.value), ` is ${x.override.status}${x.override.reason ? `: ${x.override.reason}` : ""}.`)),
      part("The upstream is told", upstream(x.upstream)),
      part("Attributes", attributes(x.attributes)),
      part("Not known here", x.notes?.length > 0 && h("ul", {}, x.notes.map((n) => h("li", {}, n)))),
      h("details", {}, h("summary", {}, "The whole answer"), h("pre", { tabindex: "0" }, JSON.stringify(x, null, 2))),
    ].filter(Boolean));
  }
}

function request() {
  const body = { method: byId("explain-method").value, url: byId("explain-url").value.trim(), headers: [] };
  for (const line of byId("explain-headers").value.split("\n")) {
    if (line.trim() === "") continue;
    const colon = line.indexOf(":");
    body.headers.push(colon < 0 ? { name: line.trim(), value: "" } : { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() });
  }
  const ip = byId("explain-ip").value.trim();
  const at = byId("explain-at").value.trim();
  if (ip) body.ip = ip;
  if (at) body.at = at;
  return body;
}

const part = (title, content) => content && h("section", { class: "part" }, h("h3", {}, title), content);

function decision(x) {
  if (!x.route) return h("p", { class: "decision", "data-kind": "none" }, h("b", {}, "No route holds."), " The answer is 404.");
  const { pool, gray, cause } = x.decision;
  return h("p", { class: "decision", "data-kind": gray ? "gray" : "stable" },
    "Goes to ", h("b", {}, pool), gray ? ", not the route's stable pool, " : ", the route's stable pool, ",
    cause ? ["by ", h("b", {}, cause), ". "] : "as no rule takes it. ",
    h("span", { class: "sub" }, `Route ${x.route.name} (${x.route.host || "any host"}${x.route.path})${x.tenant ? `, tenant ${x.tenant}` : ""}`));
}

const STATUS = { matched: ["matches", "good"], not_matched: ["does not match", "none"], not_reached: ["not reached", "none"] };

function rule(r) {
  const [word, kind] = STATUS[r.status] ?? [r.status, "none"];
  return h("li", {},
    h("p", {}, h("b", {}, r.name), " ", badge(word, kind), h("span", { class: "sub" }, ` to ${r.to}`)),
    r.condition && h("p", {}, h("code", {}, r.condition.text), ` is ${r.condition.outcome}`, values(r.condition)),
    r.status !== "matched" && parts(r).length > 0 && outcomes(parts(r)),
    r.share && h("p", {}, share(r.share)));
}

// parts are those of a rule's condition that are not true, unless they are all of it, which is said already.
const parts = (r) => (r.failed ?? []).filter((f) => f.text !== r.condition?.text);

function values(expression) {
  const all = expression.values ?? [];
  if (all.length === 0) return "";
  return [": ", all.map((v, i) => [i > 0 && ", ", h("code", {}, v.expression), v.value === null || v.value === undefined ? " is missing" : [" is ", h("code", {}, JSON.stringify(v.value))]])];
}

function share(s) {
  const part = percent(s.threshold / PPM);
  if (s.by === "request") return `${part} of all requests, in sequence.`;
  if (s.bucket === null || s.bucket === undefined) return `${part} by ${s.by}: ${s.too_long ? "it is too long, and counts as missing" : `${s.by} is missing`}, so it is not in.`;
  const inside = s.bucket < s.threshold;
  return [`${part} by ${s.by}: `, h("code", {}, s.unit ?? ""), ` has bucket ${s.bucket} of ${PPM}, ${inside ? "below" : "not below"} ${s.threshold}, so it is ${inside ? "in" : "out"}.`];
}

// What kept a layer from assigning, by its reason.
const BARRED = {
  not_active: (l) => `which is ${l.state}: it assigns nobody`,
  too_early: (l) => `which begins at ${l.start}`,
  too_late: (l) => `which ended at ${l.end}`,
  other_route: (l) => `which is for the routes ${(l.routes ?? []).join(", ")} only`,
  exposed: (l) => `which leaves out units that were exposed in ${l.exposed?.layer ? `layer ${l.exposed.layer}` : "another layer"}`,
  dependency: (l) => `which depends on ${l.other}, and that has not assigned the request`,
  excluded: (l) => `which does not go together with ${l.other}, and that has assigned the request`,
  condition_false: () => "whose condition does not hold",
  condition_unknown: () => "whose condition is unknown",
};

function layer(l) {
  const failed = l.reason.startsWith("condition_") && l.failed?.length > 0 && outcomes(l.failed);
  return h("li", {}, h("b", {}, l.layer), ": ", l.variant ? [h("b", {}, l.experiment), " = ", h("b", {}, l.variant)] : "nothing", h("span", { class: "sub" }, ` ${layerWhy(l)}`), failed);
}

function layerWhy(l) {
  const unit = l.unit === null || l.unit === undefined ? l.by : `${l.by} ${l.unit}`;
  const held = (l.holdouts ?? []).find((x) => x.held);
  if (l.reason === "forced") return "forced by the override";
  if (l.reason === "listed") return `${unit} is on the allow-list`;
  if (l.reason === "missing_unit") return `${l.missing || l.by} is ${l.too_long ? "too long, and counts as missing" : "missing"}`;
  if (l.reason === "held_out") return `holdout ${held?.holdout ?? ""} leaves ${unit} out`;
  if (l.reason === "free_slot") return `${unit} is in slot ${l.slot}, which belongs to no experiment`;
  const place = `${unit} is in slot ${l.slot} of ${l.experiment}`;
  return l.reason === "assigned" ? place : `${place}, ${BARRED[l.reason]?.(l) ?? l.reason.replaceAll("_", " ")}`;
}

const outcomes = (failed) => h("ul", { class: "plain" }, failed.map((f) => h("li", {}, h("code", {}, f.text), ` is ${f.outcome}`, values(f))));

function assignment(a) {
  return h("li", {}, h("b", {}, a.experiment), " = ", h("b", {}, a.variant), a.forced && " (forced)", a.to && ` to ${a.to}`);
}

function upstream(u) {
  if (!u || (u.headers.length === 0 && u.dropped.length === 0)) return null;
  return h("ul", { class: "plain" }, u.headers.map((f) => h("li", {}, h("code", {}, `${f.name}: ${f.value}`))),
    u.dropped.map((name) => h("li", {}, h("code", {}, name), " of the client does not pass")));
}

function attributes(all) {
  const known = (all ?? []).filter((a) => a.value !== null || a.fault || !a.built_in);
  if (known.length === 0) return null;
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Attributes" },
    h("table", { class: "grid" }, h("thead", {}, h("tr", {}, ["Name", "Value", "From"].map((t) => h("th", { scope: "col" }, t)))),
      h("tbody", {}, known.map((a) => h("tr", {}, h("th", { scope: "row" }, a.name),
        h("td", {}, a.value === null ? h("span", { class: "sub" }, "missing") : h("code", {}, a.value), a.fault && h("span", { class: "sub" }, ` ${a.fault.replaceAll("_", " ")}`)),
        h("td", {}, a.source || "–"))))));
}
