/** Answers of the API for a small shop, the same for the same seed and time. Used by the mock server. */

/** @typedef {import('../src/api/schema').components['schemas']['Span']} Span */

const ROUTES = [
  { name: 'GET /', service: 'gateway', weight: 30 },
  { name: 'GET /product/{id}', service: 'gateway', weight: 40 },
  { name: 'POST /cart', service: 'gateway', weight: 15 },
  { name: 'POST /checkout', service: 'gateway', weight: 10 },
  { name: 'GET /search', service: 'gateway', weight: 20 },
];

/** Who calls whom: service -> [service, operation, kind of the called span]. */
/** @type {Record<string, [string, string, string][]>} */
const CALLS = {
  gateway: [['auth', 'POST /token/verify', 'SERVER'], ['storefront-bff', 'GET /view', 'SERVER']],
  'storefront-bff': [
    ['catalog', 'GET /items', 'SERVER'],
    ['pricing', 'pricing.v1.Pricing/Quote', 'SERVER'],
    ['recommendation', 'GET /recommend', 'SERVER'],
    ['cart', 'GET /cart', 'SERVER'],
    ['checkout', 'POST /orders', 'SERVER'],
  ],
  catalog: [['postgres-catalog', 'SELECT items', 'CLIENT'], ['redis', 'GET', 'CLIENT']],
  pricing: [['redis', 'MGET', 'CLIENT'], ['promotion', 'promotion.v1.Rules/Apply', 'SERVER']],
  recommendation: [['catalog', 'GET /items', 'SERVER']],
  cart: [['redis', 'HGETALL', 'CLIENT']],
  checkout: [
    ['inventory', 'POST /reserve', 'SERVER'],
    ['payment', 'POST /charge', 'SERVER'],
    ['orders-queue', 'orders publish', 'PRODUCER'],
  ],
  inventory: [['postgres-orders', 'UPDATE stock', 'CLIENT']],
  payment: [['fraud', 'POST /score', 'SERVER'], ['bank', 'POST /authorize', 'CLIENT']],
  'orders-queue': [['fulfilment', 'orders process', 'CONSUMER']],
  fulfilment: [['shipping', 'POST /labels', 'SERVER'], ['email', 'POST /send', 'SERVER']],
};

const SERVICES = [
  'gateway', 'storefront-bff', 'auth', 'catalog', 'pricing', 'promotion', 'recommendation', 'cart', 'checkout',
  'inventory', 'payment', 'fraud', 'fulfilment', 'shipping', 'email',
];

/** @param {number} seed @returns {() => number} numbers in [0, 1) */
function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** @param {() => number} random @param {number} digits */
function hex(random, digits) {
  let text = '';
  while (text.length < digits) text += Math.floor(random() * 0x100000000).toString(16).padStart(8, '0');
  return text.slice(0, digits);
}

/** @param {number} epochMs @param {number} nanos nanoseconds after it */
function timestamp(epochMs, nanos) {
  const ms = epochMs + Math.floor(nanos / 1e6);
  const rest = Math.floor(nanos) % 1_000_000;
  return new Date(ms).toISOString().replace('Z', `${String(rest).padStart(6, '0')}Z`);
}

export function services() {
  const random = mulberry32(7);
  return SERVICES.map((service, index) => {
    const rate = 180 * Math.exp(-index / 4) * (0.7 + random() * 0.6);
    const requests = Math.round(rate * 3600);
    const share = [0.0042, 0.0031, 0, 0, 0.0004, 0, 0.012, 0, 0.021, 0.003, 0.084, 0, 0, 0.0008, 0.35][index] ?? 0;
    const failures = Math.round(requests * share);
    const p50 = 2 + random() * 30 * (service === 'payment' ? 6 : 1);
    return {
      service,
      namespace: index < 3 ? 'edge' : 'shop',
      requests,
      rate,
      failures,
      error_rate: requests === 0 ? 0 : failures / requests,
      p50_ms: p50,
      p95_ms: p50 * (2 + random() * 3),
      p99_ms: p50 * (5 + random() * 20),
    };
  }).concat([
    { service: 'spandrel', namespace: '', requests: 0, rate: 0, failures: 0, error_rate: 0, p50_ms: /** @type {any} */ (null), p95_ms: /** @type {any} */ (null), p99_ms: /** @type {any} */ (null) },
  ]);
}

