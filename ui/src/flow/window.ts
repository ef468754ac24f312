/** What part of a long list is in view. */

/** Rows on screen. */
export interface RowWindow {
  first: number;
  /** One past the last. */
  end: number;
}

/** Browsers stretch no element further than some 17 million pixels; rows beyond are reached in longer steps. */
const MOST_SCROLL_PX = 12_000_000;

/** Rows in view, and `margin` more on either side so that scrolling shows no gap. */
export function rowWindow(count: number, rowHeight: number, top: number, viewHeight: number, margin: number): RowWindow {
  const first = Math.floor(Math.max(0, top) / rowHeight) - margin;
  const end = Math.ceil((Math.max(0, top) + viewHeight) / rowHeight) + margin;
  return { first: Math.min(Math.max(0, first), count), end: Math.min(Math.max(0, end), count) };
}

/** Where the content has to begin so that a row is fully in view; undefined when it is. */
export function scrollToShow(position: number, rowHeight: number, top: number, viewHeight: number): number | undefined {
  const rowTop = position * rowHeight;
  // One more row than needed, so that what goes on is seen.
  if (rowTop < top) return Math.max(0, rowTop - rowHeight);
  const bottom = rowTop + rowHeight;
  return bottom > top + viewHeight ? bottom + rowHeight - viewHeight : undefined;
}

/** Of the element that scrolls, for content of a height. */
export function scrollHeight(total: number): number {
  return Math.min(total, MOST_SCROLL_PX);
}

/** Where the content begins when the element is scrolled so far. */
export function contentTop(scrollTop: number, total: number, viewHeight: number): number {
  const most = scrollHeight(total) - viewHeight;
  if (most <= 0) return 0;
  return Math.min(1, Math.max(0, scrollTop / most)) * (total - viewHeight);
}
