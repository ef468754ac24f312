/** How wide the columns of a result are. */
import { cellText } from './cell';
import type { ResultRows } from './rows';

const SAMPLE = 120;
const [NARROWEST, WIDEST] = [6, 56];
const PADDING_PX = 22;
const CHARACTER_PX = 7.3;
const NEAR_PX = 300;

/** In pixels: so that nearly all values fit, but no column takes the whole window. */
export function columnWidths(rows: ResultRows): number[] {
  return rows.columns.map((column, index) => {
    const lengths: number[] = [];
    const step = Math.max(1, Math.floor(rows.count / SAMPLE));
    for (let row = 0; row < rows.count; row += step) lengths.push(cellText(rows.value(row, index), column.kind).length);
    lengths.sort((a, b) => a - b);
    const usual = lengths[Math.floor(lengths.length * 0.95)] ?? 0;
    return Math.round(Math.min(Math.max(usual, column.name.length, NARROWEST), WIDEST) * CHARACTER_PX) + PADDING_PX;
  });
}

/** The columns that are in view of a window of `width` at `left`, or nearly so. */
export function columnsInView(widths: readonly number[], left: number, width: number): number[] {
  const inView: number[] = [];
  let start = 0;
  for (const [index, own] of widths.entries()) {
    if (start + own > left - NEAR_PX && start < left + width + NEAR_PX) inView.push(index);
    start += own;
  }
  return inView;
}
