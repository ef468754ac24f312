/** The SQL page: editor, errors, results, chart, history, downloads. */
import type { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { expect, expectAccessible, test } from './fixtures';

const sqlPath = (sql: string, more = '') => `/sql?from=now-15m&q=${encodeURIComponent(sql)}${more}`;
const editor = (page: Page) => page.getByRole('textbox', { name: 'SQL statement' });
const rows = (page: Page) => page.getByRole('region', { name: 'Rows of the result' });
const result = (page: Page) => page.getByRole('region', { name: 'Result', exact: true });

test('a statement is written with completion, run, and stands in the address', async ({ page }) => {
  await page.goto('/sql?from=now-15m');
  await expect(page.getByText('critical_paths', { exact: true })).toBeVisible();
  await editor(page).click();
  // Letters are text there, not shortcuts.
  await page.keyboard.type('SELECT service_name, hdr_qu', { delay: 20 });
  await expect(page.getByRole('option', { name: /hdr_quantile/ })).toBeVisible();
  await page.keyboard.press('Escape');
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.type('SELECT count(*) AS spans FROM sp', { delay: 20 });
  await expect(page.getByRole('option', { name: 'spans' })).toBeVisible();
  // A list that has just opened does not take the key yet, so that nothing is chosen by mistake.
  await page.waitForTimeout(150);
  await page.keyboard.press('Tab');
  await expect(editor(page)).toHaveText(/FROM spans$/);
  await page.keyboard.press('ControlOrMeta+Enter');
  await expect(page).toHaveURL(/q=SELECT\+count/);
  await expect(result(page).getByText('1 row', { exact: true })).toBeVisible();
  await expect(result(page).getByText(/files? scanned/)).toBeVisible();
  await expect(rows(page).getByRole('columnheader', { name: 'spans' })).toBeVisible();
  await expect(rows(page).getByRole('cell').nth(1)).toHaveText(/^\d+$/);
  await page.reload();
  await expect(editor(page)).toHaveText(/FROM spans$/);
  await expect(result(page).getByText('1 row', { exact: true })).toBeVisible();
});

test('an error is marked where it is, with what the server says', async ({ page, complaints }) => {
  await page.goto(sqlPath('SELECT $from,\n  nothing(1)\nFROM spans'));
  await expect(page.getByRole('alert')).toContainText("Invalid function 'nothing'");
  await expect(page.getByRole('alert')).toContainText('Request id');
  await expect(page.locator('.cm-wrong')).toHaveText('nothing');
  await expectAccessible(page);
  await editor(page).click();
  await page.keyboard.type(' ');
  await expect(page.locator('.cm-wrong')).toHaveCount(0);
  expect(complaints.filter((complaint) => !complaint.includes('400'))).toEqual([]);
  complaints.length = 0;
});

test('100,000 rows come as Arrow and scroll', async ({ page }) => {
  await page.goto(sqlPath("SELECT value, concat('row ', value) AS name, now() AS time, 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' AS filler FROM generate_series(1, 100000) AS t(value) ORDER BY value"));
  await expect(result(page).getByText('100,000 rows')).toBeVisible();
  await expect(result(page).getByText('as Arrow')).toBeVisible();
  await rows(page).evaluate((element) => (element.scrollTop = element.scrollHeight));
  await expect(rows(page).getByText('row 100000', { exact: true })).toBeVisible();
  expect(await rows(page).getByRole('row').count()).toBeLessThan(100);
  await expectAccessible(page);
});

test('digits that JSON loses are kept', async ({ page }) => {
  await page.goto(sqlPath('SELECT 9007199254740993 AS big'));
  await expect(rows(page).getByText('9007199254740993')).toBeVisible();
});

test('rows are walked, opened and lead to flows', async ({ page }) => {
  await page.goto(sqlPath('SELECT trace_id, start_time, attributes FROM spans ORDER BY start_time DESC LIMIT 50'));
  await expect(rows(page)).toBeVisible();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await expect(rows(page).getByRole('button', { name: '2', exact: true })).toBeFocused();
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'Row 2 of 50' });
  await expect(dialog.getByRole('rowheader', { name: 'attributes' })).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press('Escape');
  await rows(page).getByRole('link').first().click();
  await expect(page).toHaveURL(/\/flow\/[0-9a-f]{32}/);
});

test('a result is drawn, and explained', async ({ page }) => {
  await page.goto(sqlPath('SELECT time, sum(requests) AS requests FROM red($from, $to, $bucket) GROUP BY 1 ORDER BY 1'));
  await page.getByRole('tab', { name: 'Chart' }).click();
  await expect(page).toHaveURL(/view=chart/);
  await expect(result(page).locator('canvas')).toBeVisible();
  await page.getByRole('button', { name: 'Explain' }).click();
  await expect(page).toHaveURL(/view=plan/);
  await expect(page.getByRole('region', { name: 'Plan' })).toContainText('Aggregate');
  await page.goto(sqlPath("SELECT 'a' AS name, 3 AS value UNION ALL SELECT 'b', -1", '&view=chart'));
  await expect(page.getByRole('row', { name: 'a 3' })).toBeVisible();
});

test('what was run is remembered, in this browser', async ({ page }) => {
  await page.goto(sqlPath('SELECT 4711 AS number'));
  await expect(rows(page)).toBeVisible();
  await page.goto('/sql');
  await page.getByRole('tab', { name: 'History' }).click();
  await page.getByRole('button', { name: /SELECT 4711/ }).click();
  await expect(editor(page)).toHaveText('SELECT 4711 AS number');
  await page.getByRole('button', { name: 'Forget all' }).click();
  await expect(page.getByText('No statement was run in this browser yet')).toBeVisible();
});

test('times are shown short and copied as they came', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.goto(sqlPath("SELECT TIMESTAMP '2026-11-20T21:00:00.5Z' AS time, 'a' AS name"));
  const cells = rows(page).locator('.body [role=cell]');
  await expect(cells.nth(1)).toHaveText(/^2026-11-2\d \d\d:\d\d:00\.5$/);
  await rows(page).locator('.body [role=row]').evaluate((row) => window.getSelection()!.selectAllChildren(row));
  await page.keyboard.press('ControlOrMeta+c');
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('2026-11-20T21:00:00.500000000Z\ta');
});

test('a result is downloaded', async ({ page }) => {
  await page.goto(sqlPath("SELECT 1 AS number, 'a,b' AS text"));
  await expect(rows(page)).toBeVisible();
  await page.getByRole('button', { name: 'Download the whole result' }).click();
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('menuitem', { name: 'CSV' }).click()]);
  expect(file.suggestedFilename()).toMatch(/^spandrel-.*\.csv$/);
  expect(readFileSync(await file.path(), 'utf8').trim()).toBe('number,text\n1,"a,b"');
});

test('a statement that takes long is cancelled', async ({ page }) => {
  await page.route('**/api/v1/sql', (route) => (String(route.request().postData()).includes('4712') ? undefined : route.continue()));
  await page.goto(sqlPath('SELECT 4712'));
  await expect(page.getByText('Running: 1 s')).toBeVisible();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await expect(result(page).getByText('Cancelled')).toBeVisible();
});
