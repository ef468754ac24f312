/** The page of logs: search, a record and its context, the live tail. */
import type { Page } from '@playwright/test';
import { expect, expectAccessible, test } from './fixtures';

const list = (page: Page) => page.getByRole('region', { name: 'Log records', exact: true });
const details = (page: Page) => page.getByRole('region', { name: 'Selected record' });

test('a search stands in the address and passes what it names', async ({ page }) => {
  await page.goto('/logs?from=now-15m');
  await expect(list(page).getByRole('listitem').first()).toBeVisible();
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox', { name: 'Text of the record' })).toBeFocused();
  await page.keyboard.type('HANDLED');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/text=HANDLED/);
  await expect(page.getByText(/that pass the filter|the latest 500/)).toBeVisible();
  await expect(list(page).getByRole('listitem').first()).toContainText('handled');
  await page.getByRole('combobox', { name: 'Severity' }).selectOption('error');
  await expect(page).toHaveURL(/severity=error/);
  await expect(page.getByText('No record passes the filter')).toBeVisible();
  await page.getByRole('button', { name: 'Clear the filter' }).click();
  await expect(list(page).getByRole('listitem').first()).toBeVisible();
});

test('what cannot be read is told', async ({ page }) => {
  await page.goto('/logs?from=now-15m&severity=loud');
  await expect(page.getByText('“loud” is not a severity')).toBeVisible();
});

test('a record opens with its attributes, its flow and its context', async ({ page }) => {
  await page.goto('/logs?from=now-15m&service=gateway');
  await expect(list(page).getByRole('listitem').nth(3)).toBeVisible();
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await expect(page).toHaveURL(/record=2/);
  await expect(details(page).getByRole('heading', { name: /Attributes/ })).toBeVisible();
  const text = await details(page).locator('pre').first().textContent();
  await expectAccessible(page);
  await page.reload();
  await expect(details(page).locator('pre').first()).toHaveText(text ?? '');

  await details(page).getByRole('button', { name: 'Context' }).click();
  await expect(page).toHaveURL(/around=2/);
  await expect(page.getByText('before and after')).toBeVisible();
  await expect(list(page).locator('.around').first()).toBeInViewport();
  await expectAccessible(page);
  await details(page).getByRole('link', { name: 'Open the flow' }).click();
  await expect(page).toHaveURL(/\/flow\//);
});

test('the tail shows what comes, pauses, and says what was missed', async ({ page }) => {
  const record = (index: number) => ({ time: `2026-11-20T21:00:00.00000000${index}Z`, severity_number: 17, severity_text: 'ERROR', body: `line ${index}`, service_name: 'cart', trace_id: null, span_id: null, correlation_id: null, attributes: { 'user.id': '4711' } });
  const events = [1, 2, 3].map((index) => `event: log\ndata: ${JSON.stringify(record(index))}\n\n`).join('');
  await page.route('**/api/v1/logs/tail*', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: `: hello\n\n${events}event: missed\ndata: {"missed":12}\n\n` }),
  );
  await page.goto('/logs?live=true&service=cart');
  const tail = page.getByRole('region', { name: 'Log records as they come' });
  await expect(tail.getByRole('listitem').first()).toContainText('line 3');
  await expect(page.getByText('12 records missed')).toBeVisible();
  await expect(page.getByText('The server ended the tail')).toBeVisible();
  await tail.getByRole('button', { name: 'line 2' }).click();
  await expect(details(page).getByText('user.id')).toBeVisible();
  await expectAccessible(page);
});

test('the tail of the server', async ({ page, request }) => {
  const definition = (await (await request.get('/api/v1/openapi.json')).json()) as { paths: Record<string, unknown> };
  test.skip(!('/api/v1/logs/tail' in definition.paths), 'this server has no tail');
  await page.goto('/logs?live=true');
  const tail = page.getByRole('region', { name: 'Log records as they come' });
  await expect(tail.getByRole('listitem').first()).toBeVisible();
  await page.keyboard.press('p');
  await expect(page.getByText('Paused')).toBeVisible();
  await expect(page.getByText(/Paused: .*waiting/)).toBeVisible();
  await page.keyboard.press('p');
  await expect(page.getByText(/The latest .* records?/)).toBeVisible();
});

test('a tail that is refused says why and can be tried again', async ({ page, complaints }) => {
  const error = { code: 'too_busy', message: '8 readers follow the log records already', details: null, request_id: 'req-4711' };
  await page.route('**/api/v1/logs/tail*', (route) => route.fulfill({ status: 503, json: { error } }));
  await page.goto('/logs?live=true');
  await expect(page.getByRole('alert')).toContainText('8 readers follow');
  await expect(page.getByRole('alert')).toContainText('req-4711');
  await expect(page.getByRole('button', { name: 'Connect again' })).toBeVisible();
  expect(complaints.filter((complaint) => !complaint.includes('503'))).toEqual([]);
  complaints.length = 0;
});
