import { describe, expect, it } from 'vitest';
import { barIn, rowWindow, scrollToShow } from './window';

describe('rowWindow', () => {
  it('is what is on screen and a margin, inside the list', () => {
    expect(rowWindow(1000, 20, 0, 100, 3)).toEqual({ first: 0, end: 8 });
    expect(rowWindow(1000, 20, 210, 100, 3)).toEqual({ first: 7, end: 19 });
    expect(rowWindow(1000, 20, 19_950, 100, 3)).toEqual({ first: 994, end: 1000 });
    expect(rowWindow(3, 20, -50, 100, 3)).toEqual({ first: 0, end: 3 });
    expect(rowWindow(2, 20, 5000, 100, 3)).toEqual({ first: 2, end: 2 });
  });
});

describe('scrollToShow', () => {
  it('scrolls as little as needed', () => {
    expect(scrollToShow(5, 20, 0, 200)).toBeUndefined();
    expect(scrollToShow(10, 20, 0, 200)).toBe(20);
    expect(scrollToShow(2, 20, 100, 200)).toBe(40);
  });
});

describe('barIn', () => {
  it('is cut at the ends of the axis', () => {
    expect(barIn(0, 100, 0, 100)).toEqual({ left: 0, width: 100 });
    expect(barIn(25, 50, 0, 100)).toEqual({ left: 25, width: 50 });
    expect(barIn(0, 100, 50, 150)).toEqual({ left: 0, width: 50 });
    expect(barIn(0, 10, 50, 150)).toBeUndefined();
    expect(barIn(160, 10, 50, 150)).toBeUndefined();
    expect(barIn(0, 0, 0, 0)).toEqual({ left: 0, width: 100 });
  });
});
