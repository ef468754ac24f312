/**
 * How long the map takes to draw 200 services and 1,500 edges in Chromium, and to show the neighbours of a node:
 *
 *     SPANDREL_URL=http://127.0.0.1:16686 node tests/browser/map-speed.mjs [services edges]
 *
 * The page comes from the server, the graph is made up here. Prints a line of JSON for each of three runs.
 */
import { chromium } from '@playwright/test';

const base = process.env.SPANDREL_URL ?? 'http://127.0.0.1:16686';
const [services, links] = [Number(process.argv[2] ?? 200), Number(process.argv[3] ?? 1500)];
let state = 1;
const random = () => (state = (state * 16807) % 2147483647) / 2147483647;

function figures() {
  const requests = Math.round(10 ** (1 + random() * 5));
  const error_rate = random() < 0.06 ? random() * 0.3 : 0;
  const shares = { error_rate, error_rate_low: error_rate * 0.8, error_rate_high: Math.min(1, error_rate * 1.2) };
  return { requests, rate: requests / 3600, failures: requests * error_rate, ...shares, p50_ms: random() * 20, p95_ms: random() * 300, p99_ms: random() * 900 };
}

function graph() {
  const nodes = Array.from({ length: services }, (_, index) => {
    const [name, namespace] = [`service-${index}`, `space-${index % 7}`];
    const kind = { kind: 'service', evidence: 'spans', view: 'server', entries: 0, edge_coverage: 1 };
    return { id: `service:${namespace}/${name}@test`, name, namespace, environment: 'test', ...kind, ...figures() };
  });
  const layerOf = (/** @type {number} */ index) => Math.floor(index / (services / 8));
  const edges = new Map();
  while (edges.size < links) {
    const [from, to] = [Math.floor(random() * services * 0.87), Math.floor(random() * services)];
    if (from === to || (layerOf(to) <= layerOf(from) && random() < 0.95)) continue;
    const [source, target] = [nodes[from], nodes[to]];
    if (!source || !target) continue;
    const seen = figures();
    const ends = { source: source.name, target: target.name, source_id: source.id, target_id: target.id };
    const rest = { kind: 'sync', protocol: 'http', view: 'client', attempts: seen.requests, coverage: 1, examples: [] };
    edges.set(`${from} ${to}`, { ...ends, ...rest, ...seen, views: { client: seen, server: null, gateway: null } });
  }
  return { from: '2026-01-01T00:00:00Z', to: '2026-01-01T01:00:00Z', basis: 'rollups', nodes, edges: [...edges.values()] };
}

const body = JSON.stringify(graph());
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-quic', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
for (let run = 0; run < 3; run += 1) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.route('**/api/v1/graph*', (route) => route.fulfill({ contentType: 'application/json', body }));
  await page.route('**/api/v1/sql', (route) => route.fulfill({ contentType: 'application/json', body: '{"columns":[],"rows":[],"stats":{}}' }));
  await page.goto(`${base}/map`, { waitUntil: 'commit' });
  await page.waitForFunction(
    (expected) => document.querySelectorAll('[data-map-node]').length >= expected && document.querySelector('[data-map-edge]') !== null,
    services,
    { polling: 'raf' },
  );
  const drawn = await page.evaluate(async () => {
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    await frame();
    await frame();
    const answered = performance.getEntriesByType('resource').find((entry) => entry.name.includes('/graph'));
    const drawnMs = performance.now();
    const node = document.querySelectorAll('[data-map-node]')[20];
    node?.dispatchEvent(new PointerEvent('pointerenter'));
    await frame();
    await frame();
    const answeredMs = answered instanceof PerformanceResourceTiming ? answered.responseEnd : Number.NaN;
    return { drawn_ms: Math.round(drawnMs - answeredMs), from_navigation_ms: Math.round(drawnMs), neighbours_ms: Math.round(performance.now() - drawnMs) };
  });
  console.log(JSON.stringify({ services, edges: links, ...drawn }));
  await page.close();
}
await browser.close();
