/** Nodes of the graph that send no spans. */
import type { Graph, GraphNode } from '../api/types';

export interface Silent {
  node: GraphNode;
  callers: string[];
  requests: number;
  advice: string;
}

/** Databases, caches and topics send none anywhere; of the rest somebody should. */
export function silentNodes(graph: Graph): { silent: Silent[]; stores: number } {
  const without = graph.nodes.filter((node) => node.evidence !== 'spans');
  const isStore = (node: GraphNode) => ['database', 'cache', 'topic'].includes(node.kind);
  const silent = without
    .filter((node) => !isStore(node) && !isKnownClient(node))
    .map((node): Silent => {
      const into = graph.edges.filter((edge) => edge.target_id === node.id);
      const outOf = graph.edges.filter((edge) => edge.source_id === node.id);
      const callers = [...new Set((into.length > 0 ? into : outOf).map((edge) => (into.length > 0 ? edge.source : edge.target)))];
      const requests = (into.length > 0 ? into : outOf).reduce((sum, edge) => sum + edge.requests, 0);
      return { node, callers, requests, advice: adviceFor(node) };
    });
  return { silent: silent.sort((one, other) => other.requests - one.requests), stores: without.filter(isStore).length };
}

/** Browsers, phones and users begin requests; that they send no spans is usual. An `unknown` client is a gap. */
function isKnownClient(node: GraphNode): boolean {
  return node.kind === 'client' && node.name !== 'unknown';
}

function adviceFor(node: GraphNode): string {
  if (node.kind === 'client') return 'Spans name a parent that is not stored: find who calls without sending its spans here.';
  if (node.evidence === 'records') return 'Only records of a gateway name it: add an SDK or agent to it.';
  return 'If it is yours, add an SDK or agent to it; if it is a third party, this is all that can be known.';
}
