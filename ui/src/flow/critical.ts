/** The critical path of the traces of a flow, by row: what the requests waited for, and when. */
import { nanosBetween } from '../time/instant';
import { instantReader, type FlowRecords } from './records';
import type { FlowTree } from './tree';

/** The columns that the page asks `critical_path('trace')` for, in this order. */
export const CRITICAL_COLUMNS = ['span_id', 'start_time', 'duration_ns'] as const;

/** Stretches of a row: from `start[row]` to `start[row + 1]` in the others. */
export interface CriticalPath {
  start: Int32Array;
  fromNs: Float64Array;
  lengthNs: Float64Array;
  /** Of all stretches of a row. */
  totalNs: Float64Array;
  /** Of all rows. */
  sumNs: number;
  /** Rows whose stretches, by the clock of the root's host, lie outside of the row by its own. */
  shiftedRows: number;
}

/** Clocks that differ by less are alike, as in the joins of flows. */
const CLOCK_SLACK_NS = 5e6;

export function readCriticalPath(rows: readonly (readonly unknown[])[], tree: FlowTree, records: FlowRecords): CriticalPath {
  const rowOf = rowsOfSpans(tree, records);
  const path: CriticalPath = {
    start: new Int32Array(tree.count + 1),
    fromNs: new Float64Array(rows.length),
    lengthNs: new Float64Array(rows.length),
    totalNs: new Float64Array(tree.count),
    sumNs: 0,
    shiftedRows: 0,
  };
  const found = Int32Array.from(rows, ([spanId]) => rowOf.get(spanId as string) ?? -1);
  for (const row of found) if (row !== -1) path.start[row + 1]! += 1;
  for (let row = 0; row < tree.count; row += 1) path.start[row + 1]! += path.start[row]!;
  const next = path.start.slice();
  const readInstant = instantReader();
  for (const [index, [, startTime, durationNs]] of rows.entries()) {
    const row = found[index]!;
    const instant = readInstant(String(startTime));
    if (row === -1 || instant === undefined) continue;
    const at = next[row]!++;
    path.fromNs[at] = nanosBetween(records.start, instant);
    path.lengthNs[at] = durationNs as number;
    path.totalNs[row]! += durationNs as number;
    path.sumNs += durationNs as number;
  }
  fitToRows(path, tree);
  return path;
}

/** The first row of each span id. */
export function rowsOfSpans(tree: FlowTree, records: FlowRecords): Map<string, number> {
  const rowOf = new Map<string, number>();
  for (let row = 0; row < tree.count; row += 1) {
    if (tree.type[row] !== 0) continue;
    const spanId = records.spanIds[tree.record[row]!]!;
    if (!rowOf.has(spanId)) rowOf.set(spanId, row);
  }
  return rowOf;
}

/** Rows stand where their own host's clock has them: their stretches are moved there too. */
function fitToRows(path: CriticalPath, tree: FlowTree): void {
  for (let row = 0; row < tree.count; row += 1) {
    const [first, end] = [path.start[row]!, path.start[row + 1]!];
    if (first === end) continue;
    let from = Number.POSITIVE_INFINITY;
    let to = Number.NEGATIVE_INFINITY;
    for (let at = first; at < end; at += 1) {
      from = Math.min(from, path.fromNs[at]!);
      to = Math.max(to, path.fromNs[at]! + path.lengthNs[at]!);
    }
    const early = tree.fromNs[row]! - from;
    const late = to - (tree.fromNs[row]! + tree.lengthNs[row]!);
    const shift = early > 0 ? early : late > 0 ? -late : 0;
    if (Math.abs(shift) > CLOCK_SLACK_NS) path.shiftedRows += 1;
    if (shift !== 0) for (let at = first; at < end; at += 1) path.fromNs[at]! += shift;
  }
}
