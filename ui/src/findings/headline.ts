/** The number that tells how bad a finding is (docs/reference/findings.md). */
import { formatDuration, formatShare } from '../format';
import { measureText, type Evidence } from './evidence';

type Reading = (measure: number, details: Record<string, unknown>) => { value: string; of: string } | undefined;

const share = (of: string): Reading => (measure) => ({ value: formatShare(measure), of });
const count = (of: string): Reading => (measure) => ({ value: measureText(Number(measure.toPrecision(3)), 'number'), of });

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
  { measure, details = {} }: Partial<Evidence>,
): { value: string; of: string } | undefined {
  if (measure === undefined) return undefined;
  const read = READINGS[`${kind} ${subkind ?? ''}`] ?? READINGS[kind];
  return read?.(measure, details);
}
