/** The columns of the table of services, and the orders that the address can name. */
import type { Direction } from '../sort';
import type { ServiceRow } from './rows';

const NUMBERS = ['requests', 'rate', 'failures', 'error_rate', 'p50_ms', 'p95_ms', 'p99_ms'] as const;

/** `trouble` is the default. `requests` and `failures` have no column. */
export type ServiceOrder = 'trouble' | 'service' | (typeof NUMBERS)[number];

export interface Column {
  key: ServiceOrder;
  label: string;
  meaning: string;
  /** Hidden on narrow screens. */
  isWideOnly: boolean;
  /** Its course and its change stand beside the number. */
  hasCourse?: boolean;
}

export const COLUMNS: readonly Column[] = [
  { key: 'service', label: 'Service', meaning: 'service.name, and service.namespace', isWideOnly: false },
  { key: 'rate', label: 'Rate', meaning: 'Requests served per second, their course, and the change', isWideOnly: false, hasCourse: true },
  { key: 'error_rate', label: 'Errors', meaning: 'Share of requests that failed: server fault, timeout, rejected or unreachable; where few, with its 95 % interval', isWideOnly: false, hasCourse: true },
  { key: 'p50_ms', label: 'p50', meaning: 'Half of the requests that ended ok are at most this long', isWideOnly: true },
  { key: 'p95_ms', label: 'p95', meaning: '95 % of the requests that ended ok are at most this long', isWideOnly: false, hasCourse: true },
  { key: 'p99_ms', label: 'p99', meaning: '99 % of the requests that ended ok are at most this long', isWideOnly: true },
];

export function orderOf(name: string | null): ServiceOrder {
  return name === 'service' ? 'service' : (NUMBERS.find((key) => key === name) ?? 'trouble');
}

export function orderValue(row: ServiceRow, key: Exclude<ServiceOrder, 'trouble'>): string | number | null {
  return row[key];
}

/** Names sort up first, numbers down; the second click turns around, the third goes back to trouble. */
export function nextOrder(current: ServiceOrder, direction: Direction, clicked: ServiceOrder): { sort: ServiceOrder; dir: Direction } {
  const first: Direction = clicked === 'service' ? 'asc' : 'desc';
  if (current !== clicked) return { sort: clicked, dir: first };
  return direction === first ? { sort: clicked, dir: first === 'asc' ? 'desc' : 'asc' } : { sort: 'trouble', dir: 'desc' };
}
