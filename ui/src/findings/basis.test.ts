import { describe, expect, it } from 'vitest';
import { describeBasis, skippedKinds } from './basis';

const BASIS = { minutes: 60, requests: 12_400, services: 33, queries: 400 };

describe('what could be looked for', () => {
  it('is everything where all is there', () => {
    expect(skippedKinds(BASIS)).toEqual([]);
    expect(describeBasis(BASIS)).toBe('60 minutes, 12.4 k requests from outside, 33 services');
  });

  it('names what is missing', () => {
    const skipped = skippedKinds({ ...BASIS, queries: null, services: 3, minutes: 5 });
    expect(skipped.flatMap((item) => item.kinds)).toEqual(['SHARED_DB', 'GOD_GATEWAY', 'CASCADE', 'RETRY_STORM']);
    expect(skipped[1]!.why).toBe('3 services, and it needs 8');
  });
});
