import { describe, expect, it } from 'vitest';
import { attributeCondition, describePopulation, heatSql, populationConditions, requestsSql, shortOperation } from './population';

const HOUR = { from: 'now-1h', to: 'now' };

describe('a population', () => {
  it('is what a service serves, an operation of it, or the first spans', () => {
    expect(populationConditions({ service: "o'x" })).toEqual(["service_name = 'o''x'", "kind IN ('SERVER', 'CONSUMER')"]);
    expect(populationConditions({})).toEqual(['parent_span_id IS NULL']);
    expect(populationConditions({ service: 'a', operation: 'GET /' })[1]).toContain("name = 'GET /' OR operation_name(");
    expect(populationConditions({ minDuration: '1.5s', maxDuration: '2s' }).slice(1)).toEqual([
      'duration_ns >= 1500000000',
      'duration_ns <= 2000000000',
    ]);
    expect(describePopulation({ service: 'cart' })).toBe('requests that cart served');
  });

  it('finds attributes in their columns and in the maps', () => {
    expect(attributeCondition('http.route=/a=b')).toContain("CAST(http_route AS VARCHAR) = '/a=b' OR attributes['http.route']");
    expect(attributeCondition("user's=1")).toBe("(attributes['user''s'] = '1' OR resource_attributes['user''s'] = '1')");
  });
});

describe('names of operations', () => {
  it('go without the package of an RPC', () => {
    expect(shortOperation('shop.cart.v1.CartService/GetCart')).toBe('CartService/GetCart');
    expect(shortOperation('GET /api/v1.2/x')).toBe('GET /api/v1.2/x');
  });
});

describe('statements', () => {
  it('keep their order', () => {
    expect(requestsSql(HOUR, {}, 'slowest', 10)).toContain('ORDER BY duration_ns DESC, trace_id, span_id\nLIMIT 10');
    expect(requestsSql(HOUR, {}, 'failing', 10)).toContain("outcome IN ('rejected'");
    const box = { fromMs: 0, toMs: 60_000, leastNs: 10, mostNs: 20 };
    expect(requestsSql(HOUR, {}, 'recent', 10, box)).toContain("start_time < TIMESTAMP '1970-01-01T00:01:00Z'\n  AND duration_ns BETWEEN 10 AND 20");
    expect(heatSql(HOUR, {}, 60_000)).toContain("date_bin(INTERVAL '1 minute', start_time)");
  });
});
