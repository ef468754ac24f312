/** Two flows side by side, by path of service and operation. */
import type { PathNode, Sums } from '../flow/aggregate';

export type Difference = 'only a' | 'only b' | 'slower' | 'faster' | 'failing' | 'calls' | 'same';

export interface AlignedNode {
  service: string;
  name: string;
  depth: number;
  /** Index of the node above; -1 on top. */
  parent: number;
  children: number[];
  a: Sums | undefined;
  b: Sums | undefined;
  difference: Difference;
  /** B less A, in nanoseconds; what is missing has none. */
  totalChange: number;
  selfChange: number;
}

/** B is slower, or faster, from this factor on, and from this part of the longer flow on. */
export const LEAST_FACTOR = 1.25;
export const LEAST_PART = 0.01;

/** Depth first; among siblings those with the greatest change first. */
export function alignPaths(a: readonly PathNode[], b: readonly PathNode[], longerNs: number): AlignedNode[] {
  const nodes: AlignedNode[] = [];
  const known = new Map<string, number>();
  const merge = (side: 'a' | 'b', paths: readonly PathNode[]) => {
    const indexOf = new Int32Array(paths.length).fill(-1);
    for (const [index, path] of paths.entries()) {
      if (index === 0) continue;
      const parent = indexOf[path.parent]!;
      const key = JSON.stringify([parent, path.service, path.name]);
      let at = known.get(key);
      if (at === undefined) {
        at = nodes.length;
        known.set(key, at);
        nodes.push(emptyNode(path, parent));
        if (parent !== -1) nodes[parent]!.children.push(at);
      }
      nodes[at]![side] = path;
      indexOf[index] = at;
    }
  };
  merge('a', a);
  merge('b', b);
  for (const node of nodes) judge(node, longerNs);
  return inOrder(nodes);
}

function emptyNode({ service, name, depth }: PathNode, parent: number): AlignedNode {
  return { service, name, depth: depth - 1, parent, children: [], a: undefined, b: undefined, difference: 'same', totalChange: 0, selfChange: 0 };
}

function judge(node: AlignedNode, longerNs: number): void {
  node.totalChange = (node.b?.totalNs ?? 0) - (node.a?.totalNs ?? 0);
  node.selfChange = (node.b?.selfNs ?? 0) - (node.a?.selfNs ?? 0);
  node.difference = differenceOf(node, longerNs);
}

function differenceOf({ a, b, totalChange }: AlignedNode, longerNs: number): Difference {
  if (!a) return 'only b';
  if (!b) return 'only a';
  if (a.failures !== b.failures) return 'failing';
  const isWorth = Math.abs(totalChange) >= longerNs * LEAST_PART;
  if (isWorth && b.totalNs >= a.totalNs * LEAST_FACTOR) return 'slower';
  if (isWorth && a.totalNs >= b.totalNs * LEAST_FACTOR) return 'faster';
  return a.count === b.count ? 'same' : 'calls';
}

function inOrder(nodes: AlignedNode[]): AlignedNode[] {
  const byChange = (left: number, right: number) => Math.abs(nodes[right]!.totalChange) - Math.abs(nodes[left]!.totalChange) || left - right;
  const waiting = nodes.flatMap((node, index) => (node.parent === -1 ? [index] : [])).sort(byChange).reverse();
  const order: number[] = [];
  for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
    order.push(index);
    waiting.push(...nodes[index]!.children.sort(byChange).toReversed());
  }
  const placeOf = new Map(order.map((index, place) => [index, place]));
  return order.map((index) => {
    const node = nodes[index]!;
    return { ...node, parent: placeOf.get(node.parent) ?? -1, children: node.children.map((child) => placeOf.get(child)!) };
  });
}

/** What differs and what is above it, so that it still is a tree. */
export function onlyDifferent(nodes: readonly AlignedNode[]): AlignedNode[] {
  const isKept = new Uint8Array(nodes.length);
  for (let index = nodes.length - 1; index >= 0; index -= 1) {
    if (nodes[index]!.difference !== 'same') isKept[index] = 1;
    if (isKept[index] === 1 && nodes[index]!.parent !== -1) isKept[nodes[index]!.parent] = 1;
  }
  return nodes.filter((_, index) => isKept[index] === 1);
}

/** The greatest change of self time first: these add up to what one flow worked more than the other. */
export function bySelfChange(nodes: readonly AlignedNode[]): AlignedNode[] {
  return nodes.toSorted((left, right) => Math.abs(right.selfChange) - Math.abs(left.selfChange));
}

export function countDifferences(nodes: readonly AlignedNode[]): Map<Difference, number> {
  const counts = new Map<Difference, number>();
  for (const { difference } of nodes) counts.set(difference, (counts.get(difference) ?? 0) + 1);
  return counts;
}
