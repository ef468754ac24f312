import { describe, expect, it } from 'vitest';
import {
  DEFAULT_RANGE,
  describeRange,
  fromLocalInput,
  parseTimePoint,
  rangeProblem,
  rangeQuery,
  readRange,
  toEpochMs,
  toLocalInput,
} from './range';

const NOW = Date.parse('2026-11-20T21:00:00Z');

describe('parseTimePoint', () => {
  it('reads relative and absolute times', () => {
    expect(parseTimePoint('now')).toEqual({ kind: 'relative', ageMs: 0 });
    expect(parseTimePoint('now-15m')).toEqual({ kind: 'relative', ageMs: 900_000 });
    expect(parseTimePoint('now-1h30m')).toEqual({ kind: 'relative', ageMs: 5_400_000 });
    expect(parseTimePoint('now-2w')).toEqual({ kind: 'relative', ageMs: 1_209_600_000 });
    expect(parseTimePoint('2026-11-20T21:00:00Z')).toEqual({ kind: 'absolute', epochMs: NOW });
    expect(parseTimePoint('2026-11-20T22:00:00.123456789+01:00')).toEqual({ kind: 'absolute', epochMs: NOW + 123 });
    expect(toEpochMs({ kind: 'relative', ageMs: 1000 }, NOW)).toBe(NOW - 1000);
  });

  it.each(['', 'now+1h', 'now-1', 'now-1y', 'now-', 'now-1h-1m', 'yesterday', '2026-11-20', '2026-13-40T00:00:00Z', '1700000000'])(
    'refuses %j',
    (text) => expect(parseTimePoint(text)).toBeUndefined(),
  );
});

describe('readRange', () => {
  it('takes the default for what is not given', () => {
    expect(readRange(null, null, NOW)).toEqual({ range: DEFAULT_RANGE });
    expect(readRange('now-6h', null, NOW)).toEqual({ range: { from: 'now-6h', to: 'now' } });
  });

  it('names the problem of a range it cannot use', () => {
    expect(readRange('soon', null, NOW)).toMatchObject({ range: DEFAULT_RANGE });
    expect(readRange('soon', null, NOW).problem).toContain('soon');
    expect(rangeProblem('now', 'now-1h', NOW)).toContain('ends before');
    expect(rangeProblem('now-1h', '2026-11-20T20:30:00Z', NOW)).toBeUndefined();
  });
});

describe('rangeQuery', () => {
  it('is empty for the default', () => {
    expect(rangeQuery(DEFAULT_RANGE)).toEqual({ from: null, to: null });
    expect(rangeQuery({ from: 'now-15m', to: 'now' })).toEqual({ from: 'now-15m', to: 'now' });
  });
});

describe('describeRange', () => {
  it('reads as words when it ends now', () => {
    expect(describeRange({ from: 'now-1h', to: 'now' })).toBe('Last 1 hour');
    expect(describeRange({ from: 'now-15m', to: 'now' })).toBe('Last 15 minutes');
    expect(describeRange({ from: 'now-2h', to: 'now-1h' })).toBe('now-2h – now-1h');
  });

  it('tells a day once, and seconds where there are some', () => {
    const local = (text: string) => new Date(text).toISOString();
    expect(describeRange({ from: local('2020-03-05T10:00:00'), to: local('2020-03-05T11:30:15') })).toBe('5 Mar 2020, 10:00 – 11:30:15');
    expect(describeRange({ from: local('2020-03-05T10:00:00'), to: local('2020-03-06T10:00:00') })).toBe('5 Mar 2020, 10:00 – 6 Mar 2020, 10:00');
  });
});

describe('local input', () => {
  it('goes there and back', () => {
    expect(fromLocalInput(toLocalInput(NOW))).toBe('2026-11-20T21:00:00Z');
    expect(fromLocalInput('')).toBeUndefined();
  });
});
