import { describe, expect, it } from 'vitest';
import type { GraphEdge, GraphNode } from '../api/types';
import { readMap, setText } from './address';
import { earlierRange } from './changes';
import { layOut } from './layout';
import { hasLabel, toneOf, widthOf } from './looks';
import { madeUpGraph } from './made-up';
import { buildMap, isRetried, sumOf } from './model';
import { edgePath } from './paths';
import { backbone, ranksOf } from './ranks';
import { layoutRequest } from './request';
import { fold, select } from './select';
import { covers, topologyOf } from './topology';
import { nextInDirection } from './walk';

const FIGURES = { requests: 100, rate: 1, failures: 0, error_rate: 0, error_rate_low: 0, error_rate_high: 0.03, p50_ms: 1, p95_ms: 2, p99_ms: 3 };

function node(name: string, namespace = 'shop'): GraphNode {
  return { ...FIGURES, id: `service:${namespace}/${name}`, name, kind: 'service', namespace, environment: 'test', evidence: 'spans', view: 'server', entries: 0 } as GraphNode;
}

function edge(source: GraphNode, target: GraphNode, values: Partial<GraphEdge> = {}): GraphEdge {
  const ends = { source: source.name, target: target.name, source_id: source.id, target_id: target.id };
  return { ...FIGURES, ...ends, kind: 'sync', protocol: 'http', attempts: 100, view: 'client', views: {}, examples: [], ...values } as GraphEdge;
}

const [a, b, c, d] = [node('a'), node('b'), node('c', 'bank'), node('d', 'bank')];
const range = { from: '', to: '', basis: 'spans' } as const;
const graph = { ...range, nodes: [a, b, c, d], edges: [edge(a, b), edge(b, c, { error_rate_low: 0.2, failures: 30, error_rate: 0.3 }), edge(c, d, { attempts: 150 })] };

describe('ranks', () => {
  it('puts each node to the right of those that call it, and cuts cycles', () => {
    const links = ['a b', 'b c', 'a c', 'c a'].map((id) => ({ id, source: id[0]!, target: id[2]! }));
    expect([...ranksOf(['a', 'b', 'c'], links)]).toEqual([['a', 0], ['b', 1], ['c', 2]]);
  });

  it('keeps a link to each node in the backbone', () => {
    const { nodes, links } = madeUpGraph(60, 500);
    const ranks = ranksOf(nodes.map(({ id }) => id), links);
    const kept = backbone(links, ranks, 100);
    for (const { id } of nodes) {
      if (ranks.get(id)! > 0) expect(kept.some((link) => link.target === id)).toBe(true);
    }
    expect(kept.length).toBeLessThan(160);
  });
});

describe('layout', () => {
  it('gives each node a place of its own, callers on the left', () => {
    const { nodes, links } = madeUpGraph(80, 300);
    const layout = layOut({ nodes, links });
    expect(new Set(Object.values(layout.nodes).map(({ x, y }) => `${x} ${y}`)).size).toBe(80);
  });

  it('is the same for the same graph', () => {
    const request = madeUpGraph(30, 50);
    expect(layOut(request)).toEqual(layOut(request));
  });

  it('stays while all nodes have their place', () => {
    const whole = layoutRequest(buildMap(graph, undefined, [], []), false);
    expect(covers(whole, { nodes: whole.nodes.slice(1), links: [] })).toBe(true);
    expect(covers(whole, { nodes: whole.nodes.slice(2), links: [] })).toBe(false);
    expect(covers({ nodes: whole.nodes, links: [] }, whole)).toBe(false);
    expect(topologyOf(whole)).not.toBe(topologyOf(layoutRequest(buildMap(graph, undefined, [], []), true)));
  });

  it('draws lines from left to right, also where they go back', () => {
    expect(edgePath({ x: 0, y: 0 }, { x: 400, y: 100 }).d).toBe('M178,25 C288,25 287,125 397,125');
    expect(edgePath({ x: 400, y: 0 }, { x: 0, y: 0 }).d).toMatch(/^M578,25 C.* -3,25$/);
  });
});

