/** The page under watch: a test fails when the page logs an error, throws, or asks another host for anything. */
import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type Page } from '@playwright/test';

export const test = base.extend<{ complaints: string[] }>({
  complaints: [
    async ({ page, baseURL }, use) => {
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(`console: ${message.text()}`);
      });
      page.on('pageerror', (error) => complaints.push(`thrown: ${error.message}`));
      page.on('request', (request) => {
        const { origin, protocol } = new URL(request.url());
        if (protocol !== 'data:' && origin !== new URL(baseURL ?? '').origin) complaints.push(`request: ${request.url()}`);
      });
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/**
 * Fails on WCAG 2.2 AA violations that axe calls serious or critical. What is about to be replaced is dimmed, and what has
 * scrolled under the header has no size to press.
 */
export async function expectAccessible(page: Page): Promise<void> {
  await expect(page.locator('[aria-busy=true]')).toHaveCount(0);
  await page.evaluate(() => window.scrollTo(0, 0));
  const results = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']).analyze();
  const serious = results.violations.filter((violation) => violation.impact === 'serious' || violation.impact === 'critical');
  // What of the map is under its controls can be moved, and stands in its table.
  for (const violation of serious) {
    if (violation.id === 'target-size') violation.nodes = violation.nodes.filter((node) => !node.html.includes('data-map-node'));
  }
  expect(serious.filter(({ nodes }) => nodes.length > 0).map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(' | ')}`)).toEqual([]);
}

/** Puts rows in place of the server's answers to statements; undefined lets the server answer. */
export async function answerSql(page: Page, rowsOf: (sql: string) => Record<string, unknown>[] | undefined): Promise<void> {
  await page.route('**/api/v1/sql', (route) => {
    const rows = rowsOf(String((route.request().postDataJSON() as { sql: unknown }).sql));
    if (rows === undefined) return route.continue();
    const names = Object.keys(rows[0] ?? {});
    const columns = names.map((name) => ({ name, type: 'Utf8' }));
    return route.fulfill({ json: { columns, rows: rows.map((row) => names.map((name) => row[name])), stats: {} } });
  });
}

/** The first rows may be on their way to the store: load again until there are some. */
export async function openWithRows(page: Page, path: string, table: string): Promise<void> {
  await expect(async () => {
    await page.goto(path);
    await expect(page.getByRole('region', { name: table }).locator('tbody tr').first()).toBeVisible({ timeout: 3_000 });
  }).toPass({ timeout: 60_000 });
}
