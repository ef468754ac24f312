"""A client that remembers every request it sent and what it got."""

import http.client
import os
import threading
import time
from dataclasses import dataclass

TIMEOUT_SECONDS = 15

# Between the requests of a background thread.
PAUSE_SECONDS = 0.01


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    status: int
    # As the gateway's response header tells.
    request_id: str
    # None without a traceparent.
    trace_id: str | None
    seconds: float
    # The step of the scenario that it belongs to.
    step: str


class Client:
    """Sends to one gateway, with a traceparent on two requests of four."""

    def __init__(self, port):
        self.port = port
        self.sent = []
        self.step = None
        self.lock = threading.Lock()

    def request(self, method, path, body=None, traced=None):
        with self.lock:
            number = len(self.sent)
        if traced is None:
            traced = number // 2 % 2 == 0
        trace_id = os.urandom(16).hex() if traced else None
        headers = {"traceparent": f"00-{trace_id}-{os.urandom(8).hex()}-01"} if traced else {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        step = self.step
        started = time.monotonic()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            response.read()
        finally:
            connection.close()
        seconds = time.monotonic() - started
        request_id = response.headers["x-request-id"]
        sent = Sent(method, path, response.status, request_id, trace_id, seconds, step)
        with self.lock:
            self.sent.append(sent)
        return sent

    def get(self, path, traced=None):
        return self.request("GET", path, traced=traced)

    def order(self):
        return self.request("POST", "/checkout", body=b'{"cart":[1,2,3]}')


class Background:
    """Threads that call `action(number)` from the block's start to its end."""

    def __init__(self, action, threads=2):
        self.action = action
        self.ended = threading.Event()
        self.errors = []
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(threads)]

    def run(self, number):
        try:
            while not self.ended.is_set():
                self.action(number)
                number += len(self.threads)
                self.ended.wait(PAUSE_SECONDS)
        except Exception as error:  # reported by the thread that waits
            self.errors.append(error)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        if self.errors:
            raise self.errors[0]
