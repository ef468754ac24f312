import { describe, expect, it } from 'vitest';
import type { CountRow, StateRow } from './sql';
import { intervalsOf, linesOf, openMs } from './timeline';

const START = Date.parse('2026-01-01T10:00:00Z');
const at = (minutes: number) => new Date(START + minutes * 60_000).toISOString();

function state(minutes: number, event: string, values: Partial<StateRow> = {}): StateRow {
  return { time: at(minutes), system: 'opossum', breaker: 'b', service_name: 'a', callee: 'b', event, basis: 'explicit', ...values };
}

function count(event: string, values: Partial<CountRow> = {}): CountRow {
  return { service_name: 'a', callee: null, event, source_table: 'logs', signal: 'log', count: 5, first: at(0), last: at(1), ...values };
}

const minutes = (rows: StateRow[], end = 60) =>
  intervalsOf(rows, START + end * 60_000).map(({ state, fromMs, toMs, end }) => [state, (fromMs - START) / 60_000, toMs === undefined ? undefined : (toMs - START) / 60_000, end]);

describe('intervals', () => {
  it('opens with a trip, is tried again, and closes', () => {
    expect(minutes([state(1, 'trip'), state(2, 'half_open'), state(2.5, 'trip'), state(3, 'half_open'), state(4, 'close')])).toEqual([
      ['open', 1, 2, 'tried again'],
      ['half open', 2, 2.5, 'tried again'],
      ['open', 2.5, 3, 'tried again'],
      ['half open', 3, 4, 'closed'],
    ]);
  });

  it('ends after 15 minutes of silence, and lasts before', () => {
    expect(minutes([state(1, 'trip')], 20)).toEqual([['open', 1, 16, 'silence']]);
    expect(minutes([state(1, 'trip')], 10)).toEqual([['open', 1, undefined, 'lasts']]);
    expect(minutes([state(1, 'trip'), state(30, 'trip')], 31)).toEqual([['open', 1, 16, 'silence'], ['open', 30, undefined, 'lasts']]);
  });

  it('takes a close without a trip for nothing', () => {
    expect(minutes([state(1, 'close')])).toEqual([]);
  });
});

describe('lines', () => {
  const range = { fromMs: START, toMs: START + 3_600_000 };

  it('counts an event that several tables tell of once, and gives it to the only callee', () => {
    const [line] = linesOf([state(1, 'trip'), state(3, 'close')], [count('short_circuit'), count('short_circuit', { source_table: 'spans', count: 7 })], [], range);
    expect(line).toMatchObject({ key: 'a > b', refusals: [{ event: 'short_circuit', count: 7, toldBy: 'spans' }] });
    expect(openMs(line!, range.toMs)).toBe(120_000);
  });

  it('keeps what names no callee apart when there are several', () => {
    const lines = linesOf([state(1, 'trip'), state(1, 'trip', { callee: 'c' })], [count('short_circuit')], [], range);
    expect(lines.map(({ key }) => key).sort()).toEqual(['a > ?', 'a > b', 'a > c']);
  });

  it('draws what is concluded from calls', () => {
    const evidence = JSON.stringify({ measure: 1, threshold: 0, samples: 9, details: { open: [{ from: at(2), to: at(3) }] } });
    const finding = { id: '1', subkind: 'inferred', service_name: 'x', target: 'y', method: 'inferred', opened: at(2), closed: at(9), evidence };
    const [line] = linesOf([], [], [finding], range);
    expect(line!.intervals).toMatchObject([{ basis: 'inferred', fromMs: START + 120_000, toMs: START + 180_000 }]);
  });
});
