/** Moving through the rows of a waterfall by the keys of an ARIA tree. */
import type { FlowTree } from './tree';
import { hasChildren, isFolded, positionOf, type Shown } from './visible';

export type Step = { kind: 'move'; to: number } | { kind: 'fold'; row: number } | { kind: 'none' };

interface Place {
  tree: FlowTree;
  visible: Int32Array;
  shown: Shown;
  /** Row the reader is on; undefined before the first step. */
  current: number | undefined;
  pageLength: number;
}

/** What a key does; undefined for keys that mean nothing here. */
export function stepFor(key: string, place: Place): Step | undefined {
  const { visible, current, pageLength } = place;
  const position = current === undefined ? -1 : positionOf(visible, current);
  const moveBy = (step: number) => moveTo(visible, Math.min(visible.length - 1, Math.max(0, position + step)));
  switch (key) {
    case 'ArrowDown':
      return moveBy(1);
    case 'ArrowUp':
      return moveBy(-1);
    case 'PageDown':
      return moveBy(pageLength);
    case 'PageUp':
      return moveBy(-pageLength);
    case 'Home':
      return moveTo(visible, 0);
    case 'End':
      return moveTo(visible, visible.length - 1);
    case 'ArrowRight':
      return current === undefined ? { kind: 'none' } : inward(place, current, position);
    case 'ArrowLeft':
      return current === undefined ? { kind: 'none' } : outward(place, current);
    default:
      return undefined;
  }
}

function inward({ tree, shown, visible }: Place, current: number, position: number): Step {
  if (!hasChildren(tree, current)) return { kind: 'none' };
  return isFolded(tree, current, shown) ? { kind: 'fold', row: current } : moveTo(visible, position + 1);
}

function outward({ tree, shown }: Place, current: number): Step {
  if (hasChildren(tree, current) && !isFolded(tree, current, shown)) return { kind: 'fold', row: current };
  const above = tree.parent[current]!;
  return above === -1 ? { kind: 'none' } : { kind: 'move', to: above };
}

function moveTo(visible: Int32Array, position: number): Step {
  const to = visible[position];
  return to === undefined ? { kind: 'none' } : { kind: 'move', to };
}
