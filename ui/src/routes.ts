/** The paths of the page. The server (`serve.rs`) knows their first segments. `pages.ts` says what stands at each. */

export type QueryValues = Record<string, string | null | undefined>;

/** Values of the named segments of a path. */
export type PathValues = Record<string, string>;

/** The values of `pattern` (`/flow/:id`) in a path; undefined when the path is another. */
export function matchPath(pattern: string, path: string): PathValues | undefined {
  const [expected, given] = [segmentsOf(pattern), segmentsOf(path)];
  if (expected.length !== given.length) return undefined;
  const values: PathValues = {};
  for (const [index, segment] of expected.entries()) {
    if (segment.startsWith(':')) values[segment.slice(1)] = decode(given[index]!);
    else if (segment !== given[index]) return undefined;
  }
  return values;
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

function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '');
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
