import { expect, expectAccessible, openWithRows, test } from './fixtures';

test('services show their rates, errors and latencies', async ({ page }) => {
  await openWithRows(page, '/?from=now-15m', 'Services');
  const table = page.getByRole('region', { name: 'Services' });
  expect(await table.locator('tbody tr').count()).toBeGreaterThan(3);

  const first = table.locator('tbody tr').first();
  await expect(first.locator('td').nth(0)).toHaveText(/^<?[\d.,]+\/s$/);
  await expect(first.locator('td').nth(3)).toHaveText(/%/);
  await expect(first.locator('td').last()).toHaveText(/ (ns|µs|ms|s)$/);
  await expectAccessible(page);
});

test('the order and the range stand in the address and survive a reload', async ({ page }) => {
  await openWithRows(page, '/', 'Services');
  const header = page.getByRole('columnheader', { name: 'p99', exact: true });
  await header.getByRole('button').click();
  await expect(header).toHaveAttribute('aria-sort', 'descending');
  await page.getByRole('button', { name: /Time range/ }).click();
  await page.getByRole('button', { name: 'Last 6 hours' }).click();
  await expect(page).toHaveURL(/sort=p99_ms/);
  await expect(page).toHaveURL(/from=now-6h/);

  await page.reload();
  await expect(header).toHaveAttribute('aria-sort', 'descending');
  await expect(page.getByRole('button', { name: 'Time range: Last 6 hours' })).toBeVisible();
});

test('a click on a service, then on its slowest request, leads to its waterfall and attributes', async ({ page }) => {
  await openWithRows(page, '/?from=now-15m', 'Services');
  await page.getByRole('region', { name: 'Services' }).locator('tbody a.row-link').first().click();
  await expect(page).toHaveURL(/\/service\/.+from=now-15m/);
  await expect(page.getByRole('heading', { level: 1 })).toBeFocused();
  await expectAccessible(page);

  await page.getByRole('region', { name: 'Slowest requests' }).locator('tbody a').first().click();
  await expect(page).toHaveURL(/\/flow\/[0-9a-f]{32}/);
  const rows = page.getByRole('treeitem');
  await expect(rows.first()).toBeVisible();
  await rows.first().click();
  const details = page.getByRole('complementary', { name: 'Selected record' });
  await expect(details.getByText('Self time')).toBeVisible();
  await expect(details.getByRole('rowheader').first()).toBeVisible();
  await expect(page).toHaveURL(/[?&]span=[0-9a-f]{16}/);
  await expectAccessible(page);

  await page.keyboard.press('Escape');
  await expect(details).toBeHidden();
  await expect(page.getByRole('tree')).toBeFocused();
});

test('the keyboard walks and folds the waterfall', async ({ page }) => {
  await openWithRows(page, '/traces?from=now-15m', 'Traces');
  // Traces of the server itself may be of one span.
  const ofShop = page.getByRole('region', { name: 'Traces' }).locator('tbody tr').filter({ hasNotText: 'spandrel' });
  await ofShop.locator('a').first().press('Enter');
  const tree = page.getByRole('tree');
  await tree.focus();
  await page.keyboard.press('j');
  const first = page.getByRole('treeitem').first();
  await expect(first).toHaveAttribute('aria-selected', 'true');
  const before = await page.getByRole('treeitem').count();
  expect(before).toBeGreaterThan(1);
  await page.keyboard.press('ArrowLeft');
  await expect(first).toHaveAttribute('aria-expanded', 'false');
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('treeitem')).toHaveCount(before);
  await page.keyboard.press('ArrowRight');
  await expect(page.getByRole('treeitem').nth(1)).toHaveAttribute('aria-selected', 'true');
});

