/** Severities of log records, as OpenTelemetry numbers them: four numbers a level. */

export interface Level {
  name: string;
  /** The least number; 0 for records that have none. */
  from: number;
  /** Two or three letters. */
  short: string;
  /** A token: what a chart draws it with. */
  color: string;
}

/** The worst first. */
export const LEVELS: readonly Level[] = [
  { name: 'fatal', from: 21, short: 'FTL', color: 'var(--service-7)' },
  { name: 'error', from: 17, short: 'ERR', color: 'var(--bad-fill)' },
  { name: 'warn', from: 13, short: 'WRN', color: 'var(--warn-fill)' },
  { name: 'info', from: 9, short: 'INF', color: 'color-mix(in srgb, var(--service-0) 60%, var(--surface))' },
  { name: 'debug', from: 5, short: 'DBG', color: 'var(--line-strong)' },
  { name: 'trace', from: 1, short: 'TRC', color: 'var(--line)' },
  { name: 'none', from: 0, short: '–', color: 'color-mix(in srgb, var(--ink-3) 45%, var(--surface))' },
];

export function levelOf(severity: number | null | undefined): Level {
  return LEVELS.find((level) => (severity ?? 0) >= level.from) ?? LEVELS.at(-1)!;
}

/** The level of a record, in SQL. */
export const LEVEL_SQL = `CASE ${LEVELS.filter((level) => level.from > 0)
  .map((level) => `WHEN severity_number >= ${level.from} THEN '${level.name}'`)
  .join(' ')} ELSE 'none' END`;
