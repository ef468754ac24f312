/** When breakers were open, of their events and of what is concluded from calls. */
import { readEvidence } from '../findings/occurrence';
import { grouped } from '../grouped';
import { parseInstant } from '../time/instant';
import { SILENCE_MS, type CountRow, type StateRow } from './sql';

export type State = 'open' | 'half open' | 'ejected';

export interface OpenInterval {
  state: State;
  fromMs: number;
  /** Undefined while it lasts. */
  toMs: number | undefined;
  /** How it ended. */
  end: 'closed' | 'silence' | 'tried again' | 'lasts';
  basis: 'explicit' | 'inferred';
}

export interface Refusals {
  event: string;
  /** Of the table that tells of the most: others tell of the same again. */
  count: number;
  toldBy: string;
}

export interface BreakerLine {
  key: string;
  service: string | null;
  callee: string | null;
  systems: string[];
  intervals: OpenInterval[];
  refusals: Refusals[];
  /** Of the finding that says the same. */
  findingId: string | undefined;
}

export interface BreakerFinding {
  id: string;
  subkind: string | null;
  service_name: string | null;
  target: string | null;
  method: string;
  opened: string;
  closed: string | null;
  evidence: string;
}

export function lineKey(service: string | null, callee: string | null): string {
  return `${service ?? '?'} > ${callee ?? '?'}`;
}

export function linesOf(states: readonly StateRow[], counts: readonly CountRow[], findings: readonly BreakerFinding[], range: { fromMs: number; toMs: number }): BreakerLine[] {
  const lines = new Map<string, BreakerLine>();
  const lineOf = (service: string | null, callee: string | null) => {
    const key = lineKey(service, callee);
    const line = lines.get(key) ?? { key, service, callee, systems: [], intervals: [], refusals: [], findingId: undefined };
    lines.set(key, line);
    return line;
  };
  for (const [, rows] of grouped(states, (row) => lineKey(row.service_name, row.callee))) {
    const line = lineOf(rows[0]!.service_name, rows[0]!.callee);
    line.systems = [...new Set(rows.map((row) => row.system))];
    line.intervals.push(...intervalsOf(rows, range.toMs).filter((interval) => (interval.toMs ?? range.toMs) >= range.fromMs));
    if (line.intervals.length === 0) lines.delete(line.key);
  }
  for (const finding of findings) {
    const line = lineOf(finding.service_name, finding.target);
    line.findingId = finding.id;
    if (finding.method === 'inferred') line.intervals.push(...inferredIntervals(finding));
  }
  for (const row of counts) addCount(lines, lineOf, row);
  return [...lines.values()].sort((one, other) => openMs(other, range.toMs) - openMs(one, range.toMs) || (one.key < other.key ? -1 : 1));
}

/** Several processes of a service tell of one breaker each, but events do not say which: together they are one. */
export function intervalsOf(rows: readonly StateRow[], endMs: number): OpenInterval[] {
  const intervals: OpenInterval[] = [];
  let current: { state: State; fromMs: number; lastMs: number; basis: OpenInterval['basis'] } | undefined;
  const finish = (toMs: number, end: OpenInterval['end']) => {
    if (current && toMs > current.fromMs) intervals.push({ state: current.state, fromMs: current.fromMs, toMs, end, basis: current.basis });
    current = undefined;
  };
  for (const row of rows) {
    const ms = millis(row.time);
    if (current && ms - current.lastMs > SILENCE_MS) finish(current.lastMs + SILENCE_MS, 'silence');
    const state = STATES[row.event];
    if (state === undefined) finish(ms, 'closed');
    else if (current?.state === state) current.lastMs = ms;
    else {
      finish(ms, 'tried again');
      current = { state, fromMs: ms, lastMs: ms, basis: row.basis === 'inferred' ? 'inferred' : 'explicit' };
    }
  }
  if (current && endMs - current.lastMs > SILENCE_MS) finish(current.lastMs + SILENCE_MS, 'silence');
  else if (current) intervals.push({ state: current.state, fromMs: current.fromMs, toMs: undefined, end: 'lasts', basis: current.basis });
  return intervals;
}

const STATES: Record<string, State | undefined> = { trip: 'open', half_open: 'half open', eject: 'ejected' };

function inferredIntervals(finding: BreakerFinding): OpenInterval[] {
  const open = readEvidence(finding.evidence)?.details?.['open'];
  const toMs = finding.closed === null ? undefined : millis(finding.closed);
  const whole: OpenInterval = { state: 'open', fromMs: millis(finding.opened), toMs, end: toMs === undefined ? 'lasts' : 'closed', basis: 'inferred' };
  if (!Array.isArray(open)) return [whole];
  const parts = open.flatMap((part: unknown): OpenInterval[] => {
    if (typeof part !== 'object' || part === null || !('from' in part) || !('to' in part)) return [];
    return [{ ...whole, fromMs: millis(String(part.from)), toMs: millis(String(part.to)), end: 'closed' }];
  });
  return parts.length > 0 ? parts : [whole];
}

/** What names no callee belongs to the only one of its service, else to a line of its own. */
function addCount(lines: ReadonlyMap<string, BreakerLine>, lineOf: (service: string | null, callee: string | null) => BreakerLine, row: CountRow): void {
  const ofService = [...lines.values()].filter((line) => line.service === row.service_name && line.callee !== null);
  const line = row.callee === null && ofService.length === 1 ? ofService[0]! : lineOf(row.service_name, row.callee);
  const known = line.refusals.find((one) => one.event === row.event);
  if (!known) line.refusals.push({ event: row.event, count: row.count, toldBy: row.source_table });
  else if (row.count > known.count) Object.assign(known, { count: row.count, toldBy: row.source_table });
}

export function openMs(line: BreakerLine, endMs: number): number {
  return line.intervals.reduce((sum, { state, fromMs, toMs }) => sum + (state === 'half open' ? 0 : (toMs ?? endMs) - fromMs), 0);
}

function millis(text: string): number {
  return parseInstant(text)?.epochMs ?? Number.NaN;
}
