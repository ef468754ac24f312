import { describe, expect, it } from 'vitest';
import { boxOf, cellsOf, readBox, writeBox } from './box';
import { bandOf, bandStart, countIn, stepOf, stepStart, STEPS, toHeat } from './heat';

const FROM = Date.parse('2026-11-21T19:00:00Z');
const BOUNDS = { fromMs: FROM + 20_000, toMs: FROM + 600_000 };
const ROWS = [
  { time: '2026-11-21T19:00:00.000000000Z', band: bandOf(1e6), spans: 5, failures: 0 },
  { time: '2026-11-21T19:02:00Z', band: bandOf(1e9), spans: 3, failures: 2 },
  { time: '2026-11-21T23:00:00Z', band: bandOf(1e9), spans: 9, failures: 2 },
];

describe('bands', () => {
  it('hold whole powers of ten and follow each other without gaps', () => {
    expect(bandOf(1e6)).toBe(48);
    expect(bandOf(999_999)).toBe(47);
    for (let band = 24; band < 90; band += 1) {
      expect(bandOf(bandStart(band))).toBe(band);
      expect(bandOf(bandStart(band) - 1)).toBe(Math.max(24, band - 1));
    }
    expect(bandOf(0)).toBe(24);
  });
});

describe('a heatmap', () => {
  const heat = toHeat(ROWS, BOUNDS, 60_000);

  it('has a column for every minute and a row for every band', () => {
    expect(heat.times).toHaveLength(10);
    expect(heat.bands).toBe(25);
    expect(heat.most).toBe(5);
  });

  it('gives the counts of boxes, and boxes of cells and back', () => {
    const all = { column: 0, row: 0, lastColumn: 9, lastRow: 24 };
    expect(countIn(heat, all)).toEqual({ spans: 8, failures: 2 });
    const cells = { column: 2, row: 20, lastColumn: 3, lastRow: 24 };
    const box = boxOf(heat, cells);
    expect(cellsOf(heat, box)).toEqual(cells);
    expect(cellsOf(heat, readBox(writeBox(box))!)).toEqual(cells);
    expect(cellsOf(heat, { ...box, fromMs: FROM - 9e5, toMs: FROM - 8e5 })).toBeUndefined();
  });

  it('is empty without rows', () => {
    expect(toHeat([], BOUNDS, 60_000).most).toBe(0);
  });
});

describe('colour steps', () => {
  it('go from one to the most', () => {
    expect(stepOf(0, 100)).toBe(-1);
    expect(stepOf(1, 100)).toBe(0);
    expect(stepOf(100, 100)).toBe(STEPS - 1);
    expect(stepOf(1, 1)).toBe(STEPS - 1);
    expect(stepStart(0, 100)).toBe(1);
  });
});

describe('boxes in the address', () => {
  it('that cannot be read are none', () => {
    expect(readBox(null)).toBeUndefined();
    expect(readBox('a..b,1ms..2ms')).toBeUndefined();
    expect(readBox('2026-11-21T19:00:00Z..2026-11-21T19:01:00Z,2ms..1ms')).toBeUndefined();
    expect(readBox('2026-11-21T19:00:00Z..2026-11-21T19:01:00Z,1ms..2s')!.mostNs).toBe(2e9);
  });
});
