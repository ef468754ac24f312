/** Findings as SQL gives them: those of a range that are open and those that are over. */
import { quote, timeSql } from '../sql-text';
import type { RangeText } from '../time/range';

export const SEVERITIES = ['critical', 'high', 'medium', 'low'] as const;

export interface FindingRow {
  id: string;
  kind: string;
  subkind: string | null;
  severity: string;
  score: number;
  method: string;
  subject: string;
  service_name: string | null;
  operation: string | null;
  target: string | null;
  deployment_environment_name: string | null;
  opened: string;
  closed: string | null;
  /** JSON. */
  evidence: string;
  examples: string[] | null;
  remedy: string;
}

const COLUMNS =
  'id, kind, subkind, severity, score, method, subject, service_name, operation, target,\n       deployment_environment_name, opened, closed, evidence, examples, remedy';

export interface FindingFilter {
  kind?: string | undefined;
  severity?: string | undefined;
  service?: string | undefined;
  isOpen?: boolean | undefined;
}

/** Those that were open at some time of the range: those that were at its end first, then the worst. */
export function findingsSql(range: RangeText, filter: FindingFilter = {}): string {
  const conditions = [`opened < ${timeSql(range.to)}`, `(closed IS NULL OR closed >= ${timeSql(range.from)})`];
  if (filter.kind) conditions.push(`kind = ${quote(filter.kind)}`);
  if (filter.severity) conditions.push(`severity = ${quote(filter.severity)}`);
  if (filter.service) conditions.push(`(service_name = ${quote(filter.service)} OR target = ${quote(filter.service)})`);
  if (filter.isOpen !== undefined) conditions.push(`closed IS ${filter.isOpen ? '' : 'NOT '}NULL`);
  return `SELECT ${COLUMNS}\nFROM findings\nWHERE ${conditions.join('\n  AND ')}\nORDER BY ${[
    `closed IS NOT NULL AND closed < ${timeSql(range.to)}`,
    `array_position(make_array(${SEVERITIES.map(quote).join(', ')}), severity)`,
    'score DESC',
    'opened DESC',
  ].join(', ')}`;
}

const OF_EDGES = new Set(['BREAKER', 'RETRY_AMPLIFICATION', 'RETRY_STORM', 'CHATTY', 'N_PLUS_ONE', 'FANOUT_BURST', 'TIMEOUT_INVERSION']);

/** Whether it is about calls from its service to its target; else it is about the service. */
export function isOfEdge(finding: Pick<FindingRow, 'kind' | 'target'>): boolean {
  return OF_EDGES.has(finding.kind) && finding.target !== null;
}

export function worstSeverity(findings: readonly { severity: string }[]): string | undefined {
  return SEVERITIES.find((severity) => findings.some((finding) => finding.severity === severity));
}

/** As a CSS colour. */
export function severityColor(severity: string): string {
  if (severity === 'critical' || severity === 'high') return 'var(--bad-fill)';
  return severity === 'medium' ? 'var(--warn-fill)' : 'var(--ink-3)';
}
