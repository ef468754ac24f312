#!/usr/bin/env python3
"""The service graph of a day from rollups: how long it takes, and that it does not depend on how many spans the day had.

usage: graph.py SPANDREL [--spans 1000000,10000000] [--services 40]

For each number of spans: stores them evenly over a day, as requests of ten calls between services, waits until the live
analysis has written every minute and hour, and asks for the graph of the day. Beside it stands the same answer from the spans
themselves, by a join of clients and servers in SQL. Times are the client's, over HTTP.
"""

import argparse
import datetime
import http.client
import json
import pathlib
import statistics
import struct
import tempfile
import time
import urllib.request

from flows import attribute, field, serve, stop
from whole import cpu_seconds, peak_memory_mib, sql

DAY = 86_400
# Yesterday's midnight, UTC.
START = (int(time.time()) // DAY - 1) * DAY * 1_000_000_000
CALLS = 10
REQUESTS_A_BODY = 200
TRACE, START_AT, END_AT = b"\xf1" * 16, b"\xf2" * 8, b"\xf3" * 8


def body_of(services, seed):
    """A body of requests, and where in it trace ids and times stand."""
    resources = {}
    for request in range(REQUESTS_A_BODY):
        caller, parent = f"service-{(request * 7 + seed) % services}", 0
        for call in range(CALLS):
            callee = f"service-{(request * 7 + seed + call * call + 1) % services}"
            for service, kind, number, above in ((caller, 3, 2 * call + 1, parent), (callee, 2, 2 * call + 2, 2 * call + 1)):
                span = field(1, TRACE) + field(2, number.to_bytes(8, "big"))
                if above:
                    span += field(4, above.to_bytes(8, "big"))
                span += field(5, b"GET /things/{id}") + bytes([6 << 3, kind])
                span += bytes([7 << 3 | 1]) + START_AT + bytes([8 << 3 | 1]) + END_AT
                span += attribute("http.request.method", b"GET")
                span += attribute("http.route", b"/things/%d/{id}" % (call % 3))
                resources.setdefault(service, []).append((request, number, field(2, span)))
            caller, parent = callee, 2 * call + 2
    body, owners = b"", []
    for service, spans in resources.items():
        resource = field(1, field(1, field(1, b"service.name") + field(2, field(1, service.encode()))))
        body += field(1, resource + field(2, b"".join(span for _, _, span in spans)))
        owners += [(request, number) for request, number, _ in spans]
    offsets, at = [], 0
    for request, number in owners:
        trace = body.index(TRACE, at)
        start = body.index(START_AT, trace)
        at = body.index(END_AT, start)
        offsets.append((request, number, trace, start, at))
    return bytearray(body), offsets


def send(address, spans, services):
    bodies = [body_of(services, seed) for seed in range(4)]
    requests = spans // (2 * CALLS)
    step = DAY * 1_000_000_000 // requests
    connection = http.client.HTTPConnection(address)
    for first in range(0, requests, REQUESTS_A_BODY):
        body, offsets = bodies[first // REQUESTS_A_BODY % len(bodies)]
        for request, number, trace, start, end in offsets:
            body[trace:trace + 16] = struct.pack(">QQ", 0x5eed, first + request + 1)
            began = START + (first + request) * step + number * 500_000
            struct.pack_into("<Q", body, start, began)
            struct.pack_into("<Q", body, end, began + (50 - number) * 1_000_000)
        while True:
            connection.request("POST", "/v1/traces", bytes(body), {"content-type": "application/x-protobuf"})
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                break
            if answer.status != 503:
                raise SystemExit(f"the server answers {answer.status}")
            time.sleep(0.05)


def wait_for_rollups(http_address, spans):
    deadline = time.monotonic() + 1800
    while time.monotonic() < deadline:
        counted = sql(http_address, "SELECT sum(spans) FROM coverage")[0][0]
        calls, of_hours = (sql(http_address, f"SELECT sum(requests) FROM {table}")[0][0] for table in ("edges", "edges_hourly"))
        if counted == spans and calls == of_hours:
            return
        time.sleep(2)
    raise SystemExit(f"the rollups hold {counted} of {spans} spans, and the hours {of_hours} of {calls} calls")


def graph(address):
    begin = time.monotonic()
    first, last = (datetime.datetime.fromtimestamp(START // 10**9 + day, datetime.UTC) for day in (0, DAY))
    url = f"http://{address}/api/v1/graph?from={first:%FT%TZ}&to={last:%FT%TZ}"
    answer = json.load(urllib.request.urlopen(url))
    return (time.monotonic() - begin) * 1000, answer


def measure(spandrel, directory, spans, services):
    server, addresses = serve(spandrel, directory)
    begin = time.monotonic()
    send(addresses["otlp_http"], spans, services)
    sent = time.monotonic() - begin
    stored = spans // (2 * CALLS) // REQUESTS_A_BODY * REQUESTS_A_BODY * 2 * CALLS
    stored = max(stored, sql(addresses["http"], "SELECT count(*) FROM spans")[0][0])
    wait_for_rollups(addresses["http"], stored)
    cpu = cpu_seconds(server.pid)
    times, answer = [], None
    for _ in range(11):
        took, answer = graph(addresses["http"])
        times.append(took)
    assert answer["basis"] == "rollups", answer["basis"]
    requests = sum(edge["requests"] for edge in answer["edges"] if edge["kind"] != "entry")
    assert requests == stored / 2, (requests, stored)
    begin = time.monotonic()
    joined = sql(addresses["http"], (
        "SELECT c.service_name, s.service_name, count(*) FROM spans c JOIN spans s "
        "ON c.trace_id = s.trace_id AND c.span_id = s.parent_span_id WHERE c.kind = 'CLIENT' GROUP BY 1, 2"
    )) if stored <= 1_000_000 else None
    result = {
        "spans": stored,
        "edges": len(answer["edges"]),
        "graph_of_a_day_ms": {"first": round(times[0], 1), "p50": round(statistics.median(times), 1), "worst": round(max(times), 1)},
        "sent_in_s": round(sent, 1),
        "spans_per_cpu_second_with_analysis": round(stored / cpu),
        "peak_memory_mib": round(peak_memory_mib(server.pid)),
    }
    if joined:
        result["join_of_spans_ms"] = round((time.monotonic() - begin) * 1000)
    stop(server)
    return result


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("spandrel")
    arguments.add_argument("--spans", default="1000000,10000000")
    arguments.add_argument("--services", type=int, default=40)
    arguments = arguments.parse_args()
    for spans in arguments.spans.split(","):
        with tempfile.TemporaryDirectory(prefix="spandrel-graph-") as directory:
            print(json.dumps(measure(arguments.spandrel, pathlib.Path(directory), int(spans), arguments.services), indent=1))


if __name__ == "__main__":
    main()
