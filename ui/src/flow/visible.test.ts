import { describe, expect, it } from 'vitest';
import { flowOf, log, span } from './fixture';
import { LOG } from './records';
import { deepestOpen, firstFrom, isFolded, openedTo, positionOf, toggle, visibleRows, type Shown } from './visible';
import { stepFor } from './walk';

const { tree } = flowOf([span('a', null, 0, 9), span('b', 0, 1, 5), span('c', 1, 2, 1), log(2, 2, 'told'), span('d', 0, 7, 1)]);
const all: Shown = { hidden: new Set(), depth: undefined, toggled: new Set() };

function rowsOf(shown: Partial<Shown>): number[] {
  return [...visibleRows(tree, { ...all, ...shown })];
}

describe('visibleRows', () => {
  it('leaves out what is under a folded row, and hidden kinds', () => {
    expect(rowsOf({})).toEqual([0, 1, 2, 3, 4]);
    expect(rowsOf({ toggled: new Set([1]) })).toEqual([0, 1, 4]);
    expect(rowsOf({ depth: 1 })).toEqual([0, 1, 4]);
    expect(rowsOf({ depth: 0 })).toEqual([0]);
    expect(rowsOf({ depth: 1, toggled: new Set([1]) })).toEqual([0, 1, 2, 4]);
    expect(rowsOf({ hidden: new Set([LOG]) })).toEqual([0, 1, 2, 4]);
  });

  it('finds places, and what has to be opened to see a row', () => {
    const visible = visibleRows(tree, { ...all, depth: 1 });
    expect([positionOf(visible, 4), positionOf(visible, 2), firstFrom(visible, 2)]).toEqual([2, -1, 2]);
    const toggled = openedTo(tree, 3, { ...all, depth: 1 });
    expect([...toggled].sort()).toEqual([1, 2]);
    expect(rowsOf({ depth: 1, toggled })).toEqual([0, 1, 2, 3, 4]);
    expect(openedTo(tree, 4, all)).toBe(all.toggled);
    expect([...toggle(new Set([1]), 1)]).toEqual([]);
  });

  it('knows the deepest level that is open', () => {
    expect(deepestOpen(tree, all)).toBe(2);
    expect(deepestOpen(tree, { ...all, depth: 1 })).toBe(0);
    expect(isFolded(tree, 4, { ...all, depth: 0 })).toBe(false);
  });
});

describe('stepFor', () => {
  const place = (current: number | undefined, shown: Shown = all) => ({ tree, visible: visibleRows(tree, shown), shown, current, pageLength: 2 });

  it('walks the visible rows and stops at the ends', () => {
    expect(stepFor('ArrowDown', place(undefined))).toEqual({ kind: 'move', to: 0 });
    expect(stepFor('ArrowDown', place(1, { ...all, toggled: new Set([1]) }))).toEqual({ kind: 'move', to: 4 });
    expect(stepFor('ArrowUp', place(0))).toEqual({ kind: 'move', to: 0 });
    expect(stepFor('PageDown', place(1))).toEqual({ kind: 'move', to: 3 });
    expect(stepFor('End', place(0))).toEqual({ kind: 'move', to: 4 });
  });

  it('opens and folds, then goes in and out', () => {
    expect(stepFor('ArrowLeft', place(1))).toEqual({ kind: 'fold', row: 1 });
    expect(stepFor('ArrowRight', place(1, { ...all, toggled: new Set([1]) }))).toEqual({ kind: 'fold', row: 1 });
    expect(stepFor('ArrowRight', place(1))).toEqual({ kind: 'move', to: 2 });
    expect(stepFor('ArrowLeft', place(4))).toEqual({ kind: 'move', to: 0 });
    expect(stepFor('ArrowLeft', place(undefined))).toEqual({ kind: 'none' });
    expect(stepFor('x', place(0))).toBeUndefined();
  });
});
