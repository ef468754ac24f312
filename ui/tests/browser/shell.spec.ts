/** What every page has: the range, refresh, the menu of a panel, charts. On the page of logs, which has all of it. */
import type { Page } from '@playwright/test';
import { expect, expectAccessible, test } from './fixtures';

const histogram = (page: Page) => page.getByRole('region', { name: 'Records by severity' });

async function openLogs(page: Page, query = 'from=now-15m'): Promise<void> {
  await page.goto(`/logs?${query}`);
  await expect(histogram(page).locator('canvas')).toBeVisible();
}

test('the range is chosen, goes along, and is undone by going back', async ({ page }) => {
  await openLogs(page);
  await page.getByRole('button', { name: /Time range/ }).click();
  await expect(page.getByRole('group', { name: 'Choose a time range' })).toBeVisible();
  await expectAccessible(page);
  await page.getByRole('button', { name: 'Last 6 hours' }).click();
  await expect(page).toHaveURL(/from=now-6h/);
  await page.getByRole('navigation').getByRole('link', { name: 'Traces' }).click();
  await expect(page).toHaveURL(/\/traces\?from=now-6h/);
  await page.goBack();
  await page.goBack();
  await expect(page).toHaveURL(/\/logs\?from=now-15m/);
  await expect(page.getByRole('button', { name: 'Time range: Last 15 minutes' })).toBeVisible();
});

test('a range that cannot be read is told, and the default used', async ({ page }) => {
  await openLogs(page, 'from=yesterday');
  await expect(page.getByText('“yesterday” is not a time')).toBeVisible();
});

test('a brush on a chart sets the range', async ({ page }) => {
  await openLogs(page);
  const box = (await histogram(page).locator('.u-over').boundingBox())!;
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.75, box.y + box.height / 2, { steps: 5 });
  await page.mouse.up();
  await expect(page).toHaveURL(/from=\d{4}-\d\d-\d\dT.+&to=\d{4}-\d\d-\d\dT/);
  const range = new URL(page.url()).searchParams;
  const minutes = (Date.parse(range.get('to')!) - Date.parse(range.get('from')!)) / 60_000;
  expect(minutes).toBeGreaterThan(3.3);
  expect(minutes).toBeLessThan(4.2);
});

test('a chart has its values as a table, and series that can be hidden', async ({ page }) => {
  await openLogs(page);
  const info = histogram(page).getByRole('button', { name: /^info/ });
  await info.click();
  await expect(info).toHaveAttribute('aria-pressed', 'false');
  await histogram(page).getByRole('button', { name: 'Table' }).click();
  const values = histogram(page).getByRole('region', { name: /values/ });
  await expect(values.getByRole('columnheader', { name: 'info' })).toBeVisible();
  expect(await values.getByRole('rowheader').count()).toBeGreaterThan(20);
  await expectAccessible(page);
});

test('the menu of a panel shows its SQL, by keyboard too', async ({ page }) => {
  await openLogs(page);
  const menu = page.getByRole('button', { name: 'Actions of Records by severity' });
  await menu.focus();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menuitem', { name: 'Show SQL' })).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await expect(page.getByRole('menuitem', { name: 'Copy SQL' })).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(menu).toBeFocused();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  const dialog = page.getByRole('dialog', { name: 'SQL of “Records by severity”' });
  await expect(dialog).toContainText('FROM logs');
  await expectAccessible(page);
});

test('“Open in SQL” runs the statement of the panel', async ({ page }) => {
  await openLogs(page);
  await page.getByRole('button', { name: 'Actions of Records by severity' }).click();
  await page.getByRole('menuitem', { name: 'Open in SQL' }).click();
  await expect(page).toHaveURL(/\/sql\?/);
  await expect(page.getByRole('region', { name: 'Rows of the result' })).toBeVisible();
});

test('a long wait is told and can be cancelled', async ({ page }) => {
  let isSlow = false;
  await page.route('**/api/v1/sql', async (route) => {
    if (!isSlow) return route.continue();
    await new Promise((done) => setTimeout(done, 8_000));
    return route.abort().catch(() => undefined);
  });
  await openLogs(page);
  isSlow = true;
  await page.keyboard.press('r');
  await expect(histogram(page).getByText('1 s')).toBeVisible();
  await histogram(page).getByRole('button', { name: 'Cancel' }).click();
  await expect(histogram(page).getByText('Cancelled; shown is what came before')).toBeVisible();
  isSlow = false;
  await histogram(page).getByRole('button', { name: 'Load again' }).click();
  await expect(histogram(page).getByText('Cancelled')).toBeHidden();
});
