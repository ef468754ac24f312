/** The requests behind an edge: traces in which one calls the other. */
import { ApiError, getSource, runSql, type Source } from '../api/client';
import type { GraphEdge, TraceSummary } from '../api/types';
import { IS_FAILED } from '../sql';
import { quote, within } from '../sql-text';
import type { RangeText } from '../time/range';
import { hasTwoSides } from './facts';
import { examplesSql, type RequestRow } from './sql';

export interface EdgeRequests {
  rows: RequestRow[];
  /** Searched for, or the examples that the graph keeps: slow ones, failed ones, any. */
  origin: 'search' | 'examples';
}

const MOST = 10;

/** Of calls between services a search; of all others, and where the server cannot search by calls, the examples. */
export function requestsSource(range: RangeText, edge: GraphEdge): Source<EdgeRequests> | undefined {
  if (hasTwoSides(edge)) return searchSource(range, edge);
  if (edge.examples.length === 0) return undefined;
  const sql = examplesSql(edge.examples);
  return { url: '/api/v1/sql', body: JSON.stringify({ sql }), sql, fetch: (signal) => examples(edge, signal) };
}

function searchSource(range: RangeText, edge: GraphEdge): Source<EdgeRequests> {
  const order = edge.failures > 0 ? 'errors' : 'slowest';
  const parameters = { service: edge.source, calls: edge.target, from: range.from, to: range.to, order, limit: String(MOST) };
  const search = getSource<TraceSummary[]>('/api/v1/traces', parameters, callsSql(range, edge, order));
  return {
    ...search,
    fetch: async (signal) => {
      try {
        return { rows: (await search.fetch(signal)).map(rowOf), origin: 'search' };
      } catch (cause) {
        const isUnknown = cause instanceof ApiError && cause.code === 'invalid_parameter' && edge.examples.length > 0;
        if (!isUnknown) throw cause;
        return examples(edge, signal);
      }
    },
  };
}

async function examples(edge: GraphEdge, signal: AbortSignal): Promise<EdgeRequests> {
  return { rows: (await runSql<RequestRow>(examplesSql(edge.examples), signal)).rows, origin: 'examples' };
}

function rowOf(trace: TraceSummary): RequestRow {
  return { trace_id: trace.trace_id, started: trace.start_time, duration_ms: trace.duration_ms, spans: trace.spans, errors: trace.errors };
}

function callsSql(range: RangeText, edge: GraphEdge, order: 'errors' | 'slowest'): string {
  return [
    'SELECT trace_id, min(start_time) AS started,',
    '       (CAST(max(end_time) AS BIGINT) - CAST(min(start_time) AS BIGINT)) / 1e6 AS duration_ms,',
    `       count(*) AS spans, count(*) FILTER (WHERE ${IS_FAILED}) AS errors`,
    'FROM spans',
    'WHERE trace_id IN (SELECT caller.trace_id',
    '                   FROM spans AS caller JOIN spans AS callee',
    '                     ON callee.trace_id = caller.trace_id AND callee.parent_span_id = caller.span_id',
    `                   WHERE ${within(range, 'caller.start_time')}`,
    `                     AND caller.service_name = ${quote(edge.source)} AND callee.service_name = ${quote(edge.target)})`,
    'GROUP BY trace_id',
    `ORDER BY ${order === 'errors' ? 'errors DESC, ' : ''}duration_ms DESC`,
    `LIMIT ${MOST}`,
  ].join('\n');
}
