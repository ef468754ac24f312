/** SQL of the page of breakers. */
import { quote, spelledOut, timeSql, within } from '../sql-text';
import type { RangeText } from '../time/range';

/** After so long without a word a breaker counts as closed, here as in findings. */
export const SILENCE_MS = 15 * 60_000;

export interface StateRow {
  time: string;
  system: string;
  breaker: string | null;
  service_name: string | null;
  callee: string | null;
  event: string;
  basis: string;
}

export const MOST_STATES = 20_000;
const CALLEE = 'coalesce(peer_service, server_address, breaker)';

/** Changes of state, from as long before the range as one lasts without a word. */
export function statesSql(range: RangeText): string {
  return [
    `SELECT time, system, breaker, service_name, ${CALLEE} AS callee, event, basis`,
    'FROM breakers',
    `WHERE time >= ${timeSql(range.from)} - INTERVAL '${spelledOut(SILENCE_MS)}' AND time < ${timeSql(range.to)}`,
    "  AND event IN ('trip', 'half_open', 'close', 'eject', 'uneject')",
    'ORDER BY time',
    `LIMIT ${MOST_STATES}`,
  ].join('\n');
}

export interface CountRow {
  service_name: string | null;
  callee: string | null;
  event: string;
  source_table: string;
  signal: string;
  count: number;
  first: string;
  last: string;
}

/** One event may be told by several tables; each is counted by itself. */
export function countsSql(range: RangeText): string {
  return [
    `SELECT service_name, ${CALLEE} AS callee, event, source_table, signal, count(*) AS count, min(time) AS first, max(time) AS last`,
    'FROM breakers',
    `WHERE ${within(range, 'time')}`,
    "  AND event IN ('short_circuit', 'fallback', 'rate_limit', 'timeout', 'retry')",
    `GROUP BY service_name, ${CALLEE}, event, source_table, signal`,
    'ORDER BY count DESC',
  ].join('\n');
}

export interface EventRow {
  time: string;
  system: string;
  breaker: string | null;
  callee: string | null;
  event: string;
  basis: string;
  signal: string;
  detail: string | null;
  trace_id: string | null;
  source_table: string;
}

/** Of one edge, and of the same service's events that name no callee; changes of state before the many refused calls. */
export function eventsSql(range: RangeText, service: string | null, callee: string | null): string {
  return [
    `SELECT time, system, breaker, ${CALLEE} AS callee, event, basis, signal, detail, trace_id, source_table`,
    'FROM breakers',
    `WHERE ${within(range, 'time')}`,
    `  AND service_name ${service === null ? 'IS NULL' : `= ${quote(service)}`}`,
    `  AND (${CALLEE} IS NULL${callee === null ? '' : ` OR ${CALLEE} = ${quote(callee)}`})`,
    "ORDER BY event IN ('trip', 'half_open', 'close', 'eject', 'uneject') DESC, time",
    'LIMIT 200',
  ].join('\n');
}
