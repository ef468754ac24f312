/**
 * Every page with the addresses it is tested at. A page whose file is not there has no tests; a page that is there must be
 * in this table.
 */
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, type APIRequestContext } from '@playwright/test';

export interface TestedPath {
  /** What distinguishes it from others of the page. */
  what?: string;
  /** Either fixed, or found in the data of the server. */
  path: string | ((request: APIRequestContext) => Promise<string>);
  /** What the server answers to it, and the browser logs, where the page says so. */
  refused?: number;
}

const RANGE = 'from=now-15m';
const statement = (sql: string, more = '') => `/sql?${RANGE}&q=${encodeURIComponent(sql)}${more}`;
const OVER_TIME = 'SELECT time, service_name, sum(requests) AS requests FROM red($from, $to, $bucket) GROUP BY 1, 2 ORDER BY 1';

const TABLE: Record<string, TestedPath[]> = {
  Overview: [{ path: `/?${RANGE}` }],
  Map: [{ path: `/map?${RANGE}` }],
  Service: [{ path: `/service/checkout?${RANGE}` }],
  Traces: [{ path: `/traces?${RANGE}` }],
  Flow: [{ path: async (request) => `/flow/${(await slowest(request))[0]}` }, { what: 'that is not stored', path: '/flow/0123456789abcdef0123456789abcdef', refused: 404 }],
  Compare: [{ path: async (request) => `/compare?a=${(await slowest(request))[0]}&b=${(await slowest(request))[1]}` }],
  Findings: [{ path: `/findings?${RANGE}` }],
  Finding: [{ path: finding }, { what: 'that is not stored', path: '/findings/none', refused: 404 }],
  Breakers: [{ path: `/breakers?${RANGE}` }],
  Logs: [
    { path: `/logs?${RANGE}` },
    { what: 'of one severity', path: `/logs?${RANGE}&severity=warn` },
    { what: 'that there are none of', path: `/logs?${RANGE}&text=no+such+text+anywhere` },
  ],
  Sql: [
    { what: 'empty', path: `/sql?${RANGE}` },
    { what: 'table', path: statement('SELECT * FROM spans WHERE start_time >= $from LIMIT 1000') },
    { what: 'chart', path: statement(OVER_TIME, '&view=chart') },
    { what: 'plan', path: statement(OVER_TIME, '&view=plan') },
    { what: 'error', path: statement('SELECT 1 FORM spans'), refused: 400 },
  ],
  Dashboards: [{ path: `/dashboards?${RANGE}` }],
  Dashboard: [{ path: `/dashboards/red?${RANGE}` }],
  Coverage: [{ path: `/coverage?${RANGE}` }],
};

const directory = fileURLToPath(new URL('../../src/pages/', import.meta.url));
const NOT_ROUTED = ['Missing'];

export function hasFile(page: string): boolean {
  return existsSync(`${directory}${page}Page.svelte`);
}

/** The pages that are there, with their addresses. */
export function testedPaths(): (TestedPath & { name: string })[] {
  const files = readdirSync(directory).flatMap((file) => /^(\w+)Page\.svelte$/.exec(file)?.[1] ?? []);
  return files
    .filter((page) => !NOT_ROUTED.includes(page))
    .flatMap((page) => {
      const paths = TABLE[page];
      if (!paths) throw new Error(`${page}Page.svelte has no address in tests/browser/paths.ts`);
      return paths.map((tested) => ({ ...tested, name: tested.what ? `${page}: ${tested.what}` : page }));
    });
}

/** Of the two slowest traces of a service that every request passes. */
async function slowest(request: APIRequestContext): Promise<[string, string]> {
  let ids: string[] = [];
  await expect(async () => {
    const answer = await request.get('/api/v1/traces?order=slowest&service=gateway&from=now-1h&limit=2');
    ids = ((await answer.json()) as { trace_id: string }[]).map((trace) => trace.trace_id);
    expect(ids).toHaveLength(2);
  }).toPass({ timeout: 60_000 });
  return [ids[0]!, ids[1]!];
}

async function finding(request: APIRequestContext): Promise<string> {
  const answer = await request.get('/api/v1/findings?recent=24h');
  const [first] = (await answer.json()) as { id: string }[];
  expect(first, 'the demo has findings').toBeDefined();
  return `/findings/${encodeURIComponent(first!.id)}`;
}
