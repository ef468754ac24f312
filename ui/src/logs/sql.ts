/** What the page of log records asks for. */
import { bucketSql, quote, within } from '../sql-text';
import type { RangeText } from '../time/range';
import { conditionsOf, type LogFilter } from './filter';
import { LEVEL_SQL } from './severity';
import type { LogRecord } from './record';

const LIST_COLUMNS = 'time, severity_number, severity_text, body, service_name, trace_id, span_id, correlation_id';
/** Records at each side of the one whose context is asked for. */
export const CONTEXT = 100;

export function listSql(range: RangeText, filter: LogFilter, limit: number): string {
  return `SELECT ${LIST_COLUMNS}
FROM logs
WHERE ${[within(range, 'time'), ...conditionsOf(filter)].join('\n  AND ')}
ORDER BY time DESC
LIMIT ${limit}`;
}

export function histogramSql(range: RangeText, filter: LogFilter, bucketMs: number): string {
  return `SELECT ${bucketSql(bucketMs)} AS time,
       ${LEVEL_SQL} AS level,
       count(*) AS records
FROM logs
WHERE ${[within(range, 'time'), ...conditionsOf(filter)].join('\n  AND ')}
GROUP BY 1, 2
ORDER BY 1, 2`;
}

/** What came just before and just after, within an hour. */
export function contextSql(time: string, filter: LogFilter): string {
  const instant = `TIMESTAMP ${quote(time)}`;
  const half = (conditions: string[], order: string, limit: number) =>
    `SELECT * FROM (SELECT ${LIST_COLUMNS} FROM logs
  WHERE ${[...conditions, ...conditionsOf(filter)].join(' AND ')}
  ORDER BY time ${order} LIMIT ${limit})`;
  const after = half([`time > ${instant}`, `time < ${instant} + INTERVAL '1 hour'`], 'ASC', CONTEXT);
  const before = half([`time <= ${instant}`, `time > ${instant} - INTERVAL '1 hour'`], 'DESC', CONTEXT + 1);
  return `${after}\nUNION ALL\n${before}\nORDER BY time DESC`;
}

/** What names a record, as far as it is known. */
export type RecordName = Pick<LogRecord, 'time' | 'span_id'> & Partial<Pick<LogRecord, 'service_name' | 'body'>>;

/** All columns of one record; more than one row only where records share all of this. */
export function recordSql(name: RecordName): string {
  const conditions = (['service_name', 'span_id', 'body'] as const).flatMap((column) => {
    const value = name[column];
    if (value === undefined) return [];
    return value === null ? `${column} IS NULL` : `${column} = ${quote(value)}`;
  });
  return `SELECT *
FROM logs
WHERE time = TIMESTAMP ${quote(name.time)}
  AND ${conditions.join('\n  AND ')}
LIMIT 10`;
}

/** What is stored outside the range. */
export const COUNT_LOGS = 'SELECT count(*) AS records, max(time) AS newest FROM logs';

export const SERVICES_SQL = (range: RangeText) => `SELECT service_name, count(*) AS records
FROM logs
WHERE ${within(range, 'time')} AND service_name IS NOT NULL
GROUP BY 1
ORDER BY 1`;
