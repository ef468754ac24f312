/** The calls of a flow added up: by path of service and operation, and by service and operation alone. */
import type { CriticalPath } from './critical';
import type { LaidOut } from './flow.worker';
import { REQUEST, SPAN } from './records';

export interface Sums {
  service: string;
  name: string;
  count: number;
  failures: number;
  totalNs: number;
  selfNs: number;
  criticalNs: number;
  /** One of the rows that are counted: the longest. */
  longestRow: number;
  longestNs: number;
}

export interface PathNode extends Sums {
  /** Index of the node above; -1 for the one of the flow. */
  parent: number;
  depth: number;
  /** The most self time first. */
  children: number[];
  /** Self time of it and of all that is under it. */
  weightNs: number;
  /** Where it stands, as parts of the weight of all. */
  left: number;
}

/**
 * The first node is the flow itself. What is under a phantom counts under what is above that, and so it is with
 * gateway records where they are left out.
 */
export function aggregatePaths(flow: LaidOut, path: CriticalPath | undefined, hasRequests = true): PathNode[] {
  const { tree, records } = flow;
  const nodes: PathNode[] = [{ ...emptySums('', 'all'), parent: -1, depth: 0, children: [], weightNs: 0, left: 0 }];
  const nodeOfRow = new Int32Array(tree.count);
  const known = new Map<string, number>();
  for (let row = 0; row < tree.count; row += 1) {
    const above = tree.parent[row] === -1 ? 0 : nodeOfRow[tree.parent[row]!]!;
    nodeOfRow[row] = above;
    if (tree.type[row] !== SPAN && !(hasRequests && tree.type[row] === REQUEST)) continue;
    const position = tree.record[row]!;
    const key = `${above} ${records.service.codes[position]} ${records.name.codes[position]}`;
    let index = known.get(key);
    if (index === undefined) {
      index = nodes.length;
      known.set(key, index);
      const { service, name } = namesAt(flow, position);
      nodes.push({ ...emptySums(service, name), parent: above, depth: nodes[above]!.depth + 1, children: [], weightNs: 0, left: 0 });
      nodes[above]!.children.push(index);
    }
    nodeOfRow[row] = index;
    addRow(nodes[index]!, flow, path, row);
  }
  placeNodes(nodes);
  return nodes;
}

/** The most total time first. */
export function aggregateOperations(flow: LaidOut, path: CriticalPath | undefined): Sums[] {
  const { tree, records } = flow;
  const known = new Map<string, Sums>();
  for (let row = 0; row < tree.count; row += 1) {
    if (tree.type[row] !== SPAN && tree.type[row] !== REQUEST) continue;
    const position = tree.record[row]!;
    const key = `${records.service.codes[position]} ${records.name.codes[position]}`;
    let sums = known.get(key);
    if (!sums) {
      const { service, name } = namesAt(flow, position);
      sums = emptySums(service, name);
      known.set(key, sums);
    }
    addRow(sums, flow, path, row);
  }
  return [...known.values()].sort((a, b) => b.totalNs - a.totalNs);
}

/** Services and operations from the top to a node. */
export function pathOf(nodes: readonly PathNode[], index: number): PathNode[] {
  const path: PathNode[] = [];
  for (let at = index; at > 0; at = nodes[at]!.parent) path.unshift(nodes[at]!);
  return path;
}

function addRow(sums: Sums, { tree }: LaidOut, path: CriticalPath | undefined, row: number): void {
  sums.count += 1;
  sums.failures += tree.failed[row]!;
  sums.totalNs += tree.lengthNs[row]!;
  sums.selfNs += tree.selfNs[row]!;
  sums.criticalNs += path?.totalNs[row] ?? 0;
  if (tree.lengthNs[row]! < sums.longestNs) return;
  sums.longestNs = tree.lengthNs[row]!;
  sums.longestRow = row;
}

/** A node comes after what is above it, so weights are summed from the end. */
function placeNodes(nodes: PathNode[]): void {
  for (let index = nodes.length - 1; index >= 0; index -= 1) {
    const node = nodes[index]!;
    node.weightNs += node.selfNs;
    if (node.parent !== -1) nodes[node.parent]!.weightNs += node.weightNs;
  }
  const all = nodes[0]!.weightNs;
  for (const node of nodes) {
    node.children.sort((a, b) => nodes[b]!.weightNs - nodes[a]!.weightNs || a - b);
    let left = node.left;
    for (const child of node.children) {
      nodes[child]!.left = left;
      left += all > 0 ? nodes[child]!.weightNs / all : 0;
    }
  }
}

function namesAt({ records }: LaidOut, position: number): { service: string; name: string } {
  return {
    service: records.service.values[records.service.codes[position]!] ?? '',
    name: records.name.values[records.name.codes[position]!] ?? '(no name)',
  };
}

function emptySums(service: string, name: string): Sums {
  return { service, name, count: 0, failures: 0, totalNs: 0, selfNs: 0, criticalNs: 0, longestRow: -1, longestNs: -1 };
}
