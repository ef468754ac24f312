/** What the page makes of answers that a healthy demo does not give; they are put in place of the server's. */
import { answerSql, expect, expectAccessible, test } from './fixtures';

test('an error shows the message of the server and the request id, and can be tried again', async ({ page, complaints }) => {
  const error = { code: 'overloaded', message: 'the query queue is full', details: { waiting: 64 }, request_id: 'req-4711' };
  let isBroken = true;
  await answerSql(page, (sql) => (sql.startsWith('SELECT count(*) AS spans') ? [{ spans: 0, newest: null }] : []));
  await page.route('**/api/v1/sql', (route) => {
    const isServices = String(route.request().postData()).includes('before_requests');
    return isBroken && isServices ? route.fulfill({ status: 503, json: { error } }) : route.fallback();
  });
  await page.goto('/');
  const notice = page.getByRole('alert');
  await expect(notice).toContainText('the query queue is full');
  await expect(notice).toContainText('req-4711');
  await expect(notice).toContainText('{"waiting":64}');
  await expectAccessible(page);

  isBroken = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect(page.getByRole('heading', { name: 'No telemetry has arrived yet' })).toBeVisible();
  await expect(page.getByText('OTEL_EXPORTER_OTLP_ENDPOINT=')).toBeVisible();
  await expectAccessible(page);
  expect(complaints.filter((complaint) => !complaint.includes('503'))).toEqual([]);
  complaints.length = 0;
});

test('an empty range offers the range that has data', async ({ page }) => {
  const stored = [{ spans: 1234, newest: '2026-11-20T12:00:00.000000000Z' }];
  await answerSql(page, (sql) => (sql.startsWith('SELECT count(*) AS spans') ? stored : []));
  await page.goto('/?from=now-15m');
  await expect(page.getByText('The store holds 1,234 spans')).toBeVisible();
  await page.getByRole('button', { name: 'Show the hour around the newest span' }).click();
  await expect(page).toHaveURL(/from=2026-11-20T11%3A30%3A00Z&to=2026-11-20T12%3A30%3A00Z/);
});

test('automatic refresh waits while the pointer is on a row', async ({ page }) => {
  await page.clock.install();
  let loads = 0;
  await answerSql(page, (sql) => {
    if (!sql.includes('before_requests')) return [];
    loads += 1;
    const before = { before_requests: null, before_failures: null, before_weight_squares: null, before_ok: null, before_p95_ms: null };
    const seen = { last_seen: null, before_first_seen: null };
    const cart = { service: 'cart', namespace: '', requests: 1, failures: 0, weight_squares: 1, ok: 1, p50_ms: 1, p95_ms: 1, p99_ms: 1 };
    return [{ ...cart, ...before, ...seen }];
  });
  await page.goto('/?refresh=10s');
  const row = page.getByRole('region', { name: 'Services' }).locator('tbody tr');
  await expect(row).toBeVisible();
  await expect.poll(() => loads).toBe(1);
  await page.clock.runFor(10_500);
  await expect.poll(() => loads).toBe(2);

  await row.hover();
  await page.clock.runFor(25_000);
  await expect(page.getByText('waits while you point at a row')).toBeVisible();
  expect(loads).toBe(2);
  await page.getByRole('heading', { level: 1 }).hover();
  await expect.poll(() => loads).toBe(3);
});
