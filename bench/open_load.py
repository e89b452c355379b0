"""A load generator that does not wait: so many new bills a second, whatever becomes of the ones before.

`python -m bench.open_load PORT BODY --rate 1000 --seconds 10 --key KEY` posts the bill of a file under new numbers to
/v1/settlements and prints one line of JSON: what was offered, accepted and sent away, the latency of the accepted from
the moment they were due, and the accepted of each second. A request that no connection was free for was offered too;
one that is accepted after the last second is in the latencies, but in no second.
"""

import argparse
import json
import selectors
from collections import Counter, deque
from itertools import count
from os import getpid
from pathlib import Path
from time import perf_counter

from bench.load import Connection, message, percentile

PATH = "/v1/settlements"
# As long as what is put in their place.
BILL, PERSON = b"BILL-NUMBER-IS-HERE", b"PERSON-IS-HERE"
PERSONS = 5_000
CONNECTIONS = 128
ACCEPTED = b"http/1.1 201"


class Answer(Connection):
    """A connection that takes any answer, and remembers when its request was due."""

    due = 0.0
    accepted = False

    def begin(self, request: bytes, due: float) -> None:
        """Send a request."""
        self.send(request)
        self.due = due

    def look_at(self, head: bytes) -> None:
        """See whether the bill was settled."""
        self.accepted = head.startswith(ACCEPTED)


def run(port: int, body: bytes, rate: float, seconds: float, connections: int, key: str) -> dict[str, object]:
    """Offer the load; what became of it."""
    request, numbers = message(PATH, body, key), count()
    selector = selectors.DefaultSelector()
    # Taken in turn: one that is idle for five seconds the server closes.
    free: deque[Answer] = deque()
    for _ in range(connections):
        connection = Answer(port)
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        free.append(connection)
    latencies: list[float] = []
    by_second: Counter[int] = Counter()
    sent_away = unsent = offered = 0
    begun = perf_counter()
    end = begun + seconds
    mark = b"%d-%d-" % (getpid(), int(begun * 1000))
    while (now := perf_counter()) < end or len(free) < connections:
        while now < end and begun + offered / rate <= now:
            due = begun + offered / rate
            offered += 1
            if not free:
                unsent += 1
                continue
            number = next(numbers)
            bill = (mark + b"%d" % number).rjust(len(BILL), b"0")[-len(BILL) :]
            person = (b"P%d" % (number % PERSONS)).rjust(len(PERSON), b"0")
            connection = free.popleft()
            connection.begin(request.replace(BILL, bill).replace(PERSON, person), due)
            while connection.unsent:
                connection.flush()
        # It never sleeps: to wake it is work for the core that answers, and would be taken from whom it measures.
        for key_, _ in selector.select(0):
            connection = key_.data
            if not connection.receive():
                continue
            if connection.accepted:
                now = perf_counter()
                latencies.append(now - connection.due)
                by_second[int(now - begun)] += 1
            else:
                sent_away += 1
            free.append(connection)
    ordered = sorted(latencies) or [0.0]
    return {
        "offered": offered, "accepted": len(latencies), "sent_away": sent_away, "unsent": unsent,
        "p50": percentile(ordered, 0.5), "p99": percentile(ordered, 0.99), "seconds": seconds,
        "by_second": [by_second[second] for second in range(int(seconds))],
    }  # fmt: skip # one line of figures


def main() -> None:
    """Offer and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("body", type=Path)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--key", required=True)
    chosen = parser.parse_args()
    found = run(chosen.port, chosen.body.read_bytes(), chosen.rate, chosen.seconds, chosen.connections, chosen.key)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
