/** Parts of SQL statements. */
import { parseTimePoint, type RangeText } from './time/range';

/** A text as a literal. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name of a table or a column. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Rows of a range: `start_time` of spans and requests, `time` of everything else. */
export function within(range: RangeText, column = 'start_time'): string {
  return `${column} >= ${timeSql(range.from)} AND ${column} < ${timeSql(range.to)}`;
}

/**
 * Rows of a rollup (`operations`, `edges`, `critical_paths`, `coverage`) in a range. Their `time` is the beginning of a
 * minute; the minute in which the range begins counts as a whole.
 */
export function withinMinutes(range: RangeText, column = 'time'): string {
  return `${column} >= date_trunc('minute', ${timeSql(range.from)}) AND ${column} < ${timeSql(range.to)}`;
}

/** A time as in the address (`now-15m`, RFC 3339). */
export function timeSql(text: string): string {
  const point = parseTimePoint(text);
  if (point?.kind === 'absolute') return `TIMESTAMP ${quote(text)}`;
  if (point === undefined || point.ageMs === 0) return 'now()';
  return `now() - INTERVAL '${spelledOut(point.ageMs)}'`;
}

const WIDTHS_MS = [1, 2, 5, 10, 15, 30]
  .map((seconds) => seconds * 1000)
  .concat([1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60_000))
  .concat([1, 2, 3, 6, 12].map((hours) => hours * 3_600_000));
const DAY_MS = 86_400_000;
const POINTS = 120;

/** The width of the points of a chart of a range: about 120 of them, each at least `minimumMs` (a minute for rollups). */
export function bucketMs(range: { fromMs: number; toMs: number }, minimumMs = 60_000): number {
  const exact = (range.toMs - range.fromMs) / POINTS;
  const width = WIDTHS_MS.find((ms) => ms >= exact * 0.8) ?? Math.max(1, Math.round(exact / DAY_MS)) * DAY_MS;
  return Math.max(width, minimumMs);
}

/** The beginning of the bucket of a row: buckets begin at multiples of their width since the epoch. */
export function bucketSql(widthMs: number, column = 'time'): string {
  return `date_bin(INTERVAL '${spelledOut(widthMs)}', ${column})`;
}

/** In the largest unit that divides it. */
export function spelledOut(ms: number): string {
  const units: [string, number][] = [
    ['day', 86_400_000],
    ['hour', 3_600_000],
    ['minute', 60_000],
    ['second', 1000],
  ];
  const [name, length] = units.find(([, unitMs]) => ms % unitMs === 0) ?? ['millisecond', 1];
  const count = ms / length;
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

/** A time as in the address, moved into the past. */
export function timeBefore(text: string, ms: number): string {
  return ms === 0 ? timeSql(text) : `${timeSql(text)} - INTERVAL '${spelledOut(ms)}'`;
}
