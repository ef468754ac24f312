/** What is worth knowing of an edge beside requests, failures and percentiles. */
import type { GraphEdge } from '../api/types';
import { formatMillis, formatShare } from '../format';
import { isRetried, type MapEdge } from './model';

export interface Fact {
  label: string;
  text: string;
  meaning: string;
  isNotable: boolean;
}

/** Below it calls are missing a side; a call still on its way when the range ends is no reason to worry. */
const FULL_COVERAGE = 0.97;

export function factsOf(drawn: MapEdge): Fact[] {
  if (drawn.edges.length !== 1 || drawn.figures.requests === 0) return [];
  const edge = drawn.edges[0]!;
  const facts: (Fact | undefined)[] = [
    {
      label: 'Attempts',
      text: edge.requests > 0 ? `${(edge.attempts / edge.requests).toFixed(2)} a call` : '–',
      meaning: 'Tries for each call; more than 1 are retries',
      isNotable: isRetried(drawn),
    },
    fact('Waited for', edge.sync_ratio, 'Share of calls that the caller waited for'),
    fact('Blocking', edge.blocking_ratio, 'Share of calls on the critical path of their caller'),
    hasTwoSides(edge)
      ? { label: 'Both sides seen', text: formatShare(edge.coverage), meaning: 'Share of calls with a client and a server span', isNotable: (edge.coverage ?? 1) < FULL_COVERAGE }
      : undefined,
    millis('Network', edge.network_mean_ms, 'Mean time of a call that the callee does not account for'),
    millis('Queue delay p50', edge.queue_delay_p50_ms, 'From sending to handling, by the clocks of the hosts'),
    millis('Queue delay p95', edge.queue_delay_p95_ms, 'From sending to handling, by the clocks of the hosts'),
    millis('Failed calls p50', edge.failure_p50_ms, 'Median time of calls that failed'),
  ];
  return facts.filter((one) => one !== undefined);
}

/** Only services send spans, and a message is seen where it is handled. */
export function hasTwoSides(edge: Pick<GraphEdge, 'kind' | 'protocol'>): boolean {
  return (edge.kind === 'sync' || edge.kind === 'mixed' || edge.kind === 'async') && edge.protocol !== 'messaging';
}

function fact(label: string, share: number | null | undefined, meaning: string): Fact | undefined {
  return share === null || share === undefined ? undefined : { label, text: formatShare(share), meaning, isNotable: false };
}

function millis(label: string, value: number | null | undefined, meaning: string): Fact | undefined {
  return value === null || value === undefined ? undefined : { label, text: formatMillis(value), meaning, isNotable: false };
}
