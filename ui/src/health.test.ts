import { describe, expect, it } from 'vitest';
import { healthOf, shareOf } from './health';

describe('shareOf', () => {
  it('has the interval of Wilson', () => {
    const { share, low, high } = shareOf(10, 100)!;
    expect(share).toBe(0.1);
    expect(low).toBeCloseTo(0.0552, 4);
    expect(high).toBeCloseTo(0.1744, 4);
    expect(shareOf(0, 10)).toMatchObject({ share: 0, low: 0 });
    expect(shareOf(0, 0)).toBeUndefined();
  });
});

describe('healthOf', () => {
  it.each([
    [0, 0, 'unknown'],
    [10, 0, 'well'],
    [10, 0.02, 'degraded'],
    [10, 0.2, 'failing'],
  ])('%d requests of which at least %d fail: %s', (requests, error_rate_low, health) => {
    expect(healthOf({ requests, error_rate_low })).toBe(health);
  });
});
