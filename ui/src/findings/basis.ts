/** What the rules of findings could look for in a range, by what there was to look at. */
import { formatCompact, plural } from '../format';
import type { FindingsBasis } from './sql';

/** Kinds of findings that are documented. */
export const KINDS = 19;
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
