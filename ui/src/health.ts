/** How something that answers requests is, in one word. */

export type Health = 'failing' | 'degraded' | 'well' | 'unknown';

export const HEALTH_WORDS: Record<Health, string> = {
  failing: 'failing',
  degraded: 'degraded',
  well: 'well',
  unknown: 'not known',
};

const FAILING = 0.05;
const DEGRADED = 0.01;

/**
 * By the lower end of the 95 % interval of the share of failures: 5 % is failing, 1 % degraded. Without requests it is
 * not known.
 */
export function healthOf(red: { requests: number; error_rate_low: number }): Health {
  if (red.requests <= 0) return 'unknown';
  if (red.error_rate_low >= FAILING) return 'failing';
  return red.error_rate_low >= DEGRADED ? 'degraded' : 'well';
}

export interface Interval {
  share: number;
  low: number;
  high: number;
}

/** A share with its 95 % interval (Wilson); undefined for a share of nothing. */
export function shareOf(part: number, whole: number): Interval | undefined {
  if (!(whole > 0)) return undefined;
  const z = 1.959964;
  const share = Math.min(1, Math.max(0, part / whole));
  const middle = share + (z * z) / (2 * whole);
  const spread = z * Math.sqrt((share * (1 - share)) / whole + (z * z) / (4 * whole * whole));
  const scale = 1 + (z * z) / whole;
  return { share, low: Math.max(0, (middle - spread) / scale), high: Math.min(1, (middle + spread) / scale) };
}
