/** Sorting of table rows by a column. */

export type Direction = 'asc' | 'desc';

/** A sorted copy. Rows without a value come last in both directions; equal rows keep their order. */
export function sortBy<Item>(
  items: readonly Item[],
  value: (item: Item) => string | number | null | undefined,
  direction: Direction,
): Item[] {
  const sign = direction === 'asc' ? 1 : -1;
  return items.toSorted((a, b) => {
    const left = value(a) ?? null;
    const right = value(b) ?? null;
    if (left === null || right === null) return Number(left === null) - Number(right === null);
    if (typeof left === 'string' || typeof right === 'string') {
      return sign * String(left).localeCompare(String(right), 'en', { numeric: true });
    }
    return sign * (left - right);
  });
}
