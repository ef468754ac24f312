/** Where the requests are that a finding is about: those of the edge that is blamed, else of the service, while it was open. */
import type { QueryValues } from '../routes';
import { parseInstant } from '../time/instant';
import { readEvidence } from './occurrence';
import { hiddenCallOf } from './proof';
import { isOfEdge, type FindingRow } from './rows';

/** Failing ones come first. */
const FAILURES = new Set(['CASCADE', 'BREAKER', 'RETRY_AMPLIFICATION', 'RETRY_STORM', 'SPOF']);
/** The caller goes on as if nothing were: its failed calls are what to look for. */
const FAILED_CALLS = new Set(['HIDDEN_ERRORS', 'TIMEOUT_INVERSION']);
/** Their operation is one of their service. */
const OF_OPERATION = new Set(['SYNC_CHAIN', 'N_PLUS_ONE', 'FANOUT_BURST']);

/** Parameters of the page of traces; undefined where it is not about requests of a service. */
export function requestsOf(finding: FindingRow): QueryValues | undefined {
  const { kind, service_name: service, target, operation } = finding;
  if (service === null) return undefined;
  const range = rangeOf(finding);
  const details = readEvidence(finding.evidence)?.details ?? {};
  if (kind === 'SHARED_DB') return { ...range, service: rarestAccessor(details), calls: service };
  const hidden = kind === 'HIDDEN_ERRORS' ? hiddenCallOf(details) : undefined;
  return {
    ...range,
    service: hidden?.caller ?? service,
    operation: OF_OPERATION.has(kind) ? operation : null,
    calls: hidden?.callee ?? (isOfEdge(finding) ? target : null),
    error: FAILED_CALLS.has(kind) ? 'true' : null,
    order: FAILURES.has(kind) ? 'errors' : 'slowest',
  };
}

/** In whole seconds. */
function rangeOf({ opened, closed }: FindingRow): { from: string; to: string } {
  const text = (epochMs: number) => new Date(epochMs).toISOString().replace('.000Z', 'Z');
  const second = (time: string) => Math.floor((parseInstant(time)?.epochMs ?? Number.NaN) / 1000) * 1000;
  return { from: text(second(opened)), to: closed === null ? 'now' : text(second(closed) + 1000) };
}

interface Accessor {
  service: string;
  reads: number;
  writes: number;
}

/** The one that the data is least likely to belong to. */
function rarestAccessor({ services }: Record<string, unknown>): string | null {
  if (!Array.isArray(services)) return null;
  const accesses = ({ reads, writes }: Accessor) => reads + writes;
  return (services as Accessor[]).toSorted((one, other) => accesses(one) - accesses(other))[0]?.service ?? null;
}
