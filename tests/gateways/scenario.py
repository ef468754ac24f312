"""What happens to the shop, in order. Each step waits until the programs' logs say that it has happened."""

import pathlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field

from gateways import Apache, Envoy, Haproxy, Nginx, Rsyslog
from processes import lines_with, wait_for
from shop import INVENTORIES, STOREFRONTS, Shop
from traffic import Background, Client

ORDERS_AT_ONCE = 20


@dataclass
class Tools:
    """What is not part of the system: the shop with its modules, and Envoy."""

    shop: pathlib.Path
    envoy: pathlib.Path


@dataclass
class Otlp:
    """Where OTLP goes."""

    http_endpoint: str
    grpc_port: int


@dataclass
class Syslog:
    """Where syslog goes: to `port` by UDP and TCP, to `tls_port` by TLS, HAProxy's to a port of its own by UDP."""

    port: int
    tls_port: int
    haproxy_port: int
    certificate: pathlib.Path


@dataclass
class Message:
    """A syslog message that was sent, and how."""

    tag: str
    text: str
    priority: str


@dataclass
class Story:
    """What was done and seen, to be compared with what is stored."""

    shop: Shop
    nginx: Client
    haproxy: Client
    apache: Client
    envoy: Client
    nginx_logs: pathlib.Path
    apache_logs: pathlib.Path
    envoy_logs: pathlib.Path
    haproxy_output: pathlib.Path
    rotate: Callable
    messages: list = field(default_factory=list)

    def address(self, name):
        return f"127.0.0.1:{self.shop.ports[name]}"


def play(processes, directory, tools, otlp, syslog, settle=lambda story: None):
    """Runs the whole scenario, with a call of `settle` after each step.

    Logs are below `directory`/log, as deploy/spandrel.yaml has them below /var/log.
    """
    logs = directory / "log"
    shop = Shop(processes, tools.shop, logs / "shop", otlp.http_endpoint)
    nginx = Nginx(processes, directory / "nginx", logs / "nginx", shop)
    haproxy = Haproxy(processes, directory, syslog.haproxy_port, shop)
    apache = Apache(processes, directory, logs / "apache2", shop)
    envoy = Envoy(processes, directory, tools.envoy, logs / "envoy", otlp.grpc_port, shop)
    clients = [Client(gateway.port) for gateway in (nginx, haproxy, apache, envoy)]
    story = Story(
        shop,
        *clients,
        nginx_logs=logs / "nginx",
        apache_logs=logs / "apache2",
        envoy_logs=logs / "envoy",
        haproxy_output=processes.output("haproxy"),
        rotate=nginx.rotate,
    )
    for step in STEPS:
        for client in clients:
            client.step = step.__name__
        step(story)
        settle(story)
    rsyslog = Rsyslog(processes, directory / "rsyslog", syslog)
    syslog_messages(story, rsyslog.socket, syslog.port)
    # Their logs are complete. rsyslog goes on, since it would not wait for what is still to be forwarded.
    for name in ("nginx", "haproxy", "apache", "envoy", *STOREFRONTS):
        processes.stop(name)
    return story


def ordinary_traffic(story):
    for number in range(40):
        story.nginx.get(f"/products/{number}")
        story.nginx.get(f"/api/inventory/stock/{number}")
    story.nginx.order()
    story.nginx.get("/no-such-page?from=mail&to=%22quoted%22")
    for client in (story.haproxy, story.apache, story.envoy):
        for number in range(10):
            client.get(f"/products/{number}")
        client.order()
        client.get("/no-such-page?from=mail&to=%22quoted%22")


def rotation(story):
    """As logrotate does. What nginx still writes into the renamed file counts too."""
    story.rotate("access.json.log")


def storefront_dies_and_comes_back(story):
    error_log = story.nginx_logs / "error.log"
    address = f'upstream: "http://{story.address("storefront-2")}/'
    served = lambda: lines_with(story.shop.log("storefront-2"), "product shown")
    with Background(lambda number: story.nginx.get(f"/products/{number}")):
        before = len(served())
        wait_for("storefront-2 serves", lambda: len(served()) > before)
        story.shop.kill("storefront-2")
        wait_for("a refused connection", lambda: lines_with(error_log, "connect() failed (111", address))
        wait_for("a peer disabled", lambda: lines_with(error_log, "upstream server temporarily disabled", address))
        story.shop.start("storefront-2")
        before = len(served())
        wait_for("storefront-2 serves again", lambda: len(served()) > before)


