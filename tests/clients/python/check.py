"""Stock OpenTelemetry SDKs send to a server; SQL returns all of it; others read the tables it leaves behind.

Usage: check.py BINARY NODE_DIRECTORY
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import tables
from server import Server, clean_environment

HERE = pathlib.Path(__file__).parent
TABLES = ("spans", "logs", "metrics")

SPANS = """SELECT trace_id, span_id, parent_span_id, kind, status_code, http_route, db_system_name, attributes, events, links
           FROM spans WHERE service_name = '{}'"""
LOGS = """SELECT trace_id, span_id, severity_number, severity_text, body, attributes FROM logs WHERE service_name = '{}'"""
POINTS = """SELECT name, kind, attributes, value, count, sum, temporality FROM metrics WHERE service_name = '{}'"""


class Results:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, name, good, detail=""):
        if good:
            self.passed += 1
            print(f"PASS {name}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL {name}: {detail}", flush=True)

    def equal(self, name, found, expected):
        self.check(name, found == expected, f"found {shorten(found)}, expected {shorten(expected)}")


def shorten(value, limit=1000):
    text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


def sorted_rows(rows):
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def differences(found, expected):
    """Rows found and not expected, and the other way round."""
    texts = lambda rows: {json.dumps(row, sort_keys=True) for row in rows}
    return sorted(texts(found) - texts(expected))[:3], sorted(texts(expected) - texts(found))[:3]


def emit(command, protocol, server, service):
    environment = clean_environment(OTEL_EXPORTER_OTLP_ENDPOINT=server.endpoint(protocol))
    finished = subprocess.run([*command, protocol, service], env=environment, capture_output=True, text=True, timeout=180)
    if finished.returncode != 0:
        raise RuntimeError(f"{command} {protocol} ended with {finished.returncode}: {finished.stderr}")
    return json.loads(finished.stdout), finished.stderr


def check_client(results, server, client, command, protocol):
    service = f"{client}-{protocol}"
    sent, complaints = emit(command, protocol, server, service)
    results.equal(f"{service}: the exporters do not complain", complaints, "")
    spans = server.sql(SPANS.format(service))
    for span in spans:
        span["events"] = [event["name"] for event in span["events"] or []]
        span["links"] = [link["span_id"] for link in span["links"] or []]
    for name, found, expected in (
        ("spans", spans, sent["spans"]),
        ("log records", server.sql(LOGS.format(service)), sent["logs"]),
        ("data points", server.sql(POINTS.format(service)), sent["points"]),
    ):
        results.equal(f"{service}: {len(expected)} {name} are in SQL", len(found), len(expected))
        same = sorted_rows(found) == sorted_rows(expected)
        results.check(f"{service}: {name} have every value", same, differences(found, expected))
    resources = server.sql(
        f"SELECT DISTINCT service_version, resource_attributes['team'] AS team FROM spans WHERE service_name = '{service}'"
    )
    results.equal(f"{service}: the resource came along", resources, [{"service_version": "1.2.3", "team": "payments"}])


def counts_by_service(server, table):
    rows = server.sql(f"SELECT service_name, count(*) AS rows FROM {table} WHERE service_name <> 'spandrel' GROUP BY 1")
    return {row["service_name"]: row["rows"] for row in rows}


def check_tables(results, data_dir, counts):
    for table in TABLES:
        for reader, read in tables.COUNTS.items():
            found = {name: rows for name, rows in read(data_dir, table).items() if name != "spandrel"}
            results.equal(f"{reader} counts the same {table}", found, counts[table])
        results.equal(f"{table}: ids and partitions are as specified", tables.problems(data_dir, table), [])


def main():
    binary, node_directory = sys.argv[1:]
    clients = {
        "python": [sys.executable, str(HERE / "emit.py")],
        "node": ["node", str(pathlib.Path(node_directory) / "emit.mjs")],
    }
    results = Results()
    with tempfile.TemporaryDirectory() as directory:
        server = Server(binary, directory)
        try:
            for client, command in clients.items():
                for protocol in ("grpc", "http"):
                    check_client(results, server, client, command, protocol)
            counts = {table: counts_by_service(server, table) for table in TABLES}
            results.equal("the server stops with 0", server.stop(), 0)
        finally:
            server.kill()
        check_tables(results, server.data_dir, counts)
        for table in TABLES:
            command = [binary, "sql", "--data-dir", server.data_dir, "--format", "json", f"SELECT count(*) FROM {table}"]
            offline = subprocess.run(command, env=clean_environment(), capture_output=True, check=True)
            [[rows]] = json.loads(offline.stdout)["rows"]
            results.equal(f"`spandrel sql --data-dir` counts as many {table} as polars", rows, tables.rows(server.data_dir, table))
    print(f"{results.passed} passed, {results.failed} failed")
    sys.exit(1 if results.failed else 0)


main()
