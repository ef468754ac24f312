/** Values of a result as text. */
import { parseInstant } from '../time/instant';
import type { ColumnKind } from './rows';

/** As it stands in a cell: times in the zone of the browser with the digits they have, everything else as it is. */
export function cellText(value: unknown, kind: ColumnKind): string {
  if (value === null || value === undefined) return 'null';
  if (kind === 'time' && typeof value === 'string') return timeText(value);
  return rawText(value);
}

/** As it is copied. */
export function rawText(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'object') return JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part));
  return String(value);
}

/** `2026-11-21 20:04:00.712161247`, without zeros at the end. */
export function timeText(rfc3339: string): string {
  const instant = parseInstant(rfc3339);
  if (!instant) return rfc3339;
  const date = new Date(instant.epochMs);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const millis = ((instant.epochMs % 1000) + 1000) % 1000;
  const fraction = `${String(millis).padStart(3, '0')}${String(instant.nanos).padStart(6, '0')}`.replace(/0+$/, '');
  return `${day} ${clock}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Columns whose values lead to a flow. */
export function isFlowId(column: string, value: unknown): value is string {
  if (typeof value !== 'string' || value.length < 8) return false;
  return /^(trace_id|correlation_id|traceid)$/i.test(column) || (/trace/i.test(column) && /^[0-9a-f]{32}$/.test(value));
}

export function isService(column: string, value: unknown): value is string {
  return typeof value === 'string' && value !== '' && (column === 'service_name' || column === 'service');
}

/** Lines of tab-separated values, as spreadsheets take them. */
export function tabSeparated(lines: readonly (readonly unknown[])[]): string {
  return lines.map((line) => line.map((value) => rawText(value).replace(/[\t\r\n]+/g, ' ')).join('\t')).join('\n');
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}
