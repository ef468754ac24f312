import { describe, expect, it } from 'vitest';
import { durationMillis, parseDurationInput } from './duration-input';
import { href, matchRoute, traceHref } from './routes';
import { sortBy } from './sort';

describe('matchRoute', () => {
  it.each([
    ['/', { page: 'services' }],
    ['/services', { page: 'services' }],
    ['/traces/', { page: 'traces' }],
    ['/trace/4bf9', { page: 'trace', traceId: '4bf9' }],
    ['/trace', { page: 'missing' }],
    ['/trace/a/b', { page: 'missing' }],
    ['/trace/%', { page: 'trace', traceId: '%' }],
    ['/graph', { page: 'missing' }],
  ])('%s', (path, route) => expect(matchRoute(path)).toEqual(route));
});

describe('href', () => {
  it('leaves out what is not set and escapes the rest', () => {
    expect(href('/traces', { service: 'a&b', from: null, to: undefined, order: '' })).toBe('/traces?service=a%26b');
    expect(traceHref('a/b')).toBe('/trace/a%2Fb');
  });
});

describe('sortBy', () => {
  const rows = [{ n: 'b10', v: 2 }, { n: 'b9', v: null }, { n: 'a', v: 7 }];

  it('keeps missing values last in both directions', () => {
    expect(sortBy(rows, (row) => row.v, 'asc').map((row) => row.n)).toEqual(['b10', 'a', 'b9']);
    expect(sortBy(rows, (row) => row.v, 'desc').map((row) => row.n)).toEqual(['a', 'b10', 'b9']);
  });

  it('reads numbers inside names', () => {
    expect(sortBy(rows, (row) => row.n, 'asc').map((row) => row.n)).toEqual(['a', 'b9', 'b10']);
  });
});

describe('parseDurationInput', () => {
  it.each([
    ['250', '250ms'],
    [' 1.5 s ', '1.5s'],
    ['300µs', '300us'],
    ['2M', '2m'],
    ['10 parsecs', undefined],
    ['', undefined],
    ['-5ms', undefined],
  ])('%j is %j', (text, duration) => expect(parseDurationInput(text)).toBe(duration));

  it('comes back as milliseconds', () => {
    expect(durationMillis('1.5s')).toBe(1500);
    expect(durationMillis('300us')).toBeCloseTo(0.3);
    expect(durationMillis('soon')).toBe(0);
  });
});
