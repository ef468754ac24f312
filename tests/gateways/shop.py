"""The shop behind the gateways: two storefronts, and two inventories of which the storefronts ask the first."""

import json
import urllib.request

from processes import answers, free_ports

STOREFRONTS = ("storefront-1", "storefront-2")
INVENTORIES = ("inventory-1", "inventory-2")


class Shop:
    def __init__(self, processes, modules, logs, otlp_endpoint):
        """`modules` holds the services' sources and their node_modules."""
        self.processes = processes
        self.modules = modules
        self.logs = logs
        self.logs.mkdir(parents=True)
        self.otlp_endpoint = otlp_endpoint
        names = (*STOREFRONTS, *INVENTORIES)
        self.ports = dict(zip(names, free_ports(len(names))))
        for name in names:
            self.start(name)

    def start(self, name):
        service = name.split("-")[0]
        port = self.ports[name]
        environment = {
            "PORT": str(port),
            "LOG_FILE": str(self.log(name)),
            "INVENTORY_URL": f"http://127.0.0.1:{self.ports['inventory-1']}",
            "OTEL_SERVICE_NAME": service,
            "OTEL_RESOURCE_ATTRIBUTES": f"service.version=1.4.2,service.instance.id={name}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.otlp_endpoint,
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
            # A process that is killed takes with it the spans that it has not sent.
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        command = ["node", "--require", self.modules / "telemetry.cjs", self.modules / f"{service}.cjs"]
        self.processes.start(name, command, environment, ready=lambda: answers(port))

    def log(self, name):
        return self.logs / f"{name}.log"

    def mode(self, name, mode):
        url = f"http://127.0.0.1:{self.ports[name]}/mode"
        request = urllib.request.Request(url, mode.encode(), method="PUT")
        with urllib.request.urlopen(request) as response:
            assert json.load(response) == {"mode": mode}

    def kill(self, name):
        self.processes.kill(name)
