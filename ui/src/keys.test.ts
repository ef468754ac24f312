import { describe, expect, it } from 'vitest';
import { matchKeys, nameOfKey, shownKeys } from './keys';

const press = (key: string, held: Partial<Record<'ctrlKey' | 'metaKey' | 'altKey', boolean>> = {}) =>
  nameOfKey({ key, ctrlKey: false, metaKey: false, altKey: false, ...held });

describe('nameOfKey', () => {
  it('names keys with what is held', () => {
    expect(press('j')).toBe('j');
    expect(press('?')).toBe('?');
    expect(press(' ')).toBe('Space');
    expect(press('K', { ctrlKey: true })).toBe('Mod+k');
    expect(press('k', { metaKey: true })).toBe('Mod+k');
    expect(press('Shift')).toBeUndefined();
    expect(press('@', { ctrlKey: true, altKey: true })).toBeUndefined();
  });
});

describe('matchKeys', () => {
  it('tells a beginning from the whole', () => {
    expect(matchKeys('g t', ['g'])).toBe('beginning');
    expect(matchKeys('g t', ['g', 't'])).toBe('all');
    expect(matchKeys('g t', ['t'])).toBe('no');
    expect(matchKeys('j', ['g', 'j'])).toBe('no');
  });
});

describe('shownKeys', () => {
  it('names them as the keyboard does', () => {
    expect(shownKeys('Mod+k', true)).toEqual([['⌘', 'k']]);
    expect(shownKeys('Mod+k', false)).toEqual([['Ctrl', 'k']]);
    expect(shownKeys('g t', false)).toEqual([['g'], ['t']]);
    expect(shownKeys('+', false)).toEqual([['+']]);
  });
});
