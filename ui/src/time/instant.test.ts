import { describe, expect, it } from 'vitest';
import { nanosBetween, parseInstant } from './instant';

describe('parseInstant', () => {
  it('keeps all nine digits', () => {
    const whole = Date.parse('2026-11-20T21:00:00Z');
    expect(parseInstant('2026-11-20T21:00:00Z')).toEqual({ epochMs: whole, nanos: 0 });
    expect(parseInstant('2026-11-20T21:00:00.123456789Z')).toEqual({ epochMs: whole + 123, nanos: 456_789 });
    expect(parseInstant('2026-11-20T21:00:00.5Z')).toEqual({ epochMs: whole + 500, nanos: 0 });
    expect(parseInstant('2026-11-20T22:00:00.000000001+01:00')).toEqual({ epochMs: whole, nanos: 1 });
    expect(parseInstant('1969-12-31T23:59:59.999999999Z')).toEqual({ epochMs: -1, nanos: 999_999 });
  });

  it.each(['', 'now', '2026-11-20T21:00:00.Z', '21:00'])('refuses %j', (text) => {
    expect(parseInstant(text)).toBeUndefined();
  });
});

describe('nanosBetween', () => {
  it('is exact', () => {
    const earlier = parseInstant('2026-11-20T21:00:00.999999999Z')!;
    const later = parseInstant('2026-11-20T21:00:01.000000001Z')!;
    expect(nanosBetween(earlier, later)).toBe(2);
    expect(nanosBetween(later, earlier)).toBe(-2);
  });
});
