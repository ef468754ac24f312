/** What part of a long list, and of a long time, is in view. */

/** Rows on screen. */
export interface RowWindow {
  first: number;
  /** One past the last. */
  end: number;
}

/** Rows in view, and `margin` more on either side so that scrolling shows no gap. */
export function rowWindow(
  count: number,
  rowHeight: number,
  scrollTop: number,
  viewHeight: number,
  margin: number,
): RowWindow {
  const first = Math.floor(Math.max(0, scrollTop) / rowHeight) - margin;
  const end = Math.ceil((Math.max(0, scrollTop) + viewHeight) / rowHeight) + margin;
  return { first: Math.min(Math.max(0, first), count), end: Math.min(Math.max(0, end), count) };
}

/** Where to scroll so that a row is fully in view; undefined when it is. */
export function scrollToShow(row: number, rowHeight: number, scrollTop: number, viewHeight: number): number | undefined {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  const bottom = top + rowHeight;
  return bottom > scrollTop + viewHeight ? bottom - viewHeight : undefined;
}

/** Left edge and width of a bar in percent of the axis, cut at its ends; undefined when it lies outside. */
export function barIn(
  offsetNs: number,
  durationNs: number,
  fromNs: number,
  toNs: number,
): { left: number; width: number } | undefined {
  const length = toNs - fromNs;
  if (length <= 0) return { left: 0, width: 100 };
  const start = Math.max(offsetNs, fromNs);
  const end = Math.min(offsetNs + durationNs, toNs);
  if (end < start) return undefined;
  return { left: ((start - fromNs) / length) * 100, width: ((end - start) / length) * 100 };
}
