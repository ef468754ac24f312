/** Findings in a few words: what, and the number that tells how bad (docs/reference/findings.md). */
import { formatDuration, formatRate, formatShare } from '../format';

export interface FindingEvidence {
  measure?: number;
  threshold?: number;
  interval?: [number, number];
  baseline?: number;
  samples?: number;
  details?: Record<string, unknown>;
  caveats?: string[];
}

const TITLES: Record<string, string> = {
  SYNC_CHAIN: 'Synchronous chain',
  CASCADE: 'Cascading failure',
  HOT_SERVICE: 'Hot service',
  BREAKER: 'Breaker open',
  RETRY_AMPLIFICATION: 'Retry amplification',
  RETRY_STORM: 'Retry storm',
  CHATTY: 'Chatty calls',
  N_PLUS_ONE: 'N+1 calls',
  FANOUT_BURST: 'Fan-out burst',
  SHARED_DB: 'Shared database',
  CYCLE: 'Cycle',
  SPOF: 'Single point of failure',
  TIMEOUT_INVERSION: 'Timeout inversion',
  WASTED_WORK: 'Wasted work',
  DISTRIBUTED_MONOLITH: 'Distributed monolith',
  NANOSERVICE: 'Nanoservice',
  GOD_GATEWAY: 'God gateway',
  HIDDEN_ERRORS: 'Hidden errors',
  INSTRUMENTATION_GAP: 'Instrumentation gap',
};

const SUBKIND_WORDS: Record<string, string> = {
  'BREAKER inferred': 'inferred from calls',
  'BREAKER overflow': 'limit on concurrency',
  'BREAKER ejection': 'hosts taken out',
  'HOT_SERVICE hot_instance': 'one instance',
  'N_PLUS_ONE redundant_calls': 'the same call again',
  'N_PLUS_ONE pagination': 'page by page',
  'TIMEOUT_INVERSION no_timeout': 'no timeout',
  'INSTRUMENTATION_GAP server_spans_missing': 'server spans are missing',
  'INSTRUMENTATION_GAP client_spans_missing': 'client spans are missing',
  'INSTRUMENTATION_GAP clocks_differ': 'clocks differ',
};

/** The kind in words, and where it says more, the subkind; a kind that is not known stays as it is. */
export function findingTitle(kind: string, subkind: string | null | undefined): string {
  const title = TITLES[kind] ?? kind;
  const words = SUBKIND_WORDS[`${kind} ${subkind}`];
  return words === undefined ? title : `${title}: ${words}`;
}

type Reading = (measure: number, details: Record<string, unknown>) => { value: string; of: string } | undefined;

const share = (of: string): Reading => (measure) => ({ value: formatShare(measure), of });
const count = (of: string): Reading => (measure) => ({ value: formatRate(measure).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, ''), of });

const READINGS: Record<string, Reading> = {
  SYNC_CHAIN: count('hops that wait'),
  CASCADE: share('of requests fail'),
  'HOT_SERVICE hot_instance': count('times the mean load'),
  HOT_SERVICE: readStress,
  BREAKER: (measure, { refused }) =>
    typeof refused === 'number' ? count('calls refused')(refused, {}) : { value: formatShare(measure), of: 'of the time open' },
  RETRY_AMPLIFICATION: count('attempts a call'),
  RETRY_STORM: count('attempts a call'),
  CHATTY: count('calls a request'),
  N_PLUS_ONE: (measure, { calls_per_request: calls }) =>
    typeof calls === 'number' ? count('calls a request')(calls, {}) : { value: formatShare(measure), of: 'of requests' },
  FANOUT_BURST: count('calls a request'),
  SHARED_DB: count('services'),
  CYCLE: count('services'),
  SPOF: share('of requests need it'),
  'TIMEOUT_INVERSION ': share('of calls take too long'),
  'TIMEOUT_INVERSION budget': count('times the time left'),
  'TIMEOUT_INVERSION no_timeout': (measure) => ({ value: formatDuration(measure * 1e9), of: 'waited' }),
  WASTED_WORK: share('of its time in vain'),
  DISTRIBUTED_MONOLITH: count('services'),
  NANOSERVICE: share('of the time is overhead'),
  'GOD_GATEWAY east_west': share('of its requests from services'),
  'GOD_GATEWAY orchestrator': count('services called'),
  'GOD_GATEWAY hub': share('of calls between services'),
  HIDDEN_ERRORS: share('of good answers'),
  INSTRUMENTATION_GAP: share('affected'),
};

/** Stress has three measures. With several signs the details do not say which of them the measure is of. */
function readStress(measure: number, details: Record<string, unknown>): { value: string; of: string } | undefined {
  const [p99, knee, refused] = ['own_p99_ms' in details, 'knee' in details, 'refused_share' in details];
  if (Number(p99) + Number(knee) + Number(refused) !== 1) return undefined;
  if (p99) return { value: formatDuration(measure * 1e6), of: 'p99 of its own work' };
  return { value: formatShare(measure), of: refused ? 'refused' : 'of the load it bears' };
}

/** The number that tells how bad it is; undefined where the evidence has none, or its kind is not known. */
export function findingNumber(
  kind: string,
  subkind: string | null | undefined,
  { measure, details = {} }: FindingEvidence,
): { value: string; of: string } | undefined {
  if (measure === undefined) return undefined;
  const read = READINGS[`${kind} ${subkind ?? ''}`] ?? READINGS[kind];
  return read?.(measure, details);
}
