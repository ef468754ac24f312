/**
 * From the Overview, each fault of the demo is found in three clicks: its finding, a request that shows it, and the span
 * that is to blame. Every link that the Overview offers beside it leads there, too.
 */
import type { APIRequestContext, Locator, Page } from '@playwright/test';
import { expect, test } from './fixtures';

interface Proof {
  row: RegExp;
  times?: number | undefined;
}

interface Fault {
  kind: string;
  /** As the demo announces it (`benches/shop`, seed 1): where the finding is made, and what it is about. */
  service: string;
  target?: string;
  title: string;
  /** Rows of the flow that prove it, in the words of the tree: each is there so often at least. */
  shows: Proof[];
  /** Where requests cannot be chosen by what is wrong with them. */
  hasRequests?: false;
}

const FAULTS: Fault[] = [
  {
    kind: 'SYNC_CHAIN', service: 'web-bff', target: 'synonyms', title: 'Synchronous chain',
    shows: ['gateway', 'web-bff', 'search', 'spelling', 'dictionary', 'synonyms'].map((service) => ({ row: new RegExp(`^${service}, `) })),
  },
  { kind: 'CASCADE', service: 'pricing', target: 'gateway', title: 'Cascading failure', shows: [{ row: /^pricing, .*Quote.* failed/ }, { row: /^gateway, .* failed/ }] },
  { kind: 'HOT_SERVICE', service: 'pricing', title: 'Hot service', shows: [{ row: /^pricing, .*Quote, (\d{2,3}(\.\d+)? ms|\d(\.\d+)? s)/ }] },
  { kind: 'BREAKER', service: 'web-bff', target: 'recommendation', title: 'Breaker open', shows: [{ row: /^breaker event, .*short_circuit/ }] },
  { kind: 'RETRY_STORM', service: 'web-bff', target: 'search', title: 'Retry storm', shows: [{ row: /^search, GET \/search, .* failed/ }, { row: /will retry/ }] },
  { kind: 'RETRY_AMPLIFICATION', service: 'web-bff', target: 'inventory', title: 'Retry amplification', shows: [{ row: /^inventory, .*InventoryService.* failed/ }, { row: /will retry/ }] },
  { kind: 'CHATTY', service: 'web-bff', target: 'catalog', title: 'Chatty calls', shows: [{ row: /^catalog, /, times: 5 }] },
  { kind: 'N_PLUS_ONE', service: 'cart', target: 'catalog', title: 'N+1 calls', shows: [{ row: /^catalog, shop\.items\.v1\.ItemService\/GetItem, /, times: 8 }] },
  { kind: 'SHARED_DB', service: 'catalog-db', target: 'products', title: 'Shared database', shows: [{ row: /^recommendation, UPDATE products, / }, { row: /^catalog, .*products/ }] },
  { kind: 'CYCLE', service: 'checkout', title: 'Cycle', shows: [{ row: /^checkout, .*PlaceOrder/ }, { row: /^checkout, shop\.history/ }] },
  { kind: 'FANOUT_BURST', service: 'web-bff', target: 'inventory', title: 'Fan-out burst', shows: [{ row: /^inventory, /, times: 8 }] },
  { kind: 'SPOF', service: 'catalog', title: 'Single point of failure', shows: [{ row: /^catalog, .* failed/ }] },
  { kind: 'TIMEOUT_INVERSION', service: 'web-bff', target: 'recommendation', title: 'Timeout inversion', shows: [{ row: /^web-bff, GET, 60(\.\d+)? ms, failed/ }, { row: /^recommendation, GET \/recommendations, (?!\d(\.\d+)? ms)/ }] },
  { kind: 'WASTED_WORK', service: 'recommendation', title: 'Wasted work', shows: [{ row: /^web-bff, GET, 60(\.\d+)? ms, failed/ }, { row: /^recommendation, GET \/recommendations, (\d{3} ms|\d+(\.\d+)? s)/ }] },
  { kind: 'DISTRIBUTED_MONOLITH', service: 'pricing', title: 'Distributed monolith', shows: ['pricing', 'promotions', 'tax'].map((service) => ({ row: new RegExp(`^${service}, `) })) },
  { kind: 'NANOSERVICE', service: 'rounding', target: 'pricing', title: 'Nanoservice', shows: [{ row: /^rounding, / }] },
  { kind: 'GOD_GATEWAY', service: 'web-bff', title: 'God gateway', shows: [{ row: /^web-bff, /, times: 8 }] },
  { kind: 'HIDDEN_ERRORS', service: 'gateway', title: 'Hidden errors', shows: [{ row: /^web-bff, GET, .* failed/ }] },
  { kind: 'INSTRUMENTATION_GAP', service: 'pricing', title: 'Instrumentation gap', shows: [{ row: /PricingService\/Quote, .*absent callee/ }], hasRequests: false },
];

