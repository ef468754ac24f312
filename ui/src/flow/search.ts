/** Finding records of a flow by their words and ids. */
import { LOG, PHANTOM, SPAN, TYPE_NAMES, type FlowRecords, type Texts } from './records';
import type { FlowTree } from './tree';

/** Rows that contain `wanted` in service, name, text, kind, outcome, gap or an id, ignoring case; and spans that have it in an attribute. */
export function findRows(tree: FlowTree, records: FlowRecords, wanted: string, inAttributes?: ReadonlySet<string>): Int32Array {
  const needle = wanted.trim().toLowerCase();
  if (needle === '') return new Int32Array(0);
  const columns = [records.service, records.name, records.body, records.kind, records.outcome, records.gap]
    .concat([records.correlationId, records.traceId])
    .map((texts) => ({ codes: texts.codes, matches: matching(texts, needle) }))
    .filter(({ matches }) => matches.includes(1));
  const isId = /^[0-9a-f]+$/.test(needle);
  const found: number[] = [];
  for (let row = 0; row < tree.count; row += 1) {
    const position = tree.record[row]!;
    const matches =
      tree.type[row] === PHANTOM
        ? tree.phantomIds[-1 - position]!.includes(needle)
        : columns.some(({ codes, matches: hits }) => hits[codes[position]!] === 1) ||
          (inAttributes?.has(records.spanIds[position]!) === true && tree.type[row] === SPAN) ||
          (isId && records.spanIds[position]!.includes(needle) && tree.type[row] !== LOG);
    if (matches) found.push(row);
  }
  return Int32Array.from(found);
}

/** Each text is looked at once, however many records have it. */
function matching(texts: Texts, needle: string): Uint8Array {
  return Uint8Array.from(texts.values, (value) => Number(value.toLowerCase().includes(needle)));
}

/** For `?record=log.17`: the type and the position, since only spans have ids of their own. */
export function recordKey(tree: FlowTree, row: number): string {
  return `${TYPE_NAMES[tree.type[row]!]}.${tree.record[row]!}`;
}
