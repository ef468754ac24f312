/** The course of every service over a range, for sparklines. */
import { alignRows } from '../charts/series';
import type { ServiceMinute } from './sql';

export interface Course {
  rate: (number | null)[];
  errors: (number | null)[];
  p95: (number | null)[];
}

export function courseKey(row: { service: string; namespace: string | null }): string {
  return `${row.namespace ?? ''}/${row.service}`;
}

/** Buckets that are not counted to their end are left out: they would look like a fall. */
export function coursesOf(
  rows: readonly ServiceMinute[],
  bounds: { fromMs: number; toMs: number },
  widthMs: number,
  untilMs: number,
): Map<string, Course> {
  const read = (value: (row: ServiceMinute) => number | null, missing: 0 | null) =>
    alignRows(rows, bounds, widthMs, { time: (row) => row.time, key: courseKey, value, missing });
  const rate = read((row) => row.requests / (widthMs / 1000), 0);
  const errors = read((row) => (row.requests > 0 ? row.failures / row.requests : null), null);
  const p95 = read((row) => row.p95_ms, null);
  const complete = rate.times.filter((time) => time + widthMs <= untilMs).length;
  return new Map(
    rate.series.map(({ key, values }, index) => [
      key,
      {
        rate: values.slice(0, complete),
        errors: errors.series[index]!.values.slice(0, complete),
        p95: p95.series[index]!.values.slice(0, complete),
      },
    ]),
  );
}
