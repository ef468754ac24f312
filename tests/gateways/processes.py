"""Programs of a test: started in a directory of their own on free ports, and all ended with it."""

import os
import pathlib
import random
import re
import socket
import subprocess
import time

STOP_SECONDS = 20

# Debian keeps daemons where an ordinary user's PATH does not look.
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"


def wait_for(what, condition, seconds=20, interval=0.02):
    """The first true value of `condition()`; an error that says `what` never came."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(interval)


def free_ports(count):
    """Ports for TCP and UDP, below those that the system gives to outgoing connections."""
    found = []
    for port in random.sample(range(18000, 32000), 1000):
        try:
            with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
        except OSError:
            continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports")


def answers(port):
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def lines_with(path, *texts):
    """The lines of a log that hold all of `texts`; none if there is no such file yet."""
    try:
        lines = pathlib.Path(path).read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return []
    return [line for line in lines if all(text in line for text in texts)]


class Processes:
    """What a test has started, to be ended in the reverse order."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.running = {}

    def start(self, name, command, environment=None, ready=None):
        """Runs the command with `environment` added to the surroundings', less what is meant for other servers."""
        output = self.output(name).open("a")
        # Logs without a zone are in UTC, as the sources of the test say.
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "SPANDREL_"))}
        environment = {**kept, **(environment or {}), "TZ": "UTC", "PATH": PATH}
        process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
        self.running[name] = process
        if ready:
            wait_for(f"{name} is ready", lambda: ready() or self.complain_if_ended(name))

    def output(self, name):
        """The file with what the program prints."""
        return self.directory / f"{name}.output"

    def complain_if_ended(self, name):
        code = self.running[name].poll()
        if code is not None:
            raise RuntimeError(f"{name} ended with {code}:\n{self.output(name).read_text()}")

    def send_signal(self, name, number):
        self.running[name].send_signal(number)

    def kill(self, name):
        """As `kill -9` does."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self, name):
        """The exit code after a request to end."""
        process = self.running.pop(name)
        process.terminate()
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    def end(self):
        for name in reversed(list(self.running)):
            try:
                self.stop(name)
            except subprocess.TimeoutExpired:
                print(f"{name} had to be killed")


def render(source, target, replacements):
    """A file of deploy/ with a test's addresses and directories. Each text to replace must be there."""
    text = pathlib.Path(source).read_text()
    for old in replacements:
        if old not in text:
            raise RuntimeError(f"{source} does not say {old!r}")
    # All at once: a port that was put in may begin like one that is still to be replaced.
    if replacements:
        text = re.sub("|".join(map(re.escape, replacements)), lambda found: str(replacements[found[0]]), text)
    target = pathlib.Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target


def make_certificate(directory):
    """A certificate of its own authority, and its key."""
    certificate, key = directory / "certificate.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    names = ["-subj", "/CN=spandrel.example", "-addext", "subjectAltName=DNS:spandrel.example,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *names, "-days", "2", *files], check=True, capture_output=True)
    return certificate, key
