/** SQL that answers what a panel shows. */
import type { TraceFilter } from './api/client';
import { durationMillis } from './duration-input';
import { quote, within } from './sql-text';

export const COUNT_SPANS = 'SELECT count(*) AS spans, max(start_time) AS newest FROM spans';

/** Of spans, logs of gateways and whatever has an `outcome`. */
export const IS_FAILED = "outcome IN ('rejected', 'server_fault', 'timeout', 'unreachable')";


export function tracesSql(filter: TraceFilter): string {
  const conditions = [within(filter)];
  if (filter.service) conditions.push(`service_name = ${quote(filter.service)}`);
  if (filter.errorsOnly) conditions.push(IS_FAILED);
  if (filter.minDuration) conditions.push(`duration_ns >= ${Math.round(durationMillis(filter.minDuration) * 1e6)}`);
  return [
    'SELECT trace_id, min(start_time) AS started,',
    '       (CAST(max(end_time) AS BIGINT) - CAST(min(start_time) AS BIGINT)) / 1e6 AS duration_ms,',
    '       count(*) AS spans, count(DISTINCT service_name) AS services,',
    `       count(*) FILTER (WHERE ${IS_FAILED}) AS errors`,
    'FROM spans',
    'WHERE trace_id IN (SELECT trace_id FROM spans',
    `                   WHERE ${conditions.join('\n                     AND ')})`,
    'GROUP BY trace_id',
    `ORDER BY ${filter.order === 'slowest' ? 'duration_ms' : 'started'} DESC`,
    `LIMIT ${filter.limit ?? 50}`,
  ].join('\n');
}

export function traceSql(traceId: string): string {
  return `SELECT * FROM trace(${quote(traceId)}) ORDER BY start_time`;
}
