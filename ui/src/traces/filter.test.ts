import { describe, expect, it } from 'vitest';
import { describeFilter, isFiltered, readFilter, writeAttributes } from './filter';

const DEFAULTS = {
  service: undefined,
  operation: undefined,
  attributes: [],
  minDuration: undefined,
  maxDuration: undefined,
  errorsOnly: false,
  calls: undefined,
  callsOperation: undefined,
  order: 'recent',
  limit: 50,
  after: undefined,
};

describe('readFilter', () => {
  it('has defaults for what is not given or not offered', () => {
    expect(readFilter(new URLSearchParams())).toEqual({ filter: DEFAULTS });
    expect(readFilter(new URLSearchParams('limit=7&order=best&error=yes&calls_operation=x'))).toEqual({ filter: DEFAULTS });
    expect(isFiltered(readFilter(new URLSearchParams('order=slowest')).filter)).toBe(false);
  });

  it('reads what is', () => {
    const query = new URLSearchParams('service=cart&error=true&min_duration=1.5 s&max_duration=2m&order=errors&limit=200&calls=db');
    query.set('operation', 'GET /');
    query.set('attribute', writeAttributes(['http.route=/a=b', 'tier=gold']));
    const expected = {
      service: 'cart',
      operation: 'GET /',
      attributes: ['http.route=/a=b', 'tier=gold'],
      errorsOnly: true,
      minDuration: '1.5s',
      maxDuration: '2m',
      calls: 'db',
      order: 'errors',
      limit: 200,
    };
    expect(readFilter(query)).toEqual({ filter: { ...DEFAULTS, ...expected } });
  });

  it('names what it cannot read', () => {
    const { filter, filterProblem } = readFilter(new URLSearchParams('min_duration=long&attribute=color'));
    expect(filter.minDuration).toBeUndefined();
    expect(filter.attributes).toEqual([]);
    expect(filterProblem).toContain('“long” is not a duration');
    expect(filterProblem).toContain('“color” is not an attribute');
  });
});

describe('describeFilter', () => {
  it('reads as words', () => {
    expect(describeFilter({})).toBe('span');
    expect(describeFilter({ minDuration: '2s' })).toBe('span that took at least 2s');
    expect(describeFilter({ service: 'cart', errorsOnly: true, minDuration: '250ms' })).toBe(
      'span of cart that failed and took at least 250ms',
    );
    expect(describeFilter({ service: 'cart', operation: 'GET /', calls: 'db', errorsOnly: true, attributes: ['a=b'] })).toBe(
      'span “GET /” of cart that failed, called db and has a=b',
    );
  });
});
