/** The time range of a page: its text in the URL, what it means, and how it is shown. */

/** As in the URL and the API: RFC 3339, `now`, or `now-` and a duration like `15m` or `1h30m` (units s, m, h, d, w). */
export interface RangeText {
  from: string;
  to: string;
}

export type TimePoint = { kind: 'relative'; ageMs: number } | { kind: 'absolute'; epochMs: number };

export interface Preset {
  label: string;
  from: string;
}

export const PRESETS: readonly Preset[] = [
  { label: 'Last 15 minutes', from: 'now-15m' },
  { label: 'Last 1 hour', from: 'now-1h' },
  { label: 'Last 6 hours', from: 'now-6h' },
  { label: 'Last 24 hours', from: 'now-24h' },
];

export const DEFAULT_RANGE: RangeText = { from: 'now-1h', to: 'now' };

const UNIT_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const UNIT_NAMES: Record<string, string> = { s: 'second', m: 'minute', h: 'hour', d: 'day', w: 'week' };
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/i;

export function parseTimePoint(text: string): TimePoint | undefined {
  if (text === 'now') return { kind: 'relative', ageMs: 0 };
  const relative = /^now-((?:\d{1,9}[smhdw])+)$/.exec(text);
  if (relative) return { kind: 'relative', ageMs: durationMs(relative[1]!) };
  if (!RFC_3339.test(text)) return undefined;
  const epochMs = Date.parse(text);
  return Number.isNaN(epochMs) ? undefined : { kind: 'absolute', epochMs };
}

export function toEpochMs(point: TimePoint, nowMs: number): number {
  return point.kind === 'absolute' ? point.epochMs : nowMs - point.ageMs;
}

/** The range in the URL. What is missing or unreadable is replaced by the default, and named in `problem`. */
export function readRange(
  fromInUrl: string | null,
  toInUrl: string | null,
  nowMs: number,
): { range: RangeText; problem?: string } {
  const from = fromInUrl ?? DEFAULT_RANGE.from;
  const to = toInUrl ?? DEFAULT_RANGE.to;
  const problem = rangeProblem(from, to, nowMs);
  return problem === undefined ? { range: { from, to } } : { range: DEFAULT_RANGE, problem };
}

/** Why a range cannot be used, or undefined when it can. */
export function rangeProblem(from: string, to: string, nowMs: number): string | undefined {
  const start = parseTimePoint(from);
  const end = parseTimePoint(to);
  if (start === undefined) return `“${from}” is not a time. Use RFC 3339 or now-15m, now-1h, now-7d.`;
  if (end === undefined) return `“${to}” is not a time. Use RFC 3339 or now-15m, now-1h, now-7d.`;
  if (toEpochMs(start, nowMs) >= toEpochMs(end, nowMs)) return 'The range ends before it starts.';
  return undefined;
}

/** The query parameters of a range; empty for the default one, so that plain links stay plain. */
export function rangeQuery(range: RangeText): { from: string | null; to: string | null } {
  const isDefault = range.from === DEFAULT_RANGE.from && range.to === DEFAULT_RANGE.to;
  return isDefault ? { from: null, to: null } : { from: range.from, to: range.to };
}

export function describeRange(range: RangeText): string {
  const relative = /^now-(\d{1,9})([smhdw])$/.exec(range.from);
  if (relative && range.to === 'now') {
    const count = Number(relative[1]);
    return `Last ${count} ${UNIT_NAMES[relative[2]!]}${count === 1 ? '' : 's'}`;
  }
  return `${describePoint(range.from, true)} – ${describePoint(range.to, !areOfOneDay(range.from, range.to))}`;
}

/** The value of an `<input type="datetime-local">`, in the time zone of the browser. */
export function toLocalInput(epochMs: number): string {
  const offsetMs = new Date(epochMs).getTimezoneOffset() * 60_000;
  return new Date(epochMs - offsetMs).toISOString().slice(0, 19);
}

/** RFC 3339 in UTC from the value of an `<input type="datetime-local">`; undefined when it is not complete. */
export function fromLocalInput(value: string): string | undefined {
  const date = new Date(value);
  return value === '' || Number.isNaN(date.getTime()) ? undefined : date.toISOString().replace(/\.000Z$/, 'Z');
}

/** Of `15m` or `1h30m`. */
function durationMs(text: string): number {
  const parts = text.matchAll(/(\d+)([smhdw])/g);
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * UNIT_MS[unit!]!, 0);
}

function describePoint(text: string, isDayShown: boolean): string {
  const point = parseTimePoint(text);
  if (point?.kind !== 'absolute') return text;
  const date = new Date(point.epochMs);
  const time = date.toLocaleTimeString('en-GB', { timeStyle: date.getSeconds() === 0 ? 'short' : 'medium' });
  if (!isDayShown) return time;
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: isThisYear ? undefined : 'numeric' })}, ${time}`;
}

/** Of two times in the zone of the browser. */
function areOfOneDay(from: string, to: string): boolean {
  const [start, end] = [parseTimePoint(from), parseTimePoint(to)];
  if (start?.kind !== 'absolute' || end?.kind !== 'absolute') return false;
  return new Date(start.epochMs).toDateString() === new Date(end.epochMs).toDateString();
}
