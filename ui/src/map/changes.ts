/** What is different from another range. */
import { quote, spelledOut } from '../sql-text';
import { parseTimePoint, type RangeText } from '../time/range';

/** A row of `graph_diff`. */
export interface Change {
  change: 'new' | 'gone' | 'slower' | 'failing';
  source: string;
  source_namespace: string | null;
  source_kind: string;
  target: string | null;
  target_namespace: string | null;
  target_kind: string | null;
  kind: string | null;
  deployment_environment_name: string | null;
  before: number | null;
  after: number | null;
}

/** How the other range lies: right before, or the same so much earlier. */
export const COMPARISONS = [
  { value: 'previous', label: 'the range before' },
  { value: '1h', label: 'an hour earlier' },
  { value: '24h', label: 'a day earlier' },
  { value: '7d', label: 'a week earlier' },
] as const;

export type Comparison = (typeof COMPARISONS)[number]['value'];

const SHIFTS_MS: Record<Exclude<Comparison, 'previous'>, number> = { '1h': 3_600_000, '24h': 86_400_000, '7d': 604_800_000 };

export function earlierRange(range: RangeText, comparison: Comparison, nowMs: number): RangeText {
  const [from, to] = [parseTimePoint(range.from), parseTimePoint(range.to)];
  if (from === undefined || to === undefined) return range;
  const [fromMs, toMs] = [from, to].map((point) => (point.kind === 'absolute' ? point.epochMs : nowMs - point.ageMs)) as [number, number];
  const shift = comparison === 'previous' ? toMs - fromMs : SHIFTS_MS[comparison];
  if (from.kind === 'relative' && to.kind === 'relative') {
    return { from: ago(from.ageMs + shift), to: ago(to.ageMs + shift) };
  }
  return { from: new Date(fromMs - shift).toISOString(), to: new Date(toMs - shift).toISOString() };
}

export function differenceSql(before: RangeText, range: RangeText): string {
  return `SELECT * FROM graph_diff(${[before.from, before.to, range.from, range.to].map(quote).join(', ')})`;
}

function ago(ms: number): string {
  if (ms === 0) return 'now';
  const [count, unit] = spelledOut(ms).split(' ') as [string, string];
  return unit.startsWith('milli') ? `now-${Math.round(ms / 1000)}s` : `now-${count}${unit[0]}`;
}