test('a trace id in the search box opens the trace', async ({ page }) => {
  await openWithRows(page, '/traces?from=now-15m', 'Traces');
  const link = await page.getByRole('region', { name: 'Traces' }).locator('tbody a').first().getAttribute('href');
  const traceId = /[0-9a-f]{32}/.exec(link ?? '')?.[0] ?? '';
  await page.goto('/');
  await page.keyboard.press('/');
  const box = page.getByRole('textbox', { name: 'Id of a trace, request or session' });
  await expect(box).toBeFocused();

  await box.fill('4711');
  await box.press('Enter');
  await expect(page.getByText('at least 8 characters')).toBeVisible();

  await box.fill(traceId.toUpperCase());
  await box.press('Enter');
  await expect(page).toHaveURL(new RegExp(`/flow/${traceId}`));
  await expect(page.getByRole('treeitem').first()).toBeVisible();
});

test('filters narrow the traces and stand in the address', async ({ page }) => {
  await openWithRows(page, '/traces?from=now-15m', 'Traces');
  await page.getByRole('button', { name: 'Slowest' }).click();
  await expect(page).toHaveURL(/order=slowest/);
  await page.getByRole('textbox', { name: 'At least' }).fill('1 parsec');
  await page.getByRole('textbox', { name: 'At least' }).press('Enter');
  await expect(page.getByText('is not a duration')).toBeVisible();
  await page.getByRole('textbox', { name: 'At least' }).fill('1 ms');
  await page.getByRole('textbox', { name: 'At least' }).press('Enter');
  await expect(page.getByText('is not a duration')).toBeHidden();
  await expect(page.getByRole('region', { name: 'Traces' }).locator('tbody tr').first()).toBeVisible();
  await expectAccessible(page);
});

test('a trace that is not there is said to be so, with the request id', async ({ page, complaints }) => {
  await page.goto('/trace/0123456789abcdef0123456789abcdef');
  await expect(page.getByRole('heading', { name: 'No record has this id' })).toBeVisible();
  await expect(page.getByText('Request id')).toBeVisible();
  await expectAccessible(page);
  // The browser itself logs the 404.
  expect(complaints.filter((complaint) => !complaint.includes('404'))).toEqual([]);
  complaints.length = 0;
});

test('both themes have contrast, and the choice stays', async ({ page }) => {
  await openWithRows(page, '/', 'Services');
  await page.getByRole('button', { name: 'Use the dark theme' }).click();
  await expectAccessible(page);
  await page.reload();
  await expect(page.getByRole('button', { name: 'Use the light theme' })).toBeVisible();
  await openWithRows(page, '/traces', 'Traces');
  await page.getByRole('region', { name: 'Traces' }).locator('tbody a').first().click();
  await page.getByRole('treeitem').first().click();
  await expectAccessible(page);
});

test('a box of the heatmap is selected by keyboard and by pointer, and stands in the address', async ({ page }) => {
  await openWithRows(page, '/traces?from=now-15m', 'Traces');
  const heatmap = page.getByRole('application', { name: /Durations over time/ });
  await heatmap.focus();
  for (const key of ['ArrowLeft', ...Array<string>(30).fill('Shift+ArrowLeft')]) await page.keyboard.press(key);
  for (const key of Array<string>(60).fill('Shift+ArrowUp')) await page.keyboard.press(key);
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/box=/);
  await expect(page.getByRole('region', { name: 'Requests of the box' }).first()).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page).not.toHaveURL(/box=/);

  const area = (await heatmap.boundingBox())!;
  await page.mouse.move(area.x + 80, area.y + 20);
  await page.mouse.down();
  await page.mouse.move(area.x + area.width - 30, area.y + area.height - 40, { steps: 3 });
  await page.mouse.up();
  await expect(page).toHaveURL(/box=/);
  await page.reload();
  await expect(page.getByText('Selected:')).toBeVisible();
});

test('on a phone nothing is cut off sideways', async ({ page }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const [path, table] of [['/', 'Services'], ['/traces', 'Traces']] as const) {
    await openWithRows(page, path, table);
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(overflow).toBe(0);
    await expectAccessible(page);
  }
});
