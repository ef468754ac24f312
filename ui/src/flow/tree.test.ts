import { describe, expect, it } from 'vitest';
import { flowOf, log, span } from './fixture';
import { PHANTOM } from './records';

const orphan = { gap: 'missing_parent: span 09 is not stored', parent_span_id: '09' };

describe('buildTree', () => {
  it('keeps the order of the server, with depth and extent of what is under each row', () => {
    const { tree } = flowOf([span('a', null, 0, 100), span('b', 0, 10, 30), span('c', 1, 15, 5), span('d', 0, 50, 40)]);
    expect([...tree.depth]).toEqual([0, 1, 2, 1]);
    expect([...tree.parent]).toEqual([-1, 0, 1, 0]);
    expect([...tree.end]).toEqual([4, 3, 3, 4]);
    expect([...tree.fromNs]).toEqual([0, 10e6, 15e6, 50e6]);
    expect(tree.lengthOfAllNs).toBe(100e6);
  });

  it('puts spans without their parent under one phantom for each parent, as long as they are', () => {
    const { tree } = flowOf([span('a', null, 0, 100), span('b', 0, 10, 10, orphan), span('x', 0, 12, 3), span('c', 0, 30, 10, orphan)]);
    expect([...tree.type]).toEqual([0, PHANTOM, 0, 0, 0]);
    expect([...tree.record]).toEqual([0, -1, 1, 3, 2]);
    expect([...tree.depth]).toEqual([0, 1, 2, 2, 1]);
    expect([tree.fromNs[1], tree.lengthNs[1]]).toEqual([10e6, 30e6]);
    expect(tree.phantomIds).toEqual(['09']);
  });

  it('counts own time without what children cover, twice covered time once, and logs not at all', () => {
    const { tree } = flowOf([
      span('a', null, 0, 100),
      span('b', 0, 10, 30),
      log(0, 20, 'told'),
      span('c', 0, 20, 30),
      span('d', 0, 90, 50),
    ]);
    expect(tree.selfNs[0]).toBe(50e6);
    expect(tree.selfNs[2]).toBe(0);
  });

  it('knows the failures under a row, and the marks of each row', () => {
    const { tree } = flowOf([span('a', null, 0, 9), span('b', 0, 1, 2, { outcome: 'timeout' }), log(0, 3, 'one'), log(1, 4, 'two'), log(0, 5, 'three')]);
    expect([...tree.failed]).toEqual([0, 1, 0, 0, 0]);
    expect(tree.failedBefore[tree.end[0]!]! - tree.failedBefore[1]!).toBe(1);
    const marksOf = (row: number) => [...tree.marks.subarray(tree.markStart[row], tree.markStart[row + 1])].map((mark) => tree.record[mark]);
    expect([marksOf(0), marksOf(1), marksOf(2)]).toEqual([[2, 4], [3], []]);
  });

  it('takes a chain of 100,000 and a fan of 100,000 alike', () => {
    const chain = Array.from({ length: 100_000 }, (_, index) => span(`${index}`, index === 0 ? null : index - 1, 0, 1));
    const deep = flowOf(chain).tree;
    expect([deep.depth[99_999], deep.end[0]]).toEqual([99_999, 100_000]);
    const fan = Array.from({ length: 100_000 }, (_, index) => span(`${index}`, index === 0 ? null : 0, index, 1));
    expect(flowOf(fan).tree.end[0]).toBe(100_000);
  });

  it('has nothing of an empty flow', () => {
    const { tree } = flowOf([]);
    expect([tree.count, tree.lengthOfAllNs]).toEqual([0, 0]);
  });
});
