/** Which chart a result makes. */
import { bucketMs } from '../sql-text';
import { parseInstant } from '../time/instant';
import type { ResultColumn, ResultRows } from '../console/rows';

export interface Bar {
  label: string;
  value: number;
}

export type ResultChart =
  | {
      kind: 'time';
      times: number[];
      series: { label: string; values: (number | null)[] }[];
      /** Series that are not drawn: those with the smallest sums. */
      left: number;
      /** From one time to the next, where that is always the same. */
      stepMs: number | undefined;
    }
  | { kind: 'bars'; bars: Bar[]; left: number; valueName: string; rest: string[] }
  | { kind: 'none'; reason: string };

const MOST_SERIES = 12;
const MOST_BARS = 50;
const MOST_TIMES = 20_000;

/** A column of times and numbers make lines, of text and a number make bars. */
export function chartOf(rows: ResultRows, stepMs?: number): ResultChart {
  if (rows.count === 0) return { kind: 'none', reason: 'The result has no rows.' };
  const indexes = (kind: ResultColumn['kind']) => rows.columns.flatMap((column, index) => (column.kind === kind ? [index] : []));
  const [time] = indexes('time');
  const numbers = indexes('number');
  const texts = indexes('text').concat(indexes('boolean'));
  if (numbers.length === 0) return { kind: 'none', reason: 'A chart needs a column of numbers; the result has none.' };
  if (time !== undefined) return overTime(rows, { time, numbers, texts }, stepMs);
  if (texts.length > 0) return asBars(rows, texts, numbers);
  return { kind: 'none', reason: 'A chart needs a column of times, or one of text to name the bars; the result has only numbers.' };
}

interface Roles {
  time: number;
  numbers: number[];
  texts: number[];
}

function overTime(rows: ResultRows, { time, numbers, texts }: Roles, knownStepMs: number | undefined): ResultChart {
  const points = new Map<string, Map<number, number | null>>();
  for (let row = 0; row < rows.count; row += 1) {
    const epochMs = parseInstant(String(rows.value(row, time)))?.epochMs;
    if (epochMs === undefined) continue;
    const key = texts.map((column) => nameOf(rows.value(row, column))).join(' · ');
    for (const column of numbers) {
      const label = labelOf(key, numbers.length > 1 || key === '' ? rows.columns[column]!.name : '');
      const values = points.get(label) ?? new Map<number, number | null>();
      points.set(label, values);
      if (values.has(epochMs)) return { kind: 'none', reason: several(rows, time, texts) };
      values.set(epochMs, numberOf(rows.value(row, column)));
    }
  }
  const found = [...new Set([...points.values()].flatMap((values) => [...values.keys()]))].sort((a, b) => a - b);
  if (found.length === 0) return { kind: 'none', reason: 'All times of the result are null.' };
  if (found.length > MOST_TIMES) {
    return { kind: 'none', reason: `The result has ${found.length} times; group them: date_bin($bucket, ${rows.columns[time]!.name}).` };
  }
  const stepMs = knownStepMs ?? stepOf(found);
  const times = stepMs === undefined ? found : filled(found, stepMs);
  const labels = largest([...points.keys()], (label) => sumOf(points.get(label)!.values()), MOST_SERIES);
  const series = labels.map((label) => ({ label, values: times.map((at) => points.get(label)!.get(at) ?? null) }));
  return { kind: 'time', times, series, left: points.size - series.length, stepMs };
}

function several(rows: ResultRows, time: number, texts: number[]): string {
  const names = [time, ...texts].map((column) => rows.columns[column]!.name).join(', ');
  return `Several rows have the same ${names}, so no one value is that of a point; GROUP BY ${names}.`;
}

/** Where all times are multiples of the smallest distance apart, and not too many are missing. */
function stepOf(times: readonly number[]): number | undefined {
  let step = Infinity;
  for (let index = 1; index < times.length; index += 1) step = Math.min(step, times[index]! - times[index - 1]!);
  if (!Number.isFinite(step) || times.some((at) => (at - times[0]!) % step !== 0)) return undefined;
  return (times.at(-1)! - times[0]!) / step > Math.max(times.length * 20, 200) ? undefined : step;
}

/** With the times that have no rows, so that lines have gaps there. */
function filled(times: readonly number[], stepMs: number): number[] {
  const count = Math.round((times.at(-1)! - times[0]!) / stepMs) + 1;
  const isRegular = count <= MOST_TIMES && times.every((at) => (at - times[0]!) % stepMs === 0);
  return isRegular ? Array.from({ length: count }, (_, index) => times[0]! + index * stepMs) : [...times];
}

function asBars(rows: ResultRows, texts: number[], numbers: number[]): ResultChart {
  const value = numbers[0]!;
  const bars: Bar[] = [];
  for (let row = 0; row < rows.count; row += 1) {
    const amount = numberOf(rows.value(row, value));
    if (amount === null) continue;
    if (bars.length < MOST_BARS) bars.push({ label: texts.map((column) => nameOf(rows.value(row, column))).join(' · '), value: amount });
  }
  if (bars.length === 0) return { kind: 'none', reason: `All values of ${rows.columns[value]!.name} are null.` };
  const rest = numbers.slice(1).map((column) => rows.columns[column]!.name);
  return { kind: 'bars', bars, left: rows.count - bars.length, valueName: rows.columns[value]!.name, rest };
}

/** Where a chart over time begins and ends that is not of the range of the page. */
export function boundsOf(times: readonly number[], stepMs: number | undefined): { fromMs: number; toMs: number } {
  const [first, last] = [times[0]!, times.at(-1)!];
  const step = stepMs ?? (first === last ? bucketMs({ fromMs: first, toMs: first + 3_600_000 }) : 0);
  return { fromMs: first, toMs: last + step };
}

function largest(labels: string[], size: (label: string) => number, most: number): string[] {
  if (labels.length <= most) return labels;
  const chosen = new Set(labels.toSorted((a, b) => size(b) - size(a)).slice(0, most));
  return labels.filter((label) => chosen.has(label));
}

function sumOf(values: Iterable<number | null>): number {
  let sum = 0;
  for (const value of values) sum += Math.abs(value ?? 0);
  return sum;
}

function labelOf(key: string, column: string): string {
  return key !== '' && column !== '' ? `${key} · ${column}` : key + column;
}

function nameOf(value: unknown): string {
  return value === null || value === undefined || value === '' ? '(none)' : String(value);
}

export function numberOf(value: unknown): number | null {
  if (value === null || value === undefined || value === '') return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}
