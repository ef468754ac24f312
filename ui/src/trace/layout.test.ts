import { describe, expect, it } from 'vitest';
import type { Span } from '../api/types';
import { layOutTrace, selfTimeNs, visibleRows, type TraceLayout } from './layout';

const START = Date.parse('2026-11-20T21:00:00Z');

function span(id: string, parent: string | null, startMs: number, durationMs: number, more: Partial<Span> = {}): Span {
  return {
    span_id: id,
    parent_span_id: parent,
    name: `op ${id}`,
    kind: 'INTERNAL',
    service_name: 'shop',
    start_time: new Date(START + startMs).toISOString(),
    duration_ns: durationMs * 1e6,
    status_code: 'UNSET',
    status_message: null,
    outcome: 'ok',
    attributes: {},
    resource_attributes: {},
    events: [],
    links: [],
    ...more,
  };
}

function outline(layout: TraceLayout): string[] {
  return layout.rows.map((row) => '.'.repeat(row.depth) + row.span.span_id);
}

describe('layOutTrace', () => {
  it('orders siblings by start and children below their parent, whatever the order of arrival', () => {
    const layout = layOutTrace([
      span('c', 'b', 30, 5),
      span('d', 'a', 20, 5),
      span('b', 'a', 10, 50),
      span('a', null, 0, 100),
    ]);
    expect(outline(layout)).toEqual(['a', '.b', '..c', '.d']);
    expect(layout.rows.map((row) => row.subtreeEnd)).toEqual([4, 3, 3, 4]);
    expect(layout.rows.map((row) => row.childCount)).toEqual([2, 1, 0, 0]);
    expect(layout.rows[2]).toMatchObject({ offsetNs: 30e6, durationNs: 5e6, parent: 1 });
    expect(layout.durationNs).toBe(100e6);
  });

  it('keeps nanoseconds that a Date would lose', () => {
    const layout = layOutTrace([
      span('a', null, 0, 1, { start_time: '2026-11-20T21:00:00.000000001Z', duration_ns: 10 }),
      span('b', 'a', 0, 1, { start_time: '2026-11-20T21:00:00.000000005Z', duration_ns: 3 }),
    ]);
    expect(layout.rows[1]!.offsetNs).toBe(4);
    expect(layout.durationNs).toBe(10);
  });

  it('starts a tree at a span whose parent is not in the trace', () => {
    const layout = layOutTrace([span('b', 'lost', 5, 1), span('a', null, 0, 10), span('c', 'b', 6, 1)]);
    expect(outline(layout)).toEqual(['a', 'b', '.c']);
    expect(layout.rows.map((row) => row.note)).toEqual([undefined, 'missing parent', undefined]);
  });

  it('shows every span of a cycle once, from its earliest', () => {
    const layout = layOutTrace([span('x', 'y', 1, 1), span('y', 'x', 0, 1), span('z', 'x', 2, 1), span('s', 's', 3, 1)]);
    expect(outline(layout)).toEqual(['y', '.x', '..z', 's']);
    expect(layout.rows.map((row) => row.note)).toEqual(['cycle of parents', undefined, undefined, 'cycle of parents']);
  });

  it('keeps both of two spans with one id', () => {
    const layout = layOutTrace([span('a', null, 0, 9), span('a', null, 1, 9), span('b', 'a', 2, 1)]);
    expect(outline(layout)).toEqual(['a', '.b', 'a']);
    expect(layout.rows[2]!.note).toBe('repeated span id');
  });

  it('takes failures from the outcome and from the status', () => {
    const layout = layOutTrace([
      span('a', null, 0, 9, { outcome: 'server_fault' }),
      span('b', 'a', 1, 1, { outcome: 'client_fault' }),
      span('c', 'a', 2, 1, { status_code: 'ERROR', outcome: 'unknown' }),
    ]);
    expect(layout.failedRows).toEqual([0, 2]);
  });

  it('survives times that cannot be read, negative durations and no spans at all', () => {
    const layout = layOutTrace([span('a', null, 0, -5, { start_time: 'yesterday' }), span('b', 'a', 0, 2)]);
    expect(layout.rows[0]).toMatchObject({ offsetNs: 0, durationNs: 0 });
    expect(layout.durationNs).toBe(2e6);
    expect(layOutTrace([]).rows).toEqual([]);
  });

  it('lays out a chain 100,000 deep', () => {
    const length = 100_000;
    const spans = Array.from({ length }, (_, index) => span(`${index}`, index === 0 ? null : `${index - 1}`, index, 1));
    const layout = layOutTrace(spans.reverse());
    expect(layout.rows).toHaveLength(length);
    expect(layout.rows.at(-1)).toMatchObject({ depth: length - 1, subtreeEnd: length });
    expect(layout.rows[0]!.subtreeEnd).toBe(length);
    expect(visibleRows(layout.rows, new Set([1]))).toEqual([0, 1]);
  });
});

describe('visibleRows', () => {
  it('leaves out what is below a folded row and nothing else', () => {
    const { rows } = layOutTrace([
      span('a', null, 0, 9),
      span('b', 'a', 1, 1),
      span('c', 'b', 2, 1),
      span('d', 'a', 3, 1),
    ]);
    expect(visibleRows(rows, new Set())).toEqual([0, 1, 2, 3]);
    expect(visibleRows(rows, new Set([1]))).toEqual([0, 1, 3]);
    expect(visibleRows(rows, new Set([0, 1]))).toEqual([0]);
  });
});

describe('selfTimeNs', () => {
  it('counts overlapping children once and only inside the parent', () => {
    const { rows } = layOutTrace([
      span('a', null, 0, 100),
      span('b', 'a', 10, 30),
      span('b1', 'b', 12, 5),
      span('c', 'a', 20, 30),
      span('late', 'a', 90, 50),
    ]);
    expect(selfTimeNs(rows, 0)).toBe(50e6);
    expect(selfTimeNs(rows, 1)).toBe(25e6);
  });
});
