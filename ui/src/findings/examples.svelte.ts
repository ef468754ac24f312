/** Example flows of findings, those first that show what is wrong. */
import { sqlSource } from '../api/client';
import { quote } from '../sql-text';
import { Query } from '../state/query.svelte';
import { flowPartsSql, rankExamples, type ExampleFlow, type FlowPart } from './proof';
import type { FindingRow } from './rows';

/** So many findings are looked at more closely; others have the examples that are stored with them. */
const MOST = 40;

interface HistoryRow {
  id: string;
  opened: string;
  examples: string[] | null;
}

/** Every example that a finding had while it was open. */
function historySql(ids: readonly string[]): string {
  return ids.map((id) => `SELECT id, opened, examples FROM finding_history(${quote(id)})`).join('\nUNION ALL\n');
}

/** To make while a component is set up. */
export class Examples {
  readonly #findings: () => readonly FindingRow[];
  readonly history: Query<{ rows: HistoryRow[] }>;
  readonly parts: Query<{ rows: FlowPart[] }>;
  readonly #traceIds = $derived.by(() => idsOf(this.history.data?.rows ?? []));

  constructor(findings: () => readonly FindingRow[]) {
    this.#findings = findings;
    this.history = new Query(() => {
      const ids = [...new Set(this.#findings().map(({ id }) => id))].slice(0, MOST);
      return ids.length > 0 ? sqlSource<HistoryRow>(historySql(ids)) : undefined;
    });
    this.parts = new Query(() => {
      const traceIds = [...new Set([...this.#traceIds.values()].flat())].sort();
      return traceIds.length > 0 ? sqlSource<FlowPart>(flowPartsSql(traceIds)) : undefined;
    });
  }

  /** The best first; undefined until it is known. */
  of(finding: FindingRow): ExampleFlow[] | undefined {
    return this.parts.data && rankExamples(finding, this.traceIdsOf(finding), this.parts.data.rows);
  }

  traceIdsOf(finding: FindingRow): readonly string[] {
    return this.#traceIds.get(keyOf(finding)) ?? [];
  }
}

function idsOf(rows: readonly HistoryRow[]): Map<string, string[]> {
  const ids = new Map<string, string[]>();
  for (const row of rows) ids.set(keyOf(row), [...new Set([...(ids.get(keyOf(row)) ?? []), ...(row.examples ?? [])])]);
  return ids;
}

function keyOf({ id, opened }: Pick<FindingRow, 'id' | 'opened'>): string {
  return `${id} ${opened}`;
}
