/** A logarithmic axis over the latencies of a table, shared by all its rows. */
import { formatTick } from '../format';

export interface LatencyScale {
  /** Powers of ten on the axis. */
  ticks: { ms: number; at: number; label: string }[];
  /** Where a latency lies on the axis: 0 to 1. */
  position(ms: number): number;
}

/** Covers all values with whole powers of ten; undefined when there is none to show. */
export function latencyScale(values: readonly (number | null | undefined)[]): LatencyScale | undefined {
  const shown = values.filter((value): value is number => typeof value === 'number' && value > 0);
  if (shown.length === 0) return undefined;
  let [least, most] = [Infinity, 0];
  for (const value of shown) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  const first = Math.floor(Math.log10(least) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(most) - 1e-9));
  const position = (ms: number) => Math.min(1, Math.max(0, (Math.log10(ms) - first) / (last - first)));
  const ticks = Array.from({ length: last - first + 1 }, (_, step) => {
    const ms = 10 ** (first + step);
    return { ms, at: step / (last - first), label: formatTick(ms * 1e6) };
  });
  return { ticks, position };
}
