/** The one module that talks to the server. */
import { quote } from '../sql-text';
import type { Acknowledgement, AcknowledgementRequest, FindingHistory, Flow, Graph, Operation, Service, SqlResult, TraceOrder, TraceSummary } from './types';

const SQL_URL = '/api/v1/sql';

export interface TimeRange {
  /** RFC 3339, or relative to the clock of the server: `now-1h`. */
  from: string;
  to: string;
}

/** Which traces to list: those with one span that meets all conditions. */
export interface TraceFilter extends TimeRange {
  service?: string | undefined;
  /** Of the span, or its name. */
  operation?: string | undefined;
  /** `key=value` each. */
  attributes?: readonly string[] | undefined;
  errorsOnly?: boolean | undefined;
  /** With their units: `250ms`. */
  minDuration?: string | undefined;
  maxDuration?: string | undefined;
  /** Whom the span calls, and by which operation. */
  calls?: string | undefined;
  callsOperation?: string | undefined;
  order?: TraceOrder | undefined;
  limit?: number | undefined;
  /** The cursor of the last trace of the page before. */
  after?: string | undefined;
}

/** A refused or failed request, in the words of the server where it spoke. */
export class ApiError extends Error {
  override readonly name = 'ApiError';

  constructor(
    message: string,
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    readonly code: string,
    readonly requestId: string | undefined,
    readonly details: string | undefined,
  ) {
    super(message);
  }
}

/** What a panel shows: where it is asked for, so that it can be loaded, copied and shown. */
export interface Source<Data> {
  url: string;
  /** Of a POST. */
  body?: string;
  /** A statement that answers the same. */
  sql?: string | undefined;
  /** What is asked, where requests for the same differ; by default the request. */
  question?: string;
  fetch: (signal: AbortSignal) => Promise<Data>;
}

/** A result of SQL with one object a row. Times are text (RFC 3339), binary values hexadecimal text. */
export interface Rows<Row> {
  rows: Row[];
  columns: SqlResult['columns'];
  stats: SqlResult['stats'];
}

/** One with several values is repeated. */
export type Parameters = Record<string, string | readonly string[] | undefined>;

export function getSource<Data>(path: string, parameters: Parameters = {}, sql?: string): Source<Data> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const item of typeof value === 'string' ? [value] : (value ?? [])) {
      if (item !== '') query.append(name, item);
    }
  }
  const text = query.toString();
  const url = text === '' ? path : `${path}?${text}`;
  return { url, sql, fetch: (signal) => request(url, { signal }) };
}

/** For statements whose columns are not known: rows as arrays. */
export function statementSource(sql: string): Source<SqlResult> {
  return { url: SQL_URL, body: sqlRequest(sql).body, sql, fetch: (signal) => runStatement(sql, signal) };
}

export function sqlSource<Row>(sql: string): Source<Rows<Row>> {
  return { url: SQL_URL, body: JSON.stringify({ sql }), sql, fetch: (signal) => runSql<Row>(sql, signal) };
}

export function fetchServices(range: TimeRange, signal: AbortSignal): Promise<Service[]> {
  return getSource<Service[]>('/api/v1/services', { from: range.from, to: range.to }).fetch(signal);
}

export function fetchOperations(range: TimeRange, service: string | undefined, signal: AbortSignal): Promise<Operation[]> {
  return getSource<Operation[]>('/api/v1/operations', { service, from: range.from, to: range.to }).fetch(signal);
}

export function tracesSource(filter: TraceFilter, sql?: string): Source<TraceSummary[]> {
  const query: Parameters = {
    from: filter.from,
    to: filter.to,
    service: filter.service,
    operation: filter.operation,
    attribute: filter.attributes,
    error: filter.errorsOnly ? 'true' : undefined,
    min_duration: filter.minDuration,
    max_duration: filter.maxDuration,
    calls: filter.calls,
    calls_operation: filter.callsOperation,
    order: filter.order,
    limit: filter.limit?.toString(),
    after: filter.after,
  };
  return getSource<TraceSummary[]>('/api/v1/traces', query, sql);
}

/** By trace id or any correlation id. */
export function fetchFlow(id: string, signal: AbortSignal): Promise<Flow> {
  return flowSource(id).fetch(signal);
}

export function flowSource(id: string): Source<Flow> {
  return getSource(`/api/v1/flows/${encodeURIComponent(id)}`, {}, `SELECT * FROM flow(${quote(id)})`);
}

export function graphSource(range: TimeRange): Source<Graph> {
  const sql = `SELECT * FROM service_graph(${quote(range.from)}, ${quote(range.to)})`;
  return getSource('/api/v1/graph', { from: range.from, to: range.to }, sql);
}

