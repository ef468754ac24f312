import { describe, expect, it } from 'vitest';
import { durationMillis, parseDurationInput } from './duration-input';
import { findPlace, PAGES } from './pages';
import { href, matchPath } from './routes';
import { sortBy } from './sort';

describe('matchPath', () => {
  it.each([
    ['/', '/', {}],
    ['/traces', '/traces/', {}],
    ['/flow/:id', '/flow/4bf9', { id: '4bf9' }],
    ['/flow/:id', '/flow/order%2F4711', { id: 'order/4711' }],
    ['/flow/:id', '/flow/%', { id: '%' }],
    ['/flow/:id', '/flow', undefined],
    ['/flow/:id', '/flow/a/b', undefined],
    ['/traces', '/graph', undefined],
  ])('%s matches %s', (pattern, path, values) => expect(matchPath(pattern, path)).toEqual(values));
});

describe('findPlace', () => {
  it('knows the pages and their aliases', () => {
    expect(findPlace('/services')?.page.file).toBe('Overview');
    expect(findPlace('/trace/4bf9')).toMatchObject({ page: { file: 'Flow' }, values: { id: '4bf9' } });
    expect(findPlace('/nowhere')).toBeUndefined();
  });

  it('gives each page a key of its own', () => {
    const keys = PAGES.flatMap((page) => page.key ?? []);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('href', () => {
  it('leaves out what is not set and escapes the rest', () => {
    expect(href('/traces', { service: 'a&b', from: null, to: undefined, order: '' })).toBe('/traces?service=a%26b');
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
