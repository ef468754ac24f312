/** The list of findings: occurrences of one finding together, filtered and sorted. */
import { parseInstant } from '../time/instant';
import { SEVERITIES, type FindingRow } from './rows';

export interface AcknowledgementRow {
  finding_id: string;
  opened: string;
  reason: string;
  acknowledged_by: string | null;
  time: string;
  until: string | null;
}

export const ACKNOWLEDGEMENTS_SQL =
  "SELECT finding_id, opened, reason, acknowledged_by, time, until\nFROM acknowledgements\nWHERE state = 'acknowledged'";

export interface Span {
  fromMs: number;
  /** Undefined while it is open. */
  toMs: number | undefined;
  severity: string;
}

export interface ListedFinding {
  /** The last occurrence. */
  finding: FindingRow;
  spans: Span[];
  acknowledgement: AcknowledgementRow | undefined;
}

export interface ListFilter {
  state?: 'open' | 'closed' | undefined;
  acknowledged?: 'yes' | 'no' | undefined;
  severity?: string | undefined;
  kind?: string | undefined;
  service?: string | undefined;
}

export function listFindings(rows: readonly FindingRow[], acknowledgements: readonly AcknowledgementRow[], nowMs: number): ListedFinding[] {
  const groups = new Map<string, FindingRow[]>();
  for (const row of rows) groups.set(row.id, [...(groups.get(row.id) ?? []), row]);
  return [...groups.values()].map((group) => {
    const sorted = group.sort((one, other) => millis(other.opened) - millis(one.opened));
    const finding = sorted[0]!;
    const spans = sorted.map(({ opened, closed, severity }) => ({ fromMs: millis(opened), toMs: closed === null ? undefined : millis(closed), severity }));
    const acknowledgement = acknowledgements.find((one) => isOf(one, finding, nowMs));
    return { finding, spans, acknowledgement };
  });
}

/** Without an end it is of the occurrence that it was made in, as the server has it; with one of all until then. */
function isOf(acknowledgement: AcknowledgementRow, finding: FindingRow, nowMs: number): boolean {
  if (acknowledgement.finding_id !== finding.id) return false;
  if (finding.closed !== null && millis(acknowledgement.opened) > millis(finding.closed)) return false;
  return acknowledgement.until === null ? millis(acknowledgement.time) >= millis(finding.opened) : millis(acknowledgement.until) > nowMs;
}

export function filterFindings(list: readonly ListedFinding[], filter: ListFilter): ListedFinding[] {
  return list.filter(({ finding, acknowledgement }) => {
    if (filter.state && (finding.closed === null) !== (filter.state === 'open')) return false;
    if (filter.acknowledged && (acknowledgement !== undefined) !== (filter.acknowledged === 'yes')) return false;
    if (filter.severity && finding.severity !== filter.severity) return false;
    if (filter.kind && finding.kind !== filter.kind) return false;
    return !filter.service || finding.service_name === filter.service || finding.target === filter.service;
  });
}

/** Open ones first; then the worst, or the latest. Acknowledged ones come after those that nobody knows of. */
export function sortFindings(list: readonly ListedFinding[], order: 'severity' | 'recent'): ListedFinding[] {
  const rank = ({ finding, acknowledgement }: ListedFinding) => (finding.closed === null ? 0 : 2) + (acknowledgement ? 1 : 0);
  const severity = ({ finding }: ListedFinding) => SEVERITIES.indexOf(finding.severity as (typeof SEVERITIES)[number]);
  const recency = (one: ListedFinding, other: ListedFinding) => millis(other.finding.opened) - millis(one.finding.opened);
  return list.toSorted((one, other) => {
    if (order === 'recent') return recency(one, other);
    return rank(one) - rank(other) || severity(one) - severity(other) || other.finding.score - one.finding.score || recency(one, other);
  });
}

function millis(text: string): number {
  return parseInstant(text)?.epochMs ?? Number.NaN;
}
