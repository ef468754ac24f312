"""A server with the sources of deploy/spandrel.yaml, and what it answers."""

import json
import pathlib
import urllib.error
import urllib.request

from gateways import DEPLOY
from processes import free_ports, make_certificate, render, wait_for
from scenario import Otlp, Syslog

START_SECONDS = 60


class Spandrel:
    def __init__(self, processes, binary, directory, logs):
        self.processes = processes
        port, tls_port, haproxy_port = free_ports(3)
        certificate, key = make_certificate(directory)
        self.syslog = Syslog(port, tls_port, haproxy_port, certificate)
        replacements = {
            "/var/log/": f"{logs}/",
            "127.0.0.1:5514": f"127.0.0.1:{port}",
            "127.0.0.1:5515": f"127.0.0.1:{haproxy_port}",
            "# tls:": "tls:",
            "127.0.0.1:6514": f"127.0.0.1:{tls_port}",
            "/etc/spandrel/certificate.pem": certificate,
            "/etc/spandrel/key.pem": key,
        }
        configuration = render(DEPLOY / "spandrel.yaml", directory / "spandrel.yaml", replacements)
        addresses = pathlib.Path(directory) / "addresses.json"
        arguments = ["--config", configuration, "--data-dir", directory / "data", "--addresses-file", addresses]
        for flag in ("--otlp-grpc", "--otlp-http", "--http"):
            arguments += [flag, "127.0.0.1:0"]
        processes.start("spandrel", [binary, "serve", *arguments])
        wait_for(
            "the server starts", lambda: addresses.exists() or processes.complain_if_ended("spandrel"), START_SECONDS
        )
        self.addresses = json.loads(addresses.read_text())

    def otlp(self):
        return Otlp("http://" + self.addresses["otlp_http"], int(self.addresses["otlp_grpc"].rpartition(":")[2]))

    def sql(self, statement):
        """Rows as dictionaries."""
        body = json.dumps({"sql": statement}).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"http://{self.addresses['http']}/api/v1/sql", body, headers)
        try:
            with urllib.request.urlopen(request) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{statement}: {error.read().decode()}") from error
        names = [column["name"] for column in answer["columns"]]
        return [dict(zip(names, row)) for row in answer["rows"]]

    def count(self, table, condition="true"):
        [row] = self.sql(f"SELECT count(*) AS rows FROM {table} WHERE {condition}")
        return row["rows"]
