"""Part F: three times what it can do, for a minute; then a thousand connections that say nothing, or slowly.

The service (one worker) and its database share the first core, the load comes from the last: who offers the load then
takes nothing from who serves it.
"""

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import msgspec

from bench.bills import stream_bills
from bench.load import percentile
from bench.open_load import BILL, PATH, PERSON
from bench.previews import serve, serving
from bench.processes import cores, module, on_cores
from bench.report import Goal, Table
from tests.keys import ADMIN, admit, bearer
from tests.postgresql import running_postgresql

LINES = 20
TIMES = 3
SILENT, HALF_HEADS, HALF_BODIES = 400, 300, 300
ONE_BY_ONE = 300
HEADERS = {"content-type": "application/json"} | bearer(ADMIN)
BACK_SECONDS = 5


@dataclass(frozen=True)
class Offered:
    """What became of a load that did not wait."""

    offered: int
    accepted: int
    sent_away: int
    unsent: int
    p50: float
    p99: float
    seconds: float
    by_second: list[int]

    @property
    def rate(self) -> float:
        """The accepted a second. What was left in the queue at the end is not what it can do."""
        return sum(self.by_second) / len(self.by_second)


def template(path: Path, lines: int = LINES) -> None:
    """A bill with places for its number and its person."""
    bill = next(iter(stream_bills(lines, 1)))
    bill = bill | {"bill_id": BILL.decode(), "patient": bill["patient"] | {"person_id": PERSON.decode()}}
    bill.pop("year_to_date", None)
    path.write_bytes(msgspec.json.encode(bill))


@contextmanager
def offering(port: int, body: Path, rate: float, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """So many new bills a second, from the last core, beside what the block does."""
    command = module("bench.open_load", str(port), str(body), "--rate", str(rate), "--key", ADMIN)
    with on_cores(cores()[-1:]):
        load = subprocess.Popen([*command, "--seconds", str(seconds)], stdout=subprocess.PIPE, text=True)
    try:
        yield load
    finally:
        load.kill()
        load.wait()


def offered(load: subprocess.Popen[str]) -> Offered:
    """What became of it, once it has ended."""
    said, _ = load.communicate()
    return Offered(**json.loads(said))


def offer(port: int, body: Path, rate: float, seconds: float) -> Offered:
    """So many new bills a second, and what became of them."""
    with offering(port, body, rate, seconds) as load:
        return offered(load)


def capacity(port: int, body: Path, seconds: float) -> float:
    """The most that it settles a second: what it accepts of ever more, until more does not help."""
    # The first requests make connections and learn the key: with them a cold service looks like a full one.
    offer(port, body, 50.0, seconds)
    best, rate = 0.0, 200.0
    while rate < 20_000:
        found = offer(port, body, rate, seconds)
        best = max(best, found.rate)
        if found.rate < 0.9 * rate:
            return best
        rate *= 1.3
    return best


def resident(pid: int) -> float:
    """MiB that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def settled_one_by_one(port: int, body: bytes, count: int, mark: str) -> list[float]:
    """Seconds of each of some bills, one after another on one connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    taken = []
    for number in range(count):
        bill = body.replace(BILL, f"{mark}{number}".rjust(len(BILL), "0").encode())
        bill = bill.replace(PERSON, f"Q{number}".rjust(len(PERSON), "0").encode())
        began = perf_counter()
        connection.request("POST", PATH, bill, HEADERS)
        answer = connection.getresponse()
        answer.read()
        taken.append(perf_counter() - began)
        assert answer.status == 201, answer.status
    connection.close()
    return sorted(taken)


@contextmanager
def held_open(port: int, body: bytes) -> Iterator[None]:
    """A thousand connections: silent, with half a head, and with a body that does not go on."""
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN}\r\ncontent-type: application/json\r\n"
    sent = [b""] * SILENT + [head.encode()] * HALF_HEADS
    sent += [f"{head}content-length: {len(body)}\r\n\r\n".encode() + body[:100]] * HALF_BODIES
    opened = []
    for said in sent:
        connection = socket.create_connection(("127.0.0.1", port), timeout=30)
        connection.sendall(said)
        opened.append(connection)
    try:
        yield
    finally:
        for connection in opened:
            connection.close()


