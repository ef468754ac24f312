/**
 * The rows of a flow: depth first, siblings by time, each with its depth, the extent of what is under it, and its own time.
 *
 * Spans whose parent is not stored stand under a phantom of that parent. Nothing recurses, so that a chain of 100,000
 * records is only long, and nothing is done twice for a record.
 */
import { isFailedOutcome } from '../outcome';
import { BREAKER, LOG, PHANTOM, SPAN, type FlowRecords } from './records';

export interface FlowTree {
  count: number;
  /** Position of the record; of a phantom, -1 less its index in `phantomIds`. */
  record: Int32Array;
  type: Uint8Array;
  depth: Int32Array;
  /** Row above; -1 on top. */
  parent: Int32Array;
  /** One past the last row under it. */
  end: Int32Array;
  /** Nanoseconds since the start of the flow. */
  fromNs: Float64Array;
  lengthNs: Float64Array;
  /** Of spans and requests: without what their children cover. */
  selfNs: Float64Array;
  failed: Uint8Array;
  /** Failed rows before each row, so that those under it are a difference. */
  failedBefore: Int32Array;
  /** Log lines and breaker events under each row: `marks` from `markStart[row]` to `markStart[row + 1]`. */
  markStart: Int32Array;
  marks: Int32Array;
  /** Ids of the spans that are named and not stored. */
  phantomIds: string[];
  /** To the end of the last record. */
  lengthOfAllNs: number;
}

interface Lists {
  firstChild: Int32Array;
  nextSibling: Int32Array;
  firstTop: number;
  phantomIds: string[];
}

const NONE = -1;

export function buildTree(records: FlowRecords): FlowTree {
  const lists = linkRecords(records);
  const tree = walk(records, lists);
  closeSubtrees(tree);
  measure(tree, records);
  collectMarks(tree);
  return tree;
}

/** Lists of children. Nodes from `records.count` on are phantoms. */
function linkRecords(records: FlowRecords): Lists {
  const { count } = records;
  const isOrphan = Uint8Array.from(records.gap.values, (gap) => Number(gap.includes('missing_parent')));
  const phantomOf = new Map<string, number>();
  const phantomIds: string[] = [];
  const most = count * 2;
  const firstChild = new Int32Array(most).fill(NONE);
  const lastChild = new Int32Array(most).fill(NONE);
  const nextSibling = new Int32Array(most).fill(NONE);
  let firstTop = NONE;
  let lastTop = NONE;
  const append = (node: number, parent: number) => {
    const before = parent === NONE ? lastTop : lastChild[parent]!;
    if (before !== NONE) nextSibling[before] = node;
    else if (parent === NONE) firstTop = node;
    else firstChild[parent] = node;
    if (parent === NONE) lastTop = node;
    else lastChild[parent] = node;
  };
  for (let position = 0; position < count; position += 1) {
    const parent = records.parent[position]!;
    const parentId = records.parentIds[position]!;
    const gap = records.gap.codes[position]!;
    if (gap === NONE || isOrphan[gap] === 0 || parentId === '') {
      append(position, parent);
      continue;
    }
    const key = `${records.traceId.codes[position]} ${parentId} ${parent}`;
    let phantom = phantomOf.get(key);
    if (phantom === undefined) {
      phantom = count + phantomIds.length;
      phantomOf.set(key, phantom);
      phantomIds.push(parentId);
      append(phantom, parent);
    }
    append(position, phantom);
  }
  return { firstChild, nextSibling, firstTop, phantomIds };
}

function walk(records: FlowRecords, lists: Lists): FlowTree {
  const most = records.count + lists.phantomIds.length;
  const tree = emptyTree(most, lists.phantomIds);
  const rowOf = new Int32Array(most).fill(NONE);
  // The way down to the node: one of each level.
  const path: number[] = [];
  let row = 0;
  for (let node = lists.firstTop; node !== NONE; ) {
    const above = path.at(-1);
    rowOf[node] = row;
    tree.depth[row] = path.length;
    tree.parent[row] = above === undefined ? NONE : rowOf[above]!;
    describeNode(tree, row, node, records);
    row += 1;
    path.push(node);
    let next = lists.firstChild[node]!;
    while (next === NONE && path.length > 0) next = lists.nextSibling[path.pop()!]!;
    node = next;
  }
  // What names itself as its parent, which the server does not send, would be in no list.
  tree.count = row;
  return tree;
}

