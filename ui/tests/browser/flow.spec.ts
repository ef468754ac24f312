/** The page of a flow, over answers that are put in place of the server's. */
import type { Page } from '@playwright/test';
import { log, span, timeAt, type RecordText } from '../../src/flow/fixture';
import { FLOW_COLUMNS } from '../../src/flow/records';
import { expect, expectAccessible, test } from './fixtures';

const ID = 'c0ffee00c0ffee00c0ffee00c0ffee00';

interface Answers {
  stored?: Record<string, unknown>;
  path?: unknown[][];
  links?: unknown[][];
}

async function answerFlow(page: Page, records: readonly RecordText[], { stored = {}, path = [], links = [] }: Answers = {}): Promise<void> {
  const rows = records.map((record) => FLOW_COLUMNS.map((column) => record[column] ?? null));
  await page.route('**/api/v1/sql', async (route) => {
    const { sql } = route.request().postDataJSON() as { sql: string };
    const answer = (columns: string[], given: unknown[][]) =>
      route.fulfill({ json: { columns: columns.map((name) => ({ name, type: '' })), rows: given, stats: {} } });
    if (sql.includes('FROM flow(')) return answer([...FLOW_COLUMNS], rows);
    if (sql.includes('critical_path(')) return answer(['span_id', 'start_time', 'duration_ns'], path);
    if (sql.includes('links IS NOT NULL')) return answer(['span_id', 'service_name', 'name', 'links'], links);
    return answer(Object.keys(stored), [Object.values(stored)]);
  });
}

const MIXED: RecordText[] = [
  { type: 'request', time: timeAt(0), duration_ns: 100e6, service_name: 'edge', name: 'GET /cart', body: '200', outcome: 'ok', join_tier: 'T2' },
  span('a1', 0, 5, 90, { trace_id: ID, name: 'GET /cart', kind: 'SERVER', join_tier: 'T2' }),
  span('a2', 1, 10, 50, { trace_id: ID, name: 'POST /charge', outcome: 'timeout', body: 'gave up after 50 ms', join_tier: 'T0' }),
  { type: 'breaker', time: timeAt(55), service_name: 'shop', name: 'short_circuit payment', kind: 'explicit', parent: 2, join_tier: 'T0' },
  log(2, 56, 'payment is <b>open</b>', { kind: 'ERROR', trace_id: ID, join_tier: 'T1' }),
  span('b1', 1, 70, 10, { trace_id: ID, name: 'Reserve', gap: 'missing_parent: span 99 is not stored', parent_span_id: '99', join_tier: 'T0' }),
];

test('spans, gateway records, log lines and breaker events stand in one tree', async ({ page }) => {
  const path = [['a1', timeAt(5), 5e6], ['a2', timeAt(10), 50e6]];
  const links = [['a1', 'shop', 'GET /cart', [{ trace_id: 'f'.repeat(32), span_id: '1'.repeat(16), attributes: null }]]];
  await answerFlow(page, MIXED, { path, links, stored: { http_route: '/charge', attributes: { 'card.kind': 'debit' }, events: null, links: null } });
  await page.goto(`/flow/${ID}`);
  const rows = page.getByRole('treeitem');
  await expect(rows).toHaveCount(7);
  await expect(page.getByRole('treeitem', { name: 'gateway record, edge, GET /cart' })).toHaveAttribute('aria-level', '1');
  await expect(page.getByRole('treeitem', { name: 'missing span, span 99 is not stored' })).toHaveAttribute('aria-level', '3');
  await expect(page.getByRole('button', { name: '1 span without its parent' })).toBeVisible();
  await expect(page.getByRole('button', { name: 'Flows that spans of this one link to' })).toHaveText('1 linked flow');
  await expect(page.getByText('critical path', { exact: true })).toBeVisible();
  await expectAccessible(page);

  await page.getByRole('button', { name: '✕ 1 error: next' }).click();
  const details = page.getByRole('complementary', { name: 'Selected record' });
  await expect(details.getByText('gave up after 50 ms')).toBeVisible();
  await expect(details.getByText('50.0 ms (90.9 %)')).toBeVisible();
  await expect(details.getByRole('rowheader')).toHaveText(['card.kind', 'http_route']);
  await expect(details.getByRole('button', { name: /payment is <b>open<\/b>/ })).toBeVisible();
  await expect(page).toHaveURL(/[?&]span=a2/);
  await expectAccessible(page);
});

