/** The result of a statement, whichever format it came in. */
import type { SqlResult } from '../api/types';

export type ColumnKind = 'time' | 'number' | 'boolean' | 'text' | 'nested' | 'binary';

export interface ResultColumn {
  name: string;
  /** As SQL or Arrow calls it. */
  type: string;
  kind: ColumnKind;
}

export interface ResultRows {
  columns: readonly ResultColumn[];
  count: number;
  /**
   * Times are RFC 3339 text, binary values hexadecimal text, integers that a number cannot hold are bigint; lists, structs
   * and maps are arrays and objects.
   */
  value: (row: number, column: number) => unknown;
}

export function rowsOfJson(result: SqlResult): ResultRows {
  const columns = result.columns.map(({ name, type }) => ({ name, type, kind: kindOfSql(type) }));
  const value = (row: number, column: number) => {
    const found = result.rows[row]?.[column] ?? null;
    return columns[column]?.kind === 'time' && typeof found === 'string' ? withZone(found) : found;
  };
  return { columns, count: result.rows.length, value };
}

/** A timestamp without a zone is of UTC; a browser would take it for its own. */
function withZone(time: string): string {
  return /(Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`;
}

const NUMBERS = /^(TINYINT|SMALLINT|INTEGER|BIGINT|UTINYINT|USMALLINT|UINTEGER|UBIGINT|HALF|REAL|FLOAT|DOUBLE|DECIMAL|NUMERIC)\b/;

export function kindOfSql(type: string): ColumnKind {
  if (type.endsWith('[]') || /^(MAP|STRUCT|LIST)\b/.test(type)) return 'nested';
  if (type.startsWith('TIMESTAMP')) return 'time';
  if (type === 'BOOLEAN') return 'boolean';
  if (/^(BINARY|BLOB|BYTEA)\b/.test(type)) return 'binary';
  return NUMBERS.test(type) ? 'number' : 'text';
}

/** JSON holds more digits than a number of JavaScript: such results have to come in another format. */
export function hasLostDigits(rows: ResultRows): boolean {
  for (const [index, column] of rows.columns.entries()) {
    if (column.kind !== 'number' || /^(REAL|FLOAT|DOUBLE|HALF)/.test(column.type)) continue;
    const isDecimal = column.type.startsWith('DECIMAL');
    for (let row = 0; row < rows.count; row += 1) {
      const value = rows.value(row, index);
      if (typeof value === 'number' && Math.abs(value) >= (isDecimal ? 1e13 : Number.MAX_SAFE_INTEGER)) return true;
    }
  }
  return false;
}
