/** What the head of the page says of a flow. */
import { gapsAt } from './describe';
import type { LaidOut } from './flow.worker';
import { REQUEST, SPAN, textAt } from './records';
import type { FlowTree } from './tree';

export interface FlowSummary {
  /** The row in which the request came in; undefined when there are only log lines and events. */
  entry: number | undefined;
  /** Of spans and gateway records; not a number where there are none. */
  startNs: number;
  durationNs: number;
  /** Records of each type. */
  counts: number[];
  /** Records of each tier of joins. */
  tiers: Map<string, number>;
  /** Records with each kind of gap. */
  gaps: Map<string, number>;
  failures: number;
  /** As `completeness` of the API: the part of the spans with parent and callee. */
  completeness: number;
  /** Calls whose server span begins before its client span, by service of the callee. */
  skewed: Map<string, number>;
}

/** As in the joins of flows: clocks may differ by so much. */
const CLOCK_SLACK_NS = 5e6;

export function summarize(flow: LaidOut): FlowSummary {
  const { tree, records } = flow;
  const counts = [0, 0, 0, 0];
  for (const type of records.type) counts[type]! += 1;
  const gaps = countGaps(flow);
  const incomplete = (gaps.get('missing_parent') ?? 0) + (gaps.get('absent_callee') ?? 0);
  return {
    entry: entryOf(tree),
    ...extent(tree),
    counts,
    tiers: countTexts(records.tier),
    gaps,
    failures: tree.failedBefore[tree.count]!,
    completeness: counts[SPAN] === 0 ? 0 : Math.max(0, 1 - incomplete / counts[SPAN]!),
    skewed: findSkew(flow),
  };
}

function entryOf(tree: FlowTree): number | undefined {
  for (let row = 0; row < tree.count; row = tree.end[row]!) {
    if (tree.type[row] === SPAN || tree.type[row] === REQUEST) return row;
  }
  const first = tree.type.indexOf(SPAN);
  return first === -1 ? undefined : first;
}

function extent(tree: FlowTree): { startNs: number; durationNs: number } {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < tree.count; row += 1) {
    if (tree.type[row] !== SPAN && tree.type[row] !== REQUEST) continue;
    from = Math.min(from, tree.fromNs[row]!);
    to = Math.max(to, tree.fromNs[row]! + tree.lengthNs[row]!);
  }
  return to >= from ? { startNs: from, durationNs: to - from } : { startNs: Number.NaN, durationNs: Number.NaN };
}

function countTexts({ codes, values }: LaidOut['records']['tier']): Map<string, number> {
  const counts = new Int32Array(values.length);
  for (const code of codes) if (code !== -1) counts[code]! += 1;
  return new Map(values.map((value, code) => [value, counts[code]!] as const).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function countGaps(flow: LaidOut): Map<string, number> {
  const gaps = new Map<string, number>();
  for (let position = 0; position < flow.records.count; position += 1) {
    if (flow.records.gap.codes[position] === -1) continue;
    for (const { kind } of gapsAt(flow, position)) gaps.set(kind, (gaps.get(kind) ?? 0) + 1);
  }
  return gaps;
}

function findSkew({ tree, records }: LaidOut): Map<string, number> {
  const skewed = new Map<string, number>();
  const [client, server] = ['CLIENT', 'SERVER'].map((kind) => records.kind.values.indexOf(kind));
  for (let row = 0; row < tree.count; row += 1) {
    const above = tree.parent[row]!;
    if (above === -1 || tree.type[row] !== SPAN || tree.type[above] !== SPAN) continue;
    const [own, caller] = [tree.record[row]!, tree.record[above]!];
    if (records.kind.codes[own] !== server || records.kind.codes[caller] !== client) continue;
    const early = tree.fromNs[above]! - tree.fromNs[row]!;
    // A callee may go on after its caller has given up, but it cannot begin before it was called.
    if (early <= CLOCK_SLACK_NS) continue;
    const service = textAt(records, 'service', own) ?? '';
    skewed.set(service, (skewed.get(service) ?? 0) + 1);
  }
  return skewed;
}
