"""Part C: preview over HTTP with one worker, beside three floors on the same server, with the same load generator."""

import json
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

import msgspec

from bench.bills import bench_bills
from bench.http_floors import KINDS, PATH
from bench.processes import ROOT, cores, module, on_cores, onestop, start, stop
from bench.product import answers_to
from bench.report import Goal, Table
from bench.timing import in_rounds
from tests.keys import ADMIN, admit, bearer

LINES, CONNECTIONS, START_SECONDS = 100, 16, 30.0
ONESTOP = "onestop serve"
FLOORS = {
    "constant": "constant answer",
    "msgspec": "msgspec + bare loop + encode",
    "pydantic": "plain Pydantic model, validates only",
}


@dataclass(frozen=True)
class Load:
    """What the generator found in one round."""

    requests: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def free_port() -> int:
    """A port of the loopback interface that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(
    command: Callable[[int], list[str]], chosen: Sequence[int], **environment: str
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A server on some cores while the block runs: its port, and its process."""
    port = free_port()
    process = start(command(port), chosen, environment=environment)
    try:
        await_port(port, process)
        yield port, process
    finally:
        stop(process)


def serve(port: int) -> list[str]:
    """The product's service with one worker."""
    return onestop("serve", "--port", str(port))


def await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the server listens."""
    end = perf_counter() + START_SECONDS
    while process.poll() is None and perf_counter() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            sleep(0.05)
        else:
            return
    raise RuntimeError("the server did not start")


def load(port: int, bodies: Path, seconds: float) -> Load:
    """One round of load from the last core."""
    command = module("bench.load", str(port), PATH, str(bodies), "--connections", str(CONNECTIONS), "--key", ADMIN)
    with on_cores(cores()[-1:]):
        return ran([*command, "--seconds", str(seconds)])


def ran(command: list[str]) -> Load:
    """What a command that prints one round found."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    return Load(**json.loads(done.stdout))


def payers(port: int, body: bytes) -> dict[str, str]:
    """The payers of a server's answer to one bill."""
    connection = HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
    connection.request("POST", PATH, body, {"content-type": "application/json"} | bearer(ADMIN))
    answer: dict[str, str] = json.loads(connection.getresponse().read())["payers"]
    connection.close()
    return answer


def measure(rounds: int, seconds: float, say: Callable[[str], None]) -> tuple[list[Table], list[Goal]]:
    """Start all four, check that two of them settle alike, and load them in turn."""
    bodies = [msgspec.json.encode(bill) for bill in bench_bills(LINES)]
    answers = sorted(answers_to(bench_bills(LINES)), key=len)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="onestop-bench-")))
        template, requests = folder / "template.json", folder / "bodies.ndjson"
        template.write_bytes(answers[len(answers) // 2])
        requests.write_bytes(b"\n".join(bodies))
        say("previews: starting four servers")
        url, first = f"sqlite:///{folder}/onestop.db", cores()[:1]
        admit(url)
        ports = {ONESTOP: stack.enter_context(serving(serve, first, ONESTOP_DATABASE_URL=url))[0]}
        for kind in KINDS:
            command = lambda port, kind=kind: module("bench.http_floors", kind, str(port), str(template))  # noqa: E731
            ports[FLOORS[kind]] = stack.enter_context(serving(command, first))[0]
        for body in bodies:
            assert payers(ports[ONESTOP], body) == payers(ports[FLOORS["msgspec"]], body), "the floor settles otherwise"
        loads = {name: partial(load, port, requests, seconds) for name, port in ports.items()}
        found = in_rounds("previews", loads, rounds, say)
    return [table_of(found)], goals_of(found)


def share(found: dict[str, list[Load]], name: str, other: str) -> float:
    """A server's requests a second as a share of another's: the median of the rounds' own shares."""
    return median(mine.rate / its.rate for mine, its in zip(found[name], found[other], strict=True))


def table_of(found: dict[str, list[Load]]) -> Table:
    """Requests a second and latencies."""
    table = Table(
        f"POST {PATH}: {LINES} lines, one worker, {CONNECTIONS} connections",
        ("", "requests a second", "p50, ms", "p99, ms", "onestop's share"),
        note="Server and load generator on a core of their own, loopback only. All answers but the last one's are of "
        "the same size. All four are FastAPI on uvicorn with the settings of `onestop serve`.",
    )
    for name, loads in found.items():
        table.row(
            name,
            f"{median(each.rate for each in loads):,.0f}",
            f"{median(each.p50 for each in loads) * 1e3:.1f}",
            f"{median(each.p99 for each in loads) * 1e3:.1f}",
            f"{share(found, ONESTOP, name):.2f}",
        )
    return table


def goals_of(found: dict[str, list[Load]]) -> list[Goal]:
    """What issue 2 promises of the preview."""
    return [
        Goal("preview, as a share of FastAPI + msgspec + bare loop", share(found, ONESTOP, FLOORS["msgspec"]), 0.6),
        Goal("preview, as a share of FastAPI + a plain Pydantic model", share(found, ONESTOP, FLOORS["pydantic"]), 1.2),
    ]
