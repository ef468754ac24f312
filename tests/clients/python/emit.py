"""A small instrumented program. Sends by the stock OTLP exporters, told nothing but OTEL_EXPORTER_OTLP_ENDPOINT, and
prints as JSON what it sent, as SQL should show it.

Usage: emit.py grpc|http SERVICE
"""

import json
import sys

from opentelemetry import _logs, metrics, trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, Status, StatusCode

PROTOCOL, SERVICE = sys.argv[1:]
if PROTOCOL == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

REQUESTS = 300
RESOURCE = Resource.create({"service.name": SERVICE, "service.version": "1.2.3", "team": "payments"})

sent = {"spans": [], "logs": [], "points": []}


def hex_ids(context):
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"


def expect_span(span, parent, kind, status, columns, attributes, events, links):
    trace_id, span_id = hex_ids(span.get_span_context())
    parent_span_id = hex_ids(parent.get_span_context())[1] if parent else None
    sent["spans"].append(
        {
            "trace_id": trace_id,
            "span_id": span_id,
            "parent_span_id": parent_span_id,
            "kind": kind,
            "status_code": status,
            "http_route": columns.get("http_route"),
            "db_system_name": columns.get("db_system_name"),
            "attributes": attributes,
            "events": events,
            "links": links,
        }
    )


def handle(tracer, logger, number, earlier):
    """One request: a server's span with a client's inside, and a log record of each."""
    links = [Link(earlier.get_span_context(), {"why": "retry"})] if earlier else []
    attributes = {
        "http.request.method": "GET",
        "http.route": "/items/{id}",
        "item.number": number,
        "ratio": 0.5,
        "cached": number % 2 == 0,
        "tags": ["a", "b"],
        "title": "Größe – 世界",
    }
    with tracer.start_as_current_span("GET /items/{id}", kind=SpanKind.SERVER, attributes=attributes, links=links) as server:
        with tracer.start_as_current_span("SELECT items", kind=SpanKind.CLIENT) as client:
            client.set_attribute("db.system.name", "postgresql")
            log(logger, client, number, SeverityNumber.INFO, "INFO", f"item {number} read")
        events = []
        status = "UNSET"
        if number % 10 == 0:
            server.record_exception(ValueError(f"item {number} is odd"))
            server.set_status(Status(StatusCode.ERROR, "odd"))
            log(logger, server, number, SeverityNumber.ERROR, "ERROR", f"item {number} is odd")
            events, status = ["exception"], "ERROR"
        server.add_event("done", {"number": number})
    expect_span(client, server, "CLIENT", "UNSET", {"db_system_name": "postgresql"}, None, [], [])
    rest = {
        "item.number": str(number),
        "ratio": "0.5",
        "cached": "true" if number % 2 == 0 else "false",
        "tags": '["a","b"]',
        "title": "Größe – 世界",
    }
    linked = [hex_ids(earlier.get_span_context())[1]] if earlier else []
    expect_span(server, None, "SERVER", status, {"http_route": "/items/{id}"}, rest, [*events, "done"], linked)
    return server


def log(logger, span, number, severity, severity_text, body):
    record = LogRecord(
        timestamp=1_795_168_800_000_000_000 + number,
        severity_number=severity,
        severity_text=severity_text,
        body=body,
        attributes={"item.number": number},
        context=trace.set_span_in_context(span),
    )
    logger.emit(record)
    trace_id, span_id = hex_ids(span.get_span_context())
    sent["logs"].append(
        {
            "trace_id": trace_id,
            "span_id": span_id,
            "severity_number": severity.value,
            "severity_text": severity_text,
            "body": body,
            "attributes": {"item.number": str(number)},
        }
    )


def measure(meter):
    """Every kind of instrument, each with known results."""
    counter = meter.create_counter("requests", unit="{request}")
    open_carts = meter.create_up_down_counter("carts.open")
    latency = meter.create_histogram("latency", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1.0])
    size = meter.create_histogram("size")
    meter.create_observable_gauge("load", [lambda options: [Observation(0.75, {"core": 0})]])
    for route, count in (("/", 3), ("/items", 5)):
        counter.add(count, {"route": route})
    open_carts.add(5)
    open_carts.add(-2)
    for seconds in (0.05, 0.5, 0.5, 5.0):
        latency.record(seconds)
        size.record(seconds * 100)

    def point(name, kind, attributes, **values):
        columns = {"value": None, "count": None, "sum": None, "temporality": None, **values}
        sent["points"].append({"name": name, "kind": kind, "attributes": attributes, **columns})

    for route, count in (("/", 3), ("/items", 5)):
        point("requests", "sum", {"route": route}, value=float(count), temporality="cumulative")
    point("carts.open", "sum", None, value=3.0, temporality="cumulative")
    point("latency", "histogram", None, count=4, sum=6.05, temporality="cumulative")
    point("size", "exponential_histogram", None, count=4, sum=605.0, temporality="cumulative")
    point("load", "gauge", {"core": "0"}, value=0.75)


def main():
    tracers = TracerProvider(resource=RESOURCE)
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    loggers = LoggerProvider(resource=RESOURCE)
    loggers.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    exponential = View(instrument_type=Histogram, instrument_name="size", aggregation=ExponentialBucketHistogramAggregation())
    meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())], resource=RESOURCE, views=[exponential])
    trace.set_tracer_provider(tracers)
    _logs.set_logger_provider(loggers)
    metrics.set_meter_provider(meters)

    earlier = None
    for number in range(REQUESTS):
        earlier = handle(tracers.get_tracer("shop", "0.1"), loggers.get_logger("shop"), number, earlier)
    measure(meters.get_meter("shop"))
    for provider in (tracers, loggers, meters):
        provider.shutdown()
    json.dump(sent, sys.stdout)


main()
