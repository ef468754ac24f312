/** What the mock server answers to the statements of the page: they are told apart by words in them. */
import * as fixture from './fixture.mjs';

const MINUTE_MS = 60_000;

/**
 * @typedef {{ word: string, rows: (nowMs: number) => Record<string, unknown>[] }} Known
 * @type {Known[]}
 */
const KNOWN = [
  { word: 'before_requests', rows: serviceCounts },
  { word: 'AS band', rows: cells },
  { word: 'SELECT trace_id, span_id', rows: requests },
  { word: 'AS minutes', rows: () => [{ minutes: 60, requests: 12_400, services: 15, queries: 4000 }] },
  { word: 'AS logs', rows: () => [{ spans: 400, logs: 12, calls: 900, newest: null, namespaces: ['shop'], environments: ['production'] }] },
  { word: 'FROM findings', rows: findings },
  { word: 'last_seen) AS last_seen', rows: course },
];

/** The answer to `POST /api/v1/sql`; statements that are not known have no rows. */
export function answerSql(/** @type {string} */ sql, /** @type {number} */ nowMs, /** @type {boolean} */ isEmpty) {
  if (sql.startsWith('SELECT count(*) AS spans')) return table([{ spans: 0, newest: null }]);
  const known = KNOWN.find(({ word }) => sql.includes(word));
  return table(isEmpty || !known ? [] : known.rows(nowMs));
}

export function table(/** @type {Record<string, unknown>[]} */ rows) {
  const names = Object.keys(rows[0] ?? {});
  return {
    columns: names.map((name) => ({ name, type: 'Utf8' })),
    rows: rows.map((row) => names.map((name) => row[name])),
    stats: { rows: rows.length, files_considered: 0, files_scanned: 0, elapsed_ms: 1 },
  };
}

function serviceCounts(/** @type {number} */ nowMs) {
  return fixture.services().map((service) => ({
    ...service,
    weight_squares: service.requests,
    ok: service.requests - service.failures,
    last_seen: new Date(nowMs).toISOString(),
    before_requests: service.requests,
    before_failures: 0,
    before_weight_squares: service.requests,
    before_ok: service.requests,
    before_p95_ms: service.p95_ms,
    before_first_seen: new Date(nowMs - 120 * MINUTE_MS).toISOString(),
  }));
}

function cells(/** @type {number} */ nowMs) {
  const now = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
  return Array.from({ length: 120 }, (_, index) => ({
    time: new Date(now - (index % 14) * MINUTE_MS).toISOString(),
    band: 50 + Math.floor(index / 14),
    spans: 1 + ((index * 7) % 23),
    failures: index % 11 === 0 ? 1 : 0,
  }));
}

function requests(/** @type {number} */ nowMs) {
  const traces = fixture.traces(nowMs, new URLSearchParams('order=slowest&limit=8'));
  return traces.map((trace) => ({
    trace_id: trace.trace_id,
    span_id: '00000000000000a1',
    start_time: trace.start_time,
    service: trace.root_service,
    operation: trace.root_operation,
    duration_ms: trace.duration_ms,
    outcome: trace.errors > 0 ? 'server_fault' : 'ok',
    error: trace.errors > 0 ? 'java.lang.IllegalStateException' : null,
    version: null,
  }));
}

function findings(/** @type {number} */ nowMs) {
  return [
    {
      id: '54101f1adad9c531',
      kind: 'RETRY_STORM',
      subkind: null,
      severity: 'high',
      score: 61,
      subject: 'web-bff -> search',
      service_name: 'web-bff',
      operation: null,
      target: 'search',
      opened: new Date(nowMs - 7 * MINUTE_MS).toISOString(),
      closed: null,
      evidence: JSON.stringify({ measure: 2.43, threshold: 1.5, samples: 127 }),
      examples: [],
      remedy: 'Retry in one layer, with a budget, growing pauses and jitter.',
    },
  ];
}

function course(/** @type {number} */ nowMs) {
  const now = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
  return Array.from({ length: 14 }, (_, index) => ({
    time: new Date(now - (14 - index) * MINUTE_MS).toISOString(),
    requests: 60 + index,
    failures: index % 3,
    ok: 60 + index - (index % 3),
    client_fault: 0,
    rejected: 0,
    server_fault: index % 3,
    timeout: 0,
    cancelled: 0,
    unreachable: 0,
    unknown: 0,
    p50_ms: 12,
    p95_ms: 40 + index,
    p99_ms: 90,
    failure_p50_ms: 3,
    last_seen: new Date(nowMs).toISOString(),
  }));
}
