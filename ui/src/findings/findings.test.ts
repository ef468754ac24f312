import { describe, expect, it } from 'vitest';
import { detailsOf, evidenceWords, namesOf } from './evidence';
import { filterFindings, listFindings, sortFindings } from './list';
import { readEvidence } from './occurrence';
import { findingsSql, isOfEdge, worstSeverity, type FindingRow } from './rows';

function row(values: Partial<FindingRow>): FindingRow {
  return {
    id: '1', kind: 'CASCADE', subkind: null, severity: 'low', score: 3, method: 'measured', subject: 'a => b', service_name: 'a', operation: null, target: 'b',
    deployment_environment_name: null, opened: '2026-01-01T10:00:00Z', closed: null, evidence: '{}', examples: null, remedy: '', ...values,
  };
}

const NOW = Date.parse('2026-01-01T12:00:00Z');

describe('evidence in words', () => {
  it('names measure, interval, threshold, samples and what is usual', () => {
    const evidence = { measure: 0.136, threshold: 0.01, interval: [0.064, 0.267] as [number, number], baseline: 0, samples: 44 };
    expect(evidenceWords('CASCADE', null, evidence)).toBe(
      'Requests of the entry that fail: 13.6 %, with 95 % between 6.40 % and 26.7 %; it counts from 1.00 %. Measured on 44 requests. Usual is 0 %.',
    );
  });

  it('does not take the baseline of a storm for one of its measure', () => {
    expect(evidenceWords('RETRY_STORM', null, { measure: 1.8, threshold: 1.5, baseline: 41.5, samples: 106 })).toContain('Usual are 42 attempts a minute.');
  });

  it('knows the unit of a hot service by what it is under stress from', () => {
    const words = evidenceWords('HOT_SERVICE', null, { measure: 4.383, threshold: 1.08, baseline: 0.72, samples: 898, details: { own_p99_ms: 4.383 } });
    expect(words).toContain('99th percentile of its own work: 4.38 ms');
  });

  it('lists details with units and tables', () => {
    const details = detailsOf({ drag_ms: 1.324, explained: 1, path: [{ caller: 'a', callee: 'b', failed: 6, passed_on: 0.5 }], has_fallback: 'false', lost_per_request_ms: 90, requests_at_risk: 0.45 });
    expect(details).toEqual([
      { key: 'drag_ms', label: 'Drag', kind: 'text', text: '1.32 ms' },
      { key: 'explained', label: 'Explained', kind: 'text', text: '100 %' },
      { key: 'path', label: 'Path', kind: 'rows', columns: ['Caller', 'Callee', 'Failed', 'Passed on'], rows: [['a', 'b', '6', '50.0 %']] },
      { key: 'has_fallback', label: 'Has fallback', kind: 'text', text: 'no' },
      { key: 'lost_per_request_ms', label: 'Lost per request', kind: 'text', text: '90.0 ms' },
      { key: 'requests_at_risk', label: 'Requests at risk', kind: 'text', text: '45.0 %' },
    ]);
  });

  it('finds the nodes it speaks of', () => {
    expect([...namesOf({ service_name: 'a', target: null }, { hops: [{ service: 'b' }], services: ['c'], call: 'x' })]).toEqual(['a', 'b', 'c']);
    expect(readEvidence('not JSON')).toBeUndefined();
  });
});

describe('the list', () => {
  const rows = [row({}), row({ opened: '2026-01-01T08:00:00Z', closed: '2026-01-01T08:10:00Z' }), row({ id: '2', severity: 'high', closed: '2026-01-01T11:00:00Z' }), row({ id: '3', severity: 'medium' })];
  const known = { finding_id: '3', opened: '2026-01-01T10:00:00Z', reason: 'known', acknowledged_by: null, time: '2026-01-01T11:00:00Z', until: null };
  const list = listFindings(rows, [known], NOW);

  it('puts occurrences of one finding together', () => {
    expect(list.map(({ finding, spans }) => [finding.id, spans.length])).toEqual([['1', 2], ['2', 1], ['3', 1]]);
  });

  it('sorts what is open and not known of first', () => {
    expect(sortFindings(list, 'severity').map(({ finding }) => finding.id)).toEqual(['1', '3', '2']);
  });

  it('filters', () => {
    expect(filterFindings(list, { acknowledged: 'yes' }).map(({ finding }) => finding.id)).toEqual(['3']);
    expect(filterFindings(list, { state: 'closed' }).map(({ finding }) => finding.id)).toEqual(['2']);
    expect(filterFindings(list, { service: 'b', severity: 'low' }).map(({ finding }) => finding.id)).toEqual(['1']);
  });

  it('ends acknowledgements', () => {
    expect(listFindings(rows, [{ ...known, until: '2026-01-01T11:30:00Z' }], NOW)[2]!.acknowledgement).toBeUndefined();
    expect(listFindings([row({ id: '3', opened: '2026-01-01T11:30:00Z' })], [known], NOW)[0]!.acknowledgement).toBeUndefined();
  });

  it('asks for what was open in the range', () => {
    expect(findingsSql({ from: 'now-1h', to: 'now' }, { service: "o'x" })).toContain("(service_name = 'o''x' OR target = 'o''x')");
    expect(isOfEdge({ kind: 'BREAKER', target: 'b' })).toBe(true);
    expect(worstSeverity(rows)).toBe('high');
  });
});
