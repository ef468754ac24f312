import { describe, expect, it } from 'vitest';
import { rowsOfJson } from '../console/rows';
import { boundsOf, chartOf } from './of-rows';

const TIME = 'TIMESTAMP WITH TIME ZONE';
const at = (second: number) => new Date(second * 1000).toISOString().replace('Z', '000000Z');
const rowsOf = (columns: [string, string][], rows: unknown[][]) =>
  rowsOfJson({ columns: columns.map(([name, type]) => ({ name, type })), rows, stats: {} as never });

describe('chartOf', () => {
  it('draws numbers over time, with gaps where a time has no row', () => {
    const chart = chartOf(rowsOf([['time', TIME], ['a', 'BIGINT'], ['b', 'DECIMAL(5, 2)']], [[at(0), 1, '1.5'], [at(30), 2, null], [at(90), 4, 3]]));
    expect(chart).toEqual({
      kind: 'time',
      times: [0, 30_000, 60_000, 90_000],
      series: [{ label: 'a', values: [1, 2, null, 4] }, { label: 'b', values: [1.5, null, null, 3] }],
      left: 0,
      stepMs: 30_000,
    });
  });

  it('makes a series of each text', () => {
    const chart = chartOf(rowsOf([['t', TIME], ['service', 'VARCHAR'], ['n', 'BIGINT']], [[at(0), 'x', 1], [at(0), null, 2], [at(60), 'x', 3]]));
    expect(chart).toMatchObject({ series: [{ label: 'x', values: [1, 3] }, { label: '(none)', values: [2, null] }] });
  });

  it('draws the largest series and says how many are left', () => {
    const rows = Array.from({ length: 15 }, (_, index) => [at(0), `s${index}`, index]);
    const chart = chartOf(rowsOf([['t', TIME], ['s', 'VARCHAR'], ['n', 'BIGINT']], rows));
    expect(chart.kind === 'time' && [chart.series.length, chart.left, chart.series[0]?.label]).toEqual([12, 3, 's3']);
  });

  it('does not choose between several values of one point', () => {
    const chart = chartOf(rowsOf([['t', TIME], ['n', 'BIGINT']], [[at(0), 1], [at(0), 2]]));
    expect(chart).toEqual({ kind: 'none', reason: 'Several rows have the same t, so no one value is that of a point; GROUP BY t.' });
  });

  it('draws bars of text and a number, and says what it does not draw', () => {
    const chart = chartOf(rowsOf([['s', 'VARCHAR'], ['n', 'BIGINT'], ['m', 'BIGINT']], [['a', 3, 1], ['b', null, 1], ['c', -1, 1]]));
    expect(chart).toEqual({ kind: 'bars', bars: [{ label: 'a', value: 3 }, { label: 'c', value: -1 }], left: 1, valueName: 'n', rest: ['m'] });
  });

  it('says why there is none', () => {
    expect(chartOf(rowsOf([['s', 'VARCHAR']], []))).toMatchObject({ kind: 'none' });
    expect(chartOf(rowsOf([['s', 'VARCHAR']], [['a']]))).toMatchObject({ reason: expect.stringContaining('column of numbers') });
    expect(chartOf(rowsOf([['n', 'BIGINT']], [[1]]))).toMatchObject({ reason: expect.stringContaining('column of times') });
  });
});

describe('boundsOf', () => {
  it('ends with the last step', () => {
    expect(boundsOf([0, 1000], 1000)).toEqual({ fromMs: 0, toMs: 2000 });
    expect(boundsOf([0, 1500], undefined)).toEqual({ fromMs: 0, toMs: 1500 });
  });
});
