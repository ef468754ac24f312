/** Fuzzy search: the letters of the query in this order, better where they stand together or begin a word. */

/** How well `text` fits; undefined when it does not. Words of the query may stand in any order. */
export function fuzzyScore(query: string, text: string): number | undefined {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  let total = 0;
  for (const word of words) {
    const score = scoreOfWord(word, text);
    if (score === undefined) return undefined;
    total += score;
  }
  // Of equal ones the shorter: more of it is what was typed.
  return total - text.length / 1000;
}

/** The best first; without a query as they come. */
export function fuzzySort<Item>(items: readonly Item[], query: string, text: (item: Item) => string, limit: number): Item[] {
  if (query.trim() === '') return items.slice(0, limit);
  const scored = items.flatMap((item) => {
    const score = fuzzyScore(query, text(item));
    return score === undefined ? [] : [{ item, score }];
  });
  return scored
    .toSorted((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ item }) => item);
}

function scoreOfWord(word: string, text: string): number | undefined {
  const lower = text.toLowerCase();
  const whole = lower.indexOf(word);
  if (whole !== -1) return word.length * 4 + (isWordStart(text, whole) ? 6 : 0) + (whole === 0 ? 4 : 0);
  let score = 0;
  let from = 0;
  for (const letter of word) {
    const at = lower.indexOf(letter, from);
    if (at === -1) return undefined;
    score += isWordStart(text, at) ? 3 : at === from ? 2 : 0;
    from = at + 1;
  }
  return score;
}

function isWordStart(text: string, index: number): boolean {
  if (index === 0) return true;
  const [before, letter] = [text[index - 1]!, text[index]!];
  return !/[\p{L}\p{N}]/u.test(before) || (/\p{Ll}/u.test(before) && /\p{Lu}/u.test(letter));
}
