/** Nodes and edges in words, for screen readers and tooltips. */
import { formatMillis, formatRate, formatShare, plural } from '../format';
import { HEALTH_WORDS } from '../health';
import type { MapEdge, MapNode } from './model';

const KINDS: Record<string, string> = {
  service: 'service',
  database: 'database',
  cache: 'cache',
  topic: 'topic',
  external: 'outside service',
  client: 'clients',
  gateway: 'gateway',
  fold: 'folded',
};

const EVIDENCE: Record<string, string> = {
  records: 'it sends no spans; records of a gateway name it',
  attribute: 'it sends no spans; spans of its callers name it',
  orphan: 'it sends no spans; spans name a parent that is not stored',
};

export function kindWord(kind: string): string {
  return KINDS[kind] ?? kind;
}

/** How a node that sends no spans is known; undefined for one that does. */
export function inferredFrom(node: MapNode): string | undefined {
  return node.node ? EVIDENCE[node.node.evidence] : undefined;
}

/** Edges into and out of each node. */
export type CallCounts = ReadonlyMap<string, { callers: number; calls: number }>;

export function callCounts(edges: readonly MapEdge[]): CallCounts {
  const counts = new Map<string, { callers: number; calls: number }>();
  const of = (id: string) => counts.get(id) ?? counts.set(id, { callers: 0, calls: 0 }).get(id)!;
  for (const edge of edges) {
    of(edge.source).calls += 1;
    of(edge.target).callers += 1;
  }
  return counts;
}

export function nodeWords(node: MapNode, counts: CallCounts): string {
  const { callers, calls } = counts.get(node.id) ?? { callers: 0, calls: 0 };
  return [
    node.name,
    node.kind === 'fold' ? `of ${node.namespace}` : kindWord(node.kind),
    node.figures.requests > 0 ? `${figureWords(node.figures)}, ${HEALTH_WORDS[node.health]}` : undefined,
    node.findings.length > 0 ? plural(node.findings.length, 'finding') : undefined,
    `called by ${callers}, calls ${calls}`,
    inferredFrom(node),
    node.changes.length > 0 ? node.changes.map((change) => change.change).join(', ') : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
}

export function edgeWords(edge: MapEdge): string {
  const manner = { sync: 'calls', async: 'sends messages to', data: 'reads or writes' }[edge.kind];
  return [
    `${edge.sourceName} ${manner} ${edge.targetName}`,
    edge.figures.requests > 0 ? `${figureWords(edge.figures)}, ${HEALTH_WORDS[edge.health]}` : 'no calls in this range',
    edge.findings.length > 0 ? edge.findings.map((finding) => finding.kind.toLowerCase().replaceAll('_', ' ')).join(', ') : undefined,
    edge.changes.length > 0 ? edge.changes.map((change) => change.change).join(', ') : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(', ');
}

function figureWords(figures: MapNode['figures']): string {
  const latency = figures.p95_ms === null ? '' : `, p95 ${formatMillis(figures.p95_ms)}`;
  return `${formatRate(figures.rate)} per second, ${formatShare(figures.error_rate)} failed${latency}`;
}
