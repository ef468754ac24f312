#!/usr/bin/env python3
"""Flows among many spans: how long `flow('id')` takes by request id and by trace id, and what it spares.

usage: flows.py SPANDREL [--spans 10000000] [--hours 10] [--flows 50] [--keep DIR]

Stores requests of ten spans each, every span with its request's id, evenly over the hours; then asks for random ones. Beside
it stands what a lookup takes that cannot rule out files: the same request id compared in a form that no filter knows. Times
are the client's, over HTTP; the ratio carries over from one machine and profile to another.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import tempfile
import time

from whole import peak_memory_mib, sql, wait_for

SPANS_A_REQUEST = 10
REQUESTS_A_BODY = 400
START = 1_795_168_800_000_000_000


def field(number, payload):
    return bytes([number << 3 | 2]) + varint(len(payload)) + payload


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def attribute(key, text):
    return field(9, field(1, key.encode()) + field(2, field(1, text)))


def template():
    """A body of requests whose ids and times are filled in later, and where in it they stand."""
    spans, marks = [], []
    for request in range(REQUESTS_A_BODY):
        for span in range(SPANS_A_REQUEST):
            def mark(kind, length):
                marks.append((kind, request, span, length))
                return b"\xff\xfe" + len(marks).to_bytes(length - 4, "big") + b"\xfd\xfc" if length > 8 else (
                    b"\xff\xfe" + len(marks).to_bytes(4, "big") + b"\xfd\xfc")

            body = field(1, mark("trace", 16)) + field(2, mark("span", 8))
            if span:
                body += field(4, mark("parent", 8))
            body += field(5, b"GET /cart/{id}") + bytes([6 << 3, 2 if span % 2 == 0 else 3])
            body += bytes([7 << 3 | 1]) + mark("start", 8) + bytes([8 << 3 | 1]) + mark("end", 8)
            body += attribute("http.request.header.x-request-id", mark("id", 36))
            body += attribute("http.request.method", b"GET") + attribute("http.route", b"/cart/{id}")
            spans.append(field(2, body))
    service = field(1, field(1, field(1, b"service.name") + field(2, field(1, b"shop"))))
    body = field(1, service + field(2, b"".join(spans)))
    offsets, at = [], 0
    for number, (kind, request, span, length) in enumerate(marks, 1):
        width = length - 4 if length > 8 else 4
        at = body.index(b"\xff\xfe" + number.to_bytes(width, "big") + b"\xfd\xfc", at)
        offsets.append((at, length, kind, request, span))
    return body, offsets


def request_id(number):
    digits = f"{random.Random(number).getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def trace_id(number):
    return random.Random(number + (1 << 40)).getrandbits(128).to_bytes(16, "big")


def send(address, spans, hours):
    template_body, offsets = template()
    requests = spans // SPANS_A_REQUEST
    step = hours * 3_600_000_000_000 // requests
    connection = http.client.HTTPConnection(address)
    for first in range(0, requests, REQUESTS_A_BODY):
        body = bytearray(template_body)
        traces = [trace_id(first + request) for request in range(REQUESTS_A_BODY)]
        ids = [request_id(first + request).encode() for request in range(REQUESTS_A_BODY)]
        for at, length, kind, request, span in offsets:
            start = START + (first + request) * step + span * 1_000_000
            body[at:at + length] = (
                traces[request] if kind == "trace"
                else ids[request] if kind == "id"
                else (span + 1).to_bytes(8, "big") if kind == "span"
                else span.to_bytes(8, "big") if kind == "parent"
                else (start if kind == "start" else START + (first + request) * step + 50_000_000 - span * 1_000_000).to_bytes(8, "little"))
        while True:
            connection.request("POST", "/v1/traces", body, {"content-type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                break
            if answer.status != 503:
                raise SystemExit(f"the server answers {answer.status}")
            time.sleep(0.1)


def serve(spandrel, directory):
    addresses = directory / "addresses.json"
    addresses.unlink(missing_ok=True)
    server = subprocess.Popen([
        spandrel, "serve", "--data-dir", str(directory / "data"), "--set", "self_telemetry=false", "--otlp-grpc", "127.0.0.1:0",
        "--otlp-http", "127.0.0.1:0", "--http", "127.0.0.1:0", "--addresses-file", str(addresses),
    ], stderr=subprocess.DEVNULL)
    return server, wait_for(addresses)


def stop(server):
    server.send_signal(signal.SIGTERM)
    server.wait()


def timed(http_address, statement, rows):
    started = time.monotonic()
    answer = sql(http_address, statement)
    took = (time.monotonic() - started) * 1000
    if len(answer) != rows:
        raise SystemExit(f"{statement} gave {len(answer)} rows")
    return took


def summary(times):
    times.sort()
    return {"p50": round(statistics.median(times), 1), "p95": round(times[int(len(times) * 0.95)], 1), "worst": round(times[-1], 1)}


def bytes_of(directory, ending):
    return sum(path.stat().st_size for path in directory.rglob(f"*{ending}"))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("spandrel")
    arguments.add_argument("--spans", type=int, default=10_000_000)
    arguments.add_argument("--hours", type=int, default=10)
    arguments.add_argument("--flows", type=int, default=50)
    arguments.add_argument("--keep", type=pathlib.Path, help="a directory to fill once and to use again")
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="spandrel-flows-") as temporary:
        directory = arguments.keep or pathlib.Path(temporary)
        if not (directory / "data").exists():
            directory.mkdir(exist_ok=True)
            server, addresses = serve(arguments.spandrel, directory)
            send(addresses["otlp_http"], arguments.spans, arguments.hours)
            stop(server)
        server, addresses = serve(arguments.spandrel, directory)
        address = addresses["http"]
        stored = sql(address, "SELECT count(*) FROM spans")[0][0]
        numbers = random.Random(7).sample(range(stored // SPANS_A_REQUEST), arguments.flows)
        flow = lambda id: timed(address, f"SELECT type, service_name FROM flow('{id}')", SPANS_A_REQUEST)
        flow(request_id(numbers[0]))
        by_request = [flow(request_id(number)) for number in numbers]
        by_trace = [flow(trace_id(number).hex()) for number in numbers]
        scans = [
            timed(address, f"SELECT span_id FROM spans WHERE concat(correlation_id, '') = '{request_id(number)}'", SPANS_A_REQUEST)
            for number in numbers[:5]
        ]
        spans = directory / "data" / "spans"
        print(json.dumps({
            "spans": stored,
            "files": len(list(spans.rglob("*.parquet"))),
            "data_mib": round(bytes_of(spans, ".parquet") / 2**20, 1),
            "filters_mib": round(bytes_of(spans, ".filter") / 2**20, 1),
            "flow_by_request_id_ms": summary(by_request),
            "flow_by_trace_id_ms": summary(by_trace),
            "without_filters_ms": summary(scans),
            "times_faster": round(statistics.median(scans) / statistics.median(by_request), 1),
            "peak_memory_mib": round(peak_memory_mib(server.pid)),
        }, indent=1))
        stop(server)


if __name__ == "__main__":
    main()
