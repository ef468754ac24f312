/** Dashboards: the list, files that are wrong, panels of each kind. The definitions stand here; the rows are the server's. */
import type { Page } from '@playwright/test';
import { expect, expectAccessible, test } from './fixtures';

const RANGE = { from: "now() - INTERVAL '15 minutes'", to: 'now()' };

function panel(kind: string, title: string, sql: string, more: Record<string, unknown> = {}) {
  const statement = sql.replaceAll('$from', RANGE.from).replaceAll('$to', RANGE.to).replaceAll('$bucket', "INTERVAL '1 minute'");
  return { title, description: null, kind, unit: null, width: 6, sql, statement, ...more };
}

async function answerDashboards(page: Page, more: ReturnType<typeof panel>[] = []): Promise<void> {
  const dashboard = {
    name: 'shop',
    title: 'The shop',
    description: 'What it does.',
    file: '/etc/spandrel/dashboards/shop.yaml',
    from: '2026-11-20T21:00:00Z',
    to: '2026-11-20T21:15:00Z',
    bucket_seconds: 60,
    panels: [
      panel('line', 'Requests', 'SELECT time, sum(requests) AS requests FROM red($from, $to, $bucket) GROUP BY 1 ORDER BY 1', { unit: 'requests' }),
      panel('bar', 'By service', 'SELECT service_name, sum(requests) AS requests FROM red($from, $to) GROUP BY 1 ORDER BY 2 DESC'),
      panel('stat', 'Failed', 'SELECT 12.5 AS failed', { unit: '%', width: 3 }),
      panel('table', 'Operations', 'SELECT service_name, operation, requests FROM red($from, $to) LIMIT 5'),
      panel('line', 'Nothing', "SELECT time, count(*) AS records FROM logs WHERE body = 'no such' GROUP BY 1"),
      ...more,
    ],
  };
  const problem = { name: 'broken', file: '/etc/spandrel/dashboards/broken.yaml', line: 4, message: 'unknown kind `pie`: use line, bar, table or stat' };
  const { name, title, description, file, panels } = dashboard;
  await page.route('**/api/v1/dashboards', (route) =>
    route.fulfill({ json: { dashboards: [{ name, title, description, file, panels: panels.length }], problems: [problem] } }),
  );
  await page.route('**/api/v1/dashboards/shop?*', (route) => route.fulfill({ json: dashboard }));
}

test('the list names dashboards, and files that are wrong with what to do', async ({ page }) => {
  await answerDashboards(page);
  await page.goto('/dashboards?from=now-15m');
  await expect(page.getByText('/etc/spandrel/dashboards/broken.yaml:4')).toBeVisible();
  await expect(page.getByText('unknown kind `pie`: use line, bar, table or stat')).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/dashboards\/shop\?from=now-15m/);
  await expect(page.getByRole('heading', { level: 1, name: 'The shop' })).toBeFocused();
});

test('panels show their rows, what they lack, and what is wrong', async ({ page, complaints }) => {
  await answerDashboards(page, [panel('line', 'Wrong', 'SELECT nothing FROM spans')]);
  await page.goto('/dashboards/shop?from=now-15m');
  const region = (name: string) => page.getByRole('region', { name, exact: true });
  await expect(region('Requests').locator('canvas')).toBeVisible();
  await expect(region('By service').getByRole('row').first()).toBeVisible();
  await expect(region('Failed').getByText('12.5 %')).toBeVisible();
  await region('Operations').first().scrollIntoViewIfNeeded();
  await expect(region('Operations').first().getByRole('columnheader', { name: 'operation' })).toBeVisible();
  await region('Wrong').scrollIntoViewIfNeeded();
  await expect(region('Wrong').getByRole('alert')).toContainText("there is no column 'nothing'");
  await expect(region('Nothing').getByText('found no row')).toBeVisible();
  await expect(region('Nothing').getByRole('link', { name: 'What does logs hold?' })).toBeVisible();
  await expectAccessible(page);
  expect(complaints.filter((complaint) => !complaint.includes('400'))).toEqual([]);
  complaints.length = 0;
});

test('a panel opens in SQL with its placeholders', async ({ page }) => {
  await answerDashboards(page);
  await page.goto('/dashboards/shop?from=now-15m');
  await page.getByRole('button', { name: 'Actions of Requests' }).click();
  await page.getByRole('menuitem', { name: 'Open in SQL for any range' }).click();
  await expect(page.getByRole('textbox', { name: 'SQL statement' })).toContainText('red($from, $to, $bucket)');
  await expect(page.getByRole('region', { name: 'Rows of the result' })).toBeVisible();
});

test('the palette finds dashboards', async ({ page }) => {
  await answerDashboards(page);
  await page.goto('/logs?from=now-15m');
  await page.locator('h1').waitFor({ state: 'attached' });
  await page.keyboard.press('Control+k');
  await page.getByRole('combobox', { name: /Pages, services/ }).fill('the shop');
  await expect(page.getByRole('listbox', { name: 'Results' }).getByRole('option').first()).toContainText('The shop');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/\/dashboards\/shop/);
});
