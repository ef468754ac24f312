"""The table `requests`: a row for each request that a client sent, with what the client and the gateway know of it."""

import truth

COLUMNS = """correlation_id, trace_id, source, side, http_request_method, url_path, http_response_status_code, outcome,
             duration_ns, attempts, upstream_service, upstream_address, upstream_status, response_flags, attributes"""

OUTCOMES = {200: "ok", 201: "ok", 404: "client_fault", 429: "rejected"}

# A client's clock and a gateway's are the same one here, read at different moments and rounded.
TOLERANCE_NS = 10_000_000


def rows_of(spandrel, gateway):
    return spandrel.sql(f"SELECT {COLUMNS} FROM requests WHERE gateway = '{gateway}'")


def by_id(rows):
    return {row["correlation_id"]: row for row in rows}


def check(results, spandrel, story):
    for gateway in ("gateway", "gateway-text", "gateway-metrics"):
        rows = rows_of(spandrel, gateway)
        check_against_client(results, gateway, rows, story.nginx, "nginx")
        check_attempts(results, gateway, rows, truth.access_records(story))
    check_service_metrics(results, rows_of(spandrel, "gateway-metrics"), story)
    # Connections that were closed without a request are records too, without a path.
    asked = [row for row in rows_of(spandrel, "haproxy") if row["url_path"]]
    check_against_client(results, "haproxy", asked, story.haproxy, "haproxy")
    check_against_client(results, "apache", rows_of(spandrel, "apache"), story.apache, "apache")
    check_envoy(results, spandrel, story)
    check_haproxy(results, rows_of(spandrel, "haproxy"))
    check_combined(results, rows_of(spandrel, "apache-combined"), story)


def check_against_client(results, gateway, rows, client, source):
    sent = {request.request_id: request for request in client.sent}
    results.equal(f"{gateway}: the client got an id of its own for each request", len(sent), len(client.sent))
    results.same_items(
        f"{gateway}: the request ids are those the client got", (row["correlation_id"] for row in rows), sent
    )
    results.equal(f"{gateway}: source and side", {(row["source"], row["side"]) for row in rows}, {(source, "edge")})
    said = lambda request: (request.method, request.path.split("?")[0], request.status, request.trace_id)
    stored = lambda row: tuple(
        row[name] for name in ("http_request_method", "url_path", "http_response_status_code", "trace_id")
    )
    wrong = [
        (stored(row), said(sent[row["correlation_id"]]))
        for row in known(rows, sent)
        if stored(row) != said(sent[row["correlation_id"]])
    ]
    results.equal(f"{gateway}: method, path, status and trace id are the client's", wrong, [])
    wrong = [
        (row["http_response_status_code"], row["outcome"])
        for row in rows
        if row["outcome"] != OUTCOMES.get(row["http_response_status_code"], row["outcome"])
    ]
    results.equal(f"{gateway}: outcomes follow the status", wrong, [])
    longer = [
        (row["duration_ns"], sent[row["correlation_id"]].seconds)
        for row in known(rows, sent)
        if row["duration_ns"] is not None
        and row["duration_ns"] > sent[row["correlation_id"]].seconds * 1e9 + TOLERANCE_NS
    ]
    results.equal(f"{gateway}: no request took longer than its client waited", longer, [])
    results.check(f"{gateway}: durations are known", all(row["duration_ns"] is not None for row in rows))


def known(rows, sent):
    return [row for row in rows if row["correlation_id"] in sent]


