#!/usr/bin/env python3
"""The whole path of log lines: a followed file, fsync, queryable, sealed to Parquet.

usage: lines.py SPANDREL [--lines 2000000] [--format nginx|envoy]

Writes a file of lines, starts a server that follows it, waits until SQL has every line, and stops the server, which seals
everything to Parquet. Prints lines per second of the server's CPU time (user and system, from start to exit) and its
peak memory. Linux only.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"


def nginx(number):
    status = 502 if number % 50 == 0 else 200
    return (
        f"203.0.113.{number % 250} - - [20/Nov/2026:{number // 360000 % 24:02}:{number // 6000 % 60:02}:{number // 100 % 60:02} +0000] "
        f'"GET /api/products/{number % 5000}?page={number % 7} HTTP/1.1" {status} {number * 37 % 90000} '
        f'"https://shop.example/start" "{AGENT}"'
    )


def envoy(number):
    second = number // 100
    return json.dumps({
        "start_time": f"2026-11-20T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{number % 1000:03}Z",
        "method": "GET", "x-envoy-origin-path": f"/api/products/{number % 5000}", "protocol": "HTTP/1.1",
        "response_code": 503 if number % 50 == 0 else 200, "response_flags": "-", "response_code_details": "via_upstream",
        "connection_termination_details": None, "upstream_transport_failure_reason": None, "bytes_received": 0,
        "bytes_sent": number * 37 % 90000, "duration": number % 300, "x-envoy-upstream-service-time": str(number % 290),
        "x-forwarded-for": "203.0.113.7", "user-agent": "curl/8.5.0",
        "x-request-id": f"6c1f0a5e-1f0b-4c2d-9d7e-{number:012x}", ":authority": "shop.example",
        "upstream_host": "10.0.3.7:8080", "upstream_cluster": "httproute/default/products/rule/0",
        "upstream_local_address": "10.0.1.2:41020", "downstream_local_address": "10.0.1.2:8080",
        "downstream_remote_address": "203.0.113.7:55102", "requested_server_name": None,
        "route_name": "httproute/default/products/rule/0/match/0",
        "traceparent": f"00-{number + 1:032x}-{number + 1:016x}-01",
    }, separators=(",", ":"))


def rows(http):
    statement = json.dumps({"sql": "SELECT count(*) FROM requests"}).encode()
    request = urllib.request.Request(f"http://{http}/api/v1/sql", statement, {"content-type": "application/json"})
    return json.load(urllib.request.urlopen(request))["rows"][0][0]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("spandrel")
    arguments.add_argument("--lines", type=int, default=2_000_000)
    arguments.add_argument("--format", choices=["nginx", "envoy"], default="nginx")
    arguments = arguments.parse_args()
    line = {"nginx": nginx, "envoy": envoy}[arguments.format]
    with tempfile.TemporaryDirectory(prefix="spandrel-lines-") as directory:
        directory = pathlib.Path(directory)
        log = directory / "access.log"
        with log.open("w") as file:
            file.writelines(f"{line(number)}\n" for number in range(arguments.lines))
        source = {"type": "file", "paths": [str(log)], "format": arguments.format, "service": "gateway"}
        (directory / "spandrel.yaml").write_text(json.dumps({"sources": [source], "self_telemetry": False}))
        addresses = directory / "addresses.json"
        started = time.monotonic()
        server = subprocess.Popen([
            arguments.spandrel, "serve", "--config", str(directory / "spandrel.yaml"), "--data-dir", str(directory / "data"),
            "--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--http", "127.0.0.1:0",
            "--addresses-file", str(addresses),
        ], stderr=subprocess.DEVNULL)
        while not addresses.exists():
            time.sleep(0.02)
        http = json.loads(addresses.read_text())["http"]
        while rows(http) < arguments.lines:
            time.sleep(0.25)
        seconds = time.monotonic() - started
        server.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(server.pid, 0)
        assert status == 0, status
        files = list((directory / "data" / "requests").glob("*/*.parquet"))
        cpu = usage.ru_utime + usage.ru_stime
        print(json.dumps({
            "format": arguments.format,
            "lines": arguments.lines,
            "megabytes": round(log.stat().st_size / 1e6),
            "lines_per_cpu_second": round(arguments.lines / cpu),
            "lines_per_second": round(arguments.lines / seconds),
            "peak_memory_mib": round(usage.ru_maxrss / 1024),
            "parquet_bytes_per_line": round(sum(file.stat().st_size for file in files) / arguments.lines, 1),
        }))


if __name__ == "__main__":
    main()
