/** Round positions for an axis of time. */

/** Multiples of 1, 2 or 5 times a power of ten that lie in a window, at most `most` + 1 of them. */
export function linearTicks(from: number, to: number, most: number): number[] {
  const length = to - from;
  if (!(length > 0) || most < 1) return [from];
  const rough = length / most;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * magnitude).find((candidate) => candidate >= rough * 0.999_999)!;
  const slack = length * 1e-6;
  const ticks: number[] = [];
  const first = Math.max(0, Math.ceil((from - slack) / step));
  for (let count = first; count * step <= to + slack; count += 1) ticks.push(count * step);
  return ticks;
}
