#!/usr/bin/env node
/**
 * A flow of many spans on the page: how long it takes to open, and how many frames a second it scrolls with.
 *
 * usage: page.mjs SPANDREL [--spans 100000] [--dist ui/dist] [--runs 3]
 *
 * Starts a throwaway server, sends it one flow, and drives headless Chromium (`CHROMIUM`, by default /usr/bin/chromium)
 * over the page that the binary serves, or over the built page in `--dist`.
 * Opening is from the start of the navigation until rows are drawn. Frames are counted by the page itself while it is
 * scrolled by a screen and a half a frame, and while the time is panned. CPU times are of the processes (renderer with its
 * worker, GPU process, server), so that they say something on a machine that has other work too.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { LARGE_FLOW, largeSpans, sendLogs, sendSpans } from "./page/flows.mjs";
import { serveBuilt } from "./page/built.mjs";
import { startServer } from "./page/server.mjs";

const { chromium } = createRequire(new URL("../ui/package.json", import.meta.url))("@playwright/test");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { spans: { type: "string", default: "100000" }, dist: { type: "string" }, runs: { type: "string", default: "3" } },
});
const SECONDS = 4;

/** Runs in the page: changes something at every frame and counts the frames. */
function countFrames({ seconds, what }) {
  const tree = document.querySelector("[role=tree]");
  const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const step = {
    scroll: () => (tree.scrollTop += tree.clientHeight * 1.5),
    pan: (frame) => press(frame % 200 < 100 ? "d" : "a"),
  }[what];
  return new Promise((resolve) => {
    const started = performance.now();
    const gaps = [];
    let last = started;
    const tick = (now) => {
      gaps.push(now - last);
      last = now;
      step(gaps.length);
      if (now - started < seconds * 1000) requestAnimationFrame(tick);
      else resolve({ frames: gaps.length / ((now - started) / 1000), worst: Math.max(...gaps.slice(1)) });
    };
    requestAnimationFrame(tick);
  });
}

/** CPU time of Chromium's processes by kind, and of the server, in milliseconds. */
async function cpuTimes(session, pid) {
  const times = { renderer: 0, gpu: 0, server: pid === undefined ? Number.NaN : serverCpu(pid) };
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  for (const { type, cpuTime } of processInfo) {
    const kind = type.toLowerCase();
    if (kind in times) times[kind] += cpuTime * 1000;
  }
  return times;
}

function serverCpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function spent(before, after, by = 1) {
  return Object.fromEntries(Object.keys(before).map((kind) => [kind, round((after[kind] - before[kind]) / by)]));
}

async function measure(browser, url, pid) {
  const session = await browser.newBrowserCDPSession();
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const atStart = await cpuTimes(session, pid);
  await page.goto(url);
  await page.locator("[role=treeitem]").nth(5).waitFor();
  const opened = await page.evaluate(() => performance.now());
  const atOpen = await cpuTimes(session, pid);
  await page.getByText("critical path", { exact: true }).waitFor();
  const path = await page.evaluate(() => performance.now());
  const beforeScroll = await cpuTimes(session, pid);
  const scroll = await page.evaluate(countFrames, { seconds: SECONDS, what: "scroll" });
  const afterScroll = await cpuTimes(session, pid);
  await page.evaluate(() => document.querySelector("[role=tree]").scrollTo(0, 0));
  for (let zoom = 0; zoom < 8; zoom += 1) await page.keyboard.press("ArrowUp");
  const pan = await page.evaluate(countFrames, { seconds: SECONDS, what: "pan" });
  const search = await page.evaluate(async () => {
    const field = document.querySelector("input[type=search]");
    const started = performance.now();
    field.value = "payment";
    field.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - started;
  });
  const heap = await page.evaluate(() => performance.memory?.usedJSHeapSize ?? 0);
  await page.close();
  return {
    opened_ms: Math.round(opened),
    opened_cpu_ms: spent(atStart, atOpen),
    critical_path_ms: Math.round(path),
    scroll_fps: round(scroll.frames),
    scroll_worst_frame_ms: round(scroll.worst),
    scroll_cpu_ms_a_frame: spent(beforeScroll, afterScroll, scroll.frames * SECONDS),
    pan_fps: round(pan.frames),
    pan_worst_frame_ms: round(pan.worst),
    search_ms: round(search),
    heap_mib: Math.round(heap / 2 ** 20),
  };
}

function round(value) {
  return Math.round(value * 10) / 10;
}

const [binary] = positionals;
if (!binary) throw new Error("usage: page.mjs SPANDREL [--spans N] [--dist DIR] [--runs N]");
const server = await startServer(binary);
try {
  const startMs = Date.now() - 60_000;
  const spans = largeSpans(Number(values.spans), startMs);
  await sendSpans(server.otlp, spans);
  const lines = spans.filter((_, index) => index % 50 === 3).map((span, index) => ({
    service: span.service,
    body: `step ${index} of the request`,
    timeMs: Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000,
    severity: index % 40 === 0 ? 17 : 9,
    traceId: LARGE_FLOW,
    spanId: span.spanId,
  }));
  await sendLogs(server.otlp, lines);
  const built = values.dist === undefined ? undefined : await serveBuilt(values.dist, server.http);
  const url = `${built?.url ?? server.http}/flow/${LARGE_FLOW}`;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  const runs = [];
  for (let run = 0; run < Number(values.runs); run += 1) runs.push(await measure(browser, url, server.pid));
  await browser.close();
  built?.stop();
  console.log(JSON.stringify({ spans: spans.length, log_lines: lines.length, runs }, null, 1));
} finally {
  await server.stop();
}
