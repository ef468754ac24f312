/** The unit that a panel names, which is free text, as one that the page knows how to write. */
import type { ResultRows } from '../console/rows';
import { numberOf } from '../charts/of-rows';
import type { Unit } from '../format';

export interface PanelUnit {
  unit: Unit;
  /** Values times this are in `unit`. */
  scale: number;
  /** What the values do not say by themselves. */
  note: string | undefined;
}

const KNOWN: Record<string, Omit<PanelUnit, 'note'>> = {
  '%': { unit: 'share', scale: 0.01 },
  percent: { unit: 'share', scale: 0.01 },
  ns: { unit: 'ns', scale: 1 },
  us: { unit: 'ns', scale: 1000 },
  µs: { unit: 'ns', scale: 1000 },
  ms: { unit: 'ms', scale: 1 },
  s: { unit: 's', scale: 1 },
  seconds: { unit: 's', scale: 1 },
  b: { unit: 'bytes', scale: 1 },
  bytes: { unit: 'bytes', scale: 1 },
};

export function panelUnit(text: string | null | undefined): PanelUnit {
  if (!text) return { unit: 'number', scale: 1, note: undefined };
  const known = KNOWN[text.toLowerCase()];
  if (known) return { ...known, note: undefined };
  return { unit: text.endsWith('/s') && text.toLowerCase() !== 'b/s' && text !== 'bytes/s' ? 'rate' : 'number', scale: 1, note: text };
}

/** The rows with their numbers in the unit of the page. */
export function scaled(rows: ResultRows, scale: number): ResultRows {
  if (scale === 1) return rows;
  const value = (row: number, column: number) => {
    const found = rows.value(row, column);
    if (rows.columns[column]?.kind !== 'number') return found;
    const number = numberOf(found);
    return number === null ? null : number * scale;
  };
  return { ...rows, value };
}

/** A number of a table: whole, or with four significant digits. */
export function tableNumber(value: unknown): string {
  if (typeof value === 'bigint') return value.toLocaleString('en-US');
  const number = numberOf(value);
  if (number === null) return value === null ? '–' : String(value);
  if (Number.isInteger(number)) return number.toLocaleString('en-US');
  const digits = Math.abs(number) >= 1000 ? 1 : Math.abs(number) >= 0.001 ? undefined : 0;
  if (digits === 0) return number.toExponential(2);
  return digits === 1 ? number.toLocaleString('en-US', { maximumFractionDigits: 1 }) : String(Number(number.toPrecision(4)));
}
