#!/usr/bin/env python3
"""The whole path under load: gRPC in, fsync, acknowledged, queryable, sealed to Parquet.

usage: whole.py SPANDREL [--seconds 30] [--rate SPANS_PER_SECOND] [--connections 2] [--in-flight 8] [--batch 512]
       [--without-analysis | --compare-analysis ROUNDS]

Starts the server in a fresh directory, drives it with `spandrel load`, and prints what the server took: spans per second of
its CPU time (user and system, until everything is in Parquet files), its peak memory, and how long after its acknowledgement
a span is returned by SQL. Linux only: the figures are from /proc.

--compare-analysis runs it in turn with and without the analysis, and prints what the analysis adds.
"""

import argparse
import collections
import json
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request


def wait_for(path):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if path.exists():
            return json.loads(path.read_text())
        time.sleep(0.02)
    raise SystemExit("the server did not start in 30 s")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds_by_thread(pid):
    """By the names of threads, which are cut at 15 characters."""
    seconds = collections.Counter()
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name, fields = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        fields = fields.split()
        seconds[name] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def peak_memory_mib(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("no VmHWM in /proc")


def sql(http, statement):
    request = urllib.request.Request(
        f"http://{http}/api/v1/sql",
        json.dumps({"sql": statement}).encode(),
        {"content-type": "application/json"},
    )
    return json.load(urllib.request.urlopen(request))["rows"]


def freshness_ms(http, otlp_http, number):
    """Milliseconds from the acknowledgement of a span to the answer that has it."""
    trace_id = f"{number + 1:032x}"
    now = str(time.time_ns())
    span = {"traceId": trace_id, "spanId": "00000000000000aa", "name": "fresh", "startTimeUnixNano": now, "endTimeUnixNano": now}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    request = urllib.request.Request(
        f"http://{otlp_http}/v1/traces", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    urllib.request.urlopen(request).read()
    acknowledged = time.monotonic()
    while sql(http, f"SELECT count(*) FROM spans WHERE trace_id = '{trace_id}'") != [[1]]:
        pass
    return (time.monotonic() - acknowledged) * 1e3


def measure(arguments, with_analysis):
    """What one server took for one load."""
    with tempfile.TemporaryDirectory(prefix="spandrel-whole-") as directory:
        directory = pathlib.Path(directory)
        addresses_file = directory / "addresses.json"
        flags = ["--data-dir", str(directory / "data"), "--addresses-file", str(addresses_file)]
        for listener in ("--otlp-grpc", "--otlp-http", "--http"):
            flags += [listener, "127.0.0.1:0"]
        flags += ["--set", f"analysis.enabled={str(with_analysis).lower()}"]
        server = subprocess.Popen([arguments.spandrel, "serve", "--set", "log.filter=error", *flags])
        try:
            addresses = wait_for(addresses_file)
            load = [arguments.spandrel, "load", "--json", "--duration", f"{arguments.seconds}s"]
            load += ["--endpoint", f"http://{addresses['otlp_grpc']}"]
            load += ["--connections", str(arguments.connections), "--in-flight", str(arguments.in_flight)]
            load += ["--batch", str(arguments.batch)]
            if arguments.rate:
                load += ["--rate", str(arguments.rate)]
            before = cpu_seconds(server.pid)
            report = json.loads(subprocess.check_output(load))
            fresh = [freshness_ms(addresses["http"], addresses["otlp_http"], number) for number in range(20)]
            stored = sql(addresses["http"], "SELECT count(*) FROM spans WHERE name <> 'fresh' AND service_name <> 'spandrel'")[0][0]
            threads = cpu_seconds_by_thread(server.pid)
            server.send_signal(signal.SIGTERM)
            # The directory is the process's own until it is reaped, so its figures can still be read while it seals.
            cpu, memory = cpu_seconds(server.pid), peak_memory_mib(server.pid)
            while True:
                try:
                    cpu, memory = max(cpu, cpu_seconds(server.pid)), max(memory, peak_memory_mib(server.pid))
                except (SystemExit, FileNotFoundError, ProcessLookupError):
                    break
                if server.poll() is not None:
                    break
                time.sleep(0.01)
        finally:
            server.terminate()
            server.wait()
        files = sum(file.stat().st_size for file in (directory / "data" / "spans").rglob("*.parquet"))
    return {"report": report, "fresh": fresh, "stored": stored, "threads": threads, "cpu": cpu - before, "memory": memory, "files": files}


def show(result):
    report, cpu, fresh = result["report"], result["cpu"], result["fresh"]
    accepted = report["accepted_spans"]
    latency = report["latency_ms"]
    print(f"accepted            {accepted} spans in {report['seconds']:.1f} s: {accepted / report['seconds']:,.0f} a second")
    print(f"not accepted        {report['rejected_spans'] + report['refused_spans'] + report['failed_spans']} spans, {report['retries']} retries")
    print(f"stored              {result['stored']} spans{'' if result['stored'] == accepted else '  (NOT what was accepted)'}")
    print(f"request             {report['bytes'] / max(accepted, 1):.0f} bytes a span")
    print(f"server CPU          {cpu:.1f} s: {accepted / cpu:,.0f} spans per CPU-second")
    shares = ", ".join(f"{name} {seconds / accepted * 1e6:.2f}" for name, seconds in result["threads"].most_common() if seconds)
    print(f"before it stops     microseconds of CPU a span: {shares}")
    print(f"server peak memory  {result['memory']:.0f} MiB")
    print(f"acknowledgement     p50 {latency['p50']:.1f} ms, p99 {latency['p99']:.1f} ms, max {latency['max']:.1f} ms")
    print(f"fresh in SQL        median {statistics.median(fresh):.0f} ms, worst {max(fresh):.0f} ms after the acknowledgement")
    print(f"on disk             {result['files'] / max(accepted, 1):.1f} bytes a span")


def compare_analysis(arguments):
    rates, costs = collections.defaultdict(list), collections.defaultdict(list)
    for number in range(arguments.compare_analysis):
        # Whoever goes first finds another machine than who goes last.
        for with_analysis in [True, False] if number % 2 else [False, True]:
            result = measure(arguments, with_analysis)
            accepted = result["report"]["accepted_spans"]
            rates[with_analysis].append(accepted / result["report"]["seconds"])
            costs[with_analysis].append(result["cpu"] / accepted * 1e6)
            name = "with" if with_analysis else "without"
            print(f"{name:8} {rates[with_analysis][-1]:9,.0f} spans a second, {costs[with_analysis][-1]:5.2f} microseconds of CPU a span", flush=True)
    for name, figures in (("spans a second", rates), ("CPU a span", costs)):
        ratio = statistics.median(figures[True]) / statistics.median(figures[False])
        print(f"{name:15} {(ratio - 1) * 100:+.1f} % with the analysis (medians of {arguments.compare_analysis})")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("spandrel")
    arguments.add_argument("--seconds", type=int, default=30)
    arguments.add_argument("--rate", type=float)
    arguments.add_argument("--connections", type=int, default=2)
    arguments.add_argument("--in-flight", type=int, default=8)
    arguments.add_argument("--batch", type=int, default=512)
    arguments.add_argument("--without-analysis", action="store_true")
    arguments.add_argument("--compare-analysis", type=int, metavar="ROUNDS")
    arguments = arguments.parse_args()
    if arguments.compare_analysis:
        compare_analysis(arguments)
    else:
        show(measure(arguments, not arguments.without_analysis))


if __name__ == "__main__":
    main()
