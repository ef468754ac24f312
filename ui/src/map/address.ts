/** What the address says of the map. */
import { COMPARISONS, type Comparison } from './changes';
import { COLORINGS, type Coloring } from './looks';
import type { EdgeClass } from './model';
import type { Selection } from './select';

export interface MapAddress {
  selection: Selection;
  coloring: Coloring;
  compare: Comparison | undefined;
  isGrouped: boolean;
  folded: ReadonlySet<string>;
  opened: ReadonlySet<string>;
  isTable: boolean;
  find: string;
  node: string | undefined;
  edge: string | undefined;
}

export const DEPTHS = [1, 2, 3, 5] as const;
const KINDS: readonly EdgeClass[] = ['sync', 'async', 'data'];

export function readMap(query: URLSearchParams): MapAddress {
  const text = (name: string) => query.get(name) || undefined;
  const oneOf = <Value extends string>(name: string, values: readonly Value[]) => values.find((value) => value === query.get(name));
  return {
    selection: {
      service: text('service'),
      kind: oneOf('kind', KINDS),
      health: oneOf('health', ['failing', 'degraded'] as const),
      focus: text('focus'),
      depth: DEPTHS.find((depth) => String(depth) === query.get('depth')) ?? 1,
    },
    coloring: oneOf('color', COLORINGS) ?? 'errors',
    compare: oneOf('compare', COMPARISONS.map((comparison) => comparison.value)),
    isGrouped: query.get('group') === 'namespace',
    folded: setOf(query.get('fold')),
    opened: setOf(query.get('open')),
    isTable: query.get('view') === 'table',
    find: query.get('find') ?? '',
    node: text('node'),
    edge: text('edge'),
  };
}

/** As it stands in the address: sorted, so that the same set gives the same address. */
export function setText(values: ReadonlySet<string>): string | null {
  return values.size === 0 ? null : [...values].sort().map(encodeURIComponent).join(',');
}

export function withToggled(values: ReadonlySet<string>, value: string): Set<string> {
  const changed = new Set(values);
  if (!changed.delete(value)) changed.add(value);
  return changed;
}

function setOf(text: string | null): Set<string> {
  return new Set(text ? text.split(',').map(decode) : []);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