def check_attempts(results, gateway, rows, records):
    stored = by_id(rows)
    retried = {id: truth.attempts(record) for id, record in records.items() if ", " in record["upstream_addr"]}
    statuses = {tuple(attempt["status"] for attempt in tries) for tries in retried.values()}
    results.check(f"{gateway}: the scenario had retries", {(502, 200), (504, 200), (502, 502)} <= statuses, statuses)
    wrong = {
        id: (stored.get(id, {}).get("attempts"), tries)
        for id, tries in retried.items()
        if stored.get(id, {}).get("attempts") != tries
    }
    results.equal(f"{gateway}: each retried request has its two attempts", wrong, {})
    several = [id for id, row in stored.items() if len(row["attempts"] or []) > 1]
    results.same_items(f"{gateway}: only retried requests have several attempts", several, retried)
    last = {
        id: (tries[-1]["address"], tries[-1]["status"])
        for id, tries in ((id, truth.attempts(record)) for id, record in records.items())
        if tries and ":" in tries[-1]["address"]
    }
    wrong = [
        id
        for id, (address, status) in last.items()
        if id in stored and (stored[id]["upstream_address"], stored[id]["upstream_status"]) != (address, status)
    ]
    results.equal(f"{gateway}: upstream address and status are those of the last try", wrong, [])


def check_service_metrics(results, rows, story):
    """`$service_name` and `$service_version` of the service_metrics format."""
    services = {"/api/inventory/": "inventory"}
    expected = lambda path: next((name for prefix, name in services.items() if path.startswith(prefix)), "storefront")
    wrong = [
        (row["url_path"], row["upstream_service"])
        for row in rows
        if row["upstream_service"] != expected(row["url_path"])
    ]
    results.equal("gateway-metrics: $service_name is the upstream's service", wrong, [])
    answered = [row for row in rows if row["http_response_status_code"] in (200, 201, 404)]
    versions = {
        next((value for key, value in row["attributes"].items() if key.endswith("version") and value == "1.4.2"), None)
        for row in answered
    }
    results.equal("gateway-metrics: $service_version is among the attributes", versions, {"1.4.2"})


def check_envoy(results, spandrel, story):
    """The access log in a file and the one by OTLP are the same requests. Envoy gives a trace to every request."""
    sent = {truth.join_key(request.request_id): request for request in story.envoy.sent}
    for gateway in ("gateway-envoy", "gateway-envoy-otlp"):
        rows = {row["correlation_id"]: row for row in rows_of(spandrel, gateway)}
        results.same_items(f"{gateway}: the request ids are those the client got", rows, sent)
        both = [(row, sent[id]) for id, row in rows.items() if id in sent]
        results.equal(
            f"{gateway}: source and side", {(row["source"], row["side"]) for row, _ in both}, {("envoy", "edge")}
        )
        stored = lambda row: (row["http_request_method"], row["url_path"], row["http_response_status_code"])
        said = lambda request: (request.method, request.path.split("?")[0], request.status)
        wrong = [(stored(row), said(request)) for row, request in both if stored(row) != said(request)]
        results.equal(f"{gateway}: method, path and status are the client's", wrong, [])
        wrong = [
            (row["trace_id"], request.trace_id)
            for row, request in both
            if not row["trace_id"] or request.trace_id not in (None, row["trace_id"])
        ]
        results.equal(f"{gateway}: trace ids are the client's, or Envoy's where it had none", wrong, [])
        flags = {row["response_flags"] for row, _ in both if row["http_response_status_code"] == 503}
        results.check(f"{gateway}: response flags say why", "UH" in flags, flags)


def check_haproxy(results, rows):
    """Requests without a server, and those that went to another one than planned."""
    refused = [row for row in rows if row["http_response_status_code"] == 503]
    results.check("haproxy: there were requests without a server", refused)
    results.equal("haproxy: they have no upstream's status", {row["upstream_status"] for row in refused}, {None})


def check_combined(results, rows, story):
    """The combined format has no ids and no durations."""
    said = [(request.method, request.path.split("?")[0], request.status) for request in story.apache.sent]
    stored = [(row["http_request_method"], row["url_path"], row["http_response_status_code"]) for row in rows]
    results.same_items("apache-combined: every request has a row", stored, said)
    results.equal(
        "apache-combined: no id is made up", {(row["trace_id"], row["correlation_id"]) for row in rows}, {(None, None)}
    )
