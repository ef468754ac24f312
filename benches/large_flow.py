#!/usr/bin/env python3
"""One trace of very many spans: how long the API takes to tell it, and how many bytes that is.

usage: large_flow.py SPANDREL [--spans 100000] [--runs 3]

Stores one trace, each span with six attributes, a child of one of those before it; asks for it whole, without attributes, for
one record, and for the columns that a waterfall draws, as Arrow. Each with and without gzip. Times are the client's, over HTTP,
from sending the request to the last byte; nothing is parsed.
"""

import argparse
import gzip
import http.client
import json
import pathlib
import statistics
import tempfile
import time

from flows import attribute, field, serve, stop
from whole import peak_memory_mib, sql

START = 1_795_168_800_000_000_000
TRACE = "5b8efff798038103d269b633813fc60c"
SPANS_A_BODY = 2_000
WATERFALL = ("SELECT position, parent, depth, type, time, duration_ns, service_name, name, kind, span_id, outcome, gap, join_tier, "
             f"confidence FROM flow('{TRACE}') ORDER BY position")


def fixed64(number, value):
    return bytes([number << 3 | 1]) + value.to_bytes(8, "little")


def span(number):
    start = START + number * 20_000
    body = field(1, bytes.fromhex(TRACE)) + field(2, (number + 1).to_bytes(8, "big"))
    if number:
        body += field(4, (number // 10 + 1).to_bytes(8, "big"))
    body += field(5, b"GET /cart/{id}") + bytes([6 << 3, 2 if number % 2 == 0 else 3])
    body += fixed64(7, start) + fixed64(8, start + 15_000)
    for key, text in [
        ("http.request.method", "GET"), ("http.route", "/cart/{id}"), ("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64)"),
        ("thread.name", f"worker-{number % 16}"), ("app.cart.id", f"{number * 7919:x}"), ("network.protocol.version", "1.1"),
    ]:
        body += attribute(key, text.encode())
    return field(2, body)


def send(address, spans):
    connection = http.client.HTTPConnection(address)
    for first in range(0, spans, SPANS_A_BODY):
        batch = b"".join(span(number) for number in range(first, min(spans, first + SPANS_A_BODY)))
        resource = field(1, field(1, field(1, b"service.name") + field(2, field(1, b"service-%d" % (first // SPANS_A_BODY % 8)))))
        connection.request("POST", "/v1/traces", field(1, resource + field(2, batch)), {"content-type": "application/x-protobuf"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"the server answers {answer.status}")


def asked(address, method, path, body, headers, runs):
    """Median seconds, bytes as sent, bytes as meant."""
    times = []
    for _ in range(runs):
        connection = http.client.HTTPConnection(address)
        started = time.monotonic()
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        times.append(time.monotonic() - started)
        if answer.status != 200:
            return {"status": answer.status, "answer": content.decode()[:300]}
    meant = gzip.decompress(content) if answer.headers.get("content-encoding") == "gzip" else content
    return {"seconds": round(statistics.median(times), 3), "mb": round(len(content) / 1e6, 2), "of_mb": round(len(meant) / 1e6, 2)}


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("spandrel")
    arguments.add_argument("--spans", type=int, default=100_000)
    arguments.add_argument("--runs", type=int, default=3)
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="spandrel-large-flow-") as directory:
        server, addresses = serve(arguments.spandrel, pathlib.Path(directory))
        send(addresses["otlp_http"], arguments.spans)
        address = addresses["http"]
        results = {"spans": sql(address, "SELECT count(*) FROM spans")[0][0]}
        flow = f"/api/v1/flows/{TRACE}"
        arrow = {"content-type": "application/json", "accept": "application/vnd.apache.arrow.stream"}
        for name, method, path, body, headers in [
            ("whole", "GET", flow, None, {}),
            ("without attributes", "GET", flow + "?attributes=false", None, {}),
            ("one record", "GET", f"{flow}/records/{arguments.spans // 2}", None, {}),
            ("waterfall as Arrow", "POST", "/api/v1/sql", json.dumps({"sql": WATERFALL}), arrow),
        ]:
            results[name] = asked(address, method, path, body, headers, arguments.runs)
            results[f"{name}, gzip"] = asked(address, method, path, body, headers | {"accept-encoding": "gzip"}, arguments.runs)
        results["peak_memory_mib"] = round(peak_memory_mib(server.pid))
        print(json.dumps(results, indent=1))
        stop(server)


if __name__ == "__main__":
    main()
