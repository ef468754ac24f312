/** The one module that talks to the server. */
import type { Service, SqlResult, Trace, TraceOrder, TraceSummary } from './types';

export interface TimeRange {
  /** RFC 3339, or relative to the clock of the server: `now-1h`. */
  from: string;
  to: string;
}

/** Which traces to list: those with one span that meets all conditions. */
export interface TraceFilter extends TimeRange {
  service?: string | undefined;
  errorsOnly?: boolean | undefined;
  /** With its unit: `250ms`. */
  minDuration?: string | undefined;
  order?: TraceOrder | undefined;
  limit?: number | undefined;
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

export function fetchServices(range: TimeRange, signal: AbortSignal): Promise<Service[]> {
  return getJson('/api/v1/services', { from: range.from, to: range.to }, signal);
}

export function fetchTraces(filter: TraceFilter, signal: AbortSignal): Promise<TraceSummary[]> {
  const query = {
    from: filter.from,
    to: filter.to,
    service: filter.service,
    error: filter.errorsOnly ? 'true' : undefined,
    min_duration: filter.minDuration,
    order: filter.order,
    limit: filter.limit?.toString(),
  };
  return getJson('/api/v1/traces', query, signal);
}

export function fetchTrace(traceId: string, signal: AbortSignal): Promise<Trace> {
  return getJson(`/api/v1/traces/${encodeURIComponent(traceId)}`, {}, signal);
}

export function runSql(sql: string, signal: AbortSignal): Promise<SqlResult> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ sql }) };
  return request('/api/v1/sql', { ...init, signal });
}

function getJson<Body>(path: string, query: Record<string, string | undefined>, signal: AbortSignal): Promise<Body> {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') parameters.set(name, value);
  }
  const text = parameters.toString();
  return request(text === '' ? path : `${path}?${text}`, { signal });
}

async function request<Body>(url: string, init: RequestInit): Promise<Body> {
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
  return (await response.json()) as Body;
}

async function refusal(response: Response): Promise<ApiError> {
  const requestId = response.headers.get('x-request-id') ?? undefined;
  const text = await response.text();
  const body = errorBody(text);
  if (body === undefined) {
    const message = text.trim().slice(0, 500) || `The server answered ${response.status} ${response.statusText}`.trim();
    return new ApiError(message, response.status, `http_${response.status}`, requestId, undefined);
  }
  const details = body.details === undefined || body.details === null ? undefined : asText(body.details);
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

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
