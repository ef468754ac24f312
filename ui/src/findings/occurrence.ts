/** One finding by its id: every occurrence with its evidence. */
import { quote } from '../sql-text';
import type { Evidence } from './evidence';
import type { FindingRow } from './rows';

export interface Occurrence extends FindingRow {
  sql: string;
}

/** The last first. */
export function occurrencesSql(id: string): string {
  return `SELECT * FROM findings WHERE id = ${quote(id)} ORDER BY opened DESC LIMIT 200`;
}

/** Undefined for a text that is not evidence. */
export function readEvidence(text: string): Evidence | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'measure' in value ? (value as Evidence) : undefined;
  } catch {
    return undefined;
  }
}

export const METHODS: Record<string, string> = {
  explicit: 'explicit: something says so',
  measured: 'measured',
  inferred: 'inferred: concluded, because something else would look different',
};
