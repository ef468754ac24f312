/** The columns of the table of services. */
import type { Service } from '../api/types';

export type ColumnKey = 'service' | 'requests' | 'rate' | 'failures' | 'error_rate' | 'p50_ms' | 'p95_ms' | 'p99_ms';

export interface Column {
  key: ColumnKey;
  label: string;
  meaning: string;
  /** Hidden on narrow screens. */
  isWideOnly: boolean;
}

export const COLUMNS: readonly Column[] = [
  { key: 'service', label: 'Service', meaning: 'service.name, and service.namespace', isWideOnly: false },
  { key: 'requests', label: 'Requests', meaning: 'Requests served in the range', isWideOnly: true },
  { key: 'rate', label: 'Rate /s', meaning: 'Requests per second over the range', isWideOnly: false },
  { key: 'failures', label: 'Failed', meaning: 'Requests that failed: server fault, timeout, rejected or unreachable', isWideOnly: true },
  { key: 'error_rate', label: 'Error rate', meaning: 'Failed requests by all requests', isWideOnly: false },
  { key: 'p50_ms', label: 'p50', meaning: 'Half of the requests are at most this long', isWideOnly: true },
  { key: 'p95_ms', label: 'p95', meaning: '95 % of the requests are at most this long', isWideOnly: true },
  { key: 'p99_ms', label: 'p99', meaning: '99 % of the requests are at most this long', isWideOnly: false },
];

export function columnOf(name: string | null): ColumnKey | undefined {
  return COLUMNS.find((column) => column.key === name)?.key;
}

export function columnValue(service: Service, key: ColumnKey): string | number | null | undefined {
  return service[key];
}
