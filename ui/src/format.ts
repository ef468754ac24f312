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

/** A count in few characters: `1,234`, `12.3 k`, `4.56 M`. */
export function formatCompact(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  if (value < 0) return `−${formatCompact(-value)}`;
  if (value > 0 && value < 0.01) return value < 1e-4 ? value.toExponential(1) : value.toPrecision(2);
  if (value < 9999.5) return value < 10 && value % 1 !== 0 ? threeDigits(value) : formatCount(value);
  const [scale, unit] = value < 999.5e3 ? [1e3, 'k'] : value < 999.5e6 ? [1e6, 'M'] : [1e9, 'G'];
  return `${threeDigits(value / scale)} ${unit}`;
}

const BYTE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function formatBytes(bytes: number | null | undefined): string {
  if (bytes === null || bytes === undefined || !Number.isFinite(bytes)) return NONE;
  const step = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), BYTE_UNITS.length - 1);
  return step === 0 ? `${formatCount(bytes)} B` : `${threeDigits(bytes / 1024 ** step)} ${BYTE_UNITS[step]}`;
}

/** A share with the interval in which it lies with 95 %: `1.20 % (0.90 % – 1.60 %)`. */
export function formatInterval(share: number | null | undefined, low: number, high: number): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return NONE;
  return `${formatShare(share)} (${formatShare(low)} – ${formatShare(high)})`;
}

/** Date and time in the zone of the browser, with seconds. */
export function formatDateTime(epochMs: number): string {
  const date = new Date(epochMs);
  if (Number.isNaN(date.getTime())) return NONE;
  return `${formatDate(date)} ${date.toLocaleTimeString('en-GB', CLOCK)}`;
}

/** What the values of a chart or a table are. Durations are in the unit that is named. */
export type Unit = 'count' | 'rate' | 'share' | 'ns' | 'ms' | 's' | 'bytes' | 'number';

export function formatValue(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  switch (unit) {
    case 'rate':
      return `${formatRate(value)}/s`;
    case 'share':
      return formatShare(value);
    case 'ns':
      return formatDuration(value);
    case 'ms':
      return formatDuration(value * 1e6);
    case 's':
      return formatDuration(value * 1e9);
    case 'bytes':
      return formatBytes(value);
    default:
      return formatCompact(value);
  }
}

export type ChangeUnit = 'ratio' | 'share';

export interface ChangeText {
  direction: 'up' | 'down' | 'same' | 'unknown';
  /** Short, beside an arrow: `12 %`, `3.4×`, `1.2 pp`. */
  text: string;
  /** To go before “than before”. */
  words: string;
}

/** Less than this is no change that is worth an arrow. */
const SAME_RATIO = 0.05;
const SAME_POINTS = 0.0005;

/** How a value differs from its baseline: shares by percentage points, all else by a factor. */
export function describeChange(
  value: number | null | undefined,
  baseline: number | null | undefined,
  unit: ChangeUnit = 'ratio',
): ChangeText {
  if (value === null || value === undefined || baseline === null || baseline === undefined) {
    return { direction: 'unknown', text: NONE, words: 'not known to be other' };
  }
  if (unit === 'share') return changeOfShare(value - baseline);
  if (value === baseline) return { direction: 'same', text: '±0 %', words: 'no other' };
  if (baseline === 0) return { direction: value > 0 ? 'up' : 'down', text: 'from 0', words: 'more (from nothing)' };
  const change = value / baseline - 1;
  const direction = Math.abs(change) < SAME_RATIO ? 'same' : change > 0 ? 'up' : 'down';
  const amount = change >= 1 ? `${threeDigits(value / baseline)}×` : `${Math.round(Math.abs(change) * 100)} %`;
  const sign = direction === 'same' ? (change > 0 ? '+' : '−') : '';
  const words = change >= 1 ? `${threeDigits(value / baseline)} times as much` : `${amount} ${change > 0 ? 'more' : 'less'}`;
  return { direction, text: `${sign}${amount}`, words: change >= 1 ? `more (${words})` : words };
}

function changeOfShare(difference: number): ChangeText {
  const points = `${threeDigits(Math.abs(difference) * 100)} pp`;
  if (Math.abs(difference) < SAME_POINTS) return { direction: 'same', text: '±0 pp', words: 'no other' };
  const isMore = difference > 0;
  const words = `${points.replace('pp', 'percentage points')} ${isMore ? 'more' : 'less'}`;
  return { direction: isMore ? 'up' : 'down', text: points, words };
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
