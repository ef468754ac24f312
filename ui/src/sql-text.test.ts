import { describe, expect, it } from 'vitest';
import { bucketMs, bucketSql, identifier, quote, within, withinMinutes } from './sql-text';

const HOUR = 3_600_000;

describe('literals and names', () => {
  it('are escaped', () => {
    expect(quote("o'clock")).toBe("'o''clock'");
    expect(identifier('a"b')).toBe('"a""b"');
  });
});

describe('conditions of time', () => {
  const range = { from: 'now-1h30m', to: '2026-11-20T21:00:00Z' };

  it('are half open', () => {
    expect(within(range)).toBe("start_time >= now() - INTERVAL '90 minutes' AND start_time < TIMESTAMP '2026-11-20T21:00:00Z'");
    expect(within({ from: 'now-7d', to: 'now' }, 'time')).toBe("time >= now() - INTERVAL '7 days' AND time < now()");
    expect(withinMinutes({ from: 'now-1h', to: 'now' })).toBe(
      "time >= date_trunc('minute', now() - INTERVAL '1 hour') AND time < now()",
    );
  });
});

describe('buckets', () => {
  it.each([
    [HOUR / 4, 0, 10_000],
    [HOUR / 4, 60_000, 60_000],
    [HOUR, 0, 30_000],
    [6 * HOUR, 0, 300_000],
    [24 * HOUR, 0, 600_000],
    [7 * 24 * HOUR, 0, 2 * HOUR],
    [365 * 24 * HOUR, 0, 3 * 24 * HOUR],
  ])('of %d ms, at least %d', (length, minimum, width) => {
    expect(bucketMs({ fromMs: 0, toMs: length }, minimum)).toBe(width);
  });

  it('are spelled in the largest unit', () => {
    expect(bucketSql(90_000)).toBe("date_bin(INTERVAL '90 seconds', time)");
    expect(bucketSql(HOUR, 'start_time')).toBe("date_bin(INTERVAL '1 hour', start_time)");
  });
});
