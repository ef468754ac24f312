/** Statements over the counts per minute of operations (docs/reference/analysis.md). */
import { bucketSql, quote, timeBefore, timeSql, withinMinutes } from '../sql-text';
import type { RangeText } from '../time/range';

export interface ServiceCounts {
  service: string;
  namespace: string | null;
  requests: number | null;
  failures: number | null;
  weight_squares: number | null;
  ok: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  last_seen: string | null;
  before_requests: number | null;
  before_failures: number | null;
  before_weight_squares: number | null;
  before_ok: number | null;
  before_p95_ms: number | null;
  before_first_seen: string | null;
}

const quantile = (share: number, filter: string) => `hdr_quantile(hdr_merge(latency) FILTER (WHERE ${filter}), ${share}) / 1e6`;

/** Percentiles are of requests that ended `ok`. `shiftMs` is how long before the range the baseline is. */
export function servicesSql(range: RangeText, shiftMs: number): string {
  const start = `date_trunc('minute', ${timeSql(range.from)})`;
  const [is, was] = [`time >= ${start}`, `time < ${start}`];
  const before = `time >= date_trunc('minute', ${timeBefore(range.from, shiftMs)}) AND time < ${timeBefore(range.to, shiftMs)}`;
  return [
    'SELECT service_name AS service, service_namespace AS namespace,',
    `       sum(requests) FILTER (WHERE ${is}) AS requests, sum(failures) FILTER (WHERE ${is}) AS failures,`,
    `       sum(weight_squares) FILTER (WHERE ${is}) AS weight_squares, sum(ok) FILTER (WHERE ${is}) AS ok,`,
    `       ${quantile(0.5, is)} AS p50_ms,`,
    `       ${quantile(0.95, is)} AS p95_ms,`,
    `       ${quantile(0.99, is)} AS p99_ms,`,
    `       max(last_seen) FILTER (WHERE ${is}) AS last_seen,`,
    `       sum(requests) FILTER (WHERE ${was}) AS before_requests, sum(failures) FILTER (WHERE ${was}) AS before_failures,`,
    `       sum(weight_squares) FILTER (WHERE ${was}) AS before_weight_squares, sum(ok) FILTER (WHERE ${was}) AS before_ok,`,
    `       ${quantile(0.95, was)} AS before_p95_ms,`,
    `       min(first_seen) FILTER (WHERE ${was}) AS before_first_seen`,
    'FROM operations',
    'WHERE "view" = \'server\'',
    `  AND (${withinMinutes(range)}`,
    `    OR ${before})`,
    'GROUP BY service_name, service_namespace',
    'ORDER BY requests DESC NULLS LAST',
  ].join('\n');
}

export interface ServiceMinute {
  time: string;
  service: string;
  namespace: string | null;
  requests: number;
  failures: number;
  p95_ms: number | null;
}

/** The course of each service over a range. */
export function serviceCoursesSql(range: RangeText, widthMs: number): string {
  return [
    `SELECT ${bucketSql(widthMs)} AS time, service_name AS service, service_namespace AS namespace,`,
    '       sum(requests) AS requests, sum(failures) AS failures, hdr_quantile(hdr_merge(latency), 0.95) / 1e6 AS p95_ms',
    'FROM operations',
    `WHERE "view" = 'server' AND ${withinMinutes(range)}`,
    'GROUP BY 1, 2, 3',
    'ORDER BY time',
  ].join('\n');
}

/** Of one service, and of one operation of it. */
export function ofService(service: string, operation?: string): string {
  const conditions = [`service_name = ${quote(service)}`];
  if (operation !== undefined) conditions.push(`operation = ${quote(operation)}`);
  return conditions.join(' AND ');
}

/** The newest span of a range that comes two minutes or more after what is counted. */
export function laterSpansSql(range: RangeText, countedMs: number): string {
  const from = new Date(countedMs + 120_000).toISOString();
  return `SELECT max(start_time) AS newest\nFROM spans\nWHERE start_time >= TIMESTAMP ${quote(from)} AND start_time < ${timeSql(range.to)} AND service_name <> 'spandrel'`;
}
