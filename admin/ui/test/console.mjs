// The console in a real browser, against the simulation: it renders, moves, searches, explains, and survives what goes wrong.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessibility, act, address, becomes, launch, tell, toExperiments } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const scene = (options, play) => act(browser, { ...options, after: () => tell("") }, play);

const number = async (locator) => Number((await locator.textContent()).replace(/[^0-9.]/g, ""));

/** fewer leaves three routes: axe looks at each element for long, a walk by keyboard passes all of them, and a row is like the other. */
async function fewer(page) {
  await page.locator("#routes-search").fill("shop");
  await becomes(page, "#routes-count", (t) => t === "3 of 240");
}

/** sideways is by how many px the page can be scrolled sideways. */
const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test("it renders, and the figures move and are right", () => scene({}, async (page) => {
  await page.locator("#routes tbody tr").nth(99).waitFor();
  assert.equal(await page.locator("#routes tbody tr").count(), 100);
  await becomes(page, "#routes-count", (t) => t === "240, the first 100 shown");
  const shop = page.locator("#routes tbody tr").first();
  await becomes(page, "#routes tbody tr td.n", (t) => Number(t) > 300);
  const before = await shop.textContent();
  await page.waitForFunction((was) => document.querySelector("#routes tbody tr").textContent !== was, before);
  // The parts of a bar make all of it, and say so to who does not see them.
  const bar = shop.locator(".split");
  assert.match(await bar.getAttribute("aria-label"), /^stable [89]\d\.\d %, gray \d+\.\d %, fallback \d+\.\d+ %$/);
  const sum = await bar.evaluate((el) => [...el.children].reduce((n, c) => n + parseFloat(c.style.width), 0));
  assert.ok(Math.abs(sum - 100) < 0.05, `the parts of the bar are ${sum} % together`);
  await becomes(page, "#verdict", (t) => t.includes("Gray's error share is higher than stable's; its p95 is higher than stable's."));
  for (const chart of ["rate", "errors", "latency"]) {
    const label = await page.locator(`#chart-${chart} .plot`).getAttribute("aria-label");
    assert.match(label, /: stable [\d,.]+.* gray [\d,.]+/);
    assert.equal(await page.locator(`#chart-${chart} canvas`).count(), 1);
  }
  await page.locator("#as-table summary").click();
  await page.locator("#as-table tbody tr").first().waitFor();
  assert.equal(await page.locator("#as-table tbody tr").first().locator("td").count(), 6);
}));

test("upstreams show each state, and why", () => scene({}, async (page) => {
  const gray = page.getByRole("article", { name: "Pool shop-gray" });
  await gray.waitFor();
  await gray.getByText("breaker half-open").waitFor();
  await gray.getByText("failures in a row, for another 3s").waitFor();
  await page.getByRole("article", { name: "Pool images" }).getByText("panic: asks all of them").waitFor();
  await page.getByRole("article", { name: "Pool images" }).getByText(/too many failures, for another 5 s/).waitFor();
  await page.getByRole("article", { name: "Pool search" }).getByText("and 200 endpoints more").waitFor();
}));

test("a thousand experiments are searched at once, and few are elements", () => scene({}, async (page) => {
  await toExperiments(page);
  await becomes(page, "#experiments-count", (t) => t === "1,000");
  const rows = page.locator("#experiments tbody tr:not(.filler)");
  assert.ok(await rows.count() < 60, `${await rows.count()} rows are elements`);
  assert.equal(await page.locator("#experiments table").getAttribute("aria-rowcount"), "1001");
  const region = page.getByRole("region", { name: "Table of experiments" });
  await region.evaluate((el) => { el.scrollTop = el.scrollHeight; });
  await page.getByRole("rowheader", { name: "exp-0999" }).waitFor();
  assert.equal(await page.getByRole("row").filter({ hasText: "exp-0999" }).getAttribute("aria-rowindex"), "1001");
  // The work of a search is the page's alone: what it takes is measured inside, against the bound of a frame's tenfold.
  const took = await page.evaluate(() => {
    const field = document.getElementById("experiments-search");
    const times = [];
    for (const text of ["e", "ex", "exp-0", "exp-07", "exp-077", "exp-0777"]) {
      field.value = text;
      const began = performance.now();
      field.dispatchEvent(new Event("input"));
      void document.body.offsetHeight;
      times.push(performance.now() - began);
    }
    return times.sort((a, b) => a - b)[3];
  });
  console.log(`median of six searches among 1,000 experiments: ${took.toFixed(1)} ms`);
  assert.ok(took < 160, `the median search took ${took} ms`);
  await becomes(page, "#experiments-count", (t) => t === "1 of 1,000");
  assert.deepEqual(await rows.locator("th").allTextContents(), ["exp-0777"]);
  await page.locator("#experiments-search").fill("LAYER-07");
  await becomes(page, "#experiments-count", (t) => t === "50 of 1,000");
  await page.locator("#experiments-state").selectOption("!");
  await becomes(page, "#experiments-count", (t) => t === "1 of 1,000");
  await page.locator("#experiments-search").fill("no such");
  await page.getByText("No experiment is like that.").waitFor();
}));

