import { describe, expect, it } from 'vitest';
import { groupFindings } from './groups';

describe('groupFindings', () => {
  it('joins what is of one kind and service, in order', () => {
    const finding = (kind: string, service: string | null, id: number) => ({ kind, subkind: null, service_name: service, id });
    const groups = groupFindings([
      finding('CASCADE', 'pricing', 1),
      finding('SPOF', 'pricing', 2),
      finding('CASCADE', 'pricing', 3),
      finding('CYCLE', null, 4),
      finding('CYCLE', null, 5),
    ]);
    expect(groups.map(({ first, alike }) => [first.id, alike.map((other) => other.id)])).toEqual([[1, [3]], [2, []], [4, []], [5, []]]);
  });
});
