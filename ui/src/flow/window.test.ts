import { describe, expect, it } from 'vitest';
import { contentTop, rowWindow, scrollHeight, scrollToShow } from './window';

describe('rowWindow', () => {
  it('has the rows in view and a margin, within the list', () => {
    expect(rowWindow(100, 20, 200, 100, 2)).toEqual({ first: 8, end: 17 });
    expect(rowWindow(100, 20, 0, 100, 2)).toEqual({ first: 0, end: 7 });
    expect(rowWindow(3, 20, 0, 100, 2)).toEqual({ first: 0, end: 3 });
    expect(rowWindow(0, 20, 500, 100, 2)).toEqual({ first: 0, end: 0 });
  });
});

describe('scrollToShow', () => {
  it('scrolls only where it must, and shows one row more', () => {
    expect(scrollToShow(5, 20, 100, 100)).toBeUndefined();
    expect(scrollToShow(2, 20, 100, 100)).toBe(20);
    expect(scrollToShow(0, 20, 100, 100)).toBe(0);
    expect(scrollToShow(20, 20, 100, 100)).toBe(340);
  });
});

describe('scrollHeight', () => {
  it('is as high as the rows until browsers cannot be, and then reaches the last row all the same', () => {
    expect(scrollHeight(2_400_000)).toBe(2_400_000);
    expect(contentTop(1000, 2_400_000, 500)).toBe(1000);
    const million = 24_000_000;
    expect(scrollHeight(million)).toBeLessThan(million);
    expect(contentTop(scrollHeight(million) - 500, million, 500)).toBe(million - 500);
    expect(contentTop(0, 100, 500)).toBe(0);
  });
});
