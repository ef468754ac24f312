/** What a range is compared with. */
import { formatDuration } from '../format';
import { spelledOut } from '../sql-text';

export interface Baseline {
  key: string;
  label: string;
  /** How long before the range it lies. */
  shiftMs: number;
}

const DAY_MS = 86_400_000;

/** The first is the default. A baseline never overlaps its range. */
export function baselinesOf(bounds: { fromMs: number; toMs: number }): Baseline[] {
  const length = Math.max(1000, Math.round((bounds.toMs - bounds.fromMs) / 1000) * 1000);
  const previous: Baseline = { key: 'previous', label: `the ${periodName(length)} before`, shiftMs: length };
  const others: Baseline[] = [
    { key: '1d', label: 'the same time a day before', shiftMs: DAY_MS },
    { key: '7d', label: 'the same time a week before', shiftMs: 7 * DAY_MS },
  ];
  return [previous, ...others.filter((baseline) => baseline.shiftMs >= length)];
}

export function baselineOf(key: string | null, bounds: { fromMs: number; toMs: number }): Baseline {
  const known = baselinesOf(bounds);
  return known.find((baseline) => baseline.key === key) ?? known[0]!;
}

/** `hour`, `15 minutes`, `29 m 40 s` */
function periodName(ms: number): string {
  const name = spelledOut(ms).replace(/^1 /, '');
  return ms > 60_000 && name.endsWith(' seconds') ? formatDuration(ms * 1e6) : name;
}