describe('what is drawn', () => {
  const map = buildMap(graph, undefined, [], []);

  it('knows health, retries and labels', () => {
    expect(map.edges.map((one) => toneOf(one, 'errors'))).toEqual(['calm', 'failing', 'calm']);
    expect(map.edges.map(isRetried)).toEqual([false, false, true]);
    expect(map.edges.map((one) => hasLabel(one, 'errors', 3))).toEqual([false, true, true]);
    expect(widthOf(0)).toBeCloseTo(1.2);
    expect(widthOf(1e9)).toBe(8);
  });

  it('filters by service, health and neighbourhood', () => {
    const names = (selected: { nodes: { name: string }[] }) => selected.nodes.map(({ name }) => name).join('');
    expect(names(select(map, { depth: 1 }))).toBe('abcd');
    expect(names(select(map, { depth: 1, health: 'failing' }))).toBe('bc');
    expect(names(select(map, { depth: 1, service: 'D' }))).toBe('cd');
    expect(names(select(map, { depth: 1, focus: b.id }))).toBe('abc');
    expect(names(select(map, { depth: 2, focus: a.id }))).toBe('abc');
    expect(names(select(map, { depth: 1, kind: 'data' }))).toBe('');
  });

  it('folds what the reader folds, with what it knows of it', () => {
    const folded = fold(map, { folded: new Set(['bank']), opened: new Set() });
    expect(folded.nodes.map(({ name }) => name)).toEqual(['a', 'b', '+2 services']);
    expect(folded.edges.map(({ sourceName, targetName, health }) => [sourceName, targetName, health])).toEqual([['a', 'b', 'well'], ['b', '+2 services', 'failing']]);
  });

  it('folds what does not fit, but not what the reader opened', () => {
    const names = (opened: string[]) => fold(map, { folded: new Set(), opened: new Set(opened), most: 3 }).nodes.map(({ name }) => name);
    expect(names([])).toContain('+2 services');
    expect(names(['bank'])).toEqual(expect.arrayContaining(['c', 'd', '+2 services']));
  });

  it('says of several together only what can be added up', () => {
    const sum = sumOf([{ ...FIGURES, failures: 10 }, FIGURES]);
    expect([sum.requests, sum.rate, sum.error_rate, sum.p95_ms]).toEqual([200, 2, 0.05, null]);
  });

  it('draws what is gone', () => {
    const now = { ...graph, nodes: [a, b], edges: [edge(a, b)] };
    const gone = { change: 'gone', source: 'b', target: 'c', kind: 'sync', source_namespace: 'shop', target_namespace: 'bank', source_kind: 'service', target_kind: 'service', deployment_environment_name: null, before: null, after: null } as const;
    const compared = buildMap(now, graph, [], [gone]);
    expect(compared.nodes.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(compared.edges.at(-1)).toMatchObject({ sourceName: 'b', targetName: 'c', figures: { requests: 0 }, changes: [gone] });
  });
});

describe('keys and addresses', () => {
  it('goes to the nearest node in a direction', () => {
    const places = new Map(Object.entries({ a: { x: 0, y: 0 }, b: { x: 200, y: 10 }, c: { x: 200, y: 300 }, d: { x: 0, y: 60 } }));
    expect(nextInDirection(places, 'a', 'ArrowRight')).toBe('b');
    expect(nextInDirection(places, 'a', 'ArrowDown')).toBe('d');
    expect(nextInDirection(places, 'a', 'ArrowLeft')).toBeUndefined();
  });

  it('reads the address and leaves out what it does not know', () => {
    const read = readMap(new URLSearchParams('color=latency&depth=3&kind=data&health=fine&fold=a%252Cb,c'));
    expect(read).toMatchObject({ coloring: 'latency', selection: { depth: 3, kind: 'data', health: undefined } });
    expect(setText(read.folded)).toBe('a%2Cb,c');
  });

  it('finds the range before', () => {
    expect(earlierRange({ from: 'now-1h', to: 'now' }, 'previous', 0)).toEqual({ from: 'now-2h', to: 'now-1h' });
    expect(earlierRange({ from: 'now-90m', to: 'now-30m' }, '24h', 0)).toEqual({ from: 'now-1530m', to: 'now-1470m' });
    expect(earlierRange({ from: '2026-01-01T01:00:00Z', to: '2026-01-01T02:00:00Z' }, 'previous', 0)).toEqual({ from: '2026-01-01T00:00:00.000Z', to: '2026-01-01T01:00:00.000Z' });
  });
});