test("texts of others stay texts", () => scene({}, async (page) => {
  await toExperiments(page);
  await page.locator("#experiments tbody").getByText("<img src=x onerror=").waitFor();
  await page.locator("#events tbody").getByText("<img src=x onerror=").waitFor();
  assert.equal(await page.locator("img, b:text-is('bold')").count(), 0);
  assert.equal(await page.title(), "graygate console");
}));

test("events come as they happen, each once", () => scene({}, async (page) => {
  await becomes(page, "#events-how", (t) => t === "as they happen");
  await page.locator("#pause").click(); // no polls: what comes now comes by the stream, once it goes on
  await page.locator("#pause").click();
  await becomes(page, "#events-how", (t) => t === "as they happen");
  await tell("event=struck+by+the+test");
  await page.locator("#events tbody tr").first().getByText("struck by the test").waitFor();
  await becomes(page, "#link", (t) => t === "live");
  assert.equal(await page.locator("#events tbody").getByText("struck by the test").count(), 1);
}));

test("it explains a request, and says what is wrong with one", () => scene({ expected: (text) => text.includes("status of 400") }, async (page) => {
  await fewer(page);
  await page.locator("#explain-url").fill("http://shop.example.com/cart");
  await page.locator("#explain-headers").fill("X-User-Id: ivan\nX-OS: <b>android</b>");
  await page.keyboard.press("Tab");
  await page.getByRole("button", { name: "Explain" }).click();
  const result = page.locator("#explain-result");
  await result.getByText("Goes to stable, the route's stable pool, as no rule takes it.").waitFor();
  await result.getByText("os == 'ios' is false: os is \"<b>android</b>\"").waitFor();
  await result.getByText(/4\.0 % by userid: ivan has bucket 47925 of 1000000, not below 40000, so it is out\./).waitFor();
  await result.getByText(/page: color = (green|blue)/).waitFor();
  await result.getByText("<b>android</b>").first().waitFor();
  await page.locator("#explain-headers").fill("X-Gray-Tag: gray");
  await page.locator("#explain-url").press("Enter");
  await result.getByText("Goes to shop-gray, not the route's stable pool, by testers.").waitFor();
  assert.deepEqual(await accessibility(page), []);
  await page.locator("#explain-url").fill("http://[");
  await page.locator("#explain-url").press("Enter");
  await result.getByText("The url is none.").waitFor();
}));

test("routes are searched and chosen by keyboard; the choice outlives the search", () => scene({}, async (page) => {
  await page.locator("#routes-search").fill("route-0200");
  await becomes(page, "#routes-count", (t) => t === "1 of 240");
  await page.getByRole("button", { name: "route-0200" }).focus();
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("#scope option:checked").textContent(), "route-0200");
  await page.locator("#routes-search").fill("checkout");
  await becomes(page, "#routes tbody tr th button", (t) => t === "checkout");
  assert.equal(await page.locator("#scope option:checked").textContent(), "route-0200");
  await becomes(page, "#chart-rate .pair b", (t) => Number(t) > 0.5 && Number(t) < 5);
  await page.locator("#routes-search").fill("nowhere");
  await page.getByText("No route has “nowhere” in its name, host, path or tenant.").waitFor();
}));

test("it pauses", () => scene({}, async (page) => {
  await becomes(page, "#link", (t) => t === "live");
  let asked = 0;
  await page.locator("#pause").click();
  await page.clock.install();
  page.on("request", (r) => { if (r.url().includes("/ui/data")) asked++; });
  await page.clock.runFor(10_000);
  assert.equal(asked, 0);
  await becomes(page, "#link", (t) => t === "paused");
  await page.locator("#pause").click();
  await becomes(page, "#link", (t) => t === "live");
}));

test("it says that the connection is lost, keeps what it had, and comes back", () => scene({ expected: (text) => /ERR_EMPTY_RESPONSE|ERR_CONNECTION|ERR_INCOMPLETE/.test(text) }, async (page) => {
  await becomes(page, "#link", (t) => t === "live");
  await fewer(page);
  await tell("down=1");
  await becomes(page, "#link", (t) => t === "connection lost");
  await page.getByText(/The gateway cannot be reached\. The figures are those of .* Trying again\./).waitFor();
  assert.equal(await page.locator("#routes tbody tr").count(), 3);
  assert.deepEqual(await accessibility(page), []);
  await tell("");
  await becomes(page, "#link", (t) => t === "live");
  await page.locator("#banner").waitFor({ state: "hidden" });
}));

