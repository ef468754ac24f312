/** The paths of the page. The server (`serve.rs`) knows their first segments. */

export type Route =
  | { page: 'services' }
  | { page: 'traces' }
  | { page: 'trace'; traceId: string }
  | { page: 'missing' };

export type QueryValues = Record<string, string | null | undefined>;

export function matchRoute(path: string): Route {
  const segments = path.split('/').filter((segment) => segment !== '');
  if (segments.length === 0) return { page: 'services' };
  if (segments.length === 1 && segments[0] === 'services') return { page: 'services' };
  if (segments.length === 1 && segments[0] === 'traces') return { page: 'traces' };
  if (segments.length === 2 && segments[0] === 'trace') return { page: 'trace', traceId: decode(segments[1]!) };
  return { page: 'missing' };
}

/** A link to a path with the values that are set. */
export function href(path: string, values: QueryValues = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== null && value !== undefined && value !== '') query.set(name, value);
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

export function traceHref(traceId: string, values: QueryValues = {}): string {
  return href(`/trace/${encodeURIComponent(traceId)}`, values);
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
