import { describe, expect, it } from 'vitest';
import { parseTraceLookup } from './trace-id';

const ID = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('parseTraceLookup', () => {
  it.each([
    [ID, { traceId: ID }],
    [`  ${ID.toUpperCase()}\n`, { traceId: ID }],
    [`"${ID}"`, { traceId: ID }],
    ['4bf92f35-77b3-4da6-a3ce-929d0e0e4736', { traceId: ID }],
    ['a3ce929d0e0e4736', { traceId: '0000000000000000a3ce929d0e0e4736' }],
    [`00-${ID}-00f067aa0ba902b7-01`, { traceId: ID, spanId: '00f067aa0ba902b7' }],
    [`traceparent: 00-${ID}-00f067aa0ba902b7-01`, { traceId: ID, spanId: '00f067aa0ba902b7' }],
  ])('reads %j', (text, lookup) => expect(parseTraceLookup(text)).toEqual(lookup));

  it.each(['', 'checkout', 'abc123', `${ID}00`, '0'.repeat(32), `${ID.slice(0, 31)}g`])('says why %j is none', (text) => {
    expect(parseTraceLookup(text)).toHaveProperty('problem');
  });
});
