import { describe, expect, it } from 'vitest';
import { toNeighbours } from './neighbours';
import { deployMarkers, redSeries } from './red';
import { neighboursSql, type EdgeRow, type RedRow } from './sql';

const FROM = Date.parse('2026-11-21T19:00:00Z');
const BOUNDS = { fromMs: FROM, toMs: FROM + 600_000 };

function minute(time: string, values: Partial<RedRow> = {}): RedRow {
  const none = { ok: 60, client_fault: 0, rejected: 0, server_fault: 0, timeout: 0, cancelled: 0, unreachable: 0, unknown: 0 };
  return { time, requests: 60, failures: 0, ...none, p50_ms: 1, p95_ms: 2, p99_ms: 3, failure_p50_ms: null, last_seen: time, ...values };
}

describe('RED', () => {
  it('has outcomes that occur, gaps where nothing was asked, and no minute that is not over', () => {
    const rows = [
      minute('2026-11-21T19:00:00Z'),
      minute('2026-11-21T19:02:00Z', { timeout: 6, failures: 6, ok: 54, failure_p50_ms: 9 }),
      minute('2026-11-21T19:09:00Z', { last_seen: '2026-11-21T19:09:31Z' }),
    ];
    const red = redSeries(rows, BOUNDS, 60_000);
    expect(red.times).toHaveLength(9);
    expect(red.rate.map((series) => series.label)).toEqual(['ok', 'timeout']);
    expect(red.rate[0]!.values.slice(0, 3)).toEqual([1, 0, 0.9]);
    expect(red.errors[0]!.values.slice(0, 3)).toEqual([0, null, 0.1]);
    expect(red.latency.at(-1)!.label).toBe('p50 of failures');
  });
});

describe('deploys', () => {
  it('are versions that replace others', () => {
    const version = (name: string, at: string) => ({ version: name, first_seen: at, last_seen: at });
    const old = version('1', '2026-11-21T18:50:00Z');
    const next = version('2', '2026-11-21T19:05:00Z');
    expect(deployMarkers([old, next], BOUNDS)).toEqual([{ timeMs: FROM + 300_000, label: '2' }]);
    expect(deployMarkers([next], BOUNDS)).toEqual([]);
    expect(deployMarkers([], BOUNDS)).toEqual([]);
  });
});

describe('neighbours', () => {
  const edge = (values: Partial<EdgeRow>): EdgeRow => ({
    direction: 'callee',
    name: 'b',
    name_kind: 'service',
    kind: 'sync',
    view: 'server',
    requests: 100,
    failures: 0,
    weight_squares: 100,
    attempts: 100,
    blocking: 50,
    p50_ms: 1,
    p95_ms: 2,
    p99_ms: 3,
    ...values,
  });

  it('are told by those who wait, beside what the callee says', () => {
    const [first, second] = toNeighbours([edge({}), edge({ view: 'client', requests: 90, failures: 9 }), edge({ name: 'c', requests: 5 })]);
    expect(first).toMatchObject({ name: 'b', view: 'client', requests: 90, server: { requests: 100 } });
    expect(first!.blocking).toBeCloseTo(50 / 90);
    expect(second).toMatchObject({ name: 'c', view: 'server', server: undefined });
  });

  it('of an operation are its callers', () => {
    expect(neighboursSql({ from: 'now-1h', to: 'now' }, 'a', 'GET /')).toContain("WHERE target = 'a' AND operation = 'GET /'\n");
  });
});
