/** Services with what the table of them shows, and which of them are in trouble. */
import { healthOf, shareOf, type Health, type Interval } from '../health';
import { parseInstant } from '../time/instant';
import type { ServiceCounts } from './sql';

export interface ServiceRow {
  service: string;
  namespace: string | null;
  requests: number;
  failures: number;
  /** Requests a second of what is counted of the range. */
  rate: number;
  /** Of failures, with its 95 % interval; undefined without requests. */
  errors: Interval | undefined;
  error_rate: number | null;
  p50_ms: number | null;
  p95_ms: number | null;
  p99_ms: number | null;
  health: Health;
  /** The 95th percentile is at least half as high again as in the baseline, of 100 requests or more on both sides. */
  isSlow: boolean;
  before: { requests: number; rate: number; errors: Interval; p95_ms: number | null } | undefined;
}

interface Bounds {
  fromMs: number;
  toMs: number;
}

/** As `graph_diff` says it. */
const SLOWER = 1.5;
const LEAST_TO_COMPARE = 100;
const MINUTE_MS = 60_000;
/** Minutes are stored a little later; an end that is less far behind the end of the range is that delay. */
const DELAY_MS = 2 * MINUTE_MS;

/** The last that is counted; undefined where nothing is. */
export function lastCounted(rows: readonly ServiceCounts[]): number | undefined {
  const known = rows.flatMap((row) => epochMs(row.last_seen) ?? []);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** Whether so much of the range comes after what is counted that it may be still to be counted. */
export function mayBeBehind(rows: readonly ServiceCounts[], bounds: Bounds): boolean {
  const lastMs = lastCounted(rows);
  return lastMs !== undefined && bounds.toMs - lastMs >= DELAY_MS;
}

/**
 * Until when the range is counted: minutes are stored up to a minute after they have begun, and later while much comes at
 * once. Without later spans there was nothing more to count.
 */
export function countedUntil(rows: readonly ServiceCounts[], bounds: Bounds, hasLaterSpans = false): number {
  const lastMs = lastCounted(rows);
  if (lastMs === undefined || lastMs >= bounds.toMs) return bounds.toMs;
  return hasLaterSpans || bounds.toMs - lastMs < DELAY_MS ? lastMs : bounds.toMs;
}

/** Since when the baseline is stored. */
export function storedSince(rows: readonly ServiceCounts[]): number | undefined {
  const known = rows.flatMap((row) => epochMs(row.before_first_seen) ?? []);
  return known.length === 0 ? undefined : Math.min(...known);
}

export function toServiceRows(rows: readonly ServiceCounts[], bounds: Bounds, shiftMs: number, hasLaterSpans = false): ServiceRow[] {
  const startMs = floorMinute(bounds.fromMs);
  const seconds = secondsBetween(startMs, countedUntil(rows, bounds, hasLaterSpans));
  const beforeStartMs = Math.max(floorMinute(bounds.fromMs - shiftMs), floorMinute(storedSince(rows) ?? 0));
  const beforeSeconds = secondsBetween(beforeStartMs, Math.min(bounds.toMs - shiftMs, startMs));
  return rows.map((row) => toServiceRow(row, seconds, beforeSeconds));
}

function toServiceRow(row: ServiceCounts, seconds: number, beforeSeconds: number): ServiceRow {
  const requests = row.requests ?? 0;
  const failures = row.failures ?? 0;
  const errors = intervalOf(requests, failures, row.weight_squares ?? 0);
  const before = row.before_requests ?? 0;
  const errorsBefore = intervalOf(before, row.before_failures ?? 0, row.before_weight_squares ?? 0);
  const isComparable = (row.ok ?? 0) >= LEAST_TO_COMPARE && (row.before_ok ?? 0) >= LEAST_TO_COMPARE;
  return {
    service: row.service,
    namespace: row.namespace,
    requests,
    failures,
    rate: requests / seconds,
    errors,
    error_rate: errors?.share ?? null,
    p50_ms: row.p50_ms,
    p95_ms: row.p95_ms,
    p99_ms: row.p99_ms,
    health: healthOf({ requests, error_rate_low: errors?.low ?? 0 }),
    isSlow: isComparable && (row.p95_ms ?? 0) >= SLOWER * (row.before_p95_ms ?? Infinity),
    before: errorsBefore && {
      requests: before,
      rate: before / beforeSeconds,
      errors: errorsBefore,
      p95_ms: isComparable ? row.before_p95_ms : null,
    },
  };
}

/** Sampled requests count for fewer: (Σw)² / Σw². */
export function intervalOf(requests: number, failures: number, weightSquares: number): Interval | undefined {
  if (requests <= 0) return undefined;
  const effective = weightSquares > 0 ? (requests * requests) / weightSquares : requests;
  return shareOf((failures / requests) * effective, effective);
}

/** The most troubled have the lowest rank: failing, degraded, slow, well, silent. */
export function troubleRank(row: ServiceRow): number {
  if (row.requests === 0) return 4;
  if (row.health === 'failing') return 0;
  if (row.health === 'degraded') return 1;
  return row.isSlow ? 2 : 3;
}

/** Failing and degraded ones by their share, slow ones by how much slower, all others by rate. */
export function byTrouble(rows: readonly ServiceRow[]): ServiceRow[] {
  const weight = (row: ServiceRow) => {
    const rank = troubleRank(row);
    if (rank <= 1) return row.errors?.low ?? 0;
    return rank === 2 ? (row.p95_ms ?? 0) / (row.before?.p95_ms ?? Infinity) : row.rate;
  };
  return rows.toSorted((a, b) => troubleRank(a) - troubleRank(b) || weight(b) - weight(a) || a.service.localeCompare(b.service));
}

function epochMs(text: string | null): number | undefined {
  return text === null ? undefined : parseInstant(text)?.epochMs;
}

function floorMinute(ms: number): number {
  return Math.floor(ms / MINUTE_MS) * MINUTE_MS;
}

function secondsBetween(fromMs: number, toMs: number): number {
  return Math.max(1, (toMs - fromMs) / 1000);
}
