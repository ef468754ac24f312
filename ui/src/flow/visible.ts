/** Which rows are shown: those of kinds that are not hidden, and not under a row that is folded. */
import type { FlowTree } from './tree';

export interface Shown {
  /** Types that are left out (`records.ts`). */
  hidden: ReadonlySet<number>;
  /** Rows as deep as this are folded; undefined: none. */
  depth: number | undefined;
  /** Rows that are folded although the depth says otherwise, and the other way round. */
  toggled: ReadonlySet<number>;
}

export function hasChildren(tree: FlowTree, row: number): boolean {
  return tree.end[row]! > row + 1;
}

export function isFolded(tree: FlowTree, row: number, shown: Shown): boolean {
  if (!hasChildren(tree, row)) return false;
  const byDepth = shown.depth !== undefined && tree.depth[row]! >= shown.depth;
  return byDepth !== shown.toggled.has(row);
}

/** In order. */
export function visibleRows(tree: FlowTree, shown: Shown): Int32Array {
  const rows = new Int32Array(tree.count);
  let count = 0;
  for (let row = 0; row < tree.count; ) {
    const isHidden = shown.hidden.has(tree.type[row]!);
    if (!isHidden) rows[count++] = row;
    row = !isHidden && isFolded(tree, row, shown) ? tree.end[row]! : row + 1;
  }
  return rows.subarray(0, count);
}

/** Where a row stands among the visible ones; -1 where it is not. */
export function positionOf(visible: Int32Array, row: number): number {
  const at = firstFrom(visible, row);
  return visible[at] === row ? at : -1;
}

/** The first position whose row is `row` or comes after it. */
export function firstFrom(visible: Int32Array, row: number): number {
  let low = 0;
  let high = visible.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (visible[middle]! < row) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What has to be toggled so that nothing above a row is folded; the same set where nothing is. */
export function openedTo(tree: FlowTree, row: number, shown: Shown): ReadonlySet<number> {
  let toggled: Set<number> | undefined;
  for (let above = tree.parent[row]!; above !== -1; above = tree.parent[above]!) {
    if (!isFolded(tree, above, shown)) continue;
    toggled ??= new Set(shown.toggled);
    if (!toggled.delete(above)) toggled.add(above);
  }
  return toggled ?? shown.toggled;
}

export function toggle(toggled: ReadonlySet<number>, row: number): ReadonlySet<number> {
  const next = new Set(toggled);
  if (!next.delete(row)) next.add(row);
  return next;
}

/** The depth of the deepest row that has others under it and is shown as open: one level less is folded by `p`. */
export function deepestOpen(tree: FlowTree, shown: Shown): number {
  let deepest = -1;
  for (let row = 0; row < tree.count; row += 1) {
    if (!hasChildren(tree, row) || isFolded(tree, row, { ...shown, toggled: NOTHING })) continue;
    deepest = Math.max(deepest, tree.depth[row]!);
  }
  return deepest;
}

const NOTHING: ReadonlySet<number> = new Set();
