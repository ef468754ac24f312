"""Rows of different tables joined: by trace id where the client sent a traceparent, by request id always."""

import truth
from processes import wait_for

ARRIVAL_SECONDS = 20

# Steps in which nothing dies while it serves.
CALM = ("ordinary_traffic", "storefront_hangs", "inventory_fails_and_recovers")

JOINED = """SELECT DISTINCT r.correlation_id AS id FROM requests r JOIN spans s ON r.{key} = s.{key}
            WHERE r.gateway = '{gateway}' AND s.service_name = '{service}' AND s.kind = 'SERVER'"""


def check(results, spandrel, story):
    check_joins(results, spandrel, "gateway", story.nginx)
    check_joins(results, spandrel, "haproxy", story.haproxy)
    check_joins(results, spandrel, "apache", story.apache)
    check_joins(results, spandrel, "gateway-envoy", story.envoy)
    check_one_flow(results, spandrel, story)


def settle(spandrel, story):
    """Waits for what the scenario's processes have not sent yet: one that is killed takes it with it."""

    def missing():
        ids = {
            truth.join_key(request.request_id)
            for client in (story.nginx, story.haproxy, story.apache, story.envoy)
            for request in calm_requests(client)
        }
        rows = spandrel.sql(
            "SELECT DISTINCT correlation_id FROM spans WHERE service_name = 'storefront' AND kind = 'SERVER'"
        )
        return ids - {row["correlation_id"] for row in rows}

    def unsent():
        # Envoy sends its OpenTelemetry access log once a second, and at its end forgets what it has not sent.
        return len(story.envoy.sent) - spandrel.count("requests", "gateway = 'gateway-envoy-otlp'")

    try:
        wait_for("the spans and Envoy's records", lambda: not missing() and unsent() <= 0, ARRIVAL_SECONDS, interval=0.05)
    except TimeoutError:
        pass  # The comparison at the end says which are missing.


def calm_requests(client):
    return [request for request in client.sent if request.step in CALM and request.path.startswith("/products/")]


def check_joins(results, spandrel, gateway, client):
    """Each request for a product is joined to the storefront's span of it."""
    asked = calm_requests(client)
    for key, requests in (
        ("trace_id", [request for request in asked if request.trace_id]),
        ("correlation_id", asked),
    ):
        found = {row["id"] for row in spandrel.sql(JOINED.format(key=key, gateway=gateway, service="storefront"))}
        missing = [request for request in requests if truth.join_key(request.request_id) not in found]
        results.check(f"{gateway}: the scenario had requests with {key}", requests)
        results.equal(f"{gateway}: requests joined to the storefront's spans by {key}", missing, [])


def check_one_flow(results, spandrel, story):
    """The request that waited for a storefront that hung, and was answered by the other."""
    sent = {request.request_id: request for request in story.nginx.sent}
    records = truth.access_records(story)
    [id] = [id for id, record in records.items() if record["upstream_status"] == "504, 200"][:1]
    trace_id, connection = sent[id].trace_id, records[id]["connection"]
    print(f"     one flow: request {id}, trace {trace_id}, connection {connection}")

    rows = spandrel.sql(f"SELECT * FROM requests WHERE gateway = 'gateway' AND correlation_id = '{id}'")
    results.equal("flow: one access record", len(rows), 1)
    access = rows[0] if rows else {}
    results.equal("flow: the access record has the trace id", access.get("trace_id"), trace_id)
    results.equal("flow: the access record has two attempts", access.get("attempts"), truth.attempts(records[id]))

    spans = spandrel.sql(
        f"SELECT service_name, kind, service_instance_id, correlation_id FROM spans WHERE trace_id = '{trace_id}'"
    )
    seen = sorted(((span["service_instance_id"], span["kind"], span["correlation_id"]) for span in spans), key=str)
    expected = [
        ("inventory-1", "SERVER", id),
        ("storefront-1", "SERVER", id),
        ("storefront-2", "CLIENT", id),
        ("storefront-2", "SERVER", id),
    ]
    results.equal("flow: the spans of both tries and of the inventory", seen, expected)

    logs = spandrel.sql(f"SELECT service_name, body, correlation_id FROM logs WHERE trace_id = '{trace_id}'")
    seen = sorted(((log["service_name"], log["body"], log["correlation_id"]) for log in logs), key=str)
    expected = [
        ("inventory", "stock read", id),
        ("storefront", "no answer in this mode", id),
        ("storefront", "product shown", id),
    ]
    results.equal("flow: the log records of both tries and of the inventory", seen, expected)

    # nginx's error log has no request id; the connection is what it shares with the access log.
    errors = spandrel.sql("SELECT body, attributes FROM logs WHERE service_name = 'gateway'")
    shared = [row for row in errors if connection in (row["attributes"] or {}).values()]
    results.check(
        "flow: the error record of the first try, by its connection",
        [row for row in shared if "upstream timed out" in row["body"]],
        shared,
    )
    results.check(
        "flow: the access record has that connection", connection in (access.get("attributes") or {}).values(), access
    )
