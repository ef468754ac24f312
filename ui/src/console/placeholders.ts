/** `$from`, `$to` and the others: what a statement says of the range of the page. The same ones as in dashboards. */
import { bucketMs, spelledOut, timeSql } from '../sql-text';
import { parseTimePoint, type RangeText } from '../time/range';

export interface Placeholder {
  name: string;
  means: string;
}

export const PLACEHOLDERS: readonly Placeholder[] = [
  { name: '$from', means: 'where the range of the page begins' },
  { name: '$to', means: 'where it ends; exclusive' },
  { name: '$bucket', means: 'an interval of which the range has about 120' },
  { name: '$bucket_seconds', means: 'the same as a number' },
  { name: '$range_seconds', means: 'the length of the range' },
];

export interface Filled {
  sql: string;
  /** Whether the result depends on the range of the page. */
  isRanged: boolean;
  /** An offset in `sql` as one in the text it was made from. */
  toSource: (offset: number) => number;
}

/** The statement with expressions in place of placeholders. A dollar before anything else stays as it is. */
export function fillPlaceholders(text: string, range: RangeText, bounds: { fromMs: number; toMs: number }): Filled {
  const width = bucketMs(bounds, 1000);
  const values: Record<string, string> = {
    from: inParentheses(range.from),
    to: inParentheses(range.to),
    bucket: `INTERVAL '${spelledOut(width)}'`,
    bucket_seconds: String(width / 1000),
    range_seconds: String((bounds.toMs - bounds.fromMs) / 1000),
  };
  let sql = '';
  let sourceEnd = 0;
  const pieces: { at: number; length: number; source: number }[] = [];
  for (const match of text.matchAll(/\$([A-Za-z][A-Za-z0-9_]*)/g)) {
    const value = values[match[1]!];
    if (value === undefined) continue;
    sql += text.slice(sourceEnd, match.index);
    pieces.push({ at: sql.length, length: value.length, source: match.index });
    sql += value;
    sourceEnd = match.index + match[0].length;
  }
  sql += text.slice(sourceEnd);
  return { sql, isRanged: pieces.length > 0, toSource: (offset) => sourceOffset(text, pieces, offset) };
}

function sourceOffset(text: string, pieces: { at: number; length: number; source: number }[], offset: number): number {
  let shift = 0;
  for (const piece of pieces) {
    if (offset < piece.at) break;
    if (offset < piece.at + piece.length) return piece.source;
    const name = /^\$\w+/.exec(text.slice(piece.source))?.[0].length ?? 0;
    shift = piece.source + name - (piece.at + piece.length);
  }
  return offset + shift;
}

/** So that `$to - $from` means what it says. */
function inParentheses(time: string): string {
  const sql = timeSql(time);
  return parseTimePoint(time)?.kind === 'relative' && sql !== 'now()' ? `(${sql})` : sql;
}
