/**
 * Which example flows of a finding show best what it says, and what to look for in them. Stored examples may be from
 * before it opened, or from its last minute.
 */
import { IS_FAILED } from '../sql';
import { formatDuration, plural } from '../format';
import { grouped } from '../grouped';
import { quote } from '../sql-text';
import { parseInstant } from '../time/instant';
import { readEvidence } from './occurrence';
import type { FindingRow } from './rows';

export interface Proof {
  /** What of a flow counts: failed spans, the longest one, spans, the services themselves, those that touch the data, that spans are missing. */
  by: 'failures' | 'time' | 'spans' | 'services' | 'accessors' | 'absence';
  services: readonly string[];
  /** What its guilty rows have in common, as the search of the flow takes it. */
  find: string;
}

const SPANS_OF_TARGET = new Set(['CHATTY', 'N_PLUS_ONE', 'FANOUT_BURST']);
const FAILURES_OF_CALLS = new Set(['BREAKER', 'RETRY_AMPLIFICATION', 'RETRY_STORM']);

export function proofOf(finding: Pick<FindingRow, 'kind' | 'subkind' | 'service_name' | 'target' | 'evidence'>): Proof | undefined {
  const { kind, subkind, service_name: service, target } = finding;
  if (service === null) return undefined;
  const details = readEvidence(finding.evidence)?.details ?? {};
  const callee = target ?? service;
  if (SPANS_OF_TARGET.has(kind)) return { by: 'spans', services: [callee], find: textOf(details['call']) ?? callee };
  if (FAILURES_OF_CALLS.has(kind)) return { by: 'failures', services: [service, callee], find: callee };
  switch (kind) {
    case 'CASCADE':
      return { by: 'failures', services: [service], find: service };
    case 'SPOF':
      return { by: subkind === 'hard' ? 'failures' : 'spans', services: [service], find: service };
    case 'HOT_SERVICE':
    case 'WASTED_WORK':
      return { by: 'time', services: [service], find: service };
    case 'TIMEOUT_INVERSION':
      return { by: 'time', services: [callee], find: callee };
    case 'HIDDEN_ERRORS':
      return hiddenProof(details) ?? { by: 'failures', services: [service], find: service };
    case 'SYNC_CHAIN':
      return { by: 'services', services: namesIn(details['hops']), find: callee };
    case 'DISTRIBUTED_MONOLITH':
      return { by: 'services', services: namesIn(details['services']), find: service };
    case 'SHARED_DB':
      return { by: 'accessors', services: namesIn(details['services']), find: callee };
    case 'INSTRUMENTATION_GAP':
      return { by: subkind === 'server_spans_missing' ? 'absence' : 'spans', services: [service], find: service };
    default:
      return { by: 'spans', services: [service], find: service };
  }
}

interface HiddenCall {
  caller: string;
  callee: string;
  calls: number;
}

/** The calls that fail most. */
export function hiddenCallOf(details: Record<string, unknown>): HiddenCall | undefined {
  const calls = details['failed_calls'];
  return Array.isArray(calls) ? (calls as HiddenCall[]).toSorted((one, other) => other.calls - one.calls)[0] : undefined;
}

