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
  SYNC_CHAIN: 'Long chain of calls that wait',
  CASCADE: 'Failures reach callers',
  HOT_SERVICE: 'Under stress',
  BREAKER: 'Circuit breaker open',
  RETRY_AMPLIFICATION: 'Calls are retried too often',
  RETRY_STORM: 'Retries keep it down',
  CHATTY: 'Too many calls for a request',
  N_PLUS_ONE: 'One call for every row',
  FANOUT_BURST: 'Burst of calls at once',
  SHARED_DB: 'Several services on the same data',
  CYCLE: 'Services depend on each other',
  SPOF: 'Single point of failure',
  TIMEOUT_INVERSION: 'Caller gives up before the callee',
  WASTED_WORK: 'Works for callers that are gone',
  DISTRIBUTED_MONOLITH: 'Never called without each other',
  NANOSERVICE: 'Calling it costs more than its work',
  GOD_GATEWAY: 'Calls go through one service',
  HIDDEN_ERRORS: 'Succeeds although calls fail',
  INSTRUMENTATION_GAP: 'Telemetry is missing or wrong',
};

const SUBKIND_TITLES: Record<string, string> = {
  'BREAKER inferred': 'Calls are refused',
  'BREAKER overflow': 'Limit on concurrency reached',
  'BREAKER ejection': 'Hosts taken out',
  'HOT_SERVICE hot_instance': 'One instance does most of the work',
  'N_PLUS_ONE redundant_calls': 'The same call again and again',
  'N_PLUS_ONE pagination': 'Reads page by page',
  'TIMEOUT_INVERSION no_timeout': 'Waits without a timeout',
  'INSTRUMENTATION_GAP server_spans_missing': 'Server spans are missing',
  'INSTRUMENTATION_GAP client_spans_missing': 'Client spans are missing',
  'INSTRUMENTATION_GAP clocks_differ': 'Clocks differ',
};

/** The kind in words; a kind that is not known stays as it is. */
export function findingTitle(kind: string, subkind: string | null | undefined): string {
  return SUBKIND_TITLES[`${kind} ${subkind}`] ?? TITLES[kind] ?? kind;
}

type Reading = (measure: number, details: Record<string, unknown>) => { value: string; of: string };

const share = (of: string): Reading => (measure) => ({ value: formatShare(measure), of });
const count = (of: string): Reading => (measure) => ({ value: formatRate(measure).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, ''), of });

const READINGS: Record<string, Reading> = {
  SYNC_CHAIN: count('hops that wait'),
  CASCADE: share('of requests fail'),
  'HOT_SERVICE hot_instance': count('times the mean load'),
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

/** Stress has three measures; its details say which one it is. */
function readStress(measure: number, details: Record<string, unknown>): { value: string; of: string } {
  if ('own_p99_ms' in details) return { value: formatDuration(measure * 1e6), of: 'p99 of its own work' };
  if ('refused_share' in details) return { value: formatShare(measure), of: 'refused' };
  return { value: formatShare(measure), of: 'of the load it bears' };
}

/** The number that tells how bad it is; undefined where the evidence has none, or its kind is not known. */
export function findingNumber(
  kind: string,
  subkind: string | null | undefined,
  { measure, details = {} }: FindingEvidence,
): { value: string; of: string } | undefined {
  if (measure === undefined) return undefined;
  const read = READINGS[`${kind} ${subkind ?? ''}`] ?? READINGS[kind] ?? (kind === 'HOT_SERVICE' ? readStress : undefined);
  return read?.(measure, details);
}