def storefront_hangs(story):
    """nginx waits proxy_read_timeout, and asks the other."""
    story.shop.mode("storefront-1", "hang")
    retried = lambda: lines_with(story.nginx_logs / "access.json.log", '"upstream_status":"504, 200"')
    wait_for("a retry after a timeout", lambda: story.nginx.get("/products/1", traced=True) and retried())
    story.shop.mode("storefront-1", "ok")


def too_many_orders(story):
    for _ in range(ORDERS_AT_ONCE):
        story.nginx.order()
    wait_for("orders refused", lambda: lines_with(story.nginx_logs / "error.log", "limiting requests", '"checkout"'))


def inventory_fails_and_recovers(story):
    """The breaker of each storefront opens, refuses, tries and closes."""

    def seen(event):
        return all(
            lines_with(story.shop.log(name), '"component":"opossum"', f'"event":"{event}"') for name in STOREFRONTS
        )

    with Background(lambda number: story.nginx.get(f"/products/{number}")):
        story.shop.mode("inventory-1", "fail")
        for event in ("open", "reject"):
            wait_for(f"every breaker's {event}", lambda event=event: seen(event))
        story.shop.mode("inventory-1", "ok")
        for event in ("halfOpen", "close"):
            wait_for(f"every breaker's {event}", lambda event=event: seen(event))


def inventories_die(story):
    for name in INVENTORIES:
        story.shop.kill(name)
    gone = lambda: lines_with(story.nginx_logs / "error.log", "no live upstreams")
    wait_for("no live upstreams", lambda: story.nginx.get("/api/inventory/stock/1") and gone())


def storefronts_die(story):
    """First one, so that HAProxy and Apache do without it, then the other."""
    error_log = story.apache_logs / "error.log"
    story.shop.kill("storefront-2")
    # One for each server, before the health check knows.
    for _ in range(2):
        story.haproxy.order()
    wait_for("Apache disables a worker", lambda: story.apache.order() and lines_with(error_log, "AH00959"))
    outliers = story.envoy_logs / "outlier.log"
    out = lambda name: lines_with(outliers, '"EJECT"', story.address(name))
    wait_for("Envoy takes storefront-2 out", lambda: story.envoy.order() and out("storefront-2"))
    story.shop.kill("storefront-1")
    unhealthy = lambda: lines_with(story.envoy_logs / "access.log", '"response_flags":"UH"')
    wait_for("Envoy has no host left", lambda: story.envoy.order() and unhealthy())
    wait_for("Apache has no worker left", lambda: story.apache.order() and lines_with(error_log, "AH01170"))
    wait_for("HAProxy has no server left", lambda: lines_with(story.haproxy_output, "has no server available"))
    story.haproxy.order()
    for name in STOREFRONTS:
        story.shop.start(name)
    wait_for("HAProxy has servers again", lambda: story.haproxy.order().status == 201, interval=0.2)
    wait_for("Envoy puts a host back", lambda: lines_with(outliers, '"UNEJECT"'))
    wait_for("Envoy has hosts again", lambda: story.envoy.order().status == 201, interval=0.2)
    wait_for("Apache has workers again", lambda: story.apache.order().status == 201, interval=0.2)


STEPS = (
    ordinary_traffic,
    rotation,
    storefront_dies_and_comes_back,
    storefront_hangs,
    too_many_orders,
    inventory_fails_and_recovers,
    inventories_die,
    storefronts_die,
)


def syslog_messages(story, rsyslog_socket, port):
    server = ["--server", "127.0.0.1", "--port", str(port)]
    ways = {
        "udp-3164": [*server, "--udp", "--rfc3164"],
        "udp-5424": [*server, "--udp", "--rfc5424"],
        "tcp-3164": [*server, "--tcp", "--rfc3164"],
        "tcp-5424": [*server, "--tcp", "--rfc5424"],
        "tcp-counted": [*server, "--tcp", "--rfc5424", "--octet-count"],
        "rsyslog": ["--socket", str(rsyslog_socket)],
        "rsyslog-tls": ["--socket", str(rsyslog_socket)],
    }
    for way, options in ways.items():
        for number, priority in enumerate(("local1.info", "local1.warning", "local1.err")):
            text = f'{way} message {number}: payment of 3,50 € "refused" [card]'
            command = ["logger", *options, "--priority", priority, "--tag", f"shop-{way}", "--id=4711", "--", text]
            subprocess.run(command, check=True)
            story.messages.append(Message(f"shop-{way}", text, priority))
