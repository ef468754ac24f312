import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readArrow } from './arrow';
import { cellText, isFlowId, rawText, tabSeparated, timeText } from './cell';
import { columnsInView, columnWidths } from './columns';
import { placeOfError } from './error-place';
import { EXAMPLES } from './examples';
import { FUNCTIONS } from './functions';
import { readHistory, remember, writeHistory } from './history';
import { fillPlaceholders, PLACEHOLDERS } from './placeholders';
import { hasLostDigits, kindOfSql, rowsOfJson } from './rows';
import { sampleSql, shortType, tablesOf } from './schema';

const HOUR = { fromMs: 0, toMs: 3_600_000 };

describe('fillPlaceholders', () => {
  it('puts expressions of the range in their place', () => {
    const filled = fillPlaceholders('a >= $from AND a < $to, $bucket $bucket_seconds $range_seconds', { from: 'now-1h', to: 'now' }, HOUR);
    expect(filled.sql).toBe("a >= (now() - INTERVAL '1 hour') AND a < now(), INTERVAL '30 seconds' 30 3600");
    expect(filled.isRanged).toBe(true);
    const absolute = fillPlaceholders('$from', { from: '2026-11-20T21:00:00Z', to: 'now' }, HOUR);
    expect(absolute.sql).toBe("TIMESTAMP '2026-11-20T21:00:00Z'");
  });

  it('leaves other dollars alone', () => {
    const filled = fillPlaceholders("'$5' $1 $since $", { from: 'now-1h', to: 'now' }, HOUR);
    expect(filled).toMatchObject({ sql: "'$5' $1 $since $", isRanged: false });
    expect(filled.toSource(3)).toBe(3);
  });

  it('finds places in the text they were made from', () => {
    const text = 'red($from, $to) x FORM y';
    const filled = fillPlaceholders(text, { from: 'now-1h', to: 'now' }, HOUR);
    for (const word of ['x', 'FORM', 'y']) expect(filled.toSource(filled.sql.indexOf(word))).toBe(text.indexOf(word));
    expect(filled.toSource(filled.sql.indexOf('INTERVAL'))).toBe(text.indexOf('$from'));
  });
});

describe('placeOfError', () => {
  const place = (message: string, sql: string, code = 'syntax_error') => {
    const found = placeOfError({ message, code }, sql);
    return found && sql.slice(found.from, found.to);
  };
  it('is at the line and column of the message', () => {
    expect(place('Expected: end of statement, found: spans at Line: 1, Column: 15', 'SELECT 1 FORM spans')).toBe('spans');
    expect(place("Invalid function 'foo' (line 2, column 3)", 'SELECT\n  foo(1)', 'invalid_query')).toBe('foo');
    expect(place('unexpected end at Line: 1, Column: 80', 'SELECT (')).toBe('(');
  });
  it('is at the name that is not known', () => {
    expect(place("there is no column 'x'", 'SELECT xx, x FROM spans', 'unknown_column')).toBe('x');
    expect(place("there is no column 'spans.y'", 'SELECT y FROM spans', 'unknown_column')).toBe('y');
    expect(place("there is no column 'x'", 'SELECT *', 'unknown_column')).toBeUndefined();
    expect(place('the query took too long', 'SELECT x', 'timed_out')).toBeUndefined();
  });
});

describe('cells', () => {
  it('show times with the digits they have, and copy them as they came', () => {
    const time = '2026-11-20T21:00:00.123456000Z';
    expect(timeText(time)).toMatch(/^2026-11-2\d \d\d:\d\d:00\.123456$/);
    expect(timeText('soon')).toBe('soon');
    expect(rawText(time)).toBe(time);
  });
  it('show values as they are', () => {
    expect([cellText(null, 'text'), cellText(0, 'number'), cellText(false, 'boolean')]).toEqual(['null', '0', 'false']);
    expect(cellText({ a: [1n] }, 'nested')).toBe('{"a":["1"]}');
    expect(tabSeparated([['a\tb', null], [1, true]])).toBe('a b\t\n1\ttrue');
  });
  it('know ids that lead to a flow', () => {
    const id = '32bb62346e4579fe25d19b8e0657f718';
    expect([isFlowId('trace_id', id), isFlowId('example_trace', id), isFlowId('span_id', id), isFlowId('trace_id', null)]).toEqual([true, true, false, false]);
  });
});