/** A range in which the finding is open at the end, as whoever is called would see it; of its first time in the history. */
async function whenItWasOpen(request: APIRequestContext, { kind, service, target }: Fault): Promise<string> {
  const about = `kind = '${kind}' AND service_name = '${service}'${target ? ` AND target = '${target}'` : ''}`;
  const sql = `SELECT opened, closed FROM findings WHERE ${about} AND (closed IS NULL OR closed > opened + INTERVAL '2 minutes') ORDER BY opened LIMIT 1`;
  const answer = await request.post('/api/v1/sql', { data: { sql } });
  const { rows } = (await answer.json()) as { rows: [string, string | null][] };
  expect(rows, `the demo has ${kind}`).toHaveLength(1);
  const [opened, closed] = rows[0]!;
  const second = (time: number) => new Date(time).toISOString().replace(/\.\d+Z$/, 'Z');
  const to = closed === null ? Date.parse(opened) + 240_000 : Date.parse(closed) - 5_000;
  return `from=${second(Date.parse(opened) - 300_000)}&to=${second(to)}`;
}

/** Counts the clicks of a path, which may be three. */
function clicker() {
  let clicks = 0;
  return async (target: Locator) => {
    await target.click();
    clicks += 1;
    expect(clicks).toBeLessThanOrEqual(3);
  };
}

const titled = ({ title }: Fault) => new RegExp(`^${title.replace('+', '\\+')}`);

function finding(page: Page, fault: Fault): Locator {
  const rows = page.getByRole('list', { name: 'Open findings' }).getByRole('listitem');
  return rows.filter({ has: page.getByRole('link', { name: titled(fault) }) }).filter({ hasText: fault.service }).first();
}

async function expectProof(page: Page, shows: Proof[]): Promise<void> {
  await expect(page).toHaveURL(/\/flow\//);
  const rows = page.getByRole('treeitem');
  await expect(rows.first()).toBeVisible();
  for (const { row, times = 1 } of shows) {
    const found = rows.and(page.getByRole('treeitem', { name: row }));
    await expect.poll(() => found.count(), { message: String(row) }).toBeGreaterThanOrEqual(times);
  }
}

test.use({ viewport: { width: 1280, height: 1400 } });

for (const fault of FAULTS) {
  test(fault.kind, async ({ page, request }) => {
    const path = `/?${await whenItWasOpen(request, fault)}`;
    await page.goto(path);
    const click = clicker();
    await click(finding(page, fault).getByRole('link', { name: titled(fault) }));
    await click(page.getByRole('region', { name: 'Example flows' }).getByRole('link').first());
    await expectProof(page, fault.shows);
    await expect(page.getByRole('treeitem', { name: /, match$/ }).first(), 'what is guilty is marked').toBeVisible();
    await click(page.getByRole('treeitem', { name: fault.shows[0]!.row }).first());
    await expect(page.getByRole('complementary', { name: 'Selected record' })).toBeVisible();

    if (fault.hasRequests === false) return;
    await page.goto(path);
    const again = clicker();
    await again(finding(page, fault).getByRole('link', { name: /^Requests/ }));
    await again(page.getByRole('region', { name: 'Traces' }).locator('tbody a').first());
    await expectProof(page, fault.shows);
  });
}
