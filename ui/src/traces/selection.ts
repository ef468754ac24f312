/** Which spans the page of traces compares with the rest, as it stands in the address. */
import type { Selection } from '../differences/differences';
import type { Box } from '../heatmap/box';
import { populationConditions } from '../requests/population';
import { within } from '../sql-text';
import type { RangeText } from '../time/range';

export type SelectionKey = 'box' | 'failed' | 'slow';

/** A box that is drawn is what the reader wants to know about, unless the address says otherwise. */
export function readSelection(select: string | null, box: Box | undefined): SelectionKey | undefined {
  if (select === 'failed' || select === 'slow') return select;
  return box ? 'box' : undefined;
}

export function toSelection(key: SelectionKey | undefined, box: Box | undefined, p95Ns: number | undefined): Selection | undefined {
  if (key === 'failed') return { kind: 'failed' };
  if (key === 'slow') return p95Ns === undefined ? undefined : { kind: 'slow', leastNs: p95Ns };
  return key === 'box' && box ? { kind: 'box', box } : undefined;
}

/** From where on a span is slower than 95 % of them. */
export function p95Sql(range: RangeText, compared: { service: string; operation?: string | undefined }): string {
  return [
    'SELECT CAST(hdr_quantile(hdr_sketch(duration_ns), 0.95) AS BIGINT) AS p95_ns',
    'FROM spans',
    `WHERE ${[within(range), ...populationConditions(compared)].join('\n  AND ')}`,
  ].join('\n');
}
