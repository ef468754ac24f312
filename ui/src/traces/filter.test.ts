import { describe, expect, it } from 'vitest';
import { describeFilter, readFilter } from './filter';

describe('readFilter', () => {
  it('has defaults for what is not given or not offered', () => {
    const defaults = { service: undefined, errorsOnly: false, minDuration: undefined, order: 'recent', limit: 50 };
    expect(readFilter(new URLSearchParams())).toEqual({ filter: defaults });
    expect(readFilter(new URLSearchParams('limit=7&order=best&error=yes'))).toEqual({ filter: defaults });
  });

  it('reads what is', () => {
    const query = new URLSearchParams('service=cart&error=true&min_duration=1.5 s&order=slowest&limit=200');
    const filter = { service: 'cart', errorsOnly: true, minDuration: '1.5s', order: 'slowest', limit: 200 };
    expect(readFilter(query)).toEqual({ filter });
  });

  it('names a duration that it cannot read', () => {
    const { filter, filterProblem } = readFilter(new URLSearchParams('min_duration=long'));
    expect(filter.minDuration).toBeUndefined();
    expect(filterProblem).toContain('long');
  });
});

describe('describeFilter', () => {
  it('reads as words', () => {
    expect(describeFilter({})).toBe('span');
    expect(describeFilter({ minDuration: '2s' })).toBe('span that took at least 2s');
    expect(describeFilter({ service: 'cart', errorsOnly: true, minDuration: '250ms' })).toBe(
      'span of cart that failed and took at least 250ms',
    );
  });
});
