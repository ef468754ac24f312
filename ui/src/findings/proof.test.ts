import { describe, expect, it } from 'vitest';
import { proofOf, rankExamples, type FlowPart } from './proof';
import { requestsOf } from './requests';
import type { FindingRow } from './rows';

function finding(values: Partial<FindingRow>, details: Record<string, unknown> = {}): FindingRow {
  return {
    id: '1', kind: 'CASCADE', subkind: null, severity: 'low', score: 3, method: 'measured', subject: 'a => b', service_name: 'a', operation: null, target: 'b',
    deployment_environment_name: null, opened: '2026-01-01T10:00:00.5Z', closed: '2026-01-01T10:05:00.5Z', examples: null, remedy: '',
    evidence: JSON.stringify({ measure: 1, threshold: 1, samples: 1, details }), ...values,
  };
}

function part(trace: string, service: string, values: Partial<FlowPart> = {}): FlowPart {
  return { trace_id: trace, service_name: service, collection: null, callee: null, started: '2026-01-01T10:01:00Z', ended: '2026-01-01T10:01:00.01Z', spans: 1, failed: 0, longest_ns: 1e6, ...values };
}

const ranked = (of: FindingRow, parts: FlowPart[]) => rankExamples(of, [...new Set(parts.map((one) => one.trace_id))], parts);

describe('the best example', () => {
  it('is of the time in which the finding was open', () => {
    const before = part('early', 'a', { failed: 9, started: '2026-01-01T09:59:00Z' });
    expect(ranked(finding({}), [before, part('own', 'a', { failed: 1 })]).map(({ traceId }) => traceId)).toEqual(['own', 'early']);
  });

  it('has the failures of the service that is to blame, not of others', () => {
    const flows = ranked(finding({}), [part('x', 'a'), part('x', 'c', { failed: 5 }), part('y', 'a', { failed: 2 })]);
    expect(flows.map(({ traceId, shows }) => [traceId, shows])).toEqual([['y', '2 failed in a'], ['x', '']]);
  });

  it('is the one that takes longest in a hot service', () => {
    const hot = finding({ kind: 'HOT_SERVICE', target: null });
    expect(ranked(hot, [part('x', 'c', { longest_ns: 9e9 }), part('x', 'a'), part('y', 'a', { longest_ns: 3e8 })])[0]!.shows).toBe('a took 300 ms');
  });

  it('shows everybody who touches shared data', () => {
    const shared = finding({ kind: 'SHARED_DB', service_name: 'db', target: 'orders' }, { services: [{ service: 'a', reads: 9, writes: 1 }, { service: 'c', reads: 0, writes: 1 }] });
    const flows = ranked(shared, [part('x', 'a', { collection: 'orders' }), part('y', 'a', { collection: 'orders' }), part('y', 'c', { collection: 'orders' })]);
    expect(flows[0]).toMatchObject({ traceId: 'y', shows: 'a, c' });
    expect(requestsOf(shared)).toMatchObject({ service: 'c', calls: 'db' });
  });

  it('lacks the spans that are missing', () => {
    const gap = finding({ kind: 'INSTRUMENTATION_GAP', subkind: 'server_spans_missing', target: null });
    expect(ranked(gap, [part('x', 'a'), part('z', 'c'), part('y', 'c', { callee: 'a' })])[0]).toMatchObject({ traceId: 'y', shows: '1 call of a, and no span of it' });
  });
});

describe('what to look for', () => {
  it('is the call that is repeated, else who is to blame', () => {
    expect(proofOf(finding({ kind: 'N_PLUS_ONE' }, { call: 'GetItem' }))!.find).toBe('GetItem');
    expect(proofOf(finding({ kind: 'CHATTY' }))!.find).toBe('b');
    expect(proofOf(finding({}))!.find).toBe('a');
    expect(proofOf(finding({ service_name: null }))).toBeUndefined();
  });

  it('are failed calls where errors are hidden', () => {
    const hidden = finding({ kind: 'HIDDEN_ERRORS', target: null }, { failed_calls: [{ caller: 'c', callee: 'd', calls: 1 }, { caller: 'a', callee: 'e', calls: 9 }] });
    expect(proofOf(hidden)).toEqual({ by: 'failures', services: ['a', 'e'], find: 'e' });
    expect(requestsOf(hidden)).toMatchObject({ service: 'a', calls: 'e', error: 'true', from: '2026-01-01T10:00:00Z', to: '2026-01-01T10:05:01Z' });
  });
});
