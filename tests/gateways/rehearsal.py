"""The scenario without Spandrel, for reading the logs that the programs write.

Usage: rehearsal.py SHOP ENVOY DIRECTORY
"""

import pathlib
import socket
import ssl
import sys
import threading
import time

from processes import Processes, free_ports, make_certificate
from scenario import Otlp, Syslog, Tools, play


class SyslogFiles:
    """Stands in for Spandrel where there is none: what comes by UDP, TCP and TLS goes to files, as it comes."""

    def __init__(self, directory):
        self.directory = directory
        certificate, key = make_certificate(directory)
        port, tls_port, haproxy_port = free_ports(3)
        self.syslog = Syslog(port, tls_port, haproxy_port, certificate)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.start("udp", self.read_datagrams, socket.SOCK_DGRAM, port)
        self.start("haproxy", self.read_datagrams, socket.SOCK_DGRAM, haproxy_port)
        self.start("tcp", self.read_streams, socket.SOCK_STREAM, port)
        self.start("tls", self.read_streams, socket.SOCK_STREAM, tls_port)

    def start(self, name, read, kind, port):
        listener = socket.socket(type=kind)
        listener.bind(("127.0.0.1", port))
        file = (self.directory / f"syslog-{name}").open("ab", 0)
        threading.Thread(target=read, args=(listener, file, port), daemon=True).start()

    def read_datagrams(self, listener, file, _):
        while True:
            file.write(listener.recv(65536) + b"\n")

    def read_streams(self, listener, file, port):
        listener.listen()
        while True:
            connection, _ = listener.accept()
            if port == self.syslog.tls_port:
                connection = self.tls.wrap_socket(connection, server_side=True)
            while data := connection.recv(65536):
                file.write(data)


def main():
    shop, envoy, directory = (pathlib.Path(argument).absolute() for argument in sys.argv[1:])
    directory.mkdir(parents=True)
    directory.chmod(0o755)
    processes = Processes(directory)
    syslog = SyslogFiles(directory).syslog
    started = time.monotonic()
    try:
        story = play(processes, directory, Tools(shop, envoy), Otlp("http://127.0.0.1:4318", 4317), syslog)
    finally:
        processes.end()
    counts = {name: len(getattr(story, name).sent) for name in ("nginx", "haproxy", "apache", "envoy")}
    print(f"{counts} requests, {len(story.messages)} messages, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    main()
