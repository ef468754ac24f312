/** What differs between a selection of spans and the rest of the same service: `GET /api/v1/differences`. */
import { getSource, type Parameters, type Source } from '../api/client';
import type { Differences } from '../api/types';
import { rfc3339, type Box } from '../heatmap/box';
import { IS_FAILED } from '../sql';
import { within } from '../sql-text';
import { populationConditions } from '../requests/population';
import type { RangeText } from '../time/range';

/** Which spans are compared with all others. */
export type Selection =
  | { kind: 'box'; box: Box }
  | { kind: 'failed' }
  | { kind: 'slow'; leastNs: number };

export interface Compared {
  service: string;
  operation?: string | undefined;
}

export function differencesSource(range: RangeText, compared: Compared, selection: Selection): Source<Differences> {
  const { service, operation } = compared;
  const query = { service, operation, from: range.from, to: range.to, ...selectionParameters(selection) };
  return getSource('/api/v1/differences', query, sidesSql(range, compared, selection));
}

function selectionParameters(selection: Selection): Parameters {
  switch (selection.kind) {
    case 'box': {
      const { box } = selection;
      return {
        selection_from: rfc3339(box.fromMs),
        selection_to: rfc3339(box.toMs),
        min_duration: `${box.leastNs}ns`,
        max_duration: `${box.mostNs}ns`,
      };
    }
    case 'failed':
      return { error: 'true' };
    case 'slow':
      return { min_duration: `${selection.leastNs}ns` };
  }
}

function selectionCondition(selection: Selection): string {
  switch (selection.kind) {
    case 'box': {
      const { box } = selection;
      const times = within({ from: rfc3339(box.fromMs), to: rfc3339(box.toMs) });
      return `${times} AND duration_ns BETWEEN ${box.leastNs} AND ${box.mostNs}`;
    }
    case 'failed':
      return IS_FAILED;
    case 'slow':
      return `duration_ns >= ${selection.leastNs}`;
  }
}

/** The attributes of both sides, one row for each value of an attribute of spans, and how many have it. */
function sidesSql(range: RangeText, compared: Compared, selection: Selection): string {
  const all = [within(range), ...populationConditions(compared)].join('\n        AND ');
  return [
    'SELECT name, value, count(*) FILTER (WHERE is_selected) AS selection, count(*) FILTER (WHERE NOT is_selected) AS rest',
    'FROM (SELECT is_selected, entry.key AS name, entry.value AS value',
    '      FROM (SELECT is_selected, unnest(map_entries(attributes)) AS entry',
    `            FROM (SELECT (${selectionCondition(selection)}) IS TRUE AS is_selected, attributes`,
    '                  FROM spans',
    `                  WHERE ${all})))`,
    'GROUP BY name, value',
    'ORDER BY selection DESC, rest DESC',
    'LIMIT 200',
  ].join('\n');
}
