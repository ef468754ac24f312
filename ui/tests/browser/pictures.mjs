// Takes the pictures of the README from a running demo: SPANDREL_URL=http://127.0.0.1:16686 node tests/browser/pictures.mjs
import { chromium } from "@playwright/test";
import { fileURLToPath } from "node:url";

const base = process.env.SPANDREL_URL ?? "http://127.0.0.1:16686";
const directory = fileURLToPath(new URL("../../../docs/pictures/", import.meta.url));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, colorScheme: "light" });

/**
 * @param {string} path
 * @param {string} ready
 * @param {string} name
 */
async function take(path, ready, name) {
  await page.goto(base + path);
  await page.locator(`${ready} >> visible=true`).first().waitFor();
  await page.waitForFunction(() => document.querySelector("[aria-busy=true]") === null);
  await page.screenshot({ path: `${directory}${name}.png` });
}

const answer = await fetch(`${base}/api/v1/traces?order=slowest&service=checkout&from=now-1h&limit=1`);
const [slowest] = await answer.json();
await take("/?from=now-1h", "table tbody tr", "overview");
await take("/map?from=now-1h", ".svelte-flow__node", "map");
await take(`/flow/${slowest.trace_id}`, "[role=treeitem]", "flow");
await browser.close();
