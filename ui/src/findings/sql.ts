/** Statements about findings (docs/reference/findings.md). */
import { quote, timeSql, withinMinutes } from '../sql-text';
import type { RangeText } from '../time/range';
import type { FindingEvidence } from './headline';

export interface FindingRow {
  id: string;
  kind: string;
  subkind: string | null;
  severity: string;
  score: number;
  subject: string;
  service_name: string | null;
  operation: string | null;
  target: string | null;
  opened: string;
  closed: string | null;
  /** JSON. */
  evidence: string;
  examples: string[] | null;
  remedy: string;
}

/** Those whose condition held at some time of the range, open ones first. */
export function findingsSql(range: RangeText, service?: string): string {
  const about = service === undefined ? '' : `\n  AND (service_name = ${quote(service)} OR target = ${quote(service)})`;
  return [
    'SELECT id, kind, subkind, severity, score, subject, service_name, operation, target, opened, closed, evidence, examples, remedy',
    'FROM findings',
    `WHERE opened < ${timeSql(range.to)} AND (closed IS NULL OR closed >= ${timeSql(range.from)})${about}`,
    `ORDER BY closed IS NOT NULL AND closed < ${timeSql(range.to)},`,
    "         array_position(make_array('critical', 'high', 'medium', 'low'), severity), score DESC, opened DESC",
    'LIMIT 500',
  ].join('\n');
}

/** What the rules had to look at. */
export interface FindingsBasis {
  minutes: number;
  requests: number | null;
  services: number;
  queries: number | null;
}

export function findingsBasisSql(range: RangeText): string {
  const minutes = withinMinutes(range);
  return [
    `SELECT (SELECT count(DISTINCT time) FROM coverage WHERE ${minutes}) AS minutes,`,
    `       (SELECT sum(entries) FROM operations WHERE "view" = 'server' AND ${minutes}) AS requests,`,
    `       (SELECT count(DISTINCT service_name) FROM operations WHERE ${minutes}) AS services,`,
    `       (SELECT sum(requests) FROM edges WHERE kind IN ('db', 'cache') AND ${minutes}) AS queries`,
  ].join('\n');
}

export function parseEvidence(text: string): FindingEvidence {
  try {
    const evidence: unknown = JSON.parse(text);
    return typeof evidence === 'object' && evidence !== null ? evidence : {};
  } catch {
    return {};
  }
}
