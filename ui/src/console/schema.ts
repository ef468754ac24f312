/** What can be asked of: tables with their columns, and functions. */
import { runSql, type Rows } from '../api/client';
import { FUNCTIONS, type SqlFunction } from './functions';

export interface TableSchema {
  name: string;
  columns: { name: string; type: string }[];
}

export interface Schema {
  tables: TableSchema[];
  functions: SqlFunction[];
}

export const COLUMNS_SQL = `SELECT table_name, column_name, data_type
FROM information_schema.columns
WHERE table_schema <> 'information_schema'
ORDER BY table_name, ordinal_position`;

export const ROUTINES_SQL = `SELECT routine_name, min(syntax_example) AS syntax, min(description) AS does
FROM information_schema.routines
GROUP BY routine_name
ORDER BY routine_name`;

interface ColumnRow {
  table_name: string;
  column_name: string;
  data_type: string;
}

interface RoutineRow {
  routine_name: string;
  syntax: string | null;
  does: string | null;
}

/** Those that are asked for most. The others follow by name. */
const FIRST = ['spans', 'logs', 'requests', 'metrics', 'operations', 'edges', 'findings', 'breakers'];

export async function fetchSchema(signal: AbortSignal): Promise<Schema> {
  const [columns, routines] = await Promise.all([runSql<ColumnRow>(COLUMNS_SQL, signal), runSql<RoutineRow>(ROUTINES_SQL, signal)]);
  return { tables: tablesOf(columns), functions: functionsOf(routines.rows) };
}

export function tablesOf({ rows }: Pick<Rows<ColumnRow>, 'rows'>): TableSchema[] {
  const tables = new Map<string, ColumnRow[]>();
  for (const row of rows) tables.set(row.table_name, [...(tables.get(row.table_name) ?? []), row]);
  const rank = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return [...tables.entries()]
    .map(([name, found]) => ({ name, columns: found.map((row) => ({ name: row.column_name, type: shortType(row.data_type) })) }))
    .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name));
}

function functionsOf(routines: readonly RoutineRow[]): SqlFunction[] {
  const own = new Set(FUNCTIONS.map((item) => item.name));
  const others = routines
    .filter((row) => !own.has(row.routine_name))
    .map((row) => ({ name: row.routine_name, signature: row.syntax ?? '', does: row.does ?? '', isTable: false }));
  return [...FUNCTIONS, ...others];
}

const SHORT: [RegExp, string][] = [
  [/^Timestamp/, 'timestamp'],
  [/^(Large)?Utf8(View)?$/, 'text'],
  [/^Map/, 'map'],
  [/^(Large)?List\(Struct/, 'list of structs'],
  [/^(Large)?List/, 'list'],
  [/^Int64$/, 'bigint'],
  [/^Int32$/, 'int'],
  [/^Float64$/, 'double'],
  [/^(Large)?Binary(View)?$/, 'binary'],
  [/^Struct/, 'struct'],
];

/** Arrow's name of a type in a word. */
export function shortType(type: string): string {
  return SHORT.find(([pattern]) => pattern.test(type))?.[1] ?? type.toLowerCase();
}

/** A look at a table within the range of the page, the latest first. */
export function sampleSql(table: TableSchema): string {
  const time = ['start_time', 'time'].find((name) => table.columns.some((column) => column.name === name && column.type === 'timestamp'));
  const where = time === undefined ? '' : `\nWHERE ${time} >= $from AND ${time} < $to\nORDER BY ${time} DESC`;
  return `SELECT *\nFROM ${table.name}${where}\nLIMIT 100`;
}
