/** Statements of the page of a service (docs/reference/analysis.md, docs/reference/breakers.md). */
import { ofService } from '../services/sql';
import { bucketSql, identifier, quote, timeBefore, timeSql, within, withinMinutes } from '../sql-text';
import type { RangeText } from '../time/range';

export const OUTCOMES = ['ok', 'client_fault', 'rejected', 'server_fault', 'timeout', 'cancelled', 'unreachable', 'unknown'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export type RedRow = Record<Outcome, number> & {
  time: string;
  requests: number;
  failures: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  failure_p50_ms: number | null;
  last_seen: string;
};

const quantile = (sketch: string, share: number) => `hdr_quantile(hdr_merge(${sketch}), ${share}) / 1e6`;
const PERCENTILES = `${quantile('latency', 0.5)} AS p50_ms, ${quantile('latency', 0.95)} AS p95_ms, ${quantile('latency', 0.99)} AS p99_ms`;

export function redSql(range: RangeText, widthMs: number, service: string, operation?: string): string {
  return [
    `SELECT ${bucketSql(widthMs)} AS time, sum(requests) AS requests, sum(failures) AS failures,`,
    `       ${OUTCOMES.map((outcome) => `sum(${identifier(outcome)}) AS ${identifier(outcome)}`).join(', ')},`,
    `       ${PERCENTILES},`,
    `       ${quantile('failure_latency', 0.5)} AS failure_p50_ms, max(last_seen) AS last_seen`,
    'FROM operations',
    `WHERE "view" = 'server' AND ${ofService(service, operation)}`,
    `  AND ${withinMinutes(range)}`,
    'GROUP BY 1',
    'ORDER BY time',
  ].join('\n');
}

/** Whether there is anything of the service in the range, and when it was last counted at all. */
export interface PresenceRow {
  spans: number;
  logs: number;
  calls: number | null;
  newest: string | null;
  namespaces: (string | null)[] | null;
  environments: (string | null)[] | null;
}

export function presenceSql(range: RangeText, service: string): string {
  const name = quote(service);
  const ofRange = `service_name = ${name} AND ${withinMinutes(range)}`;
  return [
    `SELECT (SELECT count(*) FROM spans WHERE service_name = ${name} AND ${within(range)}) AS spans,`,
    `       (SELECT count(*) FROM logs WHERE service_name = ${name} AND ${within(range, 'time')}) AS logs,`,
    `       (SELECT sum(records) FROM edges WHERE (source = ${name} OR target = ${name}) AND ${withinMinutes(range)}) AS calls,`,
    `       (SELECT max(time) FROM coverage WHERE service_name = ${name}) AS newest,`,
    `       (SELECT array_agg(DISTINCT service_namespace) FROM coverage WHERE ${ofRange}) AS namespaces,`,
    `       (SELECT array_agg(DISTINCT deployment_environment_name) FROM coverage WHERE ${ofRange}) AS environments`,
  ].join('\n');
}

export interface VersionRow {
  version: string;
  first_seen: string;
  last_seen: string;
}

/** Versions are looked for a little before the range, so that one that goes on is not taken for one that begins. */
export const VERSIONS_BEFORE_MS = 900_000;

export function versionsSql(range: RangeText, service: string): string {
  return [
    'SELECT service_version AS version, min(start_time) AS first_seen, max(start_time) AS last_seen',
    'FROM spans',
    `WHERE start_time >= ${timeBefore(range.from, VERSIONS_BEFORE_MS)} AND start_time < ${timeSql(range.to)}`,
    `  AND service_name = ${quote(service)} AND service_version IS NOT NULL`,
    'GROUP BY service_version',
    'ORDER BY first_seen',
  ].join('\n');
}

export interface OperationRow {
  operation: string;
  requests: number;
  failures: number;
  weight_squares: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  duration_sum_ns: number;
  self_time_ns: number;
}

export function operationsSql(range: RangeText, service: string): string {
  return [
    'SELECT operation, sum(requests) AS requests, sum(failures) AS failures, sum(weight_squares) AS weight_squares,',
    `       ${PERCENTILES},`,
    '       sum(duration_sum_ns) AS duration_sum_ns, sum(self_time_ns) AS self_time_ns',
    'FROM operations',
    `WHERE "view" = 'server' AND ${ofService(service)} AND ${withinMinutes(range)}`,
    'GROUP BY operation',
    'ORDER BY duration_sum_ns DESC',
    'LIMIT 100',
  ].join('\n');
}

export interface EdgeRow {
  direction: 'caller' | 'callee';
  name: string;
  name_kind: string;
  kind: string;
  view: 'client' | 'server' | 'gateway';
  requests: number;
  failures: number;
  weight_squares: number;
  attempts: number;
  blocking: number;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
}

/** A row for each view of an edge. Of an operation only its callers are known: edges go by the operation of the callee. */
export function neighboursSql(range: RangeText, service: string, operation?: string): string {
  const name = quote(service);
  const isCaller = operation === undefined ? `target = ${name}` : `target = ${name} AND operation = ${quote(operation)}`;
  const condition = operation === undefined ? `(${isCaller} OR source = ${name})` : isCaller;
  return [
    `SELECT CASE WHEN target = ${name} THEN 'caller' ELSE 'callee' END AS direction,`,
    `       CASE WHEN target = ${name} THEN source ELSE target END AS name,`,
    `       CASE WHEN target = ${name} THEN source_kind ELSE target_kind END AS name_kind, kind, "view",`,
    '       sum(requests) AS requests, sum(failures) AS failures, sum(weight_squares) AS weight_squares,',
    `       sum(attempts) AS attempts, sum(blocking) AS blocking, ${PERCENTILES}`,
    'FROM edges',
    `WHERE ${condition}`,
    `  AND ${withinMinutes(range)}`,
    'GROUP BY 1, 2, 3, kind, "view"',
    'ORDER BY requests DESC',
  ].join('\n');
}

export interface CriticalRow {
  entry_service: string;
  entry_operation: string;
  own_ns: number;
  total_ns: number;
}

/** How much of the time of which requests from outside the service, or one operation of it, owns. */
export function criticalSql(range: RangeText, service: string, operation?: string): string {
  const own = ofService(service, operation);
  return [
    'SELECT * FROM (',
    '  SELECT entry_service, entry_operation,',
    `         sum(exclusive_ns) FILTER (WHERE ${own}) AS own_ns,`,
    '         sum(exclusive_ns) AS total_ns',
    '  FROM critical_paths',
    `  WHERE ${withinMinutes(range)}`,
    '  GROUP BY entry_service, entry_operation)',
    'WHERE own_ns > 0',
    'ORDER BY own_ns DESC',
    'LIMIT 20',
  ].join('\n');
}

export interface LogRow {
  time: string;
  severity_text: string | null;
  severity_number: number | null;
  body: string | null;
  trace_id: string | null;
}

/** From warnings on: 13 and above. */
export function logsSql(range: RangeText, service: string): string {
  return [
    'SELECT time, severity_text, severity_number, body, trace_id',
    'FROM logs',
    `WHERE service_name = ${quote(service)} AND severity_number >= 13`,
    `  AND ${within(range, 'time')}`,
    'ORDER BY time DESC',
    'LIMIT 6',
  ].join('\n');
}

export interface BreakerRow {
  time: string;
  system: string;
  breaker: string | null;
  service_name: string | null;
  peer_service: string | null;
  event: string;
  basis: string;
  events: number;
  trace_id: string | null;
}

/** Kinds of events of each breaker of the service, or that guards it, with the last one. */
export function breakersSql(range: RangeText, service: string): string {
  const name = quote(service);
  return [
    'SELECT breaker, service_name, peer_service, event, basis, max(system) AS system, count(*) AS events, max(time) AS time,',
    '       max(trace_id) AS trace_id',
    'FROM breakers',
    `WHERE (service_name = ${name} OR peer_service = ${name} OR breaker = ${name})`,
    `  AND ${within(range, 'time')}`,
    'GROUP BY breaker, service_name, peer_service, event, basis',
    'ORDER BY time DESC',
    'LIMIT 12',
  ].join('\n');
}
