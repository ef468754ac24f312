import { describe, expect, it } from 'vitest';
import { rowsOfJson } from '../console/rows';
import { contentSql, tablesOf } from './tables';
import { panelUnit, scaled, tableNumber } from './unit';

describe('panelUnit', () => {
  it('knows the usual units and notes the others', () => {
    expect(panelUnit('%')).toEqual({ unit: 'share', scale: 0.01, note: undefined });
    expect(panelUnit('ms')).toEqual({ unit: 'ms', scale: 1, note: undefined });
    expect(panelUnit('records/s')).toEqual({ unit: 'rate', scale: 1, note: 'records/s' });
    expect(panelUnit('requests')).toEqual({ unit: 'number', scale: 1, note: 'requests' });
    expect(panelUnit(null)).toEqual({ unit: 'number', scale: 1, note: undefined });
  });
});

describe('scaled', () => {
  it('changes numbers only', () => {
    const columns = [{ name: 'a', type: 'VARCHAR' }, { name: 'b', type: 'DOUBLE' }];
    const rows = scaled(rowsOfJson({ columns, rows: [['5', 5], ['x', null]], stats: {} as never }), 0.01);
    expect([rows.value(0, 0), rows.value(0, 1), rows.value(1, 1)]).toEqual(['5', 0.05, null]);
  });
});

describe('tableNumber', () => {
  it('keeps whole numbers whole and four digits of others', () => {
    const shown = [1234567, 12345.678, 12.34567, 0.5, 0.00001234, -3, null, 2n ** 60n].map(tableNumber);
    expect(shown).toEqual(['1,234,567', '12,345.7', '12.35', '0.5', '1.23e-5', '-3', '–', '1,152,921,504,606,846,976']);
  });
});

describe('tablesOf', () => {
  it('finds what a statement reads', () => {
    expect(tablesOf('SELECT 1 FROM red($from, $to) JOIN logs ON true JOIN (SELECT 2 FROM requests)')).toEqual(['spans', 'logs', 'requests']);
    expect(tablesOf('WITH a AS (SELECT 1) SELECT * FROM a')).toEqual([]);
    expect(contentSql('requests')).toBe('SELECT count(*) AS rows, min(start_time) AS oldest, max(start_time) AS newest FROM requests');
  });
});
