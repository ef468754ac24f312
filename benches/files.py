#!/usr/bin/env python3
"""Many followed files: how long until all are read, and what they cost while nothing changes.

usage: files.py SPANDREL [--files 100000] [--idle 60]

Linux only: the figures are from /proc.
"""

import argparse
import json
import pathlib
import signal
import subprocess
import tempfile
import time

from lines import nginx, rows
from whole import cpu_seconds, peak_memory_mib


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("spandrel")
    arguments.add_argument("--files", type=int, default=100_000)
    arguments.add_argument("--idle", type=int, default=60)
    arguments = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="spandrel-files-") as directory:
        directory = pathlib.Path(directory)
        logs = directory / "logs"
        logs.mkdir()
        for number in range(arguments.files):
            (logs / f"service-{number}.log").write_text(f"{nginx(number)}\n")
        source = {"type": "file", "paths": [f"{logs}/*.log"], "format": "nginx", "service": "gateway"}
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
        while rows(http) < arguments.files:
            time.sleep(0.1)
        read = time.monotonic() - started
        time.sleep(15)
        before = cpu_seconds(server.pid)
        time.sleep(arguments.idle)
        idle = cpu_seconds(server.pid) - before
        print(json.dumps({
            "files": arguments.files,
            "seconds_until_all_are_stored": round(read, 2),
            "idle_cpu_seconds": round(idle, 2),
            "idle_seconds": arguments.idle,
            "peak_memory_mib": round(peak_memory_mib(server.pid)),
        }))
        server.send_signal(signal.SIGTERM)
        server.wait()


main()