/** @param {number} seed @param {number} startMs @param {number} wanted number of spans, 0 for one request */
function makeTrace(seed, startMs, wanted = 0) {
  const random = mulberry32(seed);
  const traceId = wanted === 0 ? hex(random, 24) + seed.toString(16).padStart(8, '0') : String(wanted).padStart(32, 'f');
  const route = ROUTES[Math.floor(random() * ROUTES.length)] ?? ROUTES[0];
  /** @type {Span[]} */
  const spans = [];
  const isDoomed = random() < 0.15;

  /** @param {string | null} parent @param {string} service @param {string} name @param {string} kind @param {number} start @param {number} budget @param {number} depth */
  const add = (parent, service, name, kind, start, budget, depth) => {
    const fails = isDoomed && (depth === 0 || service === 'payment' || service === 'checkout' || service === 'storefront-bff');
    const id = hex(random, 16);
    spans.push(makeSpan({ id, parent, service, name, kind, startMs, start, duration: budget, fails, random }));
    const calls = (CALLS[service] ?? []).filter(() => depth === 0 || random() < 0.75);
    let at = start + budget * 0.04;
    const share = (budget * 0.9) / Math.max(1, calls.length);
    for (const [callee, operation, calleeKind] of calls) {
      const length = share * (0.35 + random() * 0.6);
      if (calleeKind === 'SERVER') {
        const client = hex(random, 16);
        spans.push(makeSpan({ id: client, parent: id, service, name: operation.split(' ')[0] ?? operation, kind: 'CLIENT', startMs, start: at, duration: length, fails: fails && callee === 'payment', random }));
        add(client, callee, operation, calleeKind, at + length * 0.05, length * 0.85, depth + 1);
      } else {
        add(id, callee, operation, calleeKind, at, length, depth + 1);
      }
      at += share * (random() < 0.3 ? 0.4 : 1);
    }
  };

  let at = 0;
  do {
    const duration = (20 + random() * 180) * 1e6 * (isDoomed ? 3 : 1);
    add(spans[0]?.span_id ?? null, 'gateway', route?.name ?? 'GET /', 'SERVER', at, duration, 0);
    at += duration * 0.2;
  } while (spans.length < wanted);

  const end = Math.max(...spans.map((span) => Date.parse(span.start_time) + span.duration_ns / 1e6));
  return {
    trace_id: traceId,
    start_time: timestamp(startMs, 0),
    duration_ms: end - startMs,
    services: [...new Set(spans.map((span) => span.service_name))],
    spans,
  };
}

/** @param {{id: string, parent: string | null, service: string, name: string, kind: string, startMs: number, start: number, duration: number, fails: boolean, random: () => number}} given @returns {Span} */
function makeSpan({ id, parent, service, name, kind, startMs, start, duration, fails, random }) {
  const isSql = service.startsWith('postgres');
  return {
    span_id: id,
    parent_span_id: parent,
    name,
    kind,
    service_name: service,
    start_time: timestamp(startMs, start),
    duration_ns: Math.round(duration),
    status_code: fails ? 'ERROR' : 'UNSET',
    status_message: fails ? 'card processor did not answer within 800 ms' : null,
    outcome: fails ? 'server_fault' : 'ok',
    attributes: {
      ...(isSql
        ? {
            'db.system.name': 'postgresql',
            'db.namespace': 'shop',
            'db.query.text': "SELECT id, title, price_minor, currency FROM items WHERE category = $1 AND title <> '<b>x</b>' ORDER BY rank LIMIT 40",
          }
        : { 'http.request.method': name.split(' ')[0] ?? 'GET', 'http.route': name.split(' ')[1] ?? '/', 'http.response.status_code': fails ? 503 : 200 }),
      'server.address': `${service}.shop.svc.cluster.local`,
      'server.port': 8080,
      'user.id': `u-${Math.floor(random() * 9000)}`,
      'feature.flags': ['fast-cart', 'new-search'],
    },
    resource_attributes: {
      'service.name': service,
      'service.namespace': 'shop',
      'service.version': '1.14.2',
      'deployment.environment.name': 'demo',
      'host.name': 'node-3',
      'telemetry.sdk.language': 'rust',
    },
    events: fails
      ? [
          {
            time: timestamp(startMs, start + duration * 0.8),
            name: 'exception',
            attributes: {
              'exception.type': 'TimeoutError',
              'exception.message': 'card processor did not answer within 800 ms',
              'exception.stacktrace': 'TimeoutError: no answer\n    at Charge.send (charge.ts:88)\n    at Payment.charge (payment.ts:41)',
            },
          },
        ]
      : [],
    links: kind === 'CONSUMER' ? [{ trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16), attributes: { 'messaging.batch.index': 3 } }] : [],
  };
}

