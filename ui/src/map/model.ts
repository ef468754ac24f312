/** What the map draws, from the graph of a range, its findings and what is different from another range. */
import type { Graph, GraphEdge, GraphNode } from '../api/types';
import { healthOf, shareOf, type Health } from '../health';
import { isOfEdge, type FindingRow } from '../findings/rows';
import type { Change } from './changes';

export type EdgeClass = 'sync' | 'async' | 'data';

/** What is known of the calls of a node or an edge. */
export interface Figures {
  requests: number;
  rate: number;
  failures: number;
  error_rate: number;
  error_rate_low: number;
  error_rate_high: number;
  /** Null where it is not known, as of several edges together. */
  p50_ms?: number | null | undefined;
  p95_ms?: number | null | undefined;
  p99_ms?: number | null | undefined;
}

export interface MapNode {
  id: string;
  name: string;
  kind: GraphNode['kind'] | 'fold';
  namespace: string | null;
  /** Undefined for several folded into one. */
  node?: GraphNode;
  figures: Figures;
  health: Health;
  findings: readonly FindingRow[];
  changes: readonly Change[];
  /** The nodes behind it. */
  folded: readonly MapNode[];
  baseline?: Figures | undefined;
}

export interface MapEdge {
  id: string;
  source: string;
  target: string;
  sourceName: string;
  targetName: string;
  kind: EdgeClass;
  /** One, or those between what is folded. */
  edges: readonly GraphEdge[];
  figures: Figures;
  attempts: number;
  health: Health;
  findings: readonly FindingRow[];
  changes: readonly Change[];
  baseline?: GraphEdge | undefined;
}

export interface MapGraph {
  nodes: MapNode[];
  edges: MapEdge[];
}

/** From how many attempts for each call an edge is marked as retried; findings start at 1.2. */
export const RETRIED_FROM = 1.05;

export function buildMap(graph: Graph, before: Graph | undefined, findings: readonly FindingRow[], changes: readonly Change[]): MapGraph {
  const earlierNodes = new Map(before?.nodes.map((node) => [node.id, node]));
  const earlierEdges = new Map(before && identify(before.edges).map(([id, edge]) => [id, edge]));
  const nodes = [...graph.nodes, ...goneNodes(graph, before, changes)];
  const edges = [...identify(graph.edges), ...goneEdges(graph, before, changes)];
  return {
    nodes: nodes.map((node) => mapNode(node, earlierNodes.get(node.id), findings, changes)),
    edges: edges.map(([id, edge]) => mapEdge(id, edge, earlierEdges.get(id), findings, changes)),
  };
}

export function classOf(kind: string): EdgeClass {
  if (kind === 'async') return 'async';
  return kind === 'db' || kind === 'cache' ? 'data' : 'sync';
}

/** The same in every range: whether requests are waited for may change, so it is not part of it. */
export function edgeId(edge: Pick<GraphEdge, 'source_id' | 'target_id' | 'protocol'>): string {
  return `${edge.source_id} > ${edge.target_id}${edge.protocol === 'messaging' ? ' (messages)' : ''}`;
}

export function isRetried(edge: Pick<MapEdge, 'attempts' | 'figures'>): boolean {
  return edge.figures.requests > 0 && edge.attempts / edge.figures.requests >= RETRIED_FROM;
}

function identify(edges: readonly GraphEdge[]): [string, GraphEdge][] {
  const seen = new Map<string, number>();
  return edges.map((edge) => {
    const id = edgeId(edge);
    const count = (seen.get(id) ?? 0) + 1;
    seen.set(id, count);
    return [count === 1 ? id : `${id} ${count}`, edge];
  });
}

function mapNode(node: GraphNode, before: GraphNode | undefined, findings: readonly FindingRow[], changes: readonly Change[]): MapNode {
  return {
    id: node.id,
    name: node.name,
    kind: node.kind,
    namespace: node.namespace ?? null,
    node,
    figures: node,
    health: healthOf(node),
    findings: findings.filter((finding) => !isOfEdge(finding) && finding.service_name === node.name && isSameEnvironment(finding, node)),
    changes: changes.filter((change) => change.target === null && change.source === node.name && (change.source_namespace ?? '') === (node.namespace ?? '')),
    folded: [],
    baseline: before,
  };
}

function isSameEnvironment(finding: FindingRow, node: GraphNode): boolean {
  return (finding.deployment_environment_name ?? '') === (node.environment ?? '') || node.kind !== 'service';
}

function mapEdge(id: string, edge: GraphEdge, before: GraphEdge | undefined, findings: readonly FindingRow[], changes: readonly Change[]): MapEdge {
  return {
    id,
    source: edge.source_id,
    target: edge.target_id,
    sourceName: edge.source,
    targetName: edge.target,
    kind: classOf(edge.kind),
    edges: [edge],
    figures: edge,
    attempts: edge.attempts,
    health: healthOf(edge),
    findings: findings.filter((finding) => isOfEdge(finding) && finding.service_name === edge.source && finding.target === edge.target),
    changes: changes.filter((change) => change.source === edge.source && change.target === edge.target && isOfClass(change, edge)),
    baseline: before,
  };
}

/** Differences call all requests `sync`, whether waited for or not. */
function isOfClass(change: Change, edge: GraphEdge): boolean {
  return change.kind === edge.kind || (change.kind === 'sync' && edge.protocol !== 'messaging' && classOf(edge.kind) !== 'data');
}

const NOTHING: Figures = { requests: 0, rate: 0, failures: 0, error_rate: 0, error_rate_low: 0, error_rate_high: 1, p50_ms: null, p95_ms: null, p99_ms: null };

function goneNodes(graph: Graph, before: Graph | undefined, changes: readonly Change[]): GraphNode[] {
  const present = new Set(graph.nodes.map((node) => node.id));
  const ends = new Set(goneEdges(graph, before, changes).flatMap(([, edge]) => [edge.source_id, edge.target_id]));
  const isGone = (node: GraphNode) => changes.some((change) => change.change === 'gone' && change.target === null && change.source === node.name);
  const gone = before?.nodes.filter((node) => !present.has(node.id) && (ends.has(node.id) || isGone(node))) ?? [];
  return gone.map((node) => ({ ...node, ...NOTHING }));
}

function goneEdges(graph: Graph, before: Graph | undefined, changes: readonly Change[]): [string, GraphEdge][] {
  const present = new Set(identify(graph.edges).map(([id]) => id));
  const gone = changes.filter((change) => change.change === 'gone' && change.target !== null);
  return identify(before?.edges ?? [])
    .filter(([id, edge]) => !present.has(id) && gone.some((change) => change.source === edge.source && change.target === edge.target))
    .map(([id, edge]) => [id, { ...edge, ...NOTHING, attempts: 0 }]);
}

/** Of several together. Percentiles of parts say nothing about the percentile of all. */
export function sumOf(parts: readonly Figures[]): Figures {
  if (parts.length === 1) return parts[0]!;
  const requests = parts.reduce((sum, part) => sum + part.requests, 0);
  const failures = parts.reduce((sum, part) => sum + part.failures, 0);
  const share = shareOf(failures, requests);
  return {
    ...NOTHING,
    requests,
    failures,
    rate: parts.reduce((sum, part) => sum + part.rate, 0),
    error_rate: share?.share ?? 0,
    error_rate_low: share?.low ?? 0,
    error_rate_high: share?.high ?? 1,
  };
}

const ORDER: readonly Health[] = ['failing', 'degraded', 'well', 'unknown'];

export function worstOf(healths: readonly Health[]): Health {
  return ORDER.find((health) => healths.includes(health)) ?? 'unknown';
}
