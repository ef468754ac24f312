/** The filter of the list of traces, as it stands in the URL. */
import type { TraceFilter } from '../api/client';
import { parseDurationInput } from '../duration-input';

/** The first is the default; the server gives at most 200. */
export const LIMITS = [50, 100, 200];

export type FilterPart = Omit<TraceFilter, 'from' | 'to'>;

/** What is unreadable is left out, and named in `filterProblem`. */
export function readFilter(query: URLSearchParams): { filter: FilterPart; filterProblem?: string } {
  const problems: string[] = [];
  const limit = Number(query.get('limit'));
  const order = query.get('order');
  const calls = text(query, 'calls');
  const filter: FilterPart = {
    service: text(query, 'service'),
    operation: text(query, 'operation'),
    attributes: readAttributes(query.get('attribute') ?? '', problems),
    minDuration: readDuration(query.get('min_duration') ?? '', problems),
    maxDuration: readDuration(query.get('max_duration') ?? '', problems),
    errorsOnly: query.get('error') === 'true',
    calls,
    callsOperation: calls === undefined ? undefined : text(query, 'calls_operation'),
    order: order === 'slowest' || order === 'errors' ? order : 'recent',
    limit: LIMITS.includes(limit) ? limit : LIMITS[0],
    after: text(query, 'after'),
  };
  return problems.length === 0 ? { filter } : { filter, filterProblem: problems.join(' ') };
}

/** What the reader has narrowed the list by. */
export function isFiltered(filter: FilterPart): boolean {
  return Boolean(
    filter.service || filter.operation || filter.attributes?.length || filter.minDuration || filter.maxDuration || filter.errorsOnly || filter.calls,
  );
}

/** All parameters of the filter, emptied. */
export const NO_FILTER = Object.fromEntries(
  ['service', 'operation', 'attribute', 'min_duration', 'max_duration', 'error', 'calls', 'calls_operation', 'box', 'select', 'after'].map((name) => [name, null]),
);

/** Several attributes stand in one parameter, separated by ` AND `: `http.route=/cart AND user.tier=gold`. */
export function writeAttributes(attributes: readonly string[]): string {
  return attributes.join(' AND ');
}

function readAttributes(typed: string, problems: string[]): string[] {
  const given = typed.split(/\s+AND\s+/).map((item) => item.trim()).filter((item) => item !== '');
  const isAttribute = (item: string) => item.indexOf('=') > 0;
  for (const item of given.filter((other) => !isAttribute(other))) problems.push(`“${item}” is not an attribute. Use key=value.`);
  return given.filter(isAttribute);
}

function readDuration(typed: string, problems: string[]): string | undefined {
  const duration = typed === '' ? undefined : parseDurationInput(typed);
  if (typed !== '' && duration === undefined) problems.push(`“${typed}” is not a duration. Use 250ms, 1.5s or 2m.`);
  return duration;
}

function text(query: URLSearchParams, name: string): string | undefined {
  return query.get(name)?.trim() || undefined;
}

/** `span of cart that failed and took at least 250ms` */
export function describeFilter(filter: FilterPart): string {
  const demands: string[] = [];
  if (filter.errorsOnly) demands.push('failed');
  if (filter.minDuration) demands.push(`took at least ${filter.minDuration}`);
  if (filter.maxDuration) demands.push(`took at most ${filter.maxDuration}`);
  if (filter.calls) demands.push(`called ${filter.callsOperation ? `${filter.callsOperation} of ` : ''}${filter.calls}`);
  for (const attribute of filter.attributes ?? []) demands.push(`has ${attribute}`);
  const what = filter.operation ? `span “${filter.operation}”` : 'span';
  const whose = filter.service ? ` of ${filter.service}` : '';
  return `${what}${whose}${demands.length > 0 ? ` that ${joined(demands)}` : ''}`;
}

function joined(parts: readonly string[]): string {
  return parts.length < 3 ? parts.join(' and ') : `${parts.slice(0, -1).join(', ')} and ${parts.at(-1)}`;
}