describe('rows of JSON', () => {
  const result = (type: string, value: unknown) => rowsOfJson({ columns: [{ name: 'x', type }], rows: [[value]], stats: {} as never });
  it('have kinds', () => {
    const kinds = ['BIGINT', 'DECIMAL(10, 2)', 'TIMESTAMP WITH TIME ZONE', 'VARCHAR', 'BIGINT[]', 'MAP(VARCHAR, VARCHAR)', 'BINARY', 'BOOLEAN', 'INTERVAL'].map(kindOfSql);
    expect(kinds).toEqual(['number', 'number', 'time', 'text', 'nested', 'nested', 'binary', 'boolean', 'text']);
  });
  it('are of UTC where they name no zone', () => {
    expect(result('TIMESTAMP', '2026-11-20T21:00:00.5').value(0, 0)).toBe('2026-11-20T21:00:00.5Z');
    expect(result('TIMESTAMP WITH TIME ZONE', '2026-11-20T21:00:00.5Z').value(0, 0)).toBe('2026-11-20T21:00:00.5Z');
  });
  it('tell whether digits were lost', () => {
    expect(hasLostDigits(result('BIGINT', 2 ** 53))).toBe(true);
    expect(hasLostDigits(result('BIGINT', 2 ** 52))).toBe(false);
    expect(hasLostDigits(result('DOUBLE', 1e300))).toBe(false);
  });
  it('have columns as wide as most of their values', () => {
    expect(columnWidths(result('VARCHAR', 'x'.repeat(500)))).toEqual([431]);
    expect(columnWidths(result('BIGINT', 1))).toEqual([66]);
    expect(columnsInView([400, 400, 400, 400, 400], 750, 100)).toEqual([1, 2]);
  });
});

describe('readArrow', () => {
  // As the server wrote it.
  const values = readFileSync(new URL('../../tests/data/values.arrows', import.meta.url));
  it('keeps every digit', async () => {
    const rows = await readArrow(new Blob([values]).stream(), 100, () => {});
    const read = (row: number) => rows.columns.map((_, column) => rows.value(row, column));
    const kinds = ['time', 'number', 'number', 'text', 'nested', 'nested', 'binary', 'boolean', 'text', 'number'];
    expect(rows.columns.map((column) => column.kind)).toEqual(kinds);
    const time = '2026-11-20T21:00:00.123456789Z';
    expect(read(0)).toEqual([time, 2n ** 60n, '1.50', 'ä', { a: 'b' }, [1, 2], '00ff', true, '2026-01-02', 0.5]);
    expect(read(1)).toEqual([null, 5, '-1.50', null, null, null, null, false, null, null]);
    expect([rows.count, rows.isCut]).toEqual([2, false]);
  });
  it('stops at a limit and says so', async () => {
    const rows = await readArrow(new Blob([values]).stream(), 1, () => {});
    expect([rows.count, rows.isCut]).toEqual([1, true]);
  });
});

describe('history', () => {
  it('has each statement once, the latest first', () => {
    const past = remember(remember([], { sql: 'a', atMs: 1 }), { sql: 'b', atMs: 2 });
    expect(remember(past, { sql: 'a', atMs: 3 }).map((item) => item.sql)).toEqual(['a', 'b']);
    expect(remember(past, { sql: 'x'.repeat(30_000), atMs: 3 })).toHaveLength(2);
  });
  it('survives what others wrote, and a browser that keeps nothing', () => {
    expect(readHistory({ getItem: () => '{' })).toEqual([]);
    expect(readHistory({ getItem: () => '[{"sql":"a","atMs":1},{"sql":2}]' })).toEqual([{ sql: 'a', atMs: 1 }]);
    const full = () => {
      throw new DOMException('full', 'QuotaExceededError');
    };
    expect(writeHistory({ setItem: full }, [])).toBe(false);
  });
});

describe('schema', () => {
  const tables = tablesOf({
    rows: [
      { table_name: 'coverage', column_name: 'time', data_type: 'Timestamp(ns, "UTC")' },
      { table_name: 'spans', column_name: 'start_time', data_type: 'Timestamp(ns, "UTC")' },
      { table_name: 'spans', column_name: 'events', data_type: 'List(Struct("a"))' },
    ],
  });
  it('begins with the tables that are asked for most', () => {
    expect(tables.map((table) => table.name)).toEqual(['spans', 'coverage']);
    expect(tables[0]!.columns[1]).toEqual({ name: 'events', type: 'list of structs' });
    expect(shortType('Float64')).toBe('double');
  });
  it('samples the range of the page', () => {
    expect(sampleSql(tables[0]!)).toBe('SELECT *\nFROM spans\nWHERE start_time >= $from AND start_time < $to\nORDER BY start_time DESC\nLIMIT 100');
  });
});

describe('what is offered', () => {
  const reference = readFileSync(new URL('../../../docs/reference/sql.md', import.meta.url), 'utf8');
  it('are the functions of the reference, and no others', () => {
    const documented = [...reference.matchAll(/^\| `(\w+)\(/gm)].map((match) => match[1]);
    expect(new Set(FUNCTIONS.map((item) => item.name))).toEqual(new Set(documented));
  });
  it('has examples with known placeholders', () => {
    const names = PLACEHOLDERS.map((item) => item.name);
    for (const { sql } of EXAMPLES) for (const [name] of sql.matchAll(/\$\w+/g)) expect(names).toContain(name);
  });
});
