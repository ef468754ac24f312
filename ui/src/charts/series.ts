/** Rows of SQL as series on one axis of time. */
import { parseInstant } from '../time/instant';

export interface AlignedSeries {
  key: string;
  /** One for each time; null where there is no row, or no value in it. */
  values: (number | null)[];
}

export interface Aligned {
  /** Beginnings of the buckets, in milliseconds since the epoch. */
  times: number[];
  series: AlignedSeries[];
}

interface Reading<Row> {
  time: (row: Row) => string;
  value: (row: Row) => number | null | undefined;
  /** One series for each; by default there is one. */
  key?: (row: Row) => string;
  /** The value where there is no row: 0 for counts, null (a gap) for what is not known without requests. */
  missing?: 0 | null;
}

/** Fills the buckets of a range with the values of rows, whose times are beginnings of buckets (`bucketSql`). */
export function alignRows<Row>(
  rows: readonly Row[],
  range: { fromMs: number; toMs: number },
  widthMs: number,
  { time, value, key = () => '', missing = null }: Reading<Row>,
): Aligned {
  const first = Math.floor(range.fromMs / widthMs) * widthMs;
  const count = Math.max(1, Math.ceil((range.toMs - first) / widthMs));
  const times = Array.from({ length: count }, (_, index) => first + index * widthMs);
  const byKey = new Map<string, (number | null)[]>();
  if (rows.length === 0) byKey.set('', times.map(() => missing));
  for (const row of rows) {
    const name = key(row);
    const values = byKey.get(name) ?? times.map(() => missing);
    byKey.set(name, values);
    const index = Math.round(((parseInstant(time(row))?.epochMs ?? Number.NaN) - first) / widthMs);
    if (index >= 0 && index < count) values[index] = value(row) ?? null;
  }
  // In the order of their names, so that colours stay with them from one answer to the next.
  const names = [...byKey.keys()].sort();
  return { times, series: names.map((name) => ({ key: name, values: byKey.get(name)! })) };
}

/** The upper ends of series that stand on those after them. */
export function stackValues(series: readonly (readonly (number | null)[])[], length: number): number[][] {
  const sums = new Array<number>(length).fill(0);
  const ends = series.toReversed().map((values) => {
    for (let index = 0; index < length; index += 1) sums[index]! += values[index] ?? 0;
    return [...sums];
  });
  return ends.reverse();
}
