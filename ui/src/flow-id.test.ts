import { describe, expect, it } from 'vitest';
import { isTraceId, parseFlowLookup } from './flow-id';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('parseFlowLookup', () => {
  it('reads trace ids, correlation ids and traceparent headers', () => {
    expect(parseFlowLookup(` ${ID.toUpperCase()} `)).toEqual({ id: ID });
    expect(parseFlowLookup('A3CE929D0E0E4736')).toEqual({ id: 'a3ce929d0e0e4736' });
    expect(parseFlowLookup(`traceparent: 00-${ID}-00f067aa0ba902b7-01`)).toEqual({ id: ID, spanId: '00f067aa0ba902b7' });
    expect(parseFlowLookup('"Order-2026/4711"')).toEqual({ id: 'Order-2026/4711' });
    expect(parseFlowLookup('4BF92F35-77B3-4DA6-A3CE-929D0E0E4736')).toEqual({ id: '4BF92F35-77B3-4DA6-A3CE-929D0E0E4736' });
  });

  it.each(['', '4711', 'two words', '0'.repeat(32)])('says why %j is no id', (text) => {
    expect(parseFlowLookup(text)).toHaveProperty('problem');
  });
});

describe('isTraceId', () => {
  it('tells trace ids from others', () => {
    expect([isTraceId(ID), isTraceId('order-4711'), isTraceId('a3ce929d0e0e4736')]).toEqual([true, false, false]);
  });
});
