/** Runs a statement, in the format that suits the size of its result. */
import { ApiError, openStatement, unreadable } from '../api/client';
import type { SqlResult } from '../api/types';
import { hasLostDigits, rowsOfJson, type ResultRows } from './rows';

/** More JSON than this takes longer to read than to ask for the same again as Arrow. */
const MOST_JSON_BYTES = 8 << 20;
/** More rows are for files, not for eyes. */
export const MOST_ROWS = 500_000;

export interface Outcome {
  /** What was sent. */
  sql: string;
  rows: ResultRows;
  format: 'JSON' | 'Arrow';
  /** Only JSON tells. */
  stats: SqlResult['stats'] | undefined;
  elapsedMs: number;
  /** The result has more rows than are shown. */
  isCut: boolean;
}

export async function runForPage(sql: string, signal: AbortSignal, onrows: (count: number) => void): Promise<Outcome> {
  const startMs = performance.now();
  const result = await runAsJson(sql, signal);
  if (result) {
    const rows = rowsOfJson(result);
    if (!hasLostDigits(rows)) {
      return { sql, rows, format: 'JSON', stats: result.stats, elapsedMs: performance.now() - startMs, isCut: false };
    }
  }
  return runAsArrow(sql, signal, onrows);
}

/** Undefined when it is too large for that. */
async function runAsJson(sql: string, signal: AbortSignal): Promise<SqlResult | undefined> {
  const attempt = new AbortController();
  const both = AbortSignal.any([signal, attempt.signal]);
  let response: Response;
  try {
    response = await openStatement(sql, 'application/json', both);
  } catch (cause) {
    if (cause instanceof ApiError && cause.code === 'result_too_large') return undefined;
    throw cause;
  }
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  const reader = response.body!.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes += part.value.length;
      if (bytes > MOST_JSON_BYTES) {
        attempt.abort();
        return undefined;
      }
      text += decoder.decode(part.value, { stream: true });
    }
    return JSON.parse(text + decoder.decode()) as SqlResult;
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw unreadable(response, `is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

async function runAsArrow(sql: string, signal: AbortSignal, onrows: (count: number) => void): Promise<Outcome> {
  const startMs = performance.now();
  const [{ readArrow }, response] = await Promise.all([
    import('./arrow'),
    openStatement(sql, 'application/vnd.apache.arrow.stream', signal),
  ]);
  try {
    const rows = await readArrow(response.body!, MOST_ROWS, onrows);
    return { sql, rows, format: 'Arrow', stats: undefined, elapsedMs: performance.now() - startMs, isCut: rows.isCut };
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw unreadable(response, `is not Arrow: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
