"""`python -m bench.soak --minutes 30`: an ordinary load for long, and whether anything grows.

The service (one worker) and PostgreSQL share the first core, the load comes from the last: new bills at 70 % of what
was measured as the most; beside them, every few seconds, what Prometheus and an insurer ask. What the service holds is
looked at each time: memory, descriptors, connections to the database. `--write` leaves docs/soak.md and docs/soak.svg.
"""

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import NamedTuple

import psycopg
from matplotlib import pyplot
from rich.console import Console

from bench.operations import HEADERS, LINES, capacity, offered, offering, template
from bench.previews import serve, serving
from bench.processes import ROOT, cores, family, memory
from bench.report import Goal, Table, goals_table, machine, markdown, show
from tests.keys import admit
from tests.postgresql import running_postgresql

SHARE = 0.7
LOOKS_APART, SAID_APART = 5.0, 12
ASKED = ("/metrics", "/readyz", "/v1/backstops?limit=100", "/v1/backstops/summary")
DOCUMENT, PICTURE = ROOT / "docs" / "soak.md", ROOT / "docs" / "soak.svg"


class Look(NamedTuple):
    """What the service held at a moment."""

    minute: float
    mebibytes: float
    descriptors: float
    connections: float


def look(began: float, pid: int, ledger: psycopg.Connection) -> Look:
    """Look at the service's processes and at its connections to the database."""
    members = family(pid)
    connections = ledger.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onestop'").fetchone()
    assert connections is not None, "a count is one row"
    return Look(
        (perf_counter() - began) / 60,
        sum(memory(each) for each in members) / 2**20,
        sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in members),
        connections[0],
    )


def ask(port: int) -> None:
    """What Prometheus and an insurer ask meanwhile, on a connection of its own."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    for path in ASKED:
        connection.request("GET", path, headers=HEADERS)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, (path, answer.status)
    connection.close()


def looks(port: int, pid: int, url: str, load: subprocess.Popen[str]) -> Iterator[Look]:
    """A look every few seconds until the load ends."""
    began = perf_counter()
    with psycopg.connect(url, autocommit=True) as ledger:
        while load.poll() is None:
            ask(port)
            yield look(began, pid, ledger)
            sleep(LOOKS_APART)


def warm_and_last(looked: Sequence[Look]) -> tuple[Look, Look]:
    """What was held after warming up, and at the end: the medians of a sixth of the time each."""
    sixth = max(1, len(looked) // 6)
    return _medians(looked[sixth : 2 * sixth]), _medians(looked[-sixth:])


def _medians(looked: Sequence[Look]) -> Look:
    return Look(*(median(values) for values in zip(*looked, strict=True)))


def draw(looked: Sequence[Look]) -> None:
    """Three curves over the time, each from zero: a growth that is none should not look like one."""
    names = {"mebibytes": "memory, MiB", "descriptors": "descriptors", "connections": "connections to PostgreSQL"}
    figure, axes = pyplot.subplots(len(names), 1, sharex=True, figsize=(8, 6))
    for axis, (name, title) in zip(axes, names.items(), strict=True):
        axis.plot([each.minute for each in looked], [getattr(each, name) for each in looked], linewidth=1)
        axis.set_ylim(bottom=0)
        axis.set_title(title, loc="left", fontsize=9)
        axis.grid(visible=True, alpha=0.3)
    axes[-1].set_xlabel("minutes")
    figure.tight_layout()
    # Without a date: the picture changes when the measurement does.
    pyplot.rcParams["svg.hashsalt"] = "onestop"
    figure.savefig(PICTURE, metadata={"Date": None})


def measure(minutes: float) -> tuple[list[Table], list[Goal], list[Look]]:
    """The most it can do, then a share of it for so long."""
    console = Console(stderr=True)
    with running_postgresql() as server, tempfile.TemporaryDirectory(prefix="onestop-soak-") as name:
        for backend in server.processes():
            os.sched_setaffinity(backend, set(cores()[:1]))
        body, url = Path(name) / "body.json", server.url()
        template(body)
        admit(url)
        with serving(serve, cores()[:1], ONESTOP_DATABASE_URL=url) as (port, process):
            most = capacity(port, body, 4.0)
            console.print(f"{most:,.0f} a second at most; {most * SHARE:,.0f} for {minutes:g} minutes")
            looked: list[Look] = []
            with offering(port, body, most * SHARE, minutes * 60) as load:
                for seen in looks(port, process.pid, url, load):
                    looked.append(seen)
                    if len(looked) % SAID_APART == 0:
                        console.print(seen)
                found = offered(load)
    first, last = warm_and_last(looked)
    load_table = Table(
        f"{minutes:g} minutes at {SHARE:.0%} of what it can do",
        ("POST /v1/settlements", "offered a second", "accepted", "sent away", "failed", "p50, ms", "p99, ms"),
        note=f"{LINES} lines a bill, one worker and PostgreSQL on one core, the load from another. Every "
        f"{LOOKS_APART:g} seconds also {', '.join(ASKED)}.",
    )
    load_table.row(
        f"at {SHARE:.0%}", f"{found.offered / found.seconds:,.0f}", f"{found.accepted:,}", f"{found.sent_away:,}",
        f"{found.unsent:,}", f"{found.p50 * 1e3:.1f}", f"{found.p99 * 1e3:.1f}",
    )  # fmt: skip # one row
    held = Table("What the service held", ("", "memory, MiB", "descriptors", "connections to PostgreSQL"))
    for title, each in (("warm: the second sixth of the time", first), ("the last sixth", last)):
        held.row(title, f"{each.mebibytes:.1f}", f"{each.descriptors:.0f}", f"{each.connections:.0f}")
    goals = [
        Goal(
            "memory at the end, as a multiple of that when warm", last.mebibytes / first.mebibytes, 1.02, at_least=False
        ),
        Goal("descriptors at the end, as a multiple", last.descriptors / first.descriptors, 1.02, at_least=False),
        Goal("connections at the end, as a multiple", last.connections / first.connections, 1.0, at_least=False),
    ]
    return [load_table, held], goals, looked


def main() -> None:
    """Measure, print, and write down if asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--write", action="store_true", help="write docs/soak.md and docs/soak.svg")
    chosen = parser.parse_args()
    tables, goals, looked = measure(chosen.minutes)
    tables.insert(0, goals_table(goals))
    console = Console(width=120)
    for table in tables:
        show(console, table)
    if chosen.write:
        draw(looked)
        command = f"python -m bench.soak --minutes {chosen.minutes:g} --write"
        head = f"# Soak\n\nWritten by `{command}`.\n\n- Machine: {machine()}\n"
        picture = f"![Memory, descriptors and connections over the time]({PICTURE.name})\n"
        DOCUMENT.write_text("\n".join([head, picture, *map(markdown, tables)]), encoding="utf-8")


if __name__ == "__main__":
    main()
