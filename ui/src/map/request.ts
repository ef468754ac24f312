/** What is laid out of a graph. */
import type { LayoutRequest } from './layout';
import type { MapGraph } from './model';

const COMPARE = new Intl.Collator('en');

/** In an order that does not depend on traffic: where requests enter, then by name. */
export function layoutRequest({ nodes, edges }: MapGraph, isGrouped: boolean): LayoutRequest {
  const isEntry = (kind: string) => (kind === 'client' ? 0 : 1);
  const sorted = [...nodes].sort((one, other) => isEntry(one.kind) - isEntry(other.kind) || COMPARE.compare(one.id, other.id));
  return {
    nodes: sorted.map((node) => {
      const box = isGrouped && node.kind !== 'fold' ? node.namespace : null;
      return box === null ? { id: node.id } : { id: node.id, box };
    }),
    links: [...edges].sort((one, other) => COMPARE.compare(one.id, other.id)).map(({ id, source, target }) => ({ id, source, target })),
  };
}
