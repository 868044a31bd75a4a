// The pictures of the documents: five minutes of figures, in as many seconds as the browser needs for them.

import { join } from "node:path";

import { launch, open } from "./browser.mjs";

const SECONDS = 300;

const browser = await launch();
try {
  for (const [name, options] of Object.entries({
    "console-light": { colorScheme: "light", viewport: { width: 1280, height: 1180 } },
    "console-dark": { colorScheme: "dark", viewport: { width: 1280, height: 1180 } },
    "console-phone": { colorScheme: "light", viewport: { width: 360, height: 780 }, isMobile: true, hasTouch: true },
  })) {
    const { page, close } = await open(browser, { ...options, clock: true, reducedMotion: "reduce" });
    await page.locator("#routes tbody tr").first().waitFor();
    await page.locator("#span").selectOption("300");
    for (let i = 0; i < SECONDS; i++) {
      const answer = page.waitForResponse((r) => r.url().includes("/ui/data"));
      await page.clock.runFor(1000);
      await answer;
    }
    await page.clock.runFor(500);
    await page.screenshot({ path: join(process.env.FOLDER, `${name}.png`) });
    if (process.env.WHOLE) await page.screenshot({ path: join(process.env.FOLDER, `${name}-whole.png`), fullPage: true });
    await close();
  }
} finally {
  await browser.close();
}
