// The console before a real gateway under load: its figures move, gray breaks, is left alone, and is mended.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessibility, act, becomes, launch, toExperiments } from "./browser.mjs";

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

const ask = (path) => fetch(process.env.GATEWAY + path).then((r) => r.text());

test("a canary that breaks is seen, and that it is mended", () => act(browser, {}, async (page) => {
  await becomes(page, "#link", (t) => t === "live");
  await becomes(page, "#routes tbody td.n", (t) => Number(t) > 10);
  const bar = page.locator("#routes tbody .split").first();
  await page.waitForFunction(() => /^stable 7[4-6].*, gray 2[4-6].*, fallback 0 %$/.test(document.querySelector("#routes .split").getAttribute("aria-label")));
  await becomes(page, "#upstreams-count", (t) => t === "2 pools, 2 of 2 endpoints can be asked");
  await becomes(page, "#events-how", (t) => t === "as they happen");

  await ask("/break");
  await becomes(page, "#verdict", (t) => t.includes("Gray's error share is higher than stable's"));
  const pool = page.getByRole("article", { name: "Pool gray" });
  await pool.locator("tbody .badge[data-kind=bad], header .badge[data-kind=bad]").first().waitFor();
  await page.locator("#events tbody").getByText("open", { exact: true }).first().waitFor();
  await page.waitForFunction(() => !document.querySelector("#routes .split").getAttribute("aria-label").endsWith("fallback 0 %"));
  await page.locator("#verdict").getByText(/of which stable answered [\d,]+ instead/).waitFor();
  assert.deepEqual(await accessibility(page), []);

  await ask("/mend");
  await becomes(page, "#upstreams-count", (t) => t === "2 pools, 2 of 2 endpoints can be asked");
  await page.locator("#events tbody").getByText("closed", { exact: true }).first().waitFor();
  assert.equal(await bar.locator("i").count(), 3);
}));

test("it explains by the config in force, and has its experiments", () => act(browser, {}, async (page) => {
  await page.locator("#explain-url").fill("/cart");
  await page.locator("#explain-headers").fill("X-Gray-Tag: gray\nX-User-Id: ivan");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.locator("#explain-result").getByText("Goes to gray, not the route's stable pool, by tagged.").waitFor();
  await toExperiments(page);
  await becomes(page, "#experiments-count", (t) => t === "1,000");
  await page.locator("#experiments-search").fill("exp-0777");
  await becomes(page, "#experiments-count", (t) => t === "1 of 1,000");
  assert.deepEqual(await page.locator("#experiments tbody tr:not(.filler) th").allTextContents(), ["exp-0777"]);
}));
