/**
 * The important pages look as they did: compared with the pictures in `looks/`. Answers and the clock are stored ones,
 * letters are those in `fonts/`. RECORD=1 stores the answers of the demo at hand; --update-snapshots the pictures.
 */
import type { APIRequestContext, Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from './fixtures';
import { isRecorded, record, replay } from './recorded';

interface Finding {
  id: string;
  opened: string;
  range: string;
  examples: string[];
}

interface Look {
  name: string;
  /** Where it is recorded. */
  path: (finding: Finding) => string;
  /** What is there when all is there. */
  ready: string;
  looks: ('light' | 'dark' | 'narrow')[];
}

const PAGES: Look[] = [
  { name: 'overview', path: ({ range }) => `/?${range}`, ready: 'tbody tr', looks: ['light', 'dark', 'narrow'] },
  { name: 'map', path: ({ range }) => `/map?${range}`, ready: '.svelte-flow__node', looks: ['light', 'dark'] },
  { name: 'service', path: ({ range }) => `/service/pricing?${range}`, ready: 'canvas', looks: ['light', 'narrow'] },
  { name: 'flow', path: ({ examples }) => `/flow/${examples[0]}?q=pricing`, ready: '[role=treeitem]', looks: ['light', 'dark', 'narrow'] },
  { name: 'finding', path: ({ id, opened, range }) => `/findings/${id}?opened=${opened}&${range}`, ready: '.svelte-flow__node', looks: ['light', 'dark', 'narrow'] },
  { name: 'logs', path: ({ range }) => `/logs?${range}&severity=error`, ready: 'canvas', looks: ['dark'] },
];

const VIEWS = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 860 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 860 } },
  narrow: { colorScheme: 'light', viewport: { width: 390, height: 844 } },
} as const;
const IS_RECORDING = process.env['RECORD'] === '1';

test.use({ timezoneId: 'UTC', locale: 'en-GB', reducedMotion: 'reduce' });

for (const look of ['light', 'dark', 'narrow'] as const) {
  test.describe(look, () => {
    test.use(VIEWS[look]);
    for (const page of PAGES.filter(({ looks }) => looks.includes(look))) test(page.name, ({ page: browser, request }) => compare(browser, request, page, look));
  });
}

async function compare(page: Page, request: APIRequestContext, { name, path, ready, looks }: Look, look: string): Promise<void> {
  await useOwnLetters(page);
  if (IS_RECORDING && look === looks[0]) {
    const store = await record(page, name, path(await cascade(request)));
    await settle(page, ready);
    store();
  }
  expect(isRecorded(name), `recorded/${name}.json is there`).toBe(true);
  await page.unrouteAll();
  await useOwnLetters(page);
  await replay(page, name);
  await settle(page, ready);
  await expect(page).toHaveScreenshot(`${name}-${look}.png`, { maxDiffPixelRatio: 0.002, animations: 'disabled', caret: 'hide' });
}

/** The failing prices: an hour that ends while they fail. */
async function cascade(request: APIRequestContext): Promise<Finding> {
  const sql = "SELECT id, opened, closed, examples FROM findings WHERE kind = 'CASCADE' AND service_name = 'pricing' AND closed IS NOT NULL ORDER BY opened LIMIT 1";
  const answer = await request.post('/api/v1/sql', { data: { sql } });
  const [id, opened, closed, examples] = ((await answer.json()) as { rows: [string, string, string, string[]][] }).rows[0]!;
  const second = (time: number) => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
  return { id, opened, examples, range: `from=${second(Date.parse(closed) - 1_800_000)}&to=${second(Date.parse(closed) - 20_000)}` };
}

async function settle(page: Page, ready: string): Promise<void> {
  await expect(page.locator(ready).locator('visible=true').first()).toBeVisible();
  await page.waitForLoadState('networkidle');
  await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
  await page.evaluate(() => document.fonts.ready);
}

const FACES = { 'Look Sans': ['sans.woff2', '400 500'], 'Look Sans ': ['sans-bold.woff2', '501 900'], 'Look Mono': ['mono.woff2', '400 900'] };

/** Fonts differ between machines. */
async function useOwnLetters(page: Page): Promise<void> {
  const faces = Object.entries(FACES).map(([family, [file, weight]]) => `@font-face{font-family:'${family.trim()}';src:url(/looks/${file});font-weight:${weight}}`);
  await page.route('**/looks/*.woff2', (route) => {
    const path = fileURLToPath(new URL(`fonts/${new URL(route.request().url()).pathname.split('/').at(-1)!}`, import.meta.url));
    return route.fulfill({ body: readFileSync(path), contentType: 'font/woff2' });
  });
  await page.route('**/*.css', async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, body: `${await response.text()}\n${faces.join('\n')}\n:root{--sans:'Look Sans';--mono:'Look Mono'}` });
  });
}