test('the state stands in the address and is there again after a reload', async ({ page }) => {
  await answerFlow(page, MIXED);
  await page.goto(`/flow/${ID}?hide=log&depth=2&zoom=20000000-60000000&record=breaker.3`);
  await expect(page.getByRole('treeitem', { name: /breaker event/ })).toHaveAttribute('aria-selected', 'true');
  await expect(page.getByRole('treeitem', { name: /log line/ })).toHaveCount(0);
  await expect(page.getByRole('slider', { name: 'Start of the part shown' })).toHaveAttribute('aria-valuetext', '20.0 ms');
  await page.keyboard.press('Escape');
  await expect(page).not.toHaveURL(/record=/);
  await page.keyboard.press('Escape');
  await expect(page).not.toHaveURL(/zoom=/);
  await page.keyboard.press(']');
  await expect(page.getByRole('treeitem')).toHaveCount(1);
  await expect(page).toHaveURL(/depth=0/);
  await page.keyboard.press('o');
  await expect(page.getByRole('treeitem')).toHaveCount(2);
  await expect(page).toHaveURL(/depth=1/);
  await page.reload();
  await expect(page.getByRole('treeitem')).toHaveCount(2);
});

test('finding goes from match to match', async ({ page }) => {
  await answerFlow(page, MIXED);
  await page.goto(`/flow/${ID}?depth=0`);
  await expect(page.getByRole('treeitem')).toHaveCount(1);
  await page.keyboard.press('Control+b');
  await page.keyboard.type('payment');
  await expect(page.getByText('2', { exact: true }).first()).toBeVisible();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('treeitem', { selected: true })).toHaveAccessibleName(/breaker event/);
  await page.keyboard.press('Enter');
  await expect(page.getByRole('treeitem', { selected: true })).toHaveAccessibleName(/log line/);
  await expect(page.getByText('2 of 2')).toBeVisible();
  await expect(page).toHaveURL(/q=payment/);
});

test('a request without spans is shown as what it is', async ({ page }) => {
  await answerFlow(page, [log(null, 0, 'only told', { join_tier: 'T2', gap: 'not_sampled: no span of the request is stored' })]);
  await page.goto('/flow/order-4711');
  await expect(page.getByRole('heading', { name: 'Request without spans' })).toBeVisible();
  await expect(page.getByText('No span of this request is stored.')).toBeVisible();
  await expect(page.getByText('1 log line', { exact: true })).toBeVisible();
  await expectAccessible(page);
});

test('flame graph and table have the same figures and are reached by keyboard', async ({ page }) => {
  await answerFlow(page, MIXED);
  await page.goto(`/flow/${ID}`);
  await page.getByRole('tab', { name: 'Flame graph' }).click();
  await expect(page).toHaveURL(/view=flame/);
  const flame = page.getByRole('application', { name: /Flame graph of 4 paths/ });
  await flame.focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/frame=2/);
  await expect(page.getByText('Total', { exact: true })).toBeVisible();
  await expectAccessible(page);

  await page.getByRole('tab', { name: 'Table' }).click();
  const table = page.getByRole('region', { name: 'Operations of the flow' });
  await expect(table.locator('tbody tr')).toHaveCount(4);
  await expect(table.getByRole('row', { name: /POST \/charge/ })).toContainText('✕ 1');
  await expectAccessible(page);
  await table.getByRole('button', { name: 'shop POST /charge' }).click();
  await expect(page.getByRole('treeitem', { selected: true })).toHaveAccessibleName(/POST \/charge/);
});

