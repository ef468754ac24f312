import { describe, expect, it } from 'vitest';
import { tracesSql } from './traces/sql';

describe('statements', () => {
  it('carry the range as SQL', () => {
    expect(tracesSql({ from: 'now-15m', to: 'now' })).toContain("start_time >= now() - INTERVAL '15 minutes' AND start_time < now()");
    expect(tracesSql({ from: '2026-11-20T21:00:00Z', to: 'now-1h' })).toContain(
      "start_time >= TIMESTAMP '2026-11-20T21:00:00Z' AND start_time < now() - INTERVAL '1 hour'",
    );
  });

  it('carry the filter, with quotes doubled', () => {
    const filter = { from: 'now-1h', to: 'now', service: "o'clock", errorsOnly: true, minDuration: '250ms', limit: 200 };
    const sql = tracesSql({ ...filter, order: 'slowest' });
    expect(sql).toContain("service_name = 'o''clock'");
    expect(sql).toContain('duration_ns >= 250000000');
    expect(sql).toContain('ORDER BY longest_ns DESC, trace_id LIMIT 200');
    expect(tracesSql({ from: 'now-1h', to: 'now' })).not.toContain('service_name =');
  });

  it('go on behind a cursor', () => {
    const page = (order: 'recent' | 'slowest' | 'errors', after: string) => tracesSql({ from: 'now-1h', to: 'now', order, after });
    expect(page('slowest', 'slowest.ended.5.ab')).toContain("WHERE (longest_ns < 5 OR (longest_ns = 5 AND trace_id > 'ab'))");
    expect(page('errors', 'errors.failed.5.ab')).toContain('WHERE (NOT has_failed OR (latest < to_timestamp_nanos(5)');
    expect(page('recent', "x'; DROP")).not.toContain('DROP');
  });
});
