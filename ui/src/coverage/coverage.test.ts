import { describe, expect, it } from 'vitest';
import type { Graph, GraphNode } from '../api/types';
import { gapsOf, groupGaps, partWords } from './gaps';
import { countersSql, type CoverageRow, type SentRow } from './sql';
import { silentNodes } from './uninstrumented';

const NONE: CoverageRow = {
  service_name: 'a', service_namespace: null, spans: 100, orphans: 0, duplicates: 0, cycles: 0, id_clashes: 0, paired_clients: 0, unpaired_clients: 0,
  clients_missing: 0, negative_durations: 0, alias_conflicts: 0, skew_suspects: 0,
};
const SENT: SentRow = { service_name: 'a', service_namespace: null, spans: 100, weight: 100, servers: 1, clients: 1, dropped_attributes: 0, dropped_events: 0, dropped_links: 0 };

describe('gaps', () => {
  it('says nothing of a service that tells all', () => {
    expect(gapsOf([NONE], [SENT], [])).toEqual([]);
  });

  it('puts what hides something before what is little', () => {
    const gaps = gapsOf([{ ...NONE, orphans: 4, paired_clients: 80, unpaired_clients: 20 }], [{ ...SENT, weight: 200 }], []);
    expect(gaps.map(({ key, level }) => [key, level])).toEqual([['unpaired', 'gap'], ['sampled', 'little'], ['orphans', 'little']]);
    expect(partWords(gaps[0]!)).toBe('20 of 100');
  });

  it('tells missing server spans by what callers say', () => {
    const node = { kind: 'service', name: 'p', namespace: null, requests: 80, entries: 0, edge_coverage: 1.25 } as unknown as GraphNode;
    const [gap] = gapsOf([], [], [node, { ...node, name: 'q', edge_coverage: 0.8 }, { ...node, name: 'entry', edge_coverage: null }]);
    expect(gap).toMatchObject({ key: 'servers_missing', service: 'p', part: 20, whole: 100, level: 'gap' });
    expect(groupGaps([gap!, { ...gap!, service: 'q' }])).toMatchObject([{ gaps: [{ service: 'p' }, { service: 'q' }] }]);
  });

  it('knows a service without a name', () => {
    expect(gapsOf([], [{ ...SENT, service_name: 'unknown_service:java' }], [])[0]).toMatchObject({ key: 'name', level: 'gap' });
  });

  it('counts every series of a counter by itself', () => {
    expect(countersSql({ from: 'now-1h', to: 'now' })).toContain('PARTITION BY name, series, service_instance_id');
  });
});

describe('what sends no spans', () => {
  it('is not the databases', () => {
    const node = (id: string, kind: string, evidence: string) => ({ id, name: id, kind, evidence });
    const nodes = [node('a', 'service', 'spans'), node('db', 'database', 'attribute'), node('pay', 'external', 'attribute'), node('browser', 'client', 'attribute'), node('unknown', 'client', 'orphan')];
    const edges = [{ source: 'a', source_id: 'a', target: 'pay', target_id: 'pay', requests: 3 }, { source: 'unknown', source_id: 'unknown', target: 'a', target_id: 'a', requests: 9 }];
    const { silent, stores } = silentNodes({ nodes, edges } as unknown as Graph);
    expect(silent.map((one) => [one.node.id, one.callers, one.requests])).toEqual([['unknown', ['a'], 9], ['pay', ['a'], 3]]);
    expect(stores).toBe(1);
  });
});
