/** Numbers, durations and times as text. */

const NONE = '–';
const INTEGER = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const CLOCK: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false };

export function formatCount(value: number): string {
  return INTEGER.format(value);
}

/** Nanoseconds in the unit that reads best, with three significant digits: `830 ns`, `12.3 µs`, `1.50 s`, `2 m 05 s`. */
export function formatDuration(nanos: number | null | undefined): string {
  if (nanos === null || nanos === undefined || !Number.isFinite(nanos)) return NONE;
  if (nanos < 0) return `−${formatDuration(-nanos)}`;
  if (nanos < 1) return '0';
  if (nanos < 999.5) return `${Math.round(nanos)} ns`;
  if (nanos < 999.5e3) return `${threeDigits(nanos / 1e3)} µs`;
  if (nanos < 999.5e6) return `${threeDigits(nanos / 1e6)} ms`;
  if (nanos < 59.95e9) return `${threeDigits(nanos / 1e9)} s`;
  const seconds = Math.round(nanos / 1e9);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${twoDigits(seconds % 60)} s`;
  return `${formatCount(Math.floor(seconds / 3600))} h ${twoDigits(Math.floor(seconds / 60) % 60)} m`;
}

/** For an axis: without zeros after the decimal point. */
export function formatTick(nanos: number): string {
  return formatDuration(nanos).replace(/(\.\d*?)0+ /, '$1 ').replace('. ', ' ');
}

export function formatMillis(millis: number | null | undefined): string {
  return millis === null || millis === undefined ? NONE : formatDuration(millis * 1e6);
}

/** Events per second, without the unit. */
export function formatRate(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 0.01) return '<0.01';
  if (perSecond < 10) return perSecond.toFixed(2);
  if (perSecond < 100) return perSecond.toFixed(1);
  return formatCount(perSecond);
}

/** A share between 0 and 1 as a percentage. A share above zero never reads as zero, one below all never as all. */
export function formatShare(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return NONE;
  if (share === 0) return '0 %';
  if (share < 0.0001) return '<0.01 %';
  if (share < 0.1) return `${(share * 100).toFixed(2)} %`;
  if (share < 1) return `${Math.min(share * 100, 99.9).toFixed(1)} %`;
  return `${INTEGER.format(share * 100)} %`;
}

/** Time of day with milliseconds in the zone of the browser, with the date when that is not today. */
export function formatClock(epochMs: number, nowMs: number): string {
  const date = new Date(epochMs);
  if (Number.isNaN(date.getTime())) return NONE;
  const clock = `${date.toLocaleTimeString('en-GB', CLOCK)}.${String(date.getMilliseconds()).padStart(3, '0')}`;
  const isToday = date.toDateString() === new Date(nowMs).toDateString();
  return isToday ? clock : `${formatDate(date)} ${clock}`;
}

export function formatAge(epochMs: number, nowMs: number): string {
  const seconds = Math.round((nowMs - epochMs) / 1000);
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds < 0) return 'in the future';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} days ago`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function formatDate(date: Date): string {
  const isThisYear = date.getFullYear() === new Date().getFullYear();
  const year = isThisYear ? {} : { year: 'numeric' as const };
  return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', ...year });
}

function threeDigits(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
