/** Refused calls over time. */
import { alignRows } from '../charts/series';
import { bucketMs, bucketSql, within } from '../sql-text';
import type { Bounds } from '../state/time.svelte';
import type { RangeText } from '../time/range';

export interface RefusalRow {
  bucket: string;
  service_name: string | null;
  source_table: string;
  refused: number;
}

export function refusalsSql(range: RangeText, bounds: Bounds): string {
  return [
    `SELECT ${bucketSql(bucketMs(bounds, 1000))} AS bucket, service_name, source_table, count(*) AS refused`,
    'FROM breakers',
    `WHERE ${within(range, 'time')}`,
    "  AND event = 'short_circuit'",
    'GROUP BY bucket, service_name, source_table',
    'ORDER BY bucket',
  ].join('\n');
}

/** Of each service by the table that tells of the most; others tell of the same calls again. */
export function refusalSeries(rows: readonly RefusalRow[], bounds: Bounds) {
  const totals = new Map<string, Map<string, number>>();
  for (const row of rows) {
    const tables = totals.get(nameOf(row)) ?? new Map<string, number>();
    tables.set(row.source_table, (tables.get(row.source_table) ?? 0) + row.refused);
    totals.set(nameOf(row), tables);
  }
  const best = new Map([...totals].map(([service, tables]) => [service, [...tables].sort((one, other) => other[1] - one[1])[0]![0]]));
  const counted = rows.filter((row) => best.get(nameOf(row)) === row.source_table);
  if (counted.length === 0) return { times: [], series: [] };
  const { times, series } = alignRows(counted, bounds, bucketMs(bounds, 1000), {
    time: (row) => row.bucket,
    value: (row) => row.refused,
    key: nameOf,
    missing: 0,
  });
  return { times, series: series.map(({ key, values }) => ({ label: key, values, shape: 'bars' as const })) };
}

function nameOf(row: RefusalRow): string {
  return row.service_name ?? 'not named';
}
