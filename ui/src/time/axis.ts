/** Ticks of an axis of time, at round times of day in the zone of the browser. */

export interface Tick {
  ms: number;
  /** 0 at the left end, 1 at the right. */
  at: number;
  label: string;
}

const MINUTE = 60_000;
const STEPS = [MINUTE / 12, MINUTE / 4, MINUTE / 2, ...[1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080].map((minutes) => minutes * MINUTE)];

export function axisTicks({ fromMs, toMs }: { fromMs: number; toMs: number }, most: number): Tick[] {
  const length = toMs - fromMs;
  if (!(length > 0)) return [];
  const step = STEPS.find((ms) => length / ms <= most) ?? Math.ceil(length / most / STEPS.at(-1)!) * STEPS.at(-1)!;
  const offset = new Date(fromMs).getTimezoneOffset() * MINUTE;
  const ticks: Tick[] = [];
  for (let ms = Math.ceil((fromMs - offset) / step) * step + offset; ms <= toMs; ms += step) {
    const at = (ms - fromMs) / length;
    if (at > 0.02 && at < 0.98) ticks.push({ ms, at, label: labelOf(ms, step) });
  }
  return ticks;
}

function labelOf(ms: number, step: number): string {
  const date = new Date(ms);
  if (step >= 1440 * MINUTE) return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
  const second = step < MINUTE ? { second: '2-digit' as const } : {};
  return date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit', hour12: false, ...second });
}
