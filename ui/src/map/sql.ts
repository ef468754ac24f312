/** SQL of the panel of an edge. */
import { quote, within, withinMinutes } from '../sql-text';
import { IS_FAILED } from '../sql';
import type { GraphEdge } from '../api/types';
import type { RangeText } from '../time/range';

export interface OperationRow {
  operation: string;
  requests: number;
  failures: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

/** What is called most over an edge, from the counts per minute: the first minute counts as a whole. */
export function edgeOperationsSql(range: RangeText, edge: GraphEdge): string {
  return [
    'SELECT operation, sum(requests) AS requests, sum(failures) AS failures,',
    '       hdr_quantile(hdr_merge(latency), 0.5) / 1e6 AS p50_ms, hdr_quantile(hdr_merge(latency), 0.95) / 1e6 AS p95_ms,',
    '       hdr_quantile(hdr_merge(latency), 0.99) / 1e6 AS p99_ms',
    'FROM edges',
    `WHERE ${withinMinutes(range)}`,
    `  AND source = ${quote(edge.source)} AND target = ${quote(edge.target)} AND ${edge.view ? `view = ${quote(edge.view)}` : 'view IS NULL'}`,
    `  AND protocol ${edge.protocol === 'messaging' ? '=' : '<>'} 'messaging'`,
    'GROUP BY operation',
    'ORDER BY requests DESC',
    'LIMIT 8',
  ].join('\n');
}

export interface RequestRow {
  trace_id: string;
  started: string;
  duration_ms: number;
  spans: number;
  errors: number;
}

/** The requests that the graph keeps as examples of an edge: slow ones, failed ones, any. */
export function examplesSql(traceIds: readonly string[]): string {
  return [
    'SELECT trace_id, min(start_time) AS started,',
    '       (CAST(max(end_time) AS BIGINT) - CAST(min(start_time) AS BIGINT)) / 1e6 AS duration_ms,',
    `       count(*) AS spans, count(*) FILTER (WHERE ${IS_FAILED}) AS errors`,
    'FROM spans',
    `WHERE trace_id IN (${traceIds.map(quote).join(', ')})`,
    'GROUP BY trace_id',
    'ORDER BY errors > 0 DESC, duration_ms DESC',
  ].join('\n');
}

export interface BreakerRow {
  event: string;
  breaker: string | null;
  signal: string;
  source_table: string;
  count: number;
  first: string;
  last: string;
  names_callee: boolean;
}

/** Events of the caller's breakers: of those that name the callee, and of those that name nobody. */
export function edgeBreakersSql(range: RangeText, source: string, target: string): string {
  const names = `coalesce(peer_service = ${quote(target)}, false) OR coalesce(breaker = ${quote(target)}, false)`;
  return [
    'SELECT event, breaker, signal, source_table, count(*) AS count, min(time) AS first, max(time) AS last,',
    `       bool_or(${names}) AS names_callee`,
    'FROM breakers',
    `WHERE ${within(range, 'time')}`,
    `  AND service_name = ${quote(source)}`,
    `  AND (${names} OR (peer_service IS NULL AND breaker IS NULL AND server_address IS NULL))`,
    'GROUP BY event, breaker, signal, source_table',
    'ORDER BY first',
  ].join('\n');
}
