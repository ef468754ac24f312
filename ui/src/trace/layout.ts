/**
 * Turns the spans of a trace into rows: pre-order, siblings by start time, with depth and extent of each subtree.
 *
 * Nothing recurses, so that a chain of 100,000 spans is only long. A span whose parent is not in the trace, or that is
 * its own ancestor, starts a tree of its own and says so in `note`.
 */
import type { Span } from '../api/types';
import { nanosBetween, parseInstant, type Instant } from '../time/instant';

export type RowNote = 'missing parent' | 'cycle of parents' | 'repeated span id';

export interface Row {
  span: Span;
  depth: number;
  /** Row of the parent; -1 for the start of a tree. */
  parent: number;
  /** One past the last row of the subtree. */
  subtreeEnd: number;
  childCount: number;
  /** Nanoseconds after the start of the trace. */
  offsetNs: number;
  durationNs: number;
  isFailed: boolean;
  note: RowNote | undefined;
}

export interface TraceLayout {
  rows: Row[];
  start: Instant;
  durationNs: number;
  /** Rows that failed, in order. */
  failedRows: number[];
}

const FAILED_OUTCOMES = new Set(['rejected', 'server_fault', 'timeout', 'unreachable']);
const EPOCH: Instant = { epochMs: 0, nanos: 0 };
const NONE = -1;

export function layOutTrace(spans: readonly Span[]): TraceLayout {
  const { start, offsets } = startOffsets(spans);
  const tree = buildTree(spans, offsets);
  const rows = walk(spans, offsets, tree);
  closeSubtrees(rows);

  let durationNs = 0;
  const failedRows: number[] = [];
  for (const [index, row] of rows.entries()) {
    durationNs = Math.max(durationNs, row.offsetNs + row.durationNs);
    if (row.isFailed) failedRows.push(index);
  }
  return { rows, start, durationNs, failedRows };
}

/** The rows to show when the subtrees of some rows are folded. */
export function visibleRows(rows: readonly Row[], folded: ReadonlySet<number>): number[] {
  const visible: number[] = [];
  for (let index = 0; index < rows.length; ) {
    visible.push(index);
    index = folded.has(index) ? rows[index]!.subtreeEnd : index + 1;
  }
  return visible;
}

/** The services of a trace in order of appearance, each with its number of spans. */
export function countServices(rows: readonly Row[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { span } of rows) counts.set(span.service_name, (counts.get(span.service_name) ?? 0) + 1);
  return counts;
}

/** Nanoseconds of a row's own time: its duration less what its direct children cover. */
export function selfTimeNs(rows: readonly Row[], index: number): number {
  const row = rows[index]!;
  const end = row.offsetNs + row.durationNs;
  let covered = 0;
  let coveredUntil = row.offsetNs;
  for (let child = index + 1; child < row.subtreeEnd; child = rows[child]!.subtreeEnd) {
    const { offsetNs, durationNs } = rows[child]!;
    const childEnd = Math.min(offsetNs + durationNs, end);
    const childStart = Math.max(offsetNs, coveredUntil);
    if (childEnd > childStart) {
      covered += childEnd - childStart;
      coveredUntil = childEnd;
    }
  }
  return row.durationNs - covered;
}

function startOffsets(spans: readonly Span[]): { start: Instant; offsets: Float64Array } {
  const instants = spans.map((span) => parseInstant(span.start_time));
  let start: Instant | undefined;
  for (const instant of instants) {
    if (instant && (start === undefined || nanosBetween(start, instant) < 0)) start = instant;
  }
  const origin = start ?? EPOCH;
  const offsets = Float64Array.from(instants, (instant) => (instant ? nanosBetween(origin, instant) : 0));
  return { start: origin, offsets };
}

interface Tree {
  /** Span indices that start a tree, by start time. */
  roots: number[];
  firstChild: Int32Array;
  nextSibling: Int32Array;
  byStart: number[];
  notes: Map<number, RowNote>;
}

function buildTree(spans: readonly Span[], offsets: Float64Array): Tree {
  const indexById = new Map<string, number>();
  const notes = new Map<number, RowNote>();
  for (const [index, span] of spans.entries()) {
    if (indexById.has(span.span_id)) notes.set(index, 'repeated span id');
    else indexById.set(span.span_id, index);
  }

  const byStart = spans.map((_, index) => index).sort((a, b) => offsets[a]! - offsets[b]! || a - b);
  const firstChild = new Int32Array(spans.length).fill(NONE);
  const nextSibling = new Int32Array(spans.length).fill(NONE);
  const roots: number[] = [];
  // From the last to the first, so that each list of children ends up in order of start.
  for (const index of byStart.toReversed()) {
    const parentId = spans[index]!.parent_span_id;
    const parent = parentId ? indexById.get(parentId) : undefined;
    if (parent === undefined) {
      roots.push(index);
      if (parentId) notes.set(index, 'missing parent');
    } else {
      nextSibling[index] = firstChild[parent]!;
      firstChild[parent] = index;
    }
  }
  return { roots: roots.reverse(), firstChild, nextSibling, byStart, notes };
}

function walk(spans: readonly Span[], offsets: Float64Array, tree: Tree): Row[] {
  const rows: Row[] = [];
  const rowOf = new Int32Array(spans.length).fill(NONE);
  const pending: { index: number; parent: number }[] = [];

  const walkFrom = (root: number) => {
    pending.push({ index: root, parent: NONE });
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const { index, parent } = next;
      if (rowOf[index] !== NONE) continue;
      rowOf[index] = rows.length;
      const depth = parent === NONE ? 0 : rows[parent]!.depth + 1;
      if (parent !== NONE) rows[parent]!.childCount += 1;
      rows.push(makeRow(spans[index]!, depth, parent, offsets[index]!, tree.notes.get(index)));

      const firstOfChildren = pending.length;
      for (let child = tree.firstChild[index]!; child !== NONE; child = tree.nextSibling[child]!) {
        pending.push({ index: child, parent: rowOf[index]! });
      }
      reverseFrom(pending, firstOfChildren);
    }
  };

  for (const root of tree.roots) walkFrom(root);
  // What no root reaches hangs below a cycle; its earliest span starts the tree.
  for (const index of tree.byStart) {
    if (rowOf[index] !== NONE) continue;
    tree.notes.set(index, 'cycle of parents');
    walkFrom(index);
  }
  return rows;
}

function makeRow(span: Span, depth: number, parent: number, offsetNs: number, note: RowNote | undefined): Row {
  return {
    span,
    depth,
    parent,
    subtreeEnd: NONE,
    childCount: 0,
    offsetNs,
    durationNs: Math.max(0, span.duration_ns),
    isFailed: span.status_code === 'ERROR' || FAILED_OUTCOMES.has(span.outcome),
    note,
  };
}

function closeSubtrees(rows: Row[]): void {
  const open: number[] = [];
  const closeDownTo = (depth: number, end: number) => {
    while (open.length > 0 && rows[open.at(-1)!]!.depth >= depth) rows[open.pop()!]!.subtreeEnd = end;
  };
  for (const [index, row] of rows.entries()) {
    closeDownTo(row.depth, index);
    open.push(index);
  }
  closeDownTo(0, rows.length);
}

function reverseFrom<Item>(items: Item[], from: number): void {
  for (let left = from, right = items.length - 1; left < right; left += 1, right -= 1) {
    const item = items[left]!;
    items[left] = items[right]!;
    items[right] = item;
  }
}
