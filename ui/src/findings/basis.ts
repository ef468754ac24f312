/** What the rules of findings could look for in a range, by what there was to look at. */
import { formatCompact, plural } from '../format';
import { withinMinutes } from '../sql-text';
import type { RangeText } from '../time/range';

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

/** Rules that compare with what is usual need so many minutes before. */
const USUAL_MINUTES = 8;
const GOD_GATEWAY_SERVICES = 8;

export interface Skipped {
  kinds: readonly string[];
  why: string;
}

export function skippedKinds(basis: FindingsBasis): Skipped[] {
  const skipped: Skipped[] = [];
  if (!basis.queries) skipped.push({ kinds: ['SHARED_DB'], why: 'no calls of databases in the spans' });
  if (basis.services < GOD_GATEWAY_SERVICES) {
    skipped.push({ kinds: ['GOD_GATEWAY'], why: `${plural(basis.services, 'service')}, and it needs ${GOD_GATEWAY_SERVICES}` });
  }
  if (basis.minutes <= USUAL_MINUTES) {
    const why = `${plural(basis.minutes, 'minute')} of data, and what is usual needs ${USUAL_MINUTES} before`;
    skipped.push({ kinds: ['CASCADE', 'RETRY_STORM'], why });
  }
  return skipped;
}

/** `60 minutes, 12.4 k requests from outside, 33 services` */
export function describeBasis(basis: FindingsBasis): string {
  return [
    plural(basis.minutes, 'minute'),
    `${formatCompact(basis.requests ?? 0)} requests from outside`,
    plural(basis.services, 'service'),
  ].join(', ');
}
