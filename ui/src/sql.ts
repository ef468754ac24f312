/** SQL that answers what a panel shows. */
import { quote } from './sql-text';

export const COUNT_SPANS = 'SELECT count(*) AS spans, max(start_time) AS newest FROM spans';

/** Of spans, logs of gateways and whatever has an `outcome`. */
export const IS_FAILED = "outcome IN ('rejected', 'server_fault', 'timeout', 'unreachable')";

export function traceSql(traceId: string): string {
  return `SELECT * FROM trace(${quote(traceId)}) ORDER BY start_time`;
}
