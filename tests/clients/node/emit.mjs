/**
 * A small instrumented program. Sends by the stock OTLP exporters, told nothing but OTEL_EXPORTER_OTLP_ENDPOINT, and
 * prints as JSON what it sent, as SQL should show it.
 *
 * Usage: emit.mjs grpc|http SERVICE
 */
import { SpanKind, SpanStatusCode, context, metrics, trace } from '@opentelemetry/api';
import { SeverityNumber, logs } from '@opentelemetry/api-logs';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchLogRecordProcessor } from '@opentelemetry/sdk-logs';
import { AggregationType, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';

const [protocol, service] = process.argv.slice(2);
const packages = protocol === 'grpc' ? 'grpc' : 'proto';
const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${packages}`);
const { OTLPMetricExporter } = await import(`@opentelemetry/exporter-metrics-otlp-${packages}`);
const { OTLPLogExporter } = await import(`@opentelemetry/exporter-logs-otlp-${packages}`);

const REQUESTS = 300;
const sent = { spans: [], logs: [], points: [] };

const sdk = new NodeSDK({
  resource: resourceFromAttributes({ 'service.name': service, 'service.version': '1.2.3', team: 'payments' }),
  autoDetectResources: false,
  traceExporter: new OTLPTraceExporter(),
  metricReaders: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })],
  logRecordProcessors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() })],
  views: [{ instrumentName: 'size', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
});
sdk.start();

const tracer = trace.getTracer('shop', '0.1');
const logger = logs.getLogger('shop');

function expectSpan(span, parent, columns) {
  const { traceId, spanId } = span.spanContext();
  sent.spans.push({
    trace_id: traceId,
    span_id: spanId,
    parent_span_id: parent?.spanContext().spanId ?? null,
    status_code: 'UNSET',
    http_route: null,
    db_system_name: null,
    attributes: null,
    events: [],
    links: [],
    ...columns,
  });
}

/** One request: a server's span with a client's inside, and a log record of each. */
function handle(number, earlier) {
  const links = earlier ? [{ context: earlier.spanContext(), attributes: { why: 'retry' } }] : [];
  const attributes = {
    'http.request.method': 'GET',
    'http.route': '/items/{id}',
    'item.number': number,
    ratio: 0.5,
    cached: number % 2 === 0,
    tags: ['a', 'b'],
    title: 'Größe – 世界',
  };
  const server = tracer.startSpan('GET /items/{id}', { kind: SpanKind.SERVER, attributes, links });
  const inside = trace.setSpan(context.active(), server);
  const client = tracer.startSpan('SELECT items', { kind: SpanKind.CLIENT }, inside);
  client.setAttribute('db.system.name', 'postgresql');
  log(client, number, SeverityNumber.INFO, 'INFO', `item ${number} read`);
  client.end();
  const failed = number % 10 === 0;
  if (failed) {
    server.recordException(new Error(`item ${number} is odd`));
    server.setStatus({ code: SpanStatusCode.ERROR, message: 'odd' });
    log(server, number, SeverityNumber.ERROR, 'ERROR', `item ${number} is odd`);
  }
  server.addEvent('done', { number });
  server.end();
  expectSpan(client, server, { kind: 'CLIENT', db_system_name: 'postgresql' });
  expectSpan(server, undefined, {
    kind: 'SERVER',
    status_code: failed ? 'ERROR' : 'UNSET',
    http_route: '/items/{id}',
    attributes: {
      'item.number': String(number),
      ratio: '0.5',
      cached: String(number % 2 === 0),
      tags: '["a","b"]',
      title: 'Größe – 世界',
    },
    events: failed ? ['exception', 'done'] : ['done'],
    links: earlier ? [earlier.spanContext().spanId] : [],
  });
  return server;
}

function log(span, number, severityNumber, severityText, body) {
  const inside = trace.setSpan(context.active(), span);
  logger.emit({ severityNumber, severityText, body, attributes: { 'item.number': number }, context: inside });
  const { traceId, spanId } = span.spanContext();
  sent.logs.push({
    trace_id: traceId,
    span_id: spanId,
    severity_number: severityNumber,
    severity_text: severityText,
    body,
    attributes: { 'item.number': String(number) },
  });
}

/** Every kind of instrument, each with known results. */
function measure() {
  const meter = metrics.getMeter('shop');
  const counter = meter.createCounter('requests', { unit: '{request}' });
  const openCarts = meter.createUpDownCounter('carts.open');
  const latency = meter.createHistogram('latency', { unit: 's', advice: { explicitBucketBoundaries: [0.1, 1] } });
  const size = meter.createHistogram('size');
  meter.createObservableGauge('load').addCallback((result) => result.observe(0.75, { core: 0 }));
  const routes = [['/', 3], ['/items', 5]];
  for (const [route, count] of routes) counter.add(count, { route });
  openCarts.add(5);
  openCarts.add(-2);
  for (const seconds of [0.05, 0.5, 0.5, 5]) {
    latency.record(seconds);
    size.record(seconds * 100);
  }

  const point = (name, kind, attributes, values) =>
    sent.points.push({ name, kind, attributes, value: null, count: null, sum: null, temporality: null, ...values });
  const temporality = 'cumulative';
  for (const [route, count] of routes) point('requests', 'sum', { route }, { value: count, temporality });
  point('carts.open', 'sum', null, { value: 3, temporality });
  point('latency', 'histogram', null, { count: 4, sum: 6.05, temporality });
  point('size', 'exponential_histogram', null, { count: 4, sum: 605, temporality });
  point('load', 'gauge', { core: '0' }, { value: 0.75 });
}

let earlier;
for (let number = 0; number < REQUESTS; number += 1) earlier = handle(number, earlier);
measure();
await sdk.shutdown();
process.stdout.write(JSON.stringify(sent));
