/** Where in a statement an error is. */
import type { ApiError } from '../api/client';

export interface Place {
  from: number;
  to: number;
}

/** By the line and column of the message (both from 1), else by the name it speaks of; undefined where it says neither. */
export function placeOfError(error: Pick<ApiError, 'message' | 'code'>, sql: string): Place | undefined {
  const position = /\bline:? (\d+), column:? (\d+)/i.exec(error.message);
  if (position) return wordAt(sql, offsetOf(sql, Number(position[1]), Number(position[2])));
  if (error.code !== 'unknown_column' && error.code !== 'unknown_table') return undefined;
  const name = /there is no (?:column|table) '([^']+)'/.exec(error.message)?.[1];
  return name === undefined ? undefined : firstWord(sql, name);
}

function offsetOf(sql: string, line: number, column: number): number {
  let start = 0;
  for (let passed = 1; passed < line; passed += 1) {
    const end = sql.indexOf('\n', start);
    if (end === -1) break;
    start = end + 1;
  }
  return Math.min(start + column - 1, sql.length);
}

/** From the offset to the end of its word: at least one character. At the end of the text: the last one. */
function wordAt(sql: string, offset: number): Place {
  const from = Math.min(offset, Math.max(sql.trimEnd().length - 1, 0));
  const word = /^[\w$]+/.exec(sql.slice(from))?.[0].length ?? 1;
  return { from, to: Math.min(from + word, sql.length) };
}

function firstWord(sql: string, name: string): Place | undefined {
  // The last part of `table.column` is what is written most often.
  for (const text of [name, name.split('.').at(-1)!]) {
    const escaped = text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    const match = new RegExp(`(?<![\\w.])${escaped}(?!\\w)`, 'i').exec(sql);
    if (match) return { from: match.index, to: match.index + text.length };
  }
  return undefined;
}
