import { describe, expect, it } from 'vitest';
import { clampZoom, readShown, readZoom, writeShown, writeZoom } from './address';
import { readCriticalPath } from './critical';
import { describeRow, gapsAt, gapsOfFlow, parseGaps } from './describe';
import { groupFields } from './fields';
import { flowOf, log, span, timeAt } from './fixture';
import { textAt } from './records';
import { findRows, recordKey } from './search';
import { flowSql, recordSql } from './sql';
import { summarize } from './summary';

describe('readRecords', () => {
  it('keeps nanoseconds, and texts once', () => {
    const { records } = flowOf([
      span('a', null, 0, 1, { time: '2026-11-20T21:00:00.000000001Z' }),
      span('b', 0, 0, 1, { time: '2026-11-20T21:00:01.5Z' }),
      span('c', 0, 0, 1, { time: '2026-11-20T21:00:00.123456789Z' }),
    ]);
    expect([...records.offsetNs]).toEqual([0, 1_499_999_999, 123_456_788]);
    expect(records.service.values).toEqual(['shop']);
    expect(textAt(records, 'body', 0)).toBeUndefined();
  });
});

describe('readCriticalPath', () => {
  const flow = flowOf([span('a', null, 0, 100), span('b', 0, 10, 50)]);

  it('gives each row its stretches in order', () => {
    const rows = [['a', timeAt(0), 10e6], ['b', timeAt(10), 50e6], ['a', timeAt(60), 40e6], ['gone', timeAt(99), 1]];
    const path = readCriticalPath(rows, flow.tree, flow.records);
    expect([...path.start]).toEqual([0, 2, 3]);
    expect([...path.totalNs]).toEqual([50e6, 50e6]);
    expect([...path.fromNs.subarray(0, 3)]).toEqual([0, 60e6, 10e6]);
    expect([path.sumNs, path.shiftedRows]).toEqual([100e6, 0]);
  });

  it('moves stretches onto the bar of a host whose clock differs, and says so', () => {
    const path = readCriticalPath([['b', timeAt(40), 50e6]], flow.tree, flow.records);
    expect([path.fromNs[0], path.shiftedRows]).toEqual([10e6, 1]);
  });
});

describe('gaps', () => {
  const text = 'missing_parent: span 09; its parent; is not stored; no_logs: no log line of it is stored';

  it('are told apart by their kinds', () => {
    expect(parseGaps(text)).toEqual([
      { kind: 'missing_parent', detail: 'span 09; its parent; is not stored' },
      { kind: 'no_logs', detail: 'no log line of it is stored' },
    ]);
    expect(parseGaps(undefined)).toEqual([]);
  });

  it('are of the record or of the flow', () => {
    const flow = flowOf([span('a', null, 0, 1, { gap: text, parent_span_id: '09' })]);
    expect(gapsAt(flow, 0).map(({ kind }) => kind)).toEqual(['missing_parent']);
    expect(gapsOfFlow(flow).map(({ kind }) => kind)).toEqual(['no_logs']);
    expect(describeRow(flow, 0).name).toBe('span 09 is not stored');
  });
});

describe('summarize', () => {
  it('counts what is there, what is missing and whose clocks differ', () => {
    const flow = flowOf([
      span('a', null, 0, 100, { kind: 'SERVER', outcome: 'server_fault' }),
      span('b', 0, 20, 50, { kind: 'CLIENT', gap: 'absent_callee: cart sent none' }),
      span('c', 1, 10, 50, { kind: 'SERVER', service_name: 'cart' }),
      log(0, 200, 'late'),
    ]);
    const summary = summarize(flow);
    expect([summary.entry, summary.startNs, summary.durationNs, summary.failures]).toEqual([0, 0, 100e6, 1]);
    expect(summary.counts).toEqual([3, 0, 1, 0]);
    expect(summary.completeness).toBeCloseTo(2 / 3);
    expect([...summary.skewed]).toEqual([['cart', 1]]);
  });

  it('has no entry and no duration where there are only log lines', () => {
    const summary = summarize(flowOf([log(null, 0, 'told')]));
    expect([summary.entry, summary.durationNs, summary.completeness]).toEqual([undefined, Number.NaN, 0]);
  });
});

describe('findRows', () => {
  const { tree, records } = flowOf([span('ab12', null, 0, 9), log(0, 1, 'The cart is READ'), span('cd34', 0, 2, 3, { name: 'cart' })]);

  it('looks in names, texts and ids, ignoring case', () => {
    expect([...findRows(tree, records, 'CART')]).toEqual([1, 2]);
    expect([...findRows(tree, records, 'cd3')]).toEqual([2]);
    expect([...findRows(tree, records, ' ')]).toEqual([]);
    expect([...findRows(tree, records, 'only in an attribute', new Set([records.spanIds[tree.record[2]!]!]))]).toEqual([2]);
    expect(recordKey(tree, 1)).toBe('log.1');
  });
});

describe('the address', () => {
  it('gives back what was written', () => {
    const shown = { hidden: new Set([2, 3]), depth: 2, toggled: new Set([4, 17]) };
    const values = writeShown(shown);
    expect(values).toEqual({ hide: 'log,breaker', depth: '2', toggled: '4.17' });
    expect(readShown(new URLSearchParams(values as Record<string, string>))).toEqual(shown);
    expect(writeZoom({ fromNs: 0, toNs: 100 }, 100)).toBeNull();
    expect(readZoom(writeZoom({ fromNs: 2000, toNs: 9000 }, 10_000), 10_000)).toEqual({ fromNs: 2000, toNs: 9000 });
  });

  it('is not believed', () => {
    expect(readZoom('9-1', 10_000)).toEqual({ fromNs: 9, toNs: 1009 });
    expect(readZoom('x', 50)).toEqual({ fromNs: 0, toNs: 50 });
    expect(clampZoom({ fromNs: -5000, toNs: 99_999 }, 10_000)).toEqual({ fromNs: 0, toNs: 10_000 });
    expect(readShown(new URLSearchParams('hide=all&depth=-1&toggled=a.3'))).toEqual({ hidden: new Set(), depth: undefined, toggled: new Set([3]) });
  });
});

describe('statements', () => {
  it('quote what comes from outside', () => {
    expect(flowSql("o'neil-4711")).toContain("flow('o''neil-4711')");
    const { records } = flowOf([log(null, 0, "it's")]);
    expect(recordSql(records, 0, timeAt(0))).toBe(
      "SELECT *\nFROM logs\nWHERE time = TIMESTAMP '2026-11-20T21:00:00.000000000Z'\n  AND service_name = 'shop'\n  AND body = 'it''s'\nLIMIT 1",
    );
  });
});

describe('groupFields', () => {
  it('puts columns with the attributes they came from', () => {
    const fields = groupFields({ http_route: '/a', service_name: 's', scope_name: 'x', weight: 1, error_type: null, dropped_links_count: 0, attributes: { k: 'v' }, events: null });
    expect(fields).toEqual({ attributes: { http_route: '/a', k: 'v' }, resource: { service_name: 's' }, scope: { scope_name: 'x' }, record: { weight: 1 }, events: [], links: [] });
  });
});
