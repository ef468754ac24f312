/** Moving through the rows of a waterfall by keyboard: the keys of an ARIA tree, and `j`/`k`. */
import type { Row } from './layout';

export type Step =
  | { kind: 'move'; to: number }
  | { kind: 'fold'; row: number }
  | { kind: 'unfold'; row: number }
  | { kind: 'none' };

interface View {
  rows: readonly Row[];
  visible: readonly number[];
  folded: ReadonlySet<number>;
  /** Row the reader is on; undefined before the first step. */
  current: number | undefined;
  pageLength: number;
}

/** What a key does; undefined for keys that mean nothing here. */
export function stepFor(key: string, view: View): Step | undefined {
  const { rows, visible, folded, current, pageLength } = view;
  const position = current === undefined ? -1 : visible.indexOf(current);
  const moveBy = (step: number) => moveTo(visible, Math.min(visible.length - 1, Math.max(0, position + step)));
  switch (key) {
    case 'ArrowDown':
    case 'j':
      return moveBy(1);
    case 'ArrowUp':
    case 'k':
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
      return current === undefined ? { kind: 'none' } : inward(rows, folded, current);
    case 'ArrowLeft':
      return current === undefined ? { kind: 'none' } : outward(rows, folded, current);
    default:
      return undefined;
  }
}

function inward(rows: readonly Row[], folded: ReadonlySet<number>, current: number): Step {
  if (rows[current]!.childCount === 0) return { kind: 'none' };
  return folded.has(current) ? { kind: 'unfold', row: current } : { kind: 'move', to: current + 1 };
}

function outward(rows: readonly Row[], folded: ReadonlySet<number>, current: number): Step {
  const row = rows[current]!;
  if (row.childCount > 0 && !folded.has(current)) return { kind: 'fold', row: current };
  return row.parent === -1 ? { kind: 'none' } : { kind: 'move', to: row.parent };
}

function moveTo(visible: readonly number[], position: number): Step {
  const to = visible[position];
  return to === undefined ? { kind: 'none' } : { kind: 'move', to };
}