test('10,000 spans are a hundred rows in the document, and the last is reached', async ({ page }) => {
  const spans = Array.from({ length: 10_000 }, (_, index) => span(`${index}`, index === 0 ? null : 0, index, 5));
  spans[9_876] = span('9876', 0, 9_876, 5, { outcome: 'server_fault' });
  await answerFlow(page, spans);
  await page.goto(`/flow/${ID}`);
  await expect(page.getByRole('button', { name: '10,000 spans' })).toBeVisible();
  expect(await page.getByRole('treeitem').count()).toBeLessThan(100);
  await page.getByRole('button', { name: '✕ 1 error: next' }).click();
  const selected = page.getByRole('treeitem', { selected: true });
  await expect(selected).toHaveAccessibleName(/work 9876/);
  await expect(selected).toBeInViewport();
  await page.getByRole('tree').press('End');
  await expect(selected).toHaveAccessibleName(/work 9999/);
  await expect(selected).toBeInViewport();
});

test('hostile and huge attributes are shown as text, in part', async ({ page }) => {
  const attributes: Record<string, unknown> = { html: '<img src=x onerror=alert(1)><script>alert(2)</script>', long: 'x'.repeat(100_000) };
  for (let index = 0; index < 5_000; index += 1) attributes[`key.${index}`] = String(index);
  await answerFlow(page, [span('a1', null, 0, 5, { name: '<b>bold</b>' })], { stored: { attributes } });
  await page.goto(`/flow/${ID}?span=a1`);
  const details = page.getByRole('complementary', { name: 'Selected record' });
  await expect(details.getByRole('heading', { name: '<b>bold</b>' })).toBeVisible();
  await expect(details.getByText('<img src=x onerror=alert(1)>')).toBeVisible();
  expect(await details.getByRole('rowheader').count()).toBeLessThan(200);
  await details.getByRole('searchbox').fill('key.4321');
  await expect(details.getByRole('rowheader')).toHaveCount(1);
  await details.getByRole('searchbox').fill('long');
  await expect(details.getByRole('button', { name: 'Show all 100,000 characters' })).toBeVisible();
});

test('two flows are compared by path', async ({ page }) => {
  await page.route('**/api/v1/sql', async (route) => {
    const { sql } = route.request().postDataJSON() as { sql: string };
    const isA = sql.includes('aaaaaaaa');
    const records = [span('1', null, 0, isA ? 100 : 160, { name: 'GET /' }), span('2', 0, 0, isA ? 40 : 99, { name: 'cart' })];
    if (!isA) records.push(span('3', 1, 0, 9, { name: 'SELECT' }));
    const rows = records.map((record) => FLOW_COLUMNS.map((column) => record[column] ?? null));
    return route.fulfill({ json: { columns: [], rows, stats: {} } });
  });
  await page.goto('/compare?a=aaaaaaaa&b=bbbbbbbb');
  await expect(page.getByText('B took +60.0 ms (1.60×)')).toBeVisible();
  const list = page.getByRole('region', { name: 'Paths of both flows' });
  await expect(list.getByRole('listitem')).toHaveCount(3);
  await expect(list.getByRole('listitem').nth(2)).toContainText('only in B');
  await expectAccessible(page);
  await page.getByRole('button', { name: 'By self time' }).click();
  await expect(list.getByRole('listitem').first()).toContainText('cart');
  await expect(page).toHaveURL(/order=self/);
});

test('loading again, also in the middle of loading, ends with the flow and its path', async ({ page }) => {
  await answerFlow(page, MIXED, { path: [['a2', timeAt(10), 50e6]] });
  await page.goto(`/flow/${ID}?span=a2`);
  await expect(page.getByRole('treeitem')).toHaveCount(7);
  for (let times = 0; times < 5; times += 1) await page.keyboard.press('r');
  await expect(page.getByText('critical path', { exact: true })).toBeVisible();
  await expect(page.getByText('50.0 ms (100 %)')).toBeVisible();
  await expect(page.getByRole('treeitem', { selected: true })).toHaveAccessibleName(/POST \/charge/);
  await expect(page.getByRole('alert')).toHaveCount(0);
});
