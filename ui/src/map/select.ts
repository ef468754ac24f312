/** Which part of the graph is drawn: filters, a neighbourhood, and the rest folded. */
import { plural } from '../format';
import { sumOf, worstOf, type EdgeClass, type MapEdge, type MapGraph, type MapNode } from './model';

export interface Selection {
  /** Part of the name of a service; its neighbours come along. */
  service?: string | undefined;
  kind?: EdgeClass | undefined;
  /** Edges that are at least that bad. */
  health?: 'failing' | 'degraded' | undefined;
  /** The id of a node. */
  focus?: string | undefined;
  depth: number;
}

export function select(graph: MapGraph, { service, kind, health, focus, depth }: Selection): MapGraph {
  let { nodes, edges } = graph;
  if (kind) edges = edges.filter((edge) => edge.kind === kind);
  if (health) edges = edges.filter((edge) => edge.health === 'failing' || (health === 'degraded' && edge.health === 'degraded'));
  if (service) {
    const wanted = service.toLowerCase();
    nodes = nodes.filter((node) => node.name.toLowerCase().includes(wanted));
    const matching = new Set(nodes.map((node) => node.id));
    edges = edges.filter((edge) => matching.has(edge.source) || matching.has(edge.target));
  }
  if (focus !== undefined) return neighbourhood({ nodes: graph.nodes, edges }, focus, depth);
  const touched = new Set(edges.flatMap((edge) => [edge.source, edge.target]));
  const kept = new Set(kind || health ? [] : nodes.map((node) => node.id));
  return { nodes: graph.nodes.filter((node) => kept.has(node.id) || touched.has(node.id)), edges };
}

/** What calls it and what it calls, so many calls away. */
function neighbourhood({ nodes, edges }: MapGraph, focus: string, depth: number): MapGraph {
  const reached = new Set([focus]);
  for (const [from, to] of [['target', 'source'], ['source', 'target']] as const) {
    let border = new Set([focus]);
    for (let step = 0; step < depth; step += 1) {
      border = new Set(edges.filter((edge) => border.has(edge[from])).map((edge) => edge[to]));
      for (const id of border) reached.add(id);
    }
  }
  return {
    nodes: nodes.filter((node) => reached.has(node.id)),
    edges: edges.filter((edge) => reached.has(edge.source) && reached.has(edge.target)),
  };
}

export const MOST_NODES = 300;
export const NO_NAMESPACE = '(no namespace)';

export interface Folding {
  /** Namespaces that the reader wants folded. */
  folded: ReadonlySet<string>;
  /** Namespaces that come before others when not all nodes fit. */
  opened: ReadonlySet<string>;
  most?: number;
}

/**
 * Folds namespaces into one node each, and of what is left beyond the most that is laid out the nodes with the least
 * trouble and traffic, again a node for each namespace.
 */
export function fold(graph: MapGraph, { folded, opened, most = MOST_NODES }: Folding): MapGraph {
  const free = graph.nodes.filter((node) => !folded.has(namespaceOf(node)));
  const inside = graph.nodes.filter((node) => folded.has(namespaceOf(node)));
  const overflow = free.length > most ? leastImportant(free, opened, most) : [];
  if (inside.length + overflow.length === 0) return graph;
  const groups = byNamespace([...inside, ...overflow]);
  const standsFor = new Map<string, string>();
  const folds = [...groups].map(([namespace, members]): MapNode => {
    const id = `fold:${namespace}`;
    for (const member of members) standsFor.set(member.id, id);
    return foldNode(id, namespace, members);
  });
  return {
    nodes: [...graph.nodes.filter((node) => !standsFor.has(node.id)), ...folds],
    edges: foldEdges(graph.edges, standsFor, new Map(folds.map((node) => [node.id, node.name]))),
  };
}

function byNamespace(nodes: readonly MapNode[]): Map<string, MapNode[]> {
  const groups = new Map<string, MapNode[]>();
  for (const node of nodes) groups.set(namespaceOf(node), [...(groups.get(namespaceOf(node)) ?? []), node]);
  return groups;
}

export function namespaceOf(node: MapNode): string {
  return node.namespace ?? NO_NAMESPACE;
}

function leastImportant(nodes: readonly MapNode[], opened: ReadonlySet<string>, most: number): MapNode[] {
  const rank = (node: MapNode) => (opened.has(namespaceOf(node)) ? 4 : 0) + (node.health === 'failing' ? 2 : 0) + (node.findings.length > 0 ? 1 : 0);
  const sorted = [...nodes].sort((one, other) => rank(other) - rank(one) || other.figures.requests - one.figures.requests || (one.id < other.id ? -1 : 1));
  // Room for a node for each namespace of what does not fit.
  const namespaces = new Set(sorted.slice(most).map(namespaceOf)).size;
  return sorted.slice(Math.max(0, most - namespaces));
}

function foldNode(id: string, namespace: string, members: readonly MapNode[]): MapNode {
  return {
    id,
    name: `+${plural(members.length, members.every((member) => member.kind === 'service') ? 'service' : 'node')}`,
    kind: 'fold',
    namespace,
    figures: sumOf(members.map((member) => member.figures)),
    health: worstOf(members.map((member) => member.health)),
    findings: members.flatMap((member) => member.findings),
    changes: [],
    folded: members,
  };
}

function foldEdges(edges: readonly MapEdge[], standsFor: ReadonlyMap<string, string>, names: ReadonlyMap<string, string>): MapEdge[] {
  const groups = new Map<string, MapEdge[]>();
  for (const edge of edges) {
    const [source, target] = [standsFor.get(edge.source) ?? edge.source, standsFor.get(edge.target) ?? edge.target];
    if (source === target && source.startsWith('fold:')) continue;
    const isFolded = source !== edge.source || target !== edge.target;
    const id = isFolded ? `${source} > ${target} ${edge.kind}` : edge.id;
    const group = groups.get(id);
    if (group) group.push(edge);
    else groups.set(id, [edge]);
  }
  return [...groups].map(([id, parts]) => {
    const [first] = parts as [MapEdge];
    if (id === first.id) return first;
    const [source, target] = [standsFor.get(first.source) ?? first.source, standsFor.get(first.target) ?? first.target];
    return {
      ...first,
      id,
      source,
      target,
      sourceName: names.get(source) ?? first.sourceName,
      targetName: names.get(target) ?? first.targetName,
      edges: parts.flatMap((part) => part.edges),
      figures: sumOf(parts.map((part) => part.figures)),
      attempts: parts.reduce((sum, part) => sum + part.attempts, 0),
      health: worstOf(parts.map((part) => part.health)),
      findings: parts.flatMap((part) => part.findings),
      changes: parts.flatMap((part) => part.changes),
      baseline: parts.length === 1 ? first.baseline : undefined,
    };
  });
}
