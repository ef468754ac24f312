"""What the logs on disk say, read without Spandrel."""

import json
import re

from processes import lines_with
from shop import STOREFRONTS

# "2026/11/21 13:43:13 [error] 3556#3556: *1080 message, client: ...": level, connection, the rest.
ERROR_LINE = re.compile(r"^\S+ \S+ \[(\w+)\] \d+#\d+: (?:\*(\d+) )?(.*)$")


# A UUID in which Envoy keeps its tracing decision.
TRACED_ID = re.compile(r"^([0-9a-f]{8}-[0-9a-f]{4}-)[9ab]([0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12})$")


def join_key(request_id):
    """The form of an id by which records join."""
    return request_id and TRACED_ID.sub(r"\g<1>4\2", request_id)


def access_records(story):
    """nginx's JSON access log from before and after its rotation, by request id."""
    records = {}
    for name in ("access.json.log.1", "access.json.log"):
        for line in lines_with(story.nginx_logs / name):
            record = json.loads(line)
            records[record["request_id"]] = record
    return records


def attempts(record):
    """Address, status and nanoseconds of each try; none where nothing was tried."""
    if not record["upstream_addr"]:
        return []
    addresses, statuses, seconds = (
        record[name].split(", ") for name in ("upstream_addr", "upstream_status", "upstream_response_time")
    )
    return [
        {"address": address, "status": int(status), "duration_ns": round(float(second) * 1e3) * 1_000_000}
        for address, status, second in zip(addresses, statuses, seconds, strict=True)
    ]


def error_records(story):
    """Level, connection and text of each line of nginx's error log."""
    return [ERROR_LINE.match(line).groups() for line in lines_with(story.nginx_logs / "error.log")]


def application_records(story, service):
    """The JSON lines of a service's instances."""
    names = [name for name in story.shop.ports if name.startswith(service)]
    return [json.loads(line) for name in names for line in lines_with(story.shop.log(name))]


def breaker_events(story):
    """How often each event of opossum's was logged, by name."""
    counts = {}
    for name in STOREFRONTS:
        for line in lines_with(story.shop.log(name), '"component":"opossum"'):
            event = json.loads(line)["event"]
            counts[event] = counts.get(event, 0) + 1
    return counts


def disabled_peers(story):
    """How often nginx disabled each peer."""
    counts = {}
    for line in lines_with(story.nginx_logs / "error.log", "upstream server temporarily disabled"):
        address = re.search(r'upstream: "http://([^/"]+)', line).group(1)
        counts[address] = counts.get(address, 0) + 1
    return counts


def haproxy_health(story):
    """Each time HAProxy's health check took a server out or in, as the server's name and `trip` or `close`."""
    changes = re.findall(r"Server storefront/(\S+) is (DOWN|UP)", story.haproxy_output.read_text())
    return [(name, "trip" if state == "DOWN" else "close") for name, state in changes]


def apache_disabled(story):
    """The address of a worker for each time that Apache disabled it."""
    lines = lines_with(story.apache_logs / "error.log", "AH00959")
    return [re.search(r"disabling worker for \((.*?)\)", line).group(1) for line in lines]


def envoy_outliers(story):
    """The address of a host and `eject` or `uneject`, for each time outlier detection changed its mind."""
    records = [json.loads(line) for line in lines_with(story.envoy_logs / "outlier.log")]
    return [(record["upstream_url"], record["action"].lower()) for record in records]
