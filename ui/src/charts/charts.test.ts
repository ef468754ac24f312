import { describe, expect, it } from 'vitest';
import { alignRows, stackValues } from './series';
import { sparkPaths } from './spark';

describe('alignRows', () => {
  const rows = [
    { time: '1970-01-01T00:01:00.000000000Z', service: 'a', value: 3 },
    { time: '1970-01-01T00:03:00Z', service: 'a', value: null },
    { time: '1970-01-01T00:02:00Z', service: 'b', value: 5 },
    { time: '1970-01-01T09:00:00Z', service: 'b', value: 9 },
  ];
  const range = { fromMs: 70_000, toMs: 240_000 };

  it('has a time for each bucket and a gap where nothing is known', () => {
    const aligned = alignRows(rows, range, 60_000, { time: (row) => row.time, value: (row) => row.value, key: (row) => row.service });
    expect(aligned.times).toEqual([60_000, 120_000, 180_000]);
    expect(aligned.series).toEqual([
      { key: 'a', values: [3, null, null] },
      { key: 'b', values: [null, 5, null] },
    ]);
  });

  it('counts no row as nothing if told so', () => {
    const reading = { time: (row: { time: string }) => row.time, value: () => 1, missing: 0 as const };
    expect(alignRows(rows.slice(0, 1), range, 60_000, reading).series).toEqual([{ key: '', values: [1, 0, 0] }]);
    expect(alignRows([], range, 60_000, reading).series).toEqual([{ key: '', values: [0, 0, 0] }]);
  });
});

describe('stackValues', () => {
  it('lets each series stand on those after it', () => {
    expect(stackValues([[1, 2], [], [3, null]], 2)).toEqual([[4, 2], [3, 0], [3, 0]]);
  });
});

describe('sparkPaths', () => {
  it('breaks the line at gaps', () => {
    expect(sparkPaths([0, 2, null, 1], 30, 10).line).toBe('M0 9L10 1M30 5h.01');
    expect(sparkPaths([null], 30, 10).line).toBe('');
    expect(sparkPaths([0, 0], 30, 10).line).toBe('M0 9L30 9');
  });
});
