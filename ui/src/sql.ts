/** SQL that answers what a panel shows. */

export const COUNT_SPANS = 'SELECT count(*) AS spans, max(start_time) AS newest FROM spans';

/** Of spans, logs of gateways and whatever has an `outcome`. */
export const IS_FAILED = "outcome IN ('rejected', 'server_fault', 'timeout', 'unreachable')";
