import { describe, expect, it } from 'vitest';
import { baselineOf, baselinesOf } from './baseline';
import { byTrouble, countedUntil, intervalOf, toServiceRows } from './rows';
import { servicesSql, type ServiceCounts } from './sql';

const AT = Date.parse('2026-11-21T20:00:30Z');
const HOUR = 3_600_000;
const BOUNDS = { fromMs: AT - HOUR, toMs: AT };

function counts(service: string, values: Partial<ServiceCounts> = {}): ServiceCounts {
  return {
    service,
    namespace: null,
    requests: 3600,
    failures: 0,
    weight_squares: 3600,
    ok: 3600,
    p50_ms: 10,
    p95_ms: 20,
    p99_ms: 30,
    last_seen: '2026-11-21T20:00:00.000000000Z',
    before_requests: 3600,
    before_failures: 0,
    before_weight_squares: 3600,
    before_ok: 3600,
    before_p95_ms: 20,
    before_first_seen: '2026-11-21T18:00:01Z',
    ...values,
  };
}

describe('rates', () => {
  it('are over what is counted', () => {
    const [row] = toServiceRows([counts('a')], BOUNDS, HOUR);
    expect(row!.rate).toBe(1);
    expect(countedUntil([counts('a', { last_seen: '2026-11-21T19:10:00Z' })], BOUNDS)).toBe(AT);
    expect(countedUntil([counts('a', { last_seen: '2026-11-21T19:10:00Z' })], BOUNDS, true)).toBe(Date.parse('2026-11-21T19:10:00Z'));
  });

  it('of a baseline that is stored in part are over that part', () => {
    const rows = [counts('a', { before_requests: 1800, before_first_seen: '2026-11-21T18:30:10Z' })];
    expect(toServiceRows(rows, BOUNDS, HOUR)[0]!.before!.rate).toBe(1);
    expect(toServiceRows([counts('a', { before_requests: null })], BOUNDS, HOUR)[0]!.before).toBeUndefined();
  });
});

describe('trouble', () => {
  it('goes from failing to slow to busy to silent', () => {
    const rows = toServiceRows(
      [
        counts('busy', { requests: 9000 }),
        counts('silent', { requests: null, ok: null, p95_ms: null }),
        counts('slow', { p95_ms: 90 }),
        counts('slower', { p95_ms: 900 }),
        counts('failing', { failures: 900 }),
        counts('degraded', { failures: 90 }),
        counts('few', { requests: 3, failures: 1, weight_squares: 3, ok: 2, p95_ms: 900 }),
      ],
      BOUNDS,
      HOUR,
    );
    const order = byTrouble(rows).map((row) => row.service);
    // One of three may be anything from 6 % on.
    expect(order).toEqual(['failing', 'few', 'degraded', 'slower', 'slow', 'busy', 'silent']);
  });

  it('counts sampled requests as fewer', () => {
    expect(intervalOf(1000, 100, 1000)!.low).toBeGreaterThan(intervalOf(1000, 100, 100_000)!.low);
    expect(intervalOf(0, 0, 0)).toBeUndefined();
  });
});

describe('baselines', () => {
  it('never overlap the range', () => {
    expect(baselinesOf(BOUNDS).map((baseline) => baseline.label)[0]).toBe('the hour before');
    const days = { fromMs: AT - 50 * HOUR, toMs: AT };
    expect(baselinesOf(days).map((baseline) => baseline.key)).toEqual(['previous', '7d']);
    expect(baselineOf('1d', days).key).toBe('previous');
  });

  it('are shifted in SQL', () => {
    const sql = servicesSql({ from: 'now-1h', to: 'now' }, 24 * HOUR);
    expect(sql).toContain("now() - INTERVAL '1 hour' - INTERVAL '1 day'");
    expect(sql).toContain("time < now() - INTERVAL '1 day'");
  });
});
