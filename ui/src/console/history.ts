/** Statements that were run in this browser, the latest first. */

export interface PastStatement {
  sql: string;
  atMs: number;
  rows?: number;
  elapsedMs?: number;
  /** The server's message. */
  error?: string;
}

const KEY = 'spandrel.sql.history';
const MOST = 100;
/** Larger ones are not kept: the browser gives a page about five megabytes. */
const MOST_CHARACTERS = 20_000;

export function remember(past: readonly PastStatement[], statement: PastStatement): PastStatement[] {
  if (statement.sql.length > MOST_CHARACTERS) return [...past];
  return [statement, ...past.filter((other) => other.sql !== statement.sql)].slice(0, MOST);
}

export function readHistory(storage: Pick<Storage, 'getItem'>): PastStatement[] {
  try {
    const stored: unknown = JSON.parse(storage.getItem(KEY) ?? '[]');
    return Array.isArray(stored) ? stored.filter(isPastStatement) : [];
  } catch {
    // What is there was not written by this page, or storage is denied: the history is empty.
    return [];
  }
}

/** False when the browser keeps nothing. */
export function writeHistory(storage: Pick<Storage, 'setItem'>, past: readonly PastStatement[]): boolean {
  try {
    storage.setItem(KEY, JSON.stringify(past));
    return true;
  } catch {
    return false;
  }
}

function isPastStatement(value: unknown): value is PastStatement {
  return typeof value === 'object' && value !== null && 'sql' in value && 'atMs' in value && typeof value.sql === 'string' && typeof value.atMs === 'number';
}
