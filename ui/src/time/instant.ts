/** RFC 3339 times with nanoseconds, which `Date` cannot hold. */

export interface Instant {
  epochMs: number;
  /** Nanoseconds past `epochMs`: 0 to 999,999. */
  nanos: number;
}

/** Reads `2026-11-20T21:00:00.123456789Z`; undefined when the text is not such a time. */
export function parseInstant(text: string): Instant | undefined {
  const dot = text.indexOf('.');
  if (dot === -1) {
    const epochMs = Date.parse(text);
    return Number.isNaN(epochMs) ? undefined : { epochMs, nanos: 0 };
  }
  let end = dot + 1;
  while (end < text.length && isDigit(text.charCodeAt(end))) end += 1;
  const secondsMs = Date.parse(text.slice(0, dot) + text.slice(end));
  if (Number.isNaN(secondsMs) || end === dot + 1) return undefined;
  const fraction = Number(text.slice(dot + 1, end).slice(0, 9).padEnd(9, '0'));
  return { epochMs: secondsMs + Math.floor(fraction / 1_000_000), nanos: fraction % 1_000_000 };
}

/** `later - earlier` in nanoseconds: exact while they are less than 104 days apart. */
export function nanosBetween(earlier: Instant, later: Instant): number {
  return (later.epochMs - earlier.epochMs) * 1_000_000 + (later.nanos - earlier.nanos);
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** An instant so many nanoseconds after another. */
export function instantAfter({ epochMs, nanos }: Instant, offsetNs: number): Instant {
  const whole = nanos + Math.round(offsetNs);
  return { epochMs: epochMs + Math.floor(whole / 1_000_000), nanos: ((whole % 1_000_000) + 1_000_000) % 1_000_000 };
}

/** As the server writes it: RFC 3339 with nine digits. */
export function formatInstant({ epochMs, nanos }: Instant): string {
  return new Date(epochMs).toISOString().replace('Z', `${String(nanos).padStart(6, '0')}Z`);
}
