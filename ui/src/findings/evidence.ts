/** The evidence of a finding in words: what was measured, in which unit, against what. */
import { formatCompact, formatDateTime, formatDuration, formatShare } from '../format';

export interface Evidence {
  measure: number;
  threshold: number;
  interval?: [number, number];
  baseline?: number;
  samples: number;
  details?: Record<string, unknown>;
  caveats?: string[];
}

type Unit = 'share' | 'number' | 'ms' | 's';

export interface Measure {
  label: string;
  unit: Unit;
  /** What the samples are. */
  samples: string;
}

const MEASURES: Record<string, Measure> = {
  SYNC_CHAIN: { label: 'Hops in a row that wait for each other', unit: 'number', samples: 'requests' },
  CASCADE: { label: 'Requests of the entry that fail', unit: 'share', samples: 'requests' },
  BREAKER: { label: 'Share of the last five minutes in which it was open', unit: 'share', samples: 'requests' },
  RETRY_AMPLIFICATION: { label: 'Attempts for each call', unit: 'number', samples: 'calls' },
  RETRY_STORM: { label: 'Attempts for each call', unit: 'number', samples: 'calls' },
  CHATTY: { label: 'Calls of the callee for each request, on average', unit: 'number', samples: 'requests' },
  N_PLUS_ONE: { label: 'Requests of the operation with repeated calls', unit: 'share', samples: 'requests' },
  FANOUT_BURST: { label: 'Calls under one parent span', unit: 'number', samples: 'requests' },
  SHARED_DB: { label: 'Services that write it', unit: 'number', samples: 'accesses' },
  CYCLE: { label: 'Services that depend on each other', unit: 'number', samples: 'calls' },
  SPOF: { label: 'Requests from outside that wait for it', unit: 'share', samples: 'requests' },
  TIMEOUT_INVERSION: { label: 'Calls that take longer than their caller waits', unit: 'share', samples: 'calls' },
  'TIMEOUT_INVERSION/budget': { label: 'Wait of a call as a multiple of the time that is left', unit: 'number', samples: 'calls' },
  'TIMEOUT_INVERSION/no_timeout': { label: 'The longest call', unit: 's', samples: 'calls' },
  WASTED_WORK: { label: 'Busy time that is in vain', unit: 'share', samples: 'requests' },
  DISTRIBUTED_MONOLITH: { label: 'Services that are never called without each other', unit: 'number', samples: 'requests' },
  NANOSERVICE: { label: 'Time of its calls that is not its own work, in the median', unit: 'share', samples: 'calls' },
  'GOD_GATEWAY/orchestrator': { label: 'Services that it calls', unit: 'number', samples: 'requests' },
  'GOD_GATEWAY/east_west': { label: 'Its requests that come from services', unit: 'share', samples: 'requests' },
  'GOD_GATEWAY/hub': { label: 'Calls between services that it makes or answers', unit: 'share', samples: 'calls' },
  HIDDEN_ERRORS: { label: 'Successful requests with a call that failed for good', unit: 'share', samples: 'requests' },
  INSTRUMENTATION_GAP: { label: 'Calls or spans that are concerned', unit: 'share', samples: 'spans' },
  'HOT_SERVICE/hot_instance': { label: 'Requests in progress, as a multiple of the mean process', unit: 'number', samples: 'requests' },
};

/** By kind and subkind; of a hot service by what the details tell of its stress. */
export function measureOf(kind: string, subkind: string | null, details: Record<string, unknown> = {}): Measure {
  if (kind === 'HOT_SERVICE' && subkind !== 'hot_instance') return stressOf(details);
  return MEASURES[`${kind}/${subkind}`] ?? MEASURES[kind] ?? { label: 'Measured', unit: 'number', samples: 'samples' };
}

function stressOf(details: Record<string, unknown>): Measure {
  const [p99, knee] = ['own_p99_ms' in details, 'knee' in details];
  // With several signs the details do not say which of them the measure is of.
  if (p99 && knee) return { label: 'The strongest of its signs of stress', unit: 'number', samples: 'requests' };
  if (p99) return { label: '99th percentile of its own work', unit: 'ms', samples: 'requests' };
  if (knee) return { label: 'Use of a process, up to where it takes longer', unit: 'share', samples: 'requests' };
  return { label: 'Requests that it turns away or gives up', unit: 'share', samples: 'requests' };
}

