/** The records of a flow as columns, which 100,000 of them can be kept and handed between threads in. */
import { nanosBetween, parseInstant, type Instant } from '../time/instant';

/** Values of `type`. A phantom is a span that others name as their parent and that is not stored. */
export const SPAN = 0;
export const REQUEST = 1;
export const LOG = 2;
export const BREAKER = 3;
export const PHANTOM = 4;
export const TYPE_NAMES = ['span', 'request', 'log', 'breaker', 'phantom'] as const;

/** The columns that the page asks `flow('id')` for, in this order. */
export const FLOW_COLUMNS = [
  'type', 'time', 'duration_ns', 'service_name', 'name', 'kind', 'trace_id', 'span_id', 'parent_span_id', 'correlation_id',
  'parent', 'join_tier', 'gap', 'outcome', 'body', 'attempts',
] as const;

type Column = (typeof FLOW_COLUMNS)[number];
const AT = Object.fromEntries(FLOW_COLUMNS.map((name, index) => [name, index])) as Record<Column, number>;

/** Texts that repeat: a code for each record, -1 for none. */
export interface Texts {
  codes: Int32Array;
  values: string[];
}

export interface Attempt {
  address: string | null;
  status: number | null;
  duration_ns: number | null;
}

/** Column by column; the index is the position in the flow. */
export interface FlowRecords {
  count: number;
  /** What the offsets are counted from: the earliest record. */
  start: Instant;
  type: Uint8Array;
  offsetNs: Float64Array;
  /** Not a number for what takes no time. */
  durationNs: Float64Array;
  parent: Int32Array;
  service: Texts;
  name: Texts;
  kind: Texts;
  traceId: Texts;
  correlationId: Texts;
  tier: Texts;
  gap: Texts;
  outcome: Texts;
  body: Texts;
  /** Empty where there is none. */
  spanIds: string[];
  /** Of those with a gap. */
  parentIds: string[];
  /** Tries of gateways, of the few records that have them. */
  attempts: Map<number, Attempt[]>;
}

export type TextColumn = {
  [Key in keyof FlowRecords]: FlowRecords[Key] extends Texts ? Key : never;
}[keyof FlowRecords];

export function textAt(records: FlowRecords, column: TextColumn, position: number): string | undefined {
  const { codes, values } = records[column];
  return values[codes[position]!];
}

/** Rows of the statement that asks for `FLOW_COLUMNS`. */
export function readRecords(rows: readonly (readonly unknown[])[]): FlowRecords {
  const count = rows.length;
  const texts = (column: Column) => encodeTexts(rows, AT[column]);
  const { start, offsetNs } = readTimes(rows);
  return {
    count,
    start,
    type: Uint8Array.from(rows, (row) => Math.max(0, (TYPE_NAMES as readonly unknown[]).indexOf(row[AT.type]))),
    offsetNs,
    durationNs: Float64Array.from(rows, (row) => numberOr(row[AT.duration_ns], Number.NaN)),
    parent: Int32Array.from(rows, (row) => numberOr(row[AT.parent], -1)),
    service: texts('service_name'),
    name: texts('name'),
    kind: texts('kind'),
    traceId: texts('trace_id'),
    correlationId: texts('correlation_id'),
    tier: texts('join_tier'),
    gap: texts('gap'),
    outcome: texts('outcome'),
    body: texts('body'),
    spanIds: rows.map((row) => textOr(row[AT.span_id])),
    parentIds: rows.map((row) => textOr(row[AT.parent_span_id])),
    attempts: readAttempts(rows),
  };
}

function readAttempts(rows: readonly (readonly unknown[])[]): Map<number, Attempt[]> {
  const attempts = new Map<number, Attempt[]>();
  for (const [position, row] of rows.entries()) {
    const tries = row[AT.attempts];
    if (Array.isArray(tries) && tries.length > 0) attempts.set(position, tries as Attempt[]);
  }
  return attempts;
}

function encodeTexts(rows: readonly (readonly unknown[])[], at: number): Texts {
  const known = new Map<unknown, number>();
  const values: string[] = [];
  const codes = new Int32Array(rows.length).fill(-1);
  // Most records have the value of the one before.
  let last: unknown = null;
  let lastCode = -1;
  for (let position = 0; position < rows.length; position += 1) {
    const value = rows[position]![at] ?? null;
    if (value !== last) {
      lastCode = value === null ? -1 : (known.get(value) ?? values.length);
      if (lastCode === values.length) {
        values.push(String(value));
        known.set(value, lastCode);
      }
      last = value;
    }
    codes[position] = lastCode;
  }
  return { codes, values };
}

function readTimes(rows: readonly (readonly unknown[])[]): { start: Instant; offsetNs: Float64Array } {
  const readInstant = instantReader();
  const instants = rows.map((row) => readInstant(textOr(row[AT.time])));
  let start: Instant | undefined;
  for (const instant of instants) {
    if (instant && (start === undefined || nanosBetween(start, instant) < 0)) start = instant;
  }
  const origin = start ?? { epochMs: 0, nanos: 0 };
  return { start: origin, offsetNs: Float64Array.from(instants, (instant) => (instant ? nanosBetween(origin, instant) : 0)) };
}

/** Reads times of which most are of the same second as the one before: `2026-11-20T21:00:00.123456789Z`. */
export function instantReader(): (text: string) => Instant | undefined {
  const SECOND = '2026-11-20T21:00:00'.length;
  const WHOLE = '2026-11-20T21:00:00.123456789Z'.length;
  let second = '';
  let epochMs = 0;
  return (text) => {
    if (text.length !== WHOLE || text[SECOND] !== '.' || text[WHOLE - 1] !== 'Z') return parseInstant(text);
    if (!text.startsWith(second) || second === '') {
      second = text.slice(0, SECOND);
      epochMs = Date.parse(`${second}Z`);
    }
    const nanos = Number(text.slice(SECOND + 1, WHOLE - 1));
    if (Number.isNaN(epochMs) || Number.isNaN(nanos)) return parseInstant(text);
    return { epochMs: epochMs + Math.floor(nanos / 1e6), nanos: nanos % 1e6 };
  };
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}

function textOr(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
