import { describe, expect, it } from 'vitest';
import { aggregatePaths } from '../flow/aggregate';
import { flowOf, span } from '../flow/fixture';
import { alignPaths, bySelfChange, countDifferences, onlyDifferent } from './align';

const a = flowOf([
  span('1', null, 0, 100, { name: 'GET /' }),
  span('2', 0, 0, 40, { name: 'cart' }),
  span('3', 0, 40, 10, { name: 'cache' }),
  span('4', 0, 60, 10, { name: 'mail' }),
]);
const b = flowOf([
  span('1', null, 0, 160, { name: 'GET /' }),
  span('2', 0, 0, 60, { name: 'cart' }),
  span('5', 1, 0, 50, { name: 'SELECT' }),
  span('3', 0, 60, 10, { name: 'cache' }),
  span('6', 0, 70, 1, { name: 'cache' }),
]);

describe('alignPaths', () => {
  const nodes = alignPaths(aggregatePaths(a, undefined), aggregatePaths(b, undefined), 160e6);

  it('puts together what has the same path, the greatest change first', () => {
    expect(nodes.map(({ name, difference, depth }) => [name, difference, depth])).toEqual([
      ['GET /', 'slower', 0],
      ['cart', 'slower', 1],
      ['SELECT', 'only b', 2],
      ['mail', 'only a', 1],
      ['cache', 'calls', 1],
    ]);
    expect(nodes.map(({ parent }) => parent)).toEqual([-1, 0, 1, 0, 0]);
    expect([nodes[1]!.totalChange, nodes[1]!.selfChange]).toEqual([20e6, -30e6]);
  });

  it('has self times whose changes add up to the change of all work', () => {
    const change = nodes.reduce((sum, { selfChange }) => sum + selfChange, 0);
    expect(change).toBe(160e6 - 100e6);
    expect(bySelfChange(nodes)[0]!.name).toBe('SELECT');
    expect(Object.fromEntries(countDifferences(nodes))).toEqual({ slower: 2, 'only b': 1, 'only a': 1, calls: 1 });
  });

  it('leaves out what is the same, but not what is above a difference', () => {
    const same = alignPaths(aggregatePaths(a, undefined), aggregatePaths(a, undefined), 100e6);
    expect(same.every(({ difference }) => difference === 'same')).toBe(true);
    expect(onlyDifferent(same)).toEqual([]);
    expect(onlyDifferent(nodes)).toHaveLength(5);
  });

  it('says that one fails where the other does not', () => {
    const failing = flowOf([span('1', null, 0, 100, { name: 'GET /', outcome: 'timeout' })]);
    const [root] = alignPaths(aggregatePaths(a, undefined), aggregatePaths(failing, undefined), 100e6);
    expect(root!.difference).toBe('failing');
  });
});
