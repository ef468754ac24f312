"""The tables `logs` and `breakers`: error logs, application logs and syslog, and what they say of breakers."""

import truth

SEVERITIES = {
    "info": range(9, 13),
    "warning": range(13, 17),
    "warn": range(13, 17),
    "error": range(17, 21),
    "err": range(17, 21),
}

# pino's numbers, winston's names.
LEVELS = {30: "info", 40: "warn", 50: "error"}

OPOSSUM = {"open": "trip", "halfOpen": "half_open", "close": "close", "reject": "short_circuit", "fallback": "fallback"}

BREAKERS = "SELECT breaker, event, basis, signal, service_name, trace_id, source_table FROM breakers WHERE system = '{}'"


def check(results, spandrel, story):
    check_nginx_errors(results, spandrel, story)
    for service in ("storefront", "inventory"):
        check_application(results, spandrel, story, service)
    check_syslog(results, spandrel, story)
    check_opossum(results, spandrel, story)
    check_nginx_breakers(results, spandrel, story)
    check_haproxy_breakers(results, spandrel, story)
    check_apache_breakers(results, spandrel, story)
    check_envoy_outliers(results, spandrel, story)


def fits(row, level):
    return row["severity_number"] in SEVERITIES[level]


def check_nginx_errors(results, spandrel, story):
    rows = spandrel.sql("SELECT body, severity_number FROM logs WHERE service_name = 'gateway'")
    for text, level in (
        ("connect() failed (111: Connection refused)", "error"),
        ("upstream server temporarily disabled", "warn"),
        ("upstream timed out (110: Connection timed out)", "error"),
        ("limiting requests", "error"),
        ("no live upstreams", "error"),
    ):
        expected = sum(text in line for _, _, line in truth.error_records(story))
        found = [row for row in rows if text in row["body"]]
        results.equal(f"error log: lines with {text!r}", len(found), expected)
        results.check(f"error log: {text!r} has its level", all(fits(row, level) for row in found), found)


def check_application(results, spandrel, story, service):
    rows = spandrel.sql(
        f"SELECT body, severity_number, trace_id, span_id, correlation_id FROM logs WHERE service_name = '{service}'"
    )
    records = truth.application_records(story, service)
    message = lambda record: record.get("msg", record.get("message"))
    results.same_items(
        f"{service}: messages with their trace id, span id and request id",
        ((row["body"], row["trace_id"], row["span_id"], row["correlation_id"]) for row in rows),
        (
            (message(record), record.get("trace_id"), record.get("span_id"), truth.join_key(record.get("request_id")))
            for record in records
        ),
    )
    level = lambda record: LEVELS.get(record["level"], record["level"])
    levels = {message(record): level(record) for record in records if message(record)}
    wrong = [row for row in rows if row["body"] in levels and not fits(row, levels[row["body"]])]
    results.equal(f"{service}: levels", wrong, [])


def check_syslog(results, spandrel, story):
    rows = spandrel.sql(
        "SELECT body, severity_number, service_name, host_name FROM logs WHERE service_name LIKE 'shop-%'"
    )
    stored = {(row["service_name"], (row["body"] or "").strip()): row for row in rows}
    sent = {(message.tag, message.text): message for message in story.messages}
    results.same_items("syslog: tag and text of every message", stored, sent)
    wrong = [row for key, row in stored.items() if key in sent and not fits(row, sent[key].priority.split(".")[1])]
    results.equal("syslog: severities", wrong, [])
    results.check("syslog: hosts are known", all(row["host_name"] for row in rows), rows)


def check_opossum(results, spandrel, story):
    # The exceptions that the breaker threw are told by other rows.
    rows = [row for row in spandrel.sql(BREAKERS.format("opossum")) if row["signal"] == "log"]
    expected = {OPOSSUM[event]: count for event, count in truth.breaker_events(story).items()}
    found = {event: sum(row["event"] == event for row in rows) for event in expected}
    results.check("opossum: the scenario had every event", set(expected) == set(OPOSSUM.values()), expected)
    results.equal("opossum: each logged event is an event of the breaker", found, expected)
    names = {(row["breaker"], row["service_name"], row["basis"]) for row in rows}
    results.equal("opossum: breaker, service and basis", names, {("inventory", "storefront", "explicit")})
    trips = [row["trace_id"] for row in rows if row["event"] == "trip"]
    results.check("opossum: a trip has the trace of the request that tripped it", trips and all(trips), trips)


def check_nginx_breakers(results, spandrel, story):
    rows = [row for row in spandrel.sql(BREAKERS.format("nginx")) if row["source_table"] == "logs"]
    trips = [row["breaker"] for row in rows if row["event"] == "trip"]
    disabled = truth.disabled_peers(story)
    results.same_items(
        "nginx: a trip for each time a peer was disabled",
        trips,
        [peer for peer, count in disabled.items() for _ in range(count)],
    )
    dead = {story.address(name) for name in ("storefront-2", "inventory-1", "inventory-2")}
    results.check("nginx: the peers that died were disabled", dead <= set(disabled), disabled)
    refused = sum("no live upstreams" in line for _, _, line in truth.error_records(story))
    circuits = [row["breaker"] for row in rows if row["event"] == "short_circuit"]
    results.equal("nginx: no live upstreams is a short circuit", circuits, ["inventory"] * refused)


def check_haproxy_breakers(results, spandrel, story):
    rows = spandrel.sql(BREAKERS.format("haproxy"))
    # The name may have the backend before it: storefront/storefront-1.
    logged = [(row["breaker"].split("/")[-1], row["event"]) for row in rows if row["source_table"] == "logs"]
    changes = [change for change in logged if change[1] in ("trip", "close")]
    expected = truth.haproxy_health(story)
    results.same_items("haproxy: servers that health checks took out and in", changes, expected)
    results.check("haproxy: the scenario had both", {event for _, event in expected} == {"trip", "close"}, expected)
    short = [row for row in rows if row["event"] == "short_circuit"]
    results.check("haproxy: requests without a server are short circuits", short, rows)


def check_apache_breakers(results, spandrel, story):
    rows = [row for row in spandrel.sql(BREAKERS.format("apache")) if row["source_table"] == "logs"]
    trips = [row["breaker"] for row in rows if row["event"] == "trip"]
    disabled = truth.apache_disabled(story)
    results.same_items("apache: a trip for each time a worker was disabled", trips, disabled)
    dead = {story.address(name) for name in ("storefront-1", "storefront-2")}
    results.check("apache: the workers that died were disabled", dead <= set(disabled), disabled)
    short = [row for row in rows if row["event"] == "short_circuit"]
    results.check("apache: all workers in error state is a short circuit", short, rows)


def check_envoy_outliers(results, spandrel, story):
    rows = spandrel.sql(
        "SELECT breaker, server_address, detail, event, source_table FROM breakers WHERE system = 'envoy'"
    )
    expected = truth.envoy_outliers(story)
    addresses = {address for address, _ in expected}
    # The host's address with its port may be the breaker's name, or stand beside the cluster's.
    named = lambda row: " ".join(row[name] or "" for name in ("breaker", "server_address", "detail"))
    changes = [
        (next((address for address in addresses if address in named(row)), named(row)), row["event"])
        for row in rows
        if row["event"] in ("eject", "uneject")
    ]
    results.same_items("envoy: hosts that outlier detection took out and put back", changes, expected)
    results.check("envoy: the scenario had both", {event for _, event in expected} == {"eject", "uneject"}, expected)
    short = [row for row in rows if row["event"] == "short_circuit" and row["source_table"] == "requests"]
    results.check("envoy: no healthy upstream (UH) is a short circuit", short, rows)