def measure(seconds: float, say: Callable[[str], None]) -> tuple[list[Table], list[Goal]]:
    """Capacity, a light load, three times the capacity, the light load again; then the connections."""
    with running_postgresql() as server, tempfile.TemporaryDirectory(prefix="onestop-bench-") as name:
        for each in server.processes():
            os.sched_setaffinity(each, set(cores()[:1]))
        folder, url = Path(name), server.url()
        body = folder / "body.json"
        template(body)
        admit(url)
        with serving(serve, cores()[:1], ONESTOP_DATABASE_URL=url) as (port, process):
            say("operations: how much it can do")
            most = capacity(port, body, max(2.0, seconds / 12))
            say(f"operations: {most:,.0f} a second at most; half of it")
            light = offer(port, body, most / 2, seconds / 4)
            say("operations: three times as much as it can do")
            before = resident(process.pid)
            with offering(port, body, most * TIMES, seconds) as flood:
                sleep(seconds / 4)
                early = resident(process.pid)
                much = offered(flood)
            after = resident(process.pid)
            back = offer(port, body, most / 2, seconds / 4)
            say("operations: a thousand connections held open")
            sleep(1)
            alone = settled_one_by_one(port, body.read_bytes(), ONE_BY_ONE, "a")
            with held_open(port, body.read_bytes()):
                beside = settled_one_by_one(port, body.read_bytes(), ONE_BY_ONE, "b")
    slow = next(
        (number for number, count in enumerate(back.by_second) if count >= 0.95 * most / 2), len(back.by_second)
    )
    loads = Table(
        f"POST {PATH}: {LINES} lines, one worker and PostgreSQL on one core, the load from another",
        ("", "offered a second", "accepted a second", "p50, ms", "p99, ms", "sent away", "memory, MiB"),
        note="Offered without waiting for answers. What is sent away gets 503 with Retry-After. Latency is that of the "
        "accepted, from the moment they were due. All in one run, one after another.",
    )
    for what, load, memory in (("half", light, before), (f"{TIMES} times", much, after), ("half again", back, after)):
        loads.row(
            f"{what} of what it can do", f"{load.offered / load.seconds:,.0f}", f"{load.rate:,.0f}",
            f"{load.p50 * 1e3:.1f}", f"{load.p99 * 1e3:.1f}", f"{load.sent_away:,}", f"{memory:.0f}",
        )  # fmt: skip # one row
    held = Table(
        "One bill after another beside a thousand connections held open",
        ("", "p50, ms", "p99, ms"),
        note=f"{SILENT} connections say nothing, {HALF_HEADS} sent half a head, {HALF_BODIES} half a body.",
    )
    for what, taken in (("alone", alone), ("beside them", beside)):
        held.row(what, f"{median(taken) * 1e3:.2f}", f"{percentile(taken, 0.99) * 1e3:.2f}")
    goals = [
        Goal(f"goodput at {TIMES} times the capacity, as a share of it", much.rate / most, 0.9),
        Goal("p99 of the accepted then, as a multiple of that at half", much.p99 / light.p99, 3.0, at_least=False),
        Goal("memory after it, as a multiple of that before", after / before, 1.1, at_least=False),
        Goal("memory after it, as a multiple of that after a quarter of it", after / early, 1.02, at_least=False),
        Goal("seconds until all is accepted again", float(slow), BACK_SECONDS, at_least=False),
        Goal(
            "p50 beside a thousand held connections, as a multiple", median(beside) / median(alone), 2.0, at_least=False
        ),
    ]
    return [loads, held], goals