function emptyTree(most: number, phantomIds: string[]): FlowTree {
  return {
    count: most,
    record: new Int32Array(most),
    type: new Uint8Array(most),
    depth: new Int32Array(most),
    parent: new Int32Array(most),
    end: new Int32Array(most),
    fromNs: new Float64Array(most),
    lengthNs: new Float64Array(most),
    selfNs: new Float64Array(most),
    failed: new Uint8Array(most),
    failedBefore: new Int32Array(most + 1),
    markStart: new Int32Array(most + 1),
    marks: new Int32Array(0),
    phantomIds,
    lengthOfAllNs: 0,
  };
}

function describeNode(tree: FlowTree, row: number, node: number, records: FlowRecords): void {
  if (node >= records.count) {
    tree.record[row] = records.count - node - 1;
    tree.type[row] = PHANTOM;
    tree.fromNs[row] = Number.POSITIVE_INFINITY;
    return;
  }
  const duration = records.durationNs[node]!;
  tree.record[row] = node;
  tree.type[row] = records.type[node]!;
  tree.fromNs[row] = records.offsetNs[node]!;
  tree.lengthNs[row] = duration > 0 ? duration : 0;
}

function closeSubtrees(tree: FlowTree): void {
  const open: number[] = [];
  for (let row = 0; row <= tree.count; row += 1) {
    const depth = row === tree.count ? 0 : tree.depth[row]!;
    while (open.length > 0 && tree.depth[open.at(-1)!]! >= depth) tree.end[open.pop()!] = row;
    if (row < tree.count) open.push(row);
  }
}

/** Failures, extents of phantoms and own times. */
function measure(tree: FlowTree, records: FlowRecords): void {
  const failedOutcome = Uint8Array.from(records.outcome.values, (outcome) => Number(isFailedOutcome(outcome)));
  for (let row = tree.count - 1; row >= 0; row -= 1) {
    const position = tree.record[row]!;
    const outcome = position < 0 ? NONE : records.outcome.codes[position]!;
    if (outcome !== NONE && takesTime(tree.type[row]!)) tree.failed[row] = failedOutcome[outcome]!;
    if (tree.type[row] === PHANTOM) spanChildren(tree, row);
    tree.lengthOfAllNs = Math.max(tree.lengthOfAllNs, tree.fromNs[row]! + tree.lengthNs[row]!);
  }
  for (let row = 0; row < tree.count; row += 1) {
    tree.failedBefore[row + 1] = tree.failedBefore[row]! + tree.failed[row]!;
    if (tree.type[row] !== PHANTOM && takesTime(tree.type[row]!)) tree.selfNs[row] = ownTime(tree, row);
  }
}

/** Whether it takes time, rather than happens at one. */
export function takesTime(type: number): boolean {
  return type !== LOG && type !== BREAKER;
}

function spanChildren(tree: FlowTree, row: number): void {
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (let child = row + 1; child < tree.end[row]!; child = tree.end[child]!) {
    from = Math.min(from, tree.fromNs[child]!);
    to = Math.max(to, tree.fromNs[child]! + tree.lengthNs[child]!);
  }
  tree.fromNs[row] = from;
  tree.lengthNs[row] = to - from;
}

/** Duration less what children that take time cover of it. Children come in order of time. */
function ownTime(tree: FlowTree, row: number): number {
  const from = tree.fromNs[row]!;
  const end = from + tree.lengthNs[row]!;
  let covered = 0;
  let until = from;
  for (let child = row + 1; child < tree.end[row]!; child = tree.end[child]!) {
    if (!takesTime(tree.type[child]!)) continue;
    const childFrom = Math.max(tree.fromNs[child]!, until);
    const childEnd = Math.min(tree.fromNs[child]! + tree.lengthNs[child]!, end);
    if (childEnd <= childFrom) continue;
    covered += childEnd - childFrom;
    until = childEnd;
  }
  return tree.lengthNs[row]! - covered;
}

function collectMarks(tree: FlowTree): void {
  const isMark = (row: number) => tree.parent[row] !== NONE && !takesTime(tree.type[row]!);
  for (let row = 0; row < tree.count; row += 1) {
    if (isMark(row)) tree.markStart[tree.parent[row]! + 1]! += 1;
  }
  for (let row = 0; row < tree.count; row += 1) tree.markStart[row + 1]! += tree.markStart[row]!;
  tree.marks = new Int32Array(tree.markStart[tree.count]!);
  const next = tree.markStart.slice();
  for (let row = 0; row < tree.count; row += 1) {
    if (isMark(row)) tree.marks[next[tree.parent[row]!]!++] = row;
  }
}

/** Whether it is a span that is stored. */
export function isSpan(tree: FlowTree, row: number): boolean {
  return tree.type[row] === SPAN;
}
