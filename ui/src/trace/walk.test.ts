import { describe, expect, it } from 'vitest';
import type { Span } from '../api/types';
import { layOutTrace, visibleRows } from './layout';
import { stepFor } from './walk';

/** a > (b > c, d) */
const { rows } = layOutTrace([row('a', null, 0), row('b', 'a', 1), row('c', 'b', 2), row('d', 'a', 3)]);

function row(id: string, parent: string | null, startMs: number): Span {
  const start_time = new Date(startMs).toISOString();
  const nothing = { attributes: {}, resource_attributes: {}, events: [], links: [] };
  const about = { name: id, kind: 'INTERNAL', service_name: 's', status_code: 'OK', outcome: 'ok' };
  return { span_id: id, parent_span_id: parent, start_time, duration_ns: 1e6, ...about, ...nothing };
}

function press(key: string, current: number | undefined, folded = new Set<number>()) {
  return stepFor(key, { rows, visible: visibleRows(rows, folded), folded, current, pageLength: 2 });
}

describe('stepFor', () => {
  it('moves along the visible rows and stops at the ends', () => {
    expect(press('j', undefined)).toEqual({ kind: 'move', to: 0 });
    expect(press('ArrowDown', 1, new Set([1]))).toEqual({ kind: 'move', to: 3 });
    expect(press('k', 0)).toEqual({ kind: 'move', to: 0 });
    expect(press('PageDown', 0)).toEqual({ kind: 'move', to: 2 });
    expect(press('End', 0)).toEqual({ kind: 'move', to: 3 });
    expect(press('Home', 3)).toEqual({ kind: 'move', to: 0 });
  });

  it('folds, unfolds and climbs', () => {
    expect(press('ArrowLeft', 1)).toEqual({ kind: 'fold', row: 1 });
    expect(press('ArrowLeft', 2)).toEqual({ kind: 'move', to: 1 });
    expect(press('ArrowLeft', 0, new Set([0]))).toEqual({ kind: 'none' });
    expect(press('ArrowRight', 1, new Set([1]))).toEqual({ kind: 'unfold', row: 1 });
    expect(press('ArrowRight', 1)).toEqual({ kind: 'move', to: 2 });
    expect(press('ArrowRight', 3)).toEqual({ kind: 'none' });
  });

  it('leaves other keys alone', () => {
    expect(press('Tab', 1)).toBeUndefined();
    expect(press('x', undefined)).toBeUndefined();
  });
});
