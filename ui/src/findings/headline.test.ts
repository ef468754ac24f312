import { describe, expect, it } from 'vitest';
import { findingNumber } from './headline';
import { findingTitle } from './kinds';

describe('findingTitle', () => {
  it('speaks of the subkind where that says more', () => {
    expect(findingTitle('CASCADE', null)).toBe('Cascading failure');
    expect(findingTitle('INSTRUMENTATION_GAP', 'clocks_differ')).toBe('Instrumentation gap: clocks differ');
    expect(findingTitle('INSTRUMENTATION_GAP', 'orphans')).toBe('Instrumentation gap');
    expect(findingTitle('OTHER_KIND', null)).toBe('other kind');
  });
});

describe('findingNumber', () => {
  it('has the unit of its kind', () => {
    expect(findingNumber('WASTED_WORK', null, { measure: 0.2097 })).toEqual({ value: '21.0 %', of: 'of its time in vain' });
    expect(findingNumber('RETRY_STORM', null, { measure: 2.433 })).toEqual({ value: '2.43', of: 'attempts a call' });
    expect(findingNumber('CHATTY', null, { measure: 100 })!.value).toBe('100');
    expect(findingNumber('SYNC_CHAIN', null, { measure: 5 })).toEqual({ value: '5', of: 'hops that wait' });
    expect(findingNumber('BREAKER', null, { measure: 0.7, details: { refused: 40 } })!.value).toBe('40');
    expect(findingNumber('HOT_SERVICE', null, { measure: 102.4, details: { own_p99_ms: 102.4 } })!.value).toBe('102 ms');
    expect(findingNumber('TIMEOUT_INVERSION', 'no_timeout', { measure: 75 })!.value).toBe('1 m 15 s');
  });

  it('is not made up', () => {
    expect(findingNumber('CASCADE', null, {})).toBeUndefined();
    expect(findingNumber('HOT_SERVICE', null, { measure: 1, details: { own_p99_ms: 9, knee: 4 } })).toBeUndefined();
    expect(findingNumber('OTHER_KIND', null, { measure: 1 })).toBeUndefined();
  });
});
