/** A row in words. */
import { levelOf, type LogLevel } from './paint';
import { BREAKER, LOG, PHANTOM, REQUEST, SPAN, textAt } from './records';
import type { LaidOut } from './flow.worker';

export interface RowText {
  type: number;
  /** Of what is beside it: the service, or the gateway. */
  service: string;
  name: string;
  level: LogLevel;
  isFailed: boolean;
  /** Failed rows under it. */
  failedBelow: number;
  tier: string | undefined;
  gapKinds: string[];
}

export function describeRow({ tree, records }: LaidOut, row: number): RowText {
  const position = tree.record[row]!;
  const type = tree.type[row]!;
  const failedBelow = tree.failedBefore[tree.end[row]!]! - tree.failedBefore[row + 1]!;
  if (type === PHANTOM) {
    const name = `span ${tree.phantomIds[-1 - position]!} is not stored`;
    return { type, service: '', name, level: 'warn', isFailed: false, failedBelow, tier: undefined, gapKinds: [] };
  }
  const kind = textAt(records, 'kind', position);
  return {
    type,
    service: textAt(records, 'service', position) ?? '',
    name: nameOf({ tree, records }, position, type),
    level: type === LOG ? levelOf(kind) : type === BREAKER ? 'bad' : 'plain',
    isFailed: tree.failed[row] === 1,
    failedBelow,
    tier: textAt(records, 'tier', position),
    gapKinds: gapsAt({ tree, records }, position).map((gap) => gap.kind),
  };
}

function nameOf({ records }: LaidOut, position: number, type: number): string {
  const name = textAt(records, 'name', position);
  const body = textAt(records, 'body', position);
  if (type === LOG) return body ?? name ?? '(no text)';
  if (type === REQUEST) return [name, body].filter(Boolean).join(' · ');
  if (type === BREAKER) return `breaker ${name ?? ''}`.trim();
  return name ?? '(no name)';
}

export interface GapText {
  kind: string;
  detail: string;
}

const KINDS = ['missing_parent', 'absent_callee', 'not_sampled', 'id_clash', 'cycle', 'no_logs', 'ids_cut', 'session', 'records_cut'];
const GAP = new RegExp(`(?:^|; )(${KINDS.join('|')})(?:: )`);
/** These speak of the flow. They come with its first row. */
const OF_FLOW = new Set(['no_logs', 'ids_cut', 'session', 'records_cut']);

/** `kind: words; kind: words`, as `flow('id')` has it. */
export function parseGaps(text: string | undefined): GapText[] {
  if (!text) return [];
  const parts = text.split(GAP);
  const gaps: GapText[] = [];
  for (let at = 1; at + 1 < parts.length; at += 2) gaps.push({ kind: parts[at]!, detail: parts[at + 1]! });
  return gaps;
}

/** What is missing at a record. */
export function gapsAt({ records }: LaidOut, position: number): GapText[] {
  return parseGaps(textAt(records, 'gap', position)).filter((gap) => !OF_FLOW.has(gap.kind));
}

/** What is missing in the flow as a whole. */
export function gapsOfFlow({ records }: LaidOut): GapText[] {
  return records.count === 0 ? [] : parseGaps(textAt(records, 'gap', 0)).filter((gap) => OF_FLOW.has(gap.kind));
}

export const TIER_TEXT: Record<string, string> = {
  T0: 'joined by trace id and span id: confidence 1.0',
  T1: 'joined by trace id and time, in the innermost span of the service that was at work: confidence 0.95',
  T2: 'joined by a correlation id: confidence 0.9',
};

/** For the screen reader. */
export function spokenType(type: number): string {
  return type === SPAN ? '' : (['', 'gateway record', 'log line', 'breaker event', 'missing span'][type] ?? '');
}
