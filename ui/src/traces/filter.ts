/** The filter of the list of traces, as it stands in the URL. */
import type { TraceFilter } from '../api/client';
import { parseDurationInput } from '../duration-input';

/** The first is the default; the server gives at most 200. */
export const LIMITS = [50, 100, 200];

export type FilterPart = Omit<TraceFilter, 'from' | 'to'>;

/** What is unreadable is left out, and named in `filterProblem`. */
export function readFilter(query: URLSearchParams): { filter: FilterPart; filterProblem?: string } {
  const typed = query.get('min_duration') ?? '';
  const minDuration = typed === '' ? undefined : parseDurationInput(typed);
  const limit = Number(query.get('limit'));
  const filter: FilterPart = {
    service: query.get('service') ?? undefined,
    errorsOnly: query.get('error') === 'true',
    minDuration,
    order: query.get('order') === 'slowest' ? 'slowest' : 'recent',
    limit: LIMITS.includes(limit) ? limit : LIMITS[0],
  };
  if (typed === '' || minDuration !== undefined) return { filter };
  return { filter, filterProblem: `“${typed}” is not a duration. Use 250ms, 1.5s or 2m.` };
}

/** `span of cart that failed and took at least 250ms` */
export function describeFilter(filter: FilterPart): string {
  const demands: string[] = [];
  if (filter.errorsOnly) demands.push('failed');
  if (filter.minDuration) demands.push(`took at least ${filter.minDuration}`);
  const whose = filter.service ? ` of ${filter.service}` : '';
  return `span${whose}${demands.length > 0 ? ` that ${demands.join(' and ')}` : ''}`;
}
