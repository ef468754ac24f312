/** Flows for tests: records as `flow('id')` gives them, most of their columns left to what does not matter. */
import { FLOW_COLUMNS, readRecords } from './records';
import { buildTree } from './tree';
import type { LaidOut } from './flow.worker';

export type RecordText = Partial<Record<(typeof FLOW_COLUMNS)[number], unknown>>;

const START = Date.parse('2026-11-20T21:00:00Z');

/** `at` and `lasts` are milliseconds. */
export function span(id: string, parent: number | null, at: number, lasts: number, more: RecordText = {}): RecordText {
  return { type: 'span', time: timeAt(at), duration_ns: lasts * 1e6, span_id: id, parent, name: `work ${id}`, service_name: 'shop', outcome: 'ok', trace_id: 't', ...more };
}

export function log(parent: number | null, at: number, body: string, more: RecordText = {}): RecordText {
  return { type: 'log', time: timeAt(at), parent, body, service_name: 'shop', kind: 'INFO', ...more };
}

export function timeAt(ms: number): string {
  return new Date(START + ms).toISOString().replace('Z', '000000Z');
}

export function flowOf(records: readonly RecordText[]): LaidOut {
  const rows = records.map((record) => FLOW_COLUMNS.map((column) => record[column] ?? null));
  const read = readRecords(rows);
  return { records: read, tree: buildTree(read) };
}
