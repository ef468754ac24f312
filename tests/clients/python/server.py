"""A server of its own, and what it answers."""

import json
import os
import pathlib
import subprocess
import time
import urllib.error
import urllib.request

START_SECONDS = 60
STOP_SECONDS = 60


class Server:
    """`spandrel serve` on free ports over a directory."""

    def __init__(self, binary, directory):
        self.binary = binary
        self.data_dir = pathlib.Path(directory) / "data"
        addresses = pathlib.Path(directory) / "addresses.json"
        self.log = pathlib.Path(directory) / "log"
        arguments = ["--data-dir", self.data_dir, "--addresses-file", addresses]
        for flag in ("--otlp-grpc", "--otlp-http", "--http"):
            arguments += [flag, "127.0.0.1:0"]
        self.process = subprocess.Popen(
            [binary, "serve", *arguments], stdout=subprocess.DEVNULL, stderr=self.log.open("w"), env=clean_environment()
        )
        deadline = time.monotonic() + START_SECONDS
        while not addresses.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")
            time.sleep(0.02)
        self.addresses = json.loads(addresses.read_text())

    def endpoint(self, protocol):
        return "http://" + self.addresses["otlp_grpc" if protocol == "grpc" else "otlp_http"]

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

    def stop(self):
        """Stops as an operator would, and returns the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def clean_environment(**more):
    """The environment without settings of OpenTelemetry and Spandrel."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "SPANDREL_"))}
    return {**kept, **more}
