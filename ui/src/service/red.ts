/** Rate, errors and duration of a service as series of charts. */
import { alignRows } from '../charts/series';
import type { ChartMarker, ChartSeries } from '../charts/types';
import { parseInstant } from '../time/instant';
import { OUTCOMES, type Outcome, type RedRow, type VersionRow } from './sql';

interface Bounds {
  fromMs: number;
  toMs: number;
}

export interface Red {
  times: number[];
  rate: ChartSeries[];
  errors: ChartSeries[];
  latency: ChartSeries[];
}

const LOOKS: Record<Outcome, { label: string; color: string; dash: readonly number[] }> = {
  ok: { label: 'ok', color: 'var(--service-0)', dash: [] },
  client_fault: { label: 'client fault', color: 'var(--service-2)', dash: [6, 3] },
  rejected: { label: 'rejected', color: 'var(--warn-fill)', dash: [2, 3] },
  server_fault: { label: 'server fault', color: 'var(--bad-fill)', dash: [] },
  timeout: { label: 'timeout', color: 'var(--service-7)', dash: [8, 3, 2, 3] },
  cancelled: { label: 'cancelled', color: 'var(--service-9)', dash: [2, 3] },
  unreachable: { label: 'unreachable', color: 'var(--service-3)', dash: [6, 3] },
  unknown: { label: 'unknown', color: 'var(--ink-3)', dash: [2, 3] },
};

const DELAY_MS = 120_000;

/** Buckets that are not counted to their end are left out; minutes are stored up to a minute after they have begun. */
export function redSeries(rows: readonly RedRow[], bounds: Bounds, widthMs: number): Red {
  const complete = completeCount(rows, bounds, widthMs);
  const read = (value: (row: RedRow) => number | null, missing: 0 | null) => {
    const { times, series } = alignRows(rows, bounds, widthMs, { time: (row) => row.time, value, missing });
    return { times: times.slice(0, complete(times)), values: series[0]!.values.slice(0, complete(times)) };
  };
  const seconds = widthMs / 1000;
  const seen = OUTCOMES.filter((outcome) => outcome === 'ok' || rows.some((row) => row[outcome] > 0));
  const share = read((row) => (row.requests > 0 ? row.failures / row.requests : null), null);
  const percentile = (label: string, key: 'p50_ms' | 'p95_ms' | 'p99_ms' | 'failure_p50_ms', look: Partial<ChartSeries>) => ({
    label,
    values: read((row) => row[key], null).values,
    ...look,
  });
  return {
    times: share.times,
    rate: seen.map((outcome) => ({
      ...LOOKS[outcome],
      values: read((row) => row[outcome] / seconds, 0).values,
      shape: outcome === 'ok' ? 'area' : 'line',
    })),
    errors: [{ label: 'failed', values: share.values, color: 'var(--bad-fill)', shape: 'area' }],
    latency: [
      percentile('p99', 'p99_ms', { color: 'var(--service-3)', dash: [2, 3] }),
      percentile('p95', 'p95_ms', { color: 'var(--service-6)', dash: [6, 3] }),
      percentile('p50', 'p50_ms', { color: 'var(--service-0)', dash: [] }),
      ...(rows.some((row) => row.failure_p50_ms !== null)
        ? [percentile('p50 of failures', 'failure_p50_ms', { color: 'var(--bad-fill)', dash: [8, 3, 2, 3] })]
        : []),
    ],
  };
}

function completeCount(rows: readonly RedRow[], bounds: Bounds, widthMs: number): (times: readonly number[]) => number {
  const newest = Math.max(...rows.map((row) => parseInstant(row.last_seen)?.epochMs ?? -Infinity), -Infinity);
  const untilMs = newest < bounds.toMs && bounds.toMs - newest < DELAY_MS ? newest : bounds.toMs;
  return (times) => Math.max(1, times.filter((time) => time + widthMs <= untilMs).length);
}

/** Deploys: versions that begin in the range while the service was there before. */
export function deployMarkers(versions: readonly VersionRow[], bounds: Bounds): ChartMarker[] {
  const known = versions.map((row) => ({ version: row.version, firstMs: parseInstant(row.first_seen)?.epochMs ?? Number.NaN }));
  const earliest = Math.min(...known.map((row) => row.firstMs));
  return known
    .filter(({ firstMs }) => firstMs >= bounds.fromMs && firstMs > earliest)
    .map(({ version, firstMs }) => ({ timeMs: firstMs, label: version }));
}