test("it asks for a token, says that one is wrong, and keeps the right one for the tab only", async () => {
  await tell("token=secret-token");
  await scene({ expected: (text) => text.includes("status of 401") }, async (page) => {
    await page.getByRole("heading", { name: "A token is needed" }).waitFor();
    assert.deepEqual(await accessibility(page), []);
    assert.equal(await page.evaluate(() => document.activeElement.id), "token");
    await page.locator("#token").fill("wrong");
    await page.keyboard.press("Enter");
    await page.getByText("That is not the token of this address").waitFor();
    await page.locator("#token").fill("secret-token");
    await page.keyboard.press("Enter");
    await becomes(page, "#link", (t) => t === "live");
    await page.locator("#token-form").waitFor({ state: "hidden" });
    assert.equal(await page.evaluate(() => JSON.stringify(localStorage) + document.cookie + location.href), `{}${address}/ui/`);
    await page.reload();
    await becomes(page, "#link", (t) => t === "live");
  });
});

test("another process is another history", () => scene({}, async (page) => {
  await page.locator("#events tbody tr").nth(3).waitFor();
  await page.locator("#routes tbody tr").first().waitFor();
  await tell("restart=1&event=the+first+of+its+own");
  await becomes(page, "#events tbody", (t) => t.includes("the first of its own") && !t.includes("consecutive"));
  await becomes(page, "#verdict", (t) => / requests in the last [2-9] s/.test(t));
  await becomes(page, "#fact-uptime", (t) => /^\d+ s$/.test(t));
  assert.equal(await page.locator("#events tbody tr").count(), 1);
}));

for (const colorScheme of ["light", "dark"]) {
  for (const width of [1280, 768, 360]) {
    test(`${colorScheme}, ${width} px wide: nothing sideways, nothing that axe finds`, () => scene({ colorScheme, viewport: { width, height: 800 }, reducedMotion: "reduce" }, async (page) => {
      await toExperiments(page);
      await page.locator("#experiments tbody tr.odd").first().waitFor();
      await becomes(page, "#verdict", (t) => t.includes("requests in the last"));
      await page.locator("#explain").scrollIntoViewIfNeeded();
      assert.equal(await sideways(page), 0);
      await fewer(page);
      assert.deepEqual(await accessibility(page), []);
      assert.equal(await sideways(page), 0);
    }));
  }
}

test("the keyboard reaches everything, and the focus can be seen", () => scene({}, async (page) => {
  await page.keyboard.press("Tab");
  const skip = page.locator(":focus");
  assert.equal(await skip.textContent(), "Skip to the figures");
  await toExperiments(page);
  await becomes(page, "#experiments-count", (t) => t === "1,000");
  await fewer(page);
  await page.locator(".skip").focus();
  const reached = new Set();
  for (let i = 0; i < 80 && !reached.has("Explain"); i++) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const el = document.activeElement;
      const style = getComputedStyle(el);
      return { name: el.tagName === "A" ? `link ${el.textContent}` : el.id || el.getAttribute("aria-labelledby") || el.getAttribute("aria-label") || el.textContent.trim(), outline: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 };
    });
    assert.ok(at.outline, `the focus on ${at.name} cannot be seen`);
    reached.add(at.name);
  }
  for (const name of ["pause", "scope", "span", "quantile", "routes-search", "shop", "experiments-search", "Table of experiments", "explain-url", "explain-headers", "Explain"]) {
    assert.ok(reached.has(name), `${name} is not reached: ${[...reached].join(", ")}`);
  }
}));

test("it stays small: time passes, and the page does not grow", () => scene({ clock: true }, async (page) => {
  await page.locator("#routes tbody tr").first().waitFor();
  const elements = () => page.evaluate(() => document.querySelectorAll("*").length);
  for (let i = 0; i < 20; i++) await page.clock.runFor(1000);
  const early = await elements();
  for (let i = 0; i < 80; i++) await page.clock.runFor(1000);
  const late = await elements();
  assert.ok(late < early + 100, `${early} elements, then ${late}`);
  // The figures still come. The page's time has run ahead of the simulation's, by more the faster this machine is, so it may take some more looks.
  let rate = 0;
  for (let i = 0; i < 500 && !(rate > 0); i++) {
    await page.clock.runFor(1000);
    rate = await number(page.locator("#chart-rate .pair b").first());
  }
  assert.ok(rate > 0);
}));
