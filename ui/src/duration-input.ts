/** Durations as people type them into a filter. */

/** How the API spells each unit, and its milliseconds. */
const UNITS: Record<string, { name: string; ms: number }> = {
  ns: { name: 'ns', ms: 1e-6 },
  us: { name: 'us', ms: 1e-3 },
  µs: { name: 'us', ms: 1e-3 },
  ms: { name: 'ms', ms: 1 },
  s: { name: 's', ms: 1000 },
  m: { name: 'm', ms: 60_000 },
};

/** `250`, `250 ms`, `1.5s`: the form the API takes, `250ms`. A plain number is milliseconds. Undefined when unreadable. */
export function parseDurationInput(text: string): string | undefined {
  const parts = partsOf(text);
  return parts && `${parts.count}${parts.unit.name}`;
}

/** The milliseconds of a duration that `parseDurationInput` can read; 0 for any other text. */
export function durationMillis(text: string): number {
  const parts = partsOf(text);
  return parts ? parts.count * parts.unit.ms : 0;
}

function partsOf(text: string): { count: number; unit: { name: string; ms: number } } | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-zµ]*)$/i.exec(text.trim());
  if (!match) return undefined;
  const unit = UNITS[match[2]!.toLowerCase() || 'ms'];
  return unit && { count: Number(match[1]), unit };
}
