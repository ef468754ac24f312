/** What the page makes of answers that a healthy demo does not give; they are put in place of the server's. */
import type { Page } from '@playwright/test';
import type { Span } from '../../src/api/types';
import { answerSql, expect, expectAccessible, test } from './fixtures';

const TRACE_ID = 'c0ffee00c0ffee00c0ffee00c0ffee00';
const START = Date.parse('2026-11-20T21:00:00Z');

function span(index: number, parent: number | null, more: Partial<Span> = {}): Span {
  return {
    span_id: index.toString(16).padStart(16, '0'),
    parent_span_id: parent === null ? null : parent.toString(16).padStart(16, '0'),
    name: `operation ${index}`,
    kind: 'SERVER',
    service_name: `service-${index % 20}`,
    start_time: new Date(START + index).toISOString(),
    duration_ns: 5e6,
    status_code: 'UNSET',
    status_message: null,
    outcome: 'ok',
    attributes: { 'operation.number': index },
    resource_attributes: {},
    events: [],
    links: [],
    ...more,
  };
}

async function answerTrace(page: Page, spans: Span[]): Promise<void> {
  const services = [...new Set(spans.map((item) => item.service_name))];
  const json = { trace_id: TRACE_ID, start_time: spans[0]?.start_time, duration_ms: 1, services, spans };
  await page.route(`**/api/v1/traces/${TRACE_ID}`, (route) => route.fulfill({ json }));
}

test('a trace of 10,000 spans opens, scrolls and finds its error', async ({ page }) => {
  const spans = Array.from({ length: 10_000 }, (_, index) => span(index, index === 0 ? null : Math.floor((index - 1) / 4)));
  spans[9_876] = span(9_876, 2_468, { status_code: 'ERROR', outcome: 'server_fault' });
  await answerTrace(page, spans);
  await page.goto(`/trace/${TRACE_ID}`);
  await expect(page.getByText('10,000 in 20 services')).toBeVisible();
  expect(await page.getByRole('treeitem').count()).toBeLessThan(100);

  await page.getByRole('button', { name: '1 error: next' }).click();
  const selected = page.getByRole('treeitem', { selected: true });
  await expect(selected).toContainText('operation 9876');
  await expect(selected).toBeInViewport();
  await page.getByRole('tree').press('End');
  await expect(page.getByRole('treeitem', { selected: true })).toBeInViewport();
});

test('a chain 20,000 deep, a cycle and an orphan are all shown', async ({ page }) => {
  const chain = Array.from({ length: 20_000 }, (_, index) => span(index, index === 0 ? null : index - 1));
  const orphan = span(30_000, 40_000);
  const cycle = [span(50_000, 50_001), span(50_001, 50_000)];
  await answerTrace(page, [...chain, orphan, ...cycle]);
  await page.goto(`/trace/${TRACE_ID}`);
  await expect(page.getByText('20,003 in 20 services')).toBeVisible();
  await page.getByRole('tree').press('End');
  await expect(page.getByText('cycle of parents', { exact: true })).toBeVisible();
  await expect(page.getByText('missing parent', { exact: true })).toBeVisible();
});

test('hostile and huge attributes are shown as text, in part', async ({ page }) => {
  const attributes: Record<string, unknown> = { html: '<img src=x onerror=alert(1)><script>alert(2)</script>', long: 'x'.repeat(100_000) };
  for (let index = 0; index < 5_000; index += 1) attributes[`key.${index}`] = index;
  await answerTrace(page, [span(0, null, { name: '<b>bold</b>', attributes })]);
  await page.goto(`/trace/${TRACE_ID}?span=${'0'.repeat(16)}`);
  const details = page.getByRole('complementary', { name: 'Selected span' });
  await expect(details.getByRole('heading', { name: '<b>bold</b>' })).toBeVisible();
  await expect(details.getByText('<img src=x onerror=alert(1)>')).toBeVisible();
  expect(await details.getByRole('rowheader').count()).toBeLessThan(200);
  await details.getByRole('searchbox').fill('key.4321');
  await expect(details.getByRole('rowheader')).toHaveCount(1);
  await details.getByRole('searchbox').fill('long');
  await expect(details.getByRole('button', { name: 'Show all 100,000 characters' })).toBeVisible();
});

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
