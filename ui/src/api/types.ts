/** Short names for the shapes in the generated `schema.d.ts`. */
import type { paths } from './schema';

type Answer<Operation> = Operation extends { responses: { 200: { content: { 'application/json': infer Body } } } }
  ? Body
  : never;

export type Service = Answer<paths['/api/v1/services']['get']>[number];
/** `matched` and `cursor` come from servers that can page. */
export type TraceSummary = Answer<paths['/api/v1/traces']['get']>[number] & { matched?: MatchedSpan; cursor?: string };
/** The span by which a trace was found. */
export interface MatchedSpan {
  span_id: string;
  service: string;
  operation: string;
  start_time: string;
  duration_ms: number;
  outcome: string;
}
export type Trace = Answer<paths['/api/v1/traces/{id}']['get']>;
export type Span = Trace['spans'][number];
export type SpanEvent = Span['events'][number];
export type SpanLink = Span['links'][number];
export type Operation = Answer<paths['/api/v1/operations']['get']>[number];
export type Flow = Answer<paths['/api/v1/flows/{id}']['get']>;
export type FlowRecord = Flow['records'][number];
export type Graph = Answer<paths['/api/v1/graph']['get']>;
export type GraphNode = Graph['nodes'][number];
export type GraphEdge = Graph['edges'][number];
export type Finding = Answer<paths['/api/v1/findings']['get']>[number];
export type SqlResult = Answer<paths['/api/v1/sql']['post']>;

export type TraceOrder = 'recent' | 'slowest' | 'errors';
export type Attributes = Record<string, unknown>;
