/** The statement that answers what the list of traces shows. */
import type { TraceFilter } from '../api/client';
import { durationMillis } from '../duration-input';
import { attributeCondition, OPERATION } from '../requests/population';
import { IS_FAILED } from '../sql';
import { quote, within } from '../sql-text';

/** Traces are ordered by the span that is found: the longest, the latest, or the latest that failed. */
export function tracesSql(filter: TraceFilter): string {
  const order = {
    slowest: 'longest_ns DESC, trace_id',
    errors: 'has_failed DESC, latest DESC, trace_id',
    recent: 'latest DESC, trace_id',
  }[filter.order ?? 'recent'];
  const latest =
    filter.order === 'errors' ? `coalesce(max(start_time) FILTER (WHERE ${IS_FAILED}), max(start_time))` : 'max(start_time)';
  const behind = filter.after === undefined ? undefined : behindCursor(filter.after);
  return [
    'WITH found AS (',
    `  SELECT trace_id, max(duration_ns) AS longest_ns, ${latest} AS latest, bool_or(${IS_FAILED}) AS has_failed`,
    '  FROM spans',
    `  WHERE ${spanConditions(filter).join('\n    AND ')}`,
    '  GROUP BY trace_id',
    '), page AS (',
    `  SELECT * FROM found${behind === undefined ? '' : ` WHERE ${behind}`} ORDER BY ${order} LIMIT ${filter.limit ?? 50}`,
    ')',
    'SELECT trace_id, min(start_time) AS started,',
    '       (CAST(max(end_time) AS BIGINT) - CAST(min(start_time) AS BIGINT)) / 1e6 AS duration_ms,',
    '       count(*) AS spans, count(DISTINCT service_name) AS services,',
    `       count(*) FILTER (WHERE ${IS_FAILED}) AS errors, longest_ns / 1e6 AS longest_match_ms`,
    'FROM spans JOIN page USING (trace_id)',
    'GROUP BY trace_id, longest_ns, latest, has_failed',
    `ORDER BY ${order}`,
  ].join('\n');
}

function spanConditions(filter: TraceFilter): string[] {
  const conditions = [within(filter)];
  const { service, operation, calls } = filter;
  if (service) conditions.push(`service_name = ${quote(service)}`);
  if (operation) conditions.push(operationCondition(operation));
  if (filter.errorsOnly) conditions.push(IS_FAILED);
  if (filter.minDuration) conditions.push(`duration_ns >= ${Math.round(durationMillis(filter.minDuration) * 1e6)}`);
  if (filter.maxDuration) conditions.push(`duration_ns <= ${Math.round(durationMillis(filter.maxDuration) * 1e6)}`);
  conditions.push(...(filter.attributes ?? []).map(attributeCondition));
  if (calls) conditions.push(callCondition(filter, calls));
  return conditions;
}

/** Any span of the caller's in the trace may make the call, and peers are found by the span that names them. */
function callCondition(filter: TraceFilter, calls: string): string {
  const callee = quote(calls);
  const ofCaller = filter.service ? ` AND caller.service_name = ${quote(filter.service)}` : '';
  const ofCallee = filter.callsOperation ? ` AND ${operationCondition(filter.callsOperation)}` : '';
  return [
    'trace_id IN (',
    '      SELECT caller.trace_id FROM spans AS caller JOIN (',
    `        SELECT trace_id, parent_span_id FROM spans WHERE service_name = ${callee} AND ${within(filter)}${ofCallee}) AS callee`,
    '        ON callee.trace_id = caller.trace_id AND callee.parent_span_id = caller.span_id',
    `      WHERE caller.service_name <> ${callee}${ofCaller}`,
    `      UNION ALL SELECT caller.trace_id FROM spans AS caller WHERE ${within(filter)}${ofCaller}`,
    `        AND ${callee} IN (service_peer_name, messaging_destination_name, db_namespace, server_address))`,
  ].join('\n');
}

function operationCondition(operation: string): string {
  return `(name = ${quote(operation)} OR ${OPERATION} = ${quote(operation)})`;
}

/** A cursor is `<order>.<failed or ended>.<nanoseconds>.<trace id>`; undefined for other texts. */
function behindCursor(cursor: string): string | undefined {
  const [order, outcome, key, traceId] = cursor.split('.');
  if (!traceId || !/^-?\d+$/.test(key ?? '')) return undefined;
  const [column, value] = order === 'slowest' ? ['longest_ns', key] : ['latest', `to_timestamp_nanos(${key})`];
  const behind = `(${column} < ${value} OR (${column} = ${value} AND trace_id > ${quote(traceId)}))`;
  if (order !== 'errors') return behind;
  return outcome === 'failed' ? `(NOT has_failed OR ${behind})` : `(NOT has_failed AND ${behind})`;
}
