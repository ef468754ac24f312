/** A latency heatmap: how many requests there were at which time and of which duration, on a logarithmic axis. */
import { parseInstant } from '../time/instant';

/** Bands of a power of ten. A band goes from 10^(band / 8) nanoseconds, inclusive, to the beginning of the next. */
export const BANDS_PER_DECADE = 8;
/** What is shorter than a microsecond is counted with it. */
export const LEAST_NS = 1000;
/** Fewer rows would make a heatmap of one hue; a decade and a half is always shown. */
const LEAST_BANDS = 12;

export interface HeatRow {
  time: string;
  band: number;
  spans: number;
  failures: number;
}

export interface Heat {
  /** Beginnings of the columns, in milliseconds since the epoch. */
  times: number[];
  widthMs: number;
  firstBand: number;
  bands: number;
  /** Column by column, from the lowest band up. */
  spans: Float64Array;
  failures: Float64Array;
  most: number;
}

/** Of columns and rows, both inclusive; rows count from the lowest band. */
export interface Cells {
  column: number;
  row: number;
  lastColumn: number;
  lastRow: number;
}

interface Bounds {
  fromMs: number;
  toMs: number;
}

export function toHeat(rows: readonly HeatRow[], bounds: Bounds, widthMs: number): Heat {
  const first = Math.floor(bounds.fromMs / widthMs) * widthMs;
  const columns = Math.max(1, Math.ceil((bounds.toMs - first) / widthMs));
  const [firstBand, bands] = bandRange(rows);
  const [spans, failures] = [new Float64Array(columns * bands), new Float64Array(columns * bands)];
  for (const row of rows) {
    const column = Math.round(((parseInstant(row.time)?.epochMs ?? Number.NaN) - first) / widthMs);
    if (!(column >= 0 && column < columns)) continue;
    const cell = column * bands + row.band - firstBand;
    spans[cell]! += row.spans;
    failures[cell]! += row.failures;
  }
  const times = Array.from({ length: columns }, (_, index) => first + index * widthMs);
  return { times, widthMs, firstBand, bands, spans, failures, most: spans.reduce((a, b) => Math.max(a, b), 0) };
}

function bandRange(rows: readonly HeatRow[]): [number, number] {
  if (rows.length === 0) return [bandOf(1e6), 2 * BANDS_PER_DECADE];
  let [low, high] = [Infinity, -Infinity];
  for (const { band } of rows) {
    low = Math.min(low, band);
    high = Math.max(high, band);
  }
  const missing = Math.max(0, LEAST_BANDS - (high - low + 1));
  return [low - Math.floor(missing / 2), high - low + 1 + missing];
}

export function bandOf(nanos: number): number {
  return Math.floor(Math.log10(Math.max(nanos, LEAST_NS)) * BANDS_PER_DECADE + 1e-12);
}

/** The first whole nanosecond of a band. */
export function bandStart(band: number): number {
  return Math.ceil(10 ** (band / BANDS_PER_DECADE) - 1e-6);
}

export interface CellCount {
  spans: number;
  failures: number;
}

export function countIn(heat: Heat, cells: Cells): CellCount {
  let [spans, failures] = [0, 0];
  for (let column = cells.column; column <= cells.lastColumn; column += 1) {
    for (let row = cells.row; row <= cells.lastRow; row += 1) {
      spans += heat.spans[column * heat.bands + row] ?? 0;
      failures += heat.failures[column * heat.bands + row] ?? 0;
    }
  }
  return { spans, failures };
}

/** The steps of the colour scale: from 1 to the most, evenly on a logarithmic axis. */
export const STEPS = 7;

/** 0 to `STEPS - 1`; -1 for an empty cell. */
export function stepOf(count: number, most: number): number {
  if (count <= 0) return -1;
  if (most <= 1) return STEPS - 1;
  return Math.min(STEPS - 1, Math.floor((Math.log(Math.max(1, count)) / Math.log(most)) * STEPS));
}

/** The least count of a step. */
export function stepStart(step: number, most: number): number {
  return Math.max(1, Math.ceil(most ** (step / STEPS) - 1e-9));
}
