"""A load generator: N keep-alive connections, one request at a time on each, every latency kept.

`python -m bench.load PORT PATH BODIES --connections 16 --seconds 2 --requests 100000` posts the lines of a file in
turn and prints one line of JSON. It is a program of its own, so that it can have a core of its own.
"""

import argparse
import json
import selectors
import socket
from collections.abc import Iterator
from itertools import cycle
from math import ceil
from pathlib import Path
from time import perf_counter

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length:"
PATIENCE = 30.0


class Connection:
    """One connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.unsent = memoryview(b"")
        self.received = bytearray()
        self.awaited = 0
        self.began = 0.0

    def send(self, message: bytes) -> None:
        """Begin a request."""
        self.unsent, self.awaited, self.began = memoryview(message), 0, perf_counter()
        self.received.clear()
        self.flush()

    def flush(self) -> None:
        """Send what the socket takes."""
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            return

    def receive(self) -> bool:
        """Read what has come; whether the answer is whole."""
        data = self.socket.recv(262_144)
        if not data:
            raise ConnectionError("the server closed a connection")
        self.received += data
        if not self.awaited:
            self.awaited = self.size()
        return 0 < self.awaited <= len(self.received)

    def size(self) -> int:
        """The bytes of the whole answer; 0 while its head is not complete."""
        end = self.received.find(HEAD_END)
        if end < 0:
            return 0
        head = bytes(self.received[: end + 2]).lower()
        self.look_at(head)
        return end + len(HEAD_END) + length_in(head)

    def look_at(self, head: bytes) -> None:
        """Take no answer but a good one."""
        if not head.startswith(b"http/1.1 20"):
            raise ConnectionError(head.split(b"\r\n", 1)[0].decode("ascii", "replace"))


def length_in(head: bytes) -> int:
    """What a head says of the length of its body."""
    begin = head.find(LENGTH)
    if begin < 0:
        raise ConnectionError("an answer without content-length")
    return int(head[begin + len(LENGTH) : head.index(b"\r\n", begin)])


def message(path: str, body: bytes, key: str) -> bytes:
    """A whole request as bytes."""
    head = (
        f"POST {path} HTTP/1.1",
        "host: 127.0.0.1",
        "content-type: application/json",
        f"content-length: {len(body)}",
        f"authorization: Bearer {key}",
    )
    return "\r\n".join(head).encode() + HEAD_END + body


def run(port: int, messages: Iterator[bytes], connections: int, seconds: float, requests: int) -> list[float]:
    """Load the server until the time or the number of requests is reached; the latencies in seconds."""
    latencies: list[float] = []
    selector = selectors.DefaultSelector()
    for _ in range(connections):
        connection = Connection(port)
        selector.register(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
    end = perf_counter() + seconds
    sent = 0
    for key in list(selector.get_map().values()):
        key.data.send(next(messages))
        sent += 1
    while selector.get_map():
        ready = selector.select(PATIENCE)
        if not ready:
            raise TimeoutError("no answer")
        for key, mask in ready:
            connection = key.data
            if mask & selectors.EVENT_WRITE:
                connection.flush()
                if not connection.unsent:
                    selector.modify(connection.socket, selectors.EVENT_READ, connection)
            if not mask & selectors.EVENT_READ or not connection.receive():
                continue
            now = perf_counter()
            latencies.append(now - connection.began)
            if now >= end or sent >= requests:
                selector.unregister(connection.socket)
                connection.socket.close()
                continue
            sent += 1
            connection.send(next(messages))
            if connection.unsent:
                selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
    return latencies


def percentile(ordered: list[float], share: float) -> float:
    """The smallest latency that at least this share of the requests did not exceed."""
    return ordered[ceil(share * len(ordered)) - 1]


def print_round(latencies: list[float], seconds: float) -> None:
    """One line of JSON, as `bench.previews.Load` reads it."""
    ordered = sorted(latencies)
    result = {
        "requests": len(ordered),
        "seconds": seconds,
        "p50": percentile(ordered, 0.50),
        "p99": percentile(ordered, 0.99),
    }
    print(json.dumps(result))


def main() -> None:
    """Warm up, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("bodies", type=Path)
    parser.add_argument("--key", required=True, help="what the service lets in; the floors do not look")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--once", action="store_true", help="post each line once, and fail when there are no more")
    options = parser.parse_args()
    bodies = [message(options.path, body, options.key) for body in options.bodies.read_bytes().splitlines()]
    messages = iter(bodies) if options.once else cycle(bodies)
    run(options.port, messages, options.connections, options.seconds / 5, options.requests)
    begin = perf_counter()
    latencies = run(options.port, messages, options.connections, options.seconds, options.requests)
    print_round(latencies, perf_counter() - begin)


if __name__ == "__main__":
    main()
