import { describe, expect, it } from 'vitest';
import {
  describeChange,
  formatBytes,
  formatCompact,
  formatInterval,
  formatValue,
  formatAge,
  formatClock,
  formatCount,
  formatDuration,
  formatMillis,
  formatRate,
  formatShare,
  formatTick,
  plural,
} from './format';

describe('formatDuration', () => {
  it.each([
    [0, '0'],
    [1, '1 ns'],
    [999.4, '999 ns'],
    [999.6, '1.00 µs'],
    [12_345, '12.3 µs'],
    [999_600, '1.00 ms'],
    [1_234_567, '1.23 ms'],
    [99_960_000, '100 ms'],
    [1_500_000_000, '1.50 s'],
    [59_940_000_000, '59.9 s'],
    [59_960_000_000, '1 m 00 s'],
    [125_000_000_000, '2 m 05 s'],
    [7_380_000_000_000, '2 h 03 m'],
    [-1500, '−1.50 µs'],
  ])('%d ns is %j', (nanos, text) => expect(formatDuration(nanos)).toBe(text));

  it('shows what is not there as a dash', () => {
    expect(formatDuration(null)).toBe('–');
    expect(formatDuration(Number.NaN)).toBe('–');
    expect(formatMillis(undefined)).toBe('–');
    expect(formatMillis(0.25)).toBe('250 µs');
  });
});

describe('formatTick', () => {
  it.each([
    [10e9, '10 s'],
    [1.5e9, '1.5 s'],
    [100e6, '100 ms'],
    [2.05e6, '2.05 ms'],
    [0, '0'],
  ])('%d ns is %j', (nanos, text) => expect(formatTick(nanos)).toBe(text));
});

describe('formatRate', () => {
  it.each([
    [0, '0'],
    [0.0004, '<0.01'],
    [0.25, '0.25'],
    [12.34, '12.3'],
    [1234.5, '1,235'],
  ])('%d is %j', (rate, text) => expect(formatRate(rate)).toBe(text));
});

describe('formatShare', () => {
  it.each([
    [0, '0 %'],
    [0.00001, '<0.01 %'],
    [0.0123, '1.23 %'],
    [0.5, '50.0 %'],
    [0.99999, '99.9 %'],
    [1, '100 %'],
  ])('%d is %j', (share, text) => expect(formatShare(share)).toBe(text));

  it('has a dash for no share', () => expect(formatShare(null)).toBe('–'));
});

describe('times', () => {
  const now = new Date(2026, 10, 20, 15, 0, 0).getTime();

  it('shows the date only when it is another day', () => {
    expect(formatClock(new Date(2026, 10, 20, 14, 3, 2, 7).getTime(), now)).toBe('14:03:02.007');
    expect(formatClock(new Date(2026, 10, 19, 14, 3, 2, 7).getTime(), now)).toMatch(/^19 Nov.* 14:03:02.007$/);
    expect(formatClock(Number.NaN, now)).toBe('–');
  });

  it('rounds ages down to one unit', () => {
    expect(formatAge(now - 5_000, now)).toBe('5 s ago');
    expect(formatAge(now - 119_000, now)).toBe('1 min ago');
    expect(formatAge(now - 7_200_000, now)).toBe('2 h ago');
    expect(formatAge(now - 3 * 86_400_000, now)).toBe('3 days ago');
    expect(formatAge(now + 60_000, now)).toBe('in the future');
  });
});

describe('counts', () => {
  it('groups digits and minds the plural', () => {
    expect(formatCount(1234567)).toBe('1,234,567');
    expect(plural(1, 'span')).toBe('1 span');
    expect(plural(2000, 'span')).toBe('2,000 spans');
    expect(plural(2, 'query', 'queries')).toBe('2 queries');
  });
});

describe('values with units', () => {
  it('reads short', () => {
    expect([0.5, 9999, 12_345, 4_560_000, null].map(formatCompact)).toEqual(['0.50', '9,999', '12.3 k', '4.56 M', '–']);
    expect([0, 1023, 1536, 5 * 1024 ** 3].map(formatBytes)).toEqual(['0 B', '1,023 B', '1.50 KiB', '5.00 GiB']);
    expect(formatInterval(0.012, 0.009, 0.016)).toBe('1.20 % (0.90 % – 1.60 %)');
    expect([formatValue(3, 'rate'), formatValue(1.5, 'ms'), formatValue(0.5, 'share')]).toEqual(['3.00/s', '1.50 ms', '50.0 %']);
  });
});

describe('describeChange', () => {
  it.each([
    [3, 1, 'ratio', 'up', '3.00×'],
    [0.9, 1, 'ratio', 'down', '10 %'],
    [1.02, 1, 'ratio', 'same', '+2 %'],
    [1, 0, 'ratio', 'up', 'from 0'],
    [0.12, 0.1, 'share', 'up', '2.00 pp'],
    [null, 1, 'ratio', 'unknown', '–'],
  ] as const)('%d against %d (%s)', (value, baseline, unit, direction, text) => {
    expect(describeChange(value, baseline, unit)).toMatchObject({ direction, text });
  });
});