export function findingSource(id: string): Source<FindingHistory> {
  return getSource(`/api/v1/findings/${encodeURIComponent(id)}`, {}, `SELECT * FROM findings WHERE id = ${quote(id)} ORDER BY opened DESC`);
}

/** `until` is RFC 3339, or relative like `now+7d`. */
export function acknowledge(id: string, body: AcknowledgementRequest, signal: AbortSignal): Promise<Acknowledgement> {
  const init = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return request(`/api/v1/findings/${encodeURIComponent(id)}/acknowledgement`, { ...init, signal });
}

export function withdrawAcknowledgement(id: string, signal: AbortSignal): Promise<void> {
  return request(`/api/v1/findings/${encodeURIComponent(id)}/acknowledgement`, { method: 'DELETE', signal });
}

/** The result as the server sends it: rows as arrays, for statements whose columns are not known. */
export function runStatement(sql: string, signal: AbortSignal): Promise<SqlResult> {
  return request(SQL_URL, { ...sqlRequest(sql), signal });
}

/** The answer to a statement as it comes: JSON, or one of the streamed formats by its media type. */
export function openStatement(sql: string, mediaType: string, signal: AbortSignal): Promise<Response> {
  const { headers, ...init } = sqlRequest(sql);
  return send(SQL_URL, { ...init, headers: { ...headers, accept: mediaType }, signal });
}

export function sqlCurl(sql: string): { url: string; body: string } {
  return { url: SQL_URL, body: sqlRequest(sql).body };
}

/** Log records as they become durable; `eventsOf` reads them. */
export function openTail(parameters: Parameters, signal: AbortSignal): Promise<Response> {
  const { url } = getSource('/api/v1/logs/tail', parameters);
  return send(url, { headers: { accept: 'text/event-stream' }, signal });
}

/** The answer to a statement as it comes, to be read in a worker. */
export async function fetchStatement(sql: string, signal: AbortSignal): Promise<ArrayBuffer> {
  return (await send(SQL_URL, { ...sqlRequest(sql), signal })).arrayBuffer();
}

export async function runSql<Row>(sql: string, signal: AbortSignal): Promise<Rows<Row>> {
  const { columns, rows, stats } = await runStatement(sql, signal);
  const names = columns.map((column) => column.name);
  return { rows: rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index]])) as Row), columns, stats };
}

function sqlRequest(sql: string) {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sql }) };
}

async function request<Body>(url: string, init: RequestInit): Promise<Body> {
  const response = await send(url, init);
  if (response.status === 204) return undefined as Body;
  try {
    return (await response.json()) as Body;
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw unreadable(response, `is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

/** The answer broke off, or is not what was asked for. */
export function unreadable(response: Response, how: string): ApiError {
  const requestId = response.headers.get('x-request-id') ?? undefined;
  return new ApiError(`The answer broke off or ${how}`, response.status, 'unreadable_answer', requestId, undefined);
}

async function send(url: string, init: RequestInit): Promise<Response> {
  const headers = { accept: 'application/json', ...init.headers };
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers });
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    const message = `Spandrel does not answer at ${window.location.origin}. Is the server still running?`;
    throw new ApiError(message, 0, 'unreachable', undefined, undefined);
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function refusal(response: Response): Promise<ApiError> {
  const requestId = response.headers.get('x-request-id') ?? undefined;
  const text = await response.text();
  const body = errorBody(text);
  if (body === undefined) {
    const message = text.trim().slice(0, 500) || `The server answered ${response.status} ${response.statusText}`.trim();
    return new ApiError(message, response.status, `http_${response.status}`, requestId, undefined);
  }
  const details = hasContent(body.details) ? asText(body.details) : undefined;
  return new ApiError(
    asText(body.message ?? 'The server gave no message'),
    response.status,
    asText(body.code ?? `http_${response.status}`),
    typeof body.request_id === 'string' && body.request_id !== '' ? body.request_id : requestId,
    details,
  );
}

/** `{"error": {"code", "message", "details", "request_id"}}`, or undefined for any other text. */
function errorBody(text: string): Record<string, unknown> | undefined {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body !== 'object' || body === null || !('error' in body)) return undefined;
    return typeof body.error === 'object' && body.error !== null ? { ...body.error } : undefined;
  } catch {
    return undefined;
  }
}

/** The server names details that it has none of: `{"suggestion": null}`. */
function hasContent(details: unknown): boolean {
  if (typeof details !== 'object') return details !== undefined && details !== '';
  return details !== null && Object.values(details).some((value) => value !== null);
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
