import { describe, expect, it } from 'vitest';
import { fuzzyScore, fuzzySort } from './fuzzy';

const names = ['checkout', 'cart', 'POST /api/checkout', 'shop.auth.v1.AuthService/LogIn', 'Traces'];
const find = (query: string) => fuzzySort(names, query, (name) => name, 10);

describe('fuzzySort', () => {
  it('leaves the order as it is without a query', () => {
    expect(find(' ')).toEqual(names.slice(0, 10));
  });

  it('finds letters in order, whole words first', () => {
    expect(find('checkout')).toEqual(['checkout', 'POST /api/checkout']);
    expect(find('pac')[0]).toBe('POST /api/checkout');
    expect(find('login')).toEqual(['shop.auth.v1.AuthService/LogIn']);
    expect(find('check post')).toEqual(['POST /api/checkout']);
    expect(find('zzz')).toEqual([]);
  });

  it('gives all for an empty query', () => {
    expect(find('')).toHaveLength(names.length);
    expect(fuzzyScore('x', 'abc')).toBeUndefined();
  });
});
