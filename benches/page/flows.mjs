/** Flows as OTLP JSON: one of as many spans as are asked for, the same at every run. */
import { post } from "./server.mjs";

export const LARGE_FLOW = "1a46e0000000000000000000000001a6";

const SERVICES = ["gateway", "web-bff", "cart", "catalog", "checkout", "payment", "stock", "pricing", "search", "auth"]
  .concat(["shipping", "mail", "ledger", "reviews", "images", "profile", "coupons", "tax", "fraud", "queue"]);
const OPERATIONS = ["GET /items/{id}", "POST /orders", "GET /prices", "SELECT items", "INSERT ledger", "Reserve", "Render", "GET cache"];
const SPANS_A_BODY = 5_000;
const LENGTH_NS = 12_000_000_000;

/** @param {number} count @param {number} startMs */
export function largeSpans(count, startMs) {
  const random = randomNumbers(7);
  const open = [{ index: 0, service: 0, depth: 0, from: 0, to: LENGTH_NS }];
  const spans = [];
  for (let at = 0; at < open.length && spans.length < count; at += 1) {
    const parent = open[at];
    spans.push(spanOf(parent, startMs, random()));
    addChildren(parent, open, count, random);
    open[at] = undefined;
  }
  return spans;
}

/** Calls one after the other within a span, some beside each other. */
function addChildren(parent, open, count, random) {
  const wanted = Math.min(parent.depth === 0 ? 40 : 2 + Math.floor(random() * 7), count - open.length);
  const slot = (parent.to - parent.from) / (wanted + 1);
  for (let child = 0; child < wanted; child += 1) {
    const from = Math.round(parent.from + slot * (child + 0.1 + random() * 0.3));
    const to = Math.max(from + 1, Math.round(from + slot * (0.4 + random() * 0.5)));
    const isCall = random() < 0.5;
    const service = isCall ? Math.floor(random() * SERVICES.length) : parent.service;
    open.push({ index: open.length, parent: parent.index, service, depth: parent.depth + 1, from, to: Math.min(to, parent.to) });
  }
}

function spanOf({ index, parent, service, from, to }, startMs, chance) {
  const start = BigInt(startMs) * 1_000_000n;
  return {
    service: SERVICES[service],
    traceId: LARGE_FLOW,
    spanId: idOf(index),
    ...(parent === undefined ? {} : { parentSpanId: idOf(parent) }),
    name: OPERATIONS[index % OPERATIONS.length],
    kind: index === 0 ? 2 : 1 + (index % 3),
    startTimeUnixNano: String(start + BigInt(from)),
    endTimeUnixNano: String(start + BigInt(to)),
    attributes: [attribute("thread.name", `worker-${index % 16}`), attribute("item.id", String(index)), attribute("region", "eu-west")],
    ...(chance < 0.002 ? { status: { code: 2, message: "the upstream refused" } } : {}),
  };
}

export async function sendSpans(otlp, spans) {
  for (let first = 0; first < spans.length; first += SPANS_A_BODY) {
    const byService = byServiceOf(spans.slice(first, first + SPANS_A_BODY));
    const resourceSpans = [...byService].map(([service, group]) => ({
      resource: { attributes: [attribute("service.name", service)] },
      scopeSpans: [{ spans: group.map(({ service: _service, ...span }) => span) }],
    }));
    await post(`${otlp}/v1/traces`, { resourceSpans });
  }
}

/** @param {{service: string, body: string, timeMs: number, severity?: number, traceId?: string, spanId?: string}[]} lines */
export async function sendLogs(otlp, lines) {
  const byService = byServiceOf(lines);
  const resourceLogs = [...byService].map(([service, group]) => ({
    resource: { attributes: [attribute("service.name", service)] },
    scopeLogs: [{ logRecords: group.map(logOf) }],
  }));
  await post(`${otlp}/v1/logs`, { resourceLogs });
}

function logOf({ body, timeMs, severity = 9, traceId, spanId, attributes = {} }) {
  const severityText = severity >= 17 ? "ERROR" : severity >= 13 ? "WARN" : "INFO";
  return {
    timeUnixNano: String(Math.round(timeMs * 1e6)),
    severityNumber: severity,
    severityText,
    body: { stringValue: body },
    attributes: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    ...(traceId ? { traceId, spanId } : {}),
  };
}

function byServiceOf(items) {
  const groups = new Map();
  for (const item of items) {
    const group = groups.get(item.service);
    if (group) group.push(item);
    else groups.set(item.service, [item]);
  }
  return groups;
}

export function attribute(key, value) {
  return { key, value: { stringValue: value } };
}

function idOf(index) {
  return (index + 1).toString(16).padStart(16, "0");
}

/** Numbers from 0 to 1 that are the same at every run (mulberry32). */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
