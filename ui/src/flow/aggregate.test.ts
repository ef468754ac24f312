import { describe, expect, it } from 'vitest';
import { aggregateOperations, aggregatePaths, pathOf } from './aggregate';
import { flameStep, nodeAt } from './flame';
import { flowOf, log, span } from './fixture';

const call = { name: 'GET /items', service_name: 'cart' };
const flow = flowOf([
  span('a', null, 0, 100, { name: 'GET /' }),
  span('b', 0, 0, 20, call),
  span('c', 0, 20, 40, { ...call, outcome: 'timeout' }),
  span('d', 2, 20, 10, { name: 'SELECT', service_name: 'cart' }),
  span('e', 0, 60, 30, { name: 'Price', gap: 'missing_parent: it', parent_span_id: '9' }),
  log(0, 5, 'told'),
]);

describe('aggregatePaths', () => {
  const nodes = aggregatePaths(flow, undefined);

  it('adds up what has the same path, and leaves phantoms and logs out', () => {
    expect(nodes.map(({ name, count, depth }) => [name, count, depth])).toEqual([
      ['all', 0, 0],
      ['GET /', 1, 1],
      ['GET /items', 2, 2],
      ['SELECT', 1, 3],
      ['Price', 1, 2],
    ]);
    const items = nodes[2]!;
    expect([items.totalNs, items.selfNs, items.failures, items.longestRow]).toEqual([60e6, 50e6, 1, 2]);
    expect(pathOf(nodes, 3).map(({ name }) => name)).toEqual(['GET /', 'GET /items', 'SELECT']);
  });

  it('is as wide as the self time of what is under it, so that nothing overlaps', () => {
    expect(nodes[0]!.weightNs).toBe(nodes.reduce((sum, node) => sum + node.selfNs, 0));
    const [root, items, , price] = nodes.slice(1);
    expect(root!.children.map((index) => nodes[index]!.name)).toEqual(['GET /items', 'Price']);
    expect(price!.left).toBeCloseTo(items!.left + items!.weightNs / nodes[0]!.weightNs);
  });

  it('is walked by arrows and found by the pointer', () => {
    expect([flameStep(nodes, 1, 'ArrowDown'), flameStep(nodes, 3, 'ArrowUp')]).toEqual([2, 2]);
    expect([flameStep(nodes, 2, 'ArrowRight'), flameStep(nodes, 4, 'ArrowRight'), flameStep(nodes, 4, 'ArrowLeft')]).toEqual([4, 4, 2]);
    expect(flameStep(nodes, 1, 'x')).toBeUndefined();
    expect([nodeAt(nodes, 0, 2, 0.1), nodeAt(nodes, 0, 2, 0.999), nodeAt(nodes, 2, 1, 0.5)]).toEqual([2, undefined, 1]);
  });
});

describe('aggregateOperations', () => {
  it('has one of each service and operation, the most time first', () => {
    expect(aggregateOperations(flow, undefined).map(({ name, totalNs }) => [name, totalNs / 1e6])).toEqual([
      ['GET /', 100],
      ['GET /items', 60],
      ['Price', 30],
      ['SELECT', 10],
    ]);
  });
});
