// A headless Chromium on the console, and what it complains about.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const modules = createRequire(join(process.env.NODE_MODULES, "x.js"));
const { chromium } = modules("playwright-core");
const axe = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

/** address is where the page is. */
export const address = process.env.CONSOLE;

/** PATIENCE_MS is how long anything may take that a test waits for; only a failing one waits so long. */
const PATIENCE_MS = 20_000;

/** launch starts the browser; it asks nothing beyond this machine. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    chromiumSandbox: false,
    args: ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
  });
}

/** open opens the page in a window of its own. complaints fills with what went wrong; expected(text) takes out what shall. */
export async function open(browser, options = {}) {
  const { expected = () => false, path = "/ui/", clock = false, ...context } = options;
  const window = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: "en-GB", timezoneId: "UTC", ...context });
  const page = await window.newPage();
  const complaints = [];
  const complain = (text) => expected(text) || complaints.push(text);
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && complain(`${m.type()}: ${m.text()}`));
  page.on("pageerror", (e) => complain(`exception: ${e.message}`));
  page.on("request", (r) => r.url().startsWith(address) || complain(`asks elsewhere: ${r.url()}`));
  await page.addInitScript(() => {
    window.violations = [];
    document.addEventListener("securitypolicyviolation", (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
  });
  if (clock) await page.clock.install();
  await page.goto(address + path);
  return { page, complaints, close: () => window.close() };
}

/** act opens the page, plays on it, and looks whether it complained; options.after is called at the end at any rate. */
export async function act(browser, { after = () => {}, ...options }, play) {
  const { page, complaints, close } = await open(browser, options);
  page.setDefaultTimeout(PATIENCE_MS);
  try {
    await play(page);
    assert.deepEqual(await page.evaluate(() => window.violations), [], "violations of the policy");
    assert.deepEqual(complaints, [], "errors in the browser's console");
  } finally {
    await after();
    await close();
  }
}

/** becomes waits until check(text) holds of the first such element. */
export async function becomes(page, selector, check) {
  let was = null;
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    await page.waitForFunction(([s, w]) => (document.querySelector(s)?.textContent ?? null) !== w, [selector, was], { timeout: PATIENCE_MS }).catch(() => {});
    was = await page.evaluate((s) => document.querySelector(s)?.textContent ?? null, selector);
    if (was !== null && check(was)) return;
  }
  assert.fail(`${selector} is ${JSON.stringify(was)}, and not ${check}`);
}

/** toExperiments scrolls to the experiments, which are loaded when they are in view. Not before the first figures are there: what they fill
 * pushes the rest of a page down that was not scrolled yet. */
export async function toExperiments(page) {
  await becomes(page, "#verdict", (t) => !t.startsWith("Waiting"));
  await page.locator("#experiments").scrollIntoViewIfNeeded();
}

/** accessibility gives what axe finds serious or critical, in a line each. */
export async function accessibility(page) {
  await page.evaluate(axe); // by the debugger, which no policy of the page forbids
  const { violations: found } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  return found.filter((v) => ["serious", "critical", "moderate"].includes(v.impact)).map((v) => `${v.impact} ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.target} ${n.failureSummary}`).join(" | ")}`);
}

/** tell changes the simulation's state. */
export const tell = (query) => fetch(`${address}/test?${query}`);