export function measureText(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined) return 'not known';
  if (unit === 'share') return formatShare(value);
  if (unit === 'ms') return formatDuration(value * 1e6);
  if (unit === 's') return formatDuration(value * 1e9);
  return formatCompact(Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(4)));
}

/** The evidence in one sentence or two. The baseline of a storm is of attempts a minute, not of the measure. */
export function evidenceWords(kind: string, subkind: string | null, evidence: Evidence): string {
  const { label, unit, samples } = measureOf(kind, subkind, evidence.details);
  const interval = evidence.interval ? `, with 95 % between ${measureText(evidence.interval[0], unit)} and ${measureText(evidence.interval[1], unit)}` : '';
  const usual =
    evidence.baseline === undefined
      ? ''
      : kind === 'RETRY_STORM'
        ? ` Usual are ${formatCompact(evidence.baseline)} attempts a minute.`
        : ` Usual is ${measureText(evidence.baseline, unit)}.`;
  const threshold = kind === 'BREAKER' ? 'any time counts' : `it counts from ${measureText(evidence.threshold, unit)}`;
  return `${label}: ${measureText(evidence.measure, unit)}${interval}; ${threshold}. Measured on ${formatCompact(evidence.samples)} ${samples}.${usual}`;
}

export type Detail =
  | { key: string; label: string; kind: 'text'; text: string }
  | { key: string; label: string; kind: 'rows'; columns: string[]; rows: string[][] };

export function detailsOf(details: Record<string, unknown> = {}): Detail[] {
  return Object.entries(details).map(([key, value]): Detail => {
    const label = words(key);
    if (!isRows(value)) return { key, label, kind: 'text', text: valueText(key, value) };
    const columns = [...new Set(value.flatMap((row) => Object.keys(row)))];
    const rows = value.map((row) => columns.map((column) => valueText(column, row[column])));
    return { key, label, kind: 'rows', columns: columns.map(words), rows };
  });
}

const SHARES = /share|at_risk|prevalence|explained|passed_on|failed_attempts|own_failures|^failures$|quantile|goodput|server_spans_missing|trace_cut_off|client_spans_missing|kind_misused|orphans|outside_parents|contradict|negative_durations|clocks_differ|no_name/;
const COUNTS = new Set(['failed', 'calls', 'reads', 'writes', 'unknown', 'callers', 'callees', 'attempts', 'refused', 'fallbacks', 'affected_requests']);

const TIME = /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/;

function valueText(key: string, value: unknown): string {
  if (value === null || value === undefined) return '–';
  if (typeof value === 'number') return numberText(key, value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'string' && TIME.test(value)) return formatDateTime(Date.parse(value));
  if (typeof value === 'string') return value === 'true' ? 'yes' : value === 'false' ? 'no' : value;
  if (Array.isArray(value)) return value.map((item) => valueText(key, item)).join(', ');
  return JSON.stringify(value);
}

function numberText(key: string, value: number): string {
  if (key.endsWith('_ms')) return formatDuration(value * 1e6);
  if (key.endsWith('_ns')) return formatDuration(value);
  if (key.endsWith('_s')) return formatDuration(value * 1e9);
  if (!COUNTS.has(key) && SHARES.test(key) && value >= 0 && value <= 1) return formatShare(value);
  return formatCompact(Math.abs(value) >= 100 || Number.isInteger(value) ? Math.round(value) : Number(value.toPrecision(3)));
}

function words(key: string): string {
  const text = key.replace(/_(ms|ns|s)$/, '').replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function isRows(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.length > 0 && value.every((row) => typeof row === 'object' && row !== null && !Array.isArray(row));
}

/** Names of nodes that the finding speaks of: its ends, and what the details list. */
export function namesOf(finding: { service_name: string | null; target: string | null }, details: Record<string, unknown> = {}): Set<string> {
  const names = new Set<string>([finding.service_name, finding.target].filter((name) => name !== null));
  const keys = new Set(['service', 'services', 'caller', 'callee']);
  const visit = (value: unknown, key: string) => {
    if (typeof value === 'string' && keys.has(key)) names.add(value);
    else if (Array.isArray(value)) for (const item of value) visit(item, key);
    else if (typeof value === 'object' && value !== null) for (const [inner, item] of Object.entries(value)) visit(item, inner);
  };
  visit(details, '');
  return names;
}
