"""A real shop behind real gateways: what Spandrel's tables say of it, against what clients and logs say.

Usage: check.py BINARY SHOP ENVOY
"""

import functools
import pathlib
import sys
import tempfile

import check_flow
import check_logs
import check_requests
import truth
from processes import Processes, lines_with, wait_for
from results import Results
from scenario import Tools, play
from spandrel import Spandrel

ARRIVAL_SECONDS = 30


def expected_rows(story):
    """Rows by table and condition once everything has been read."""
    sent = len(story.nginx.sent)
    rows = {("requests", f"gateway = '{name}'"): sent for name in ("gateway", "gateway-text", "gateway-metrics")}
    # Connections that were closed without a request are records too, without a path.
    rows["requests", "gateway = 'haproxy' AND url_path IS NOT NULL"] = len(story.haproxy.sent)
    for name in ("apache", "apache-combined"):
        rows["requests", f"gateway = '{name}'"] = len(story.apache.sent)
    for name in ("gateway-envoy", "gateway-envoy-otlp"):
        rows["requests", f"gateway = '{name}'"] = len(story.envoy.sent)
    for service, path in (("gateway", story.nginx_logs), ("apache", story.apache_logs)):
        rows["logs", f"service_name = '{service}'"] = len(lines_with(path / "error.log"))
    for service in ("storefront", "inventory"):
        rows["logs", f"service_name = '{service}'"] = len(truth.application_records(story, service))
    health = "system = 'haproxy' AND source_table = 'logs' AND event IN ('trip', 'close')"
    rows["breakers", health] = len(truth.haproxy_health(story))
    rows["logs", "service_name LIKE 'shop-%'"] = len(story.messages)
    return rows


def check_counts(results, spandrel, story):
    """Waits for what is still on its way, then for nothing more: each table has as many rows as there were records."""
    expected = expected_rows(story)
    found = lambda: {key: spandrel.count(*key) for key in expected}
    try:
        wait_for("all rows", lambda: found() == expected, ARRIVAL_SECONDS, interval=0.2)
    except TimeoutError:
        pass  # The comparison says what is missing.
    for key, rows in found().items():
        results.equal(f"rows of {key[0]} where {key[1]}", rows, expected[key])


def main():
    binary, shop, envoy = (pathlib.Path(argument).absolute() for argument in sys.argv[1:])
    results = Results()
    with tempfile.TemporaryDirectory(prefix="spandrel-gateways-") as name:
        directory = pathlib.Path(name)
        # The workers of nginx and Apache run as another user when root starts them.
        directory.chmod(0o755)
        processes = Processes(directory)
        try:
            spandrel = Spandrel(processes, binary, directory, directory / "log")
            settle = functools.partial(check_flow.settle, spandrel)
            story = play(processes, directory, Tools(shop, envoy), spandrel.otlp(), spandrel.syslog, settle)
            check_counts(results, spandrel, story)
            for part in (check_requests, check_logs, check_flow):
                part.check(results, spandrel, story)
            results.equal(
                "nothing was refused", spandrel.sql("SELECT source, format, reason, detail, record FROM rejects"), []
            )
            results.equal("the server stops with 0", processes.stop("spandrel"), 0)
        finally:
            processes.end()
    print(f"{results.passed} passed, {results.failed} failed")
    sys.exit(1 if results.failed else 0)


main()