function hiddenProof(details: Record<string, unknown>): Proof | undefined {
  const call = hiddenCallOf(details);
  return call && { by: 'failures', services: [call.caller, call.callee], find: call.callee };
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Of a list of names, or of rows with a service each. */
function namesIn(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((item: unknown) => {
    if (typeof item === 'string') return [item];
    return typeof item === 'object' && item !== null && 'service' in item ? [String(item.service)] : [];
  });
}

/** What a service does in a flow: the calls of one callee, to one table of a database, or all else. */
export interface FlowPart {
  trace_id: string;
  service_name: string | null;
  collection: string | null;
  callee: string | null;
  started: string;
  ended: string;
  spans: number;
  failed: number;
  longest_ns: number;
}

export function flowPartsSql(traceIds: readonly string[]): string {
  return [
    'SELECT trace_id, service_name, db_collection_name AS collection,',
    "       CASE WHEN kind = 'CLIENT' THEN coalesce(service_peer_name, server_address) END AS callee,",
    '       min(start_time) AS started, max(end_time) AS ended,',
    `       count(*) AS spans, count(*) FILTER (WHERE ${IS_FAILED}) AS failed, max(duration_ns) AS longest_ns`,
    'FROM spans',
    `WHERE trace_id IN (${traceIds.map(quote).join(', ')})`,
    'GROUP BY 1, 2, 3, 4',
  ].join('\n');
}

export interface ExampleFlow {
  traceId: string;
  startedMs: number;
  durationMs: number;
  spans: number;
  failed: number;
  /** How much of it there is, by the measure of the proof; 0 where it does not show it. */
  weight: number;
  /** What it shows, in words. */
  shows: string;
}

/** Those of its own time first, then those that show it best. */
export function rankExamples(finding: FindingRow, traceIds: readonly string[], parts: readonly FlowPart[]): ExampleFlow[] {
  const proof = proofOf(finding);
  const [openedMs, closedMs] = [millis(finding.opened), finding.closed === null ? Infinity : millis(finding.closed)];
  const wanted = new Set(traceIds);
  const flows = grouped(parts.filter((part) => wanted.has(part.trace_id)), (part) => part.trace_id);
  const examples = [...flows].map(([traceId, own]): ExampleFlow => {
    const startedMs = Math.min(...own.map(({ started }) => millis(started)));
    const durationMs = Math.max(...own.map(({ ended }) => millis(ended))) - startedMs;
    const base = { traceId, startedMs, durationMs, spans: sum(own, 'spans'), failed: sum(own, 'failed') };
    return { ...base, ...(proof ? weigh(proof, own) : { weight: 0, shows: '' }) };
  });
  /** What a finding opens by may have begun a little earlier. */
  const isOfItsTime = ({ startedMs }: ExampleFlow) => startedMs >= openedMs - 1000 && startedMs <= closedMs;
  return examples.sort((one, other) => Number(isOfItsTime(other)) - Number(isOfItsTime(one)) || other.weight - one.weight || other.durationMs - one.durationMs);
}

function weigh(proof: Proof, parts: readonly FlowPart[]): Pick<ExampleFlow, 'weight' | 'shows'> {
  const own = parts.filter((part) => proof.services.includes(part.service_name ?? ''));
  const names = new Set(own.map((part) => part.service_name));
  const [name] = proof.services;
  switch (proof.by) {
    case 'failures': {
      const failed = sum(own, 'failed');
      return { weight: failed, shows: failed === 0 ? '' : `${failed} failed in ${proof.services.filter((one) => sum(own.filter((part) => part.service_name === one), 'failed') > 0).join(', ')}` };
    }
    case 'time': {
      const longest = Math.max(0, ...own.map((part) => part.longest_ns));
      return { weight: longest, shows: longest === 0 ? '' : `${name} took ${formatDuration(longest)}` };
    }
    case 'spans': {
      const spans = sum(own, 'spans');
      return { weight: spans, shows: spans === 0 ? '' : `${plural(spans, 'span')} of ${name}` };
    }
    case 'services':
      return { weight: names.size, shows: names.size === 0 ? '' : `${names.size} of the ${proof.services.length} services` };
    case 'accessors': {
      const accessors = new Set(own.filter((part) => part.collection === proof.find).map((part) => part.service_name));
      return { weight: accessors.size, shows: [...accessors].sort().join(', ') };
    }
    case 'absence': {
      const calls = own.length > 0 ? 0 : sum(parts.filter((part) => part.callee === name), 'spans');
      return { weight: calls, shows: calls === 0 ? '' : `${plural(calls, 'call')} of ${name}, and no span of it` };
    }
  }
}

function sum(parts: readonly FlowPart[], key: 'spans' | 'failed'): number {
  return parts.reduce((total, part) => total + part[key], 0);
}

function millis(text: string): number {
  return parseInstant(text)?.epochMs ?? Number.NaN;
}
