// The console before a real admin server that wants its token: asked for, wrong, right, kept by the tab, and another one after a while.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { accessibility, act, address, becomes, launch } from "./browser.mjs";

const { GATEWAY: gateway, TOKEN: token, NEXT: next } = process.env;

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

test("nothing is told without the token", async () => {
  for (const path of ["/ui/data", "/config", "/routes", "/events", "/experiments"]) {
    const answer = await fetch(address + path);
    assert.equal(answer.status, 401, path);
    assert.equal((await answer.json()).error, "unauthorized", path);
  }
});

test("it asks for the token, works with it, and asks again when there is another", () => act(browser, { expected: (text) => text.includes("status of 401") }, async (page) => {
  const enter = async (text) => {
    await page.locator("#token").fill(text);
    await page.keyboard.press("Enter");
  };
  await page.getByRole("heading", { name: "A token is needed" }).waitFor();
  assert.deepEqual(await accessibility(page), []);
  assert.equal(await page.locator("#routes tbody tr").count(), 0);
  await enter(next);
  await page.getByText("That is not the token of this address").waitFor();
  await enter(token);
  await becomes(page, "#link", (t) => t === "live");
  await page.locator("#token-form").waitFor({ state: "hidden" });
  await becomes(page, "#routes tbody td.n", (t) => Number(t) > 10);
  await becomes(page, "#events-how", (t) => t === "as they happen");
  await page.locator("#explain-url").fill("/cart");
  await page.locator("#explain-headers").fill("X-Gray-Tag: gray");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.locator("#explain-result").getByText("Goes to gray, not the route's stable pool, by tagged.").waitFor();

  await page.reload();
  await becomes(page, "#link", (t) => t === "live");

  await fetch(`${gateway}/rotate`).then((r) => r.text());
  await page.getByRole("heading", { name: "A token is needed" }).waitFor();
  await becomes(page, "#link", (t) => t === "token needed");
  await enter(token);
  await page.getByText("That is not the token of this address").waitFor();
  await enter(next);
  await becomes(page, "#link", (t) => t === "live");
  await becomes(page, "#events-how", (t) => t === "as they happen");
  assert.equal(await page.evaluate(() => JSON.stringify(localStorage) + document.cookie + location.href), `{}${address}/ui/`);
}));