const TRACES = 180;

/** @param {number} nowMs @param {URLSearchParams} query */
export function traces(nowMs, query) {
  const minMs = Number.parseFloat(query.get('min_duration') ?? '0');
  const summaries = [];
  for (let seed = 1; seed <= TRACES; seed += 1) {
    const trace = makeTrace(seed, startOf(seed, nowMs));
    const errors = trace.spans.filter((span) => span.status_code === 'ERROR').length;
    if (query.get('error') === 'true' && errors === 0) continue;
    if (trace.duration_ms < minMs) continue;
    const service = query.get('service');
    if (service !== null && !trace.services.includes(service)) continue;
    const root = trace.spans[0];
    summaries.push({
      trace_id: trace.trace_id,
      root_service: root?.service_name ?? null,
      root_operation: root?.name ?? null,
      start_time: trace.start_time,
      duration_ms: trace.duration_ms,
      spans: trace.spans.length,
      services: trace.services.length,
      errors,
    });
  }
  if (query.get('order') === 'slowest') summaries.sort((a, b) => b.duration_ms - a.duration_ms);
  return summaries.slice(0, Number(query.get('limit') ?? '50'));
}

/** A trace by id; ids of `f`s ending in a decimal number have that many spans. @param {string} id @param {number} nowMs */
export function trace(id, nowMs) {
  const sized = /^f+([1-9]\d*)$/.exec(id);
  if (sized) return makeTrace(3, startOf(1, nowMs), Number(sized[1]));
  const seed = Number.parseInt(id.slice(24), 16);
  if (!(seed >= 1 && seed <= TRACES)) return undefined;
  const made = makeTrace(seed, startOf(seed, nowMs));
  return made.trace_id === id ? made : undefined;
}

/**
 * The rows of `flow('id')` in the columns that the page asks for; none where the trace is not there.
 * @param {string} id @param {number} nowMs
 */
export function flowRows(id, nowMs) {
  const spans = trace(id, nowMs)?.spans ?? [];
  /** @type {unknown[][]} */
  const rows = [];
  /** @type {Map<string | null | undefined, any[]>} */
  const children = new Map();
  for (const span of spans) children.set(span.parent_span_id, [...(children.get(span.parent_span_id) ?? []), span]);
  /** @param {string | null} parentId @param {number | null} parent */
  const add = (parentId, parent) => {
    for (const span of children.get(parentId) ?? []) {
      const position = rows.length;
      rows.push(flowRow(span, id, parent));
      add(span.span_id, position);
    }
  };
  add(null, null);
  return rows;
}

/** @param {any} span @param {string} traceId @param {number | null} parent */
function flowRow(span, traceId, parent) {
  return ['span', span.start_time, span.duration_ns, span.service_name, span.name, span.kind, traceId, span.span_id]
    .concat([span.parent_span_id, null, parent, 'T0', null, span.outcome, span.status_message, null]);
}

/**
 * A row of `spans` as an object.
 * @param {string} traceId @param {string} spanId @param {number} nowMs
 */
export function storedSpan(traceId, spanId, nowMs) {
  return trace(traceId, nowMs)?.spans.find((/** @type {any} */ span) => span.span_id === spanId);
}

/** @param {number} seed @param {number} nowMs */
function startOf(seed, nowMs) {
  return Math.floor(nowMs / 60_000) * 60_000 - seed * 1_357;
}
