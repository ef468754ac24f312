/** A box of the heatmap, as it stands in the address: `<from>..<to>,<at least>..<less than or equal>`. */
import { durationMillis, parseDurationInput } from '../duration-input';
import { formatDuration } from '../format';
import { bandOf, bandStart, LEAST_NS, type Cells, type Heat } from './heat';

export interface Box {
  fromMs: number;
  toMs: number;
  /** Nanoseconds, both inclusive. */
  leastNs: number;
  mostNs: number;
}

export function writeBox(box: Box): string {
  return `${rfc3339(box.fromMs)}..${rfc3339(box.toMs)},${box.leastNs}ns..${box.mostNs}ns`;
}

export function readBox(text: string | null): Box | undefined {
  const match = /^(.+?)\.\.(.+?),(.+?)\.\.(.+)$/.exec(text ?? '');
  if (!match) return undefined;
  const [fromMs, toMs] = [Date.parse(match[1]!), Date.parse(match[2]!)];
  const [leastNs, mostNs] = [nanos(match[3]!), nanos(match[4]!)];
  const isBox = toMs > fromMs && leastNs !== undefined && mostNs !== undefined && mostNs >= leastNs;
  return isBox ? { fromMs, toMs, leastNs, mostNs } : undefined;
}

/** The box of whole cells. */
export function boxOf(heat: Heat, cells: Cells): Box {
  const low = heat.firstBand + cells.row;
  return {
    fromMs: heat.times[cells.column]!,
    toMs: heat.times[cells.lastColumn]! + heat.widthMs,
    // What is shorter than the least is counted in its band.
    leastNs: low <= bandOf(LEAST_NS) ? 0 : bandStart(low),
    mostNs: bandStart(heat.firstBand + cells.lastRow + 1) - 1,
  };
}

/** The cells that a box touches; undefined if it lies outside. */
export function cellsOf(heat: Heat, box: Box): Cells | undefined {
  const first = heat.times[0]!;
  const column = Math.floor((box.fromMs - first) / heat.widthMs);
  const lastColumn = Math.ceil((box.toMs - first) / heat.widthMs) - 1;
  const [row, lastRow] = [bandOf(box.leastNs) - heat.firstBand, bandOf(box.mostNs) - heat.firstBand];
  if (lastColumn < 0 || column >= heat.times.length || lastRow < 0 || row >= heat.bands) return undefined;
  return {
    column: Math.max(0, column),
    row: Math.max(0, row),
    lastColumn: Math.min(heat.times.length - 1, lastColumn),
    lastRow: Math.min(heat.bands - 1, lastRow),
  };
}

/** `19:30:00 – 19:35:00, 10.0 ms – 100 ms` */
export function describeBox(box: Box): string {
  const clock = (ms: number) => new Date(ms).toLocaleTimeString('en-GB', { hour12: false });
  return `${clock(box.fromMs)} – ${clock(box.toMs)}, ${formatDuration(box.leastNs)} – ${formatDuration(box.mostNs)}`;
}

function nanos(text: string): number | undefined {
  return parseDurationInput(text) === undefined ? undefined : Math.round(durationMillis(text) * 1e6);
}

export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace('.000Z', 'Z');
}
