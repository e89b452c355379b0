"""`python -m bench.soak --minutes 30`: an ordinary load for long, and whether anything grows.

The service (one worker) and PostgreSQL share the first core, the load comes from the last: new bills at 70 % of what
was measured as the most, after half a minute of three times as much; beside them, every few seconds, what Prometheus
and an insurer ask. What the service holds is looked at each time: memory, descriptors, connections to the database.
`--write` leaves docs/soak.md and docs/soak.svg.
"""

import argparse
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import perf_counter, sleep
from typing import NamedTuple

import psycopg
from matplotlib import pyplot
from rich.console import Console

from bench.open_load import CONNECTIONS
from bench.operations import HEADERS, LINES, TIMES, Offered, capacity, offer, offered, offering, template
from bench.previews import serve, serving
from bench.processes import ROOT, check, cores, family, memory, onestop, read, start
from bench.report import Goal, Table, goals_table, machine, markdown, show
from tests.keys import admit
from tests.postgresql import Server, running_postgresql

SHARE = 0.7
LOOKS_APART, SAID_APART = 5.0, 12
CROWD_SECONDS = 30.0
# No sum of all: it takes longer with every bill, and what is to be seen is whether the service grows.
ASKED = ("/metrics", "/readyz", "/v1/backstops?limit=100", "/v1/settlements?limit=100")
DOCUMENT, PICTURE = ROOT / "docs" / "soak.md", ROOT / "docs" / "soak.svg"


class Look(NamedTuple):
    """What the service held at a moment, and how many of those who asked beside the bills were sent away before it."""

    minute: float
    mebibytes: float
    descriptors: float
    connections: float
    sent_away: float


def look(began: float, pid: int, ledger: psycopg.Connection, sent_away: int) -> Look:
    """Look at the service's processes and at its connections to the database."""
    members = family(pid)
    connections = ledger.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onestop'").fetchone()
    assert connections is not None, "a count is one row"
    return Look(
        (perf_counter() - began) / 60,
        sum(memory(each) for each in members) / 2**20,
        sum(len(list(Path(f"/proc/{each}/fd").iterdir())) for each in members),
        connections[0],
        sent_away,
    )


def ask(port: int) -> int:
    """What Prometheus and others ask meanwhile, on a connection of its own: how many were sent away."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    sent_away = 0
    for path in ASKED:
        connection.request("GET", path, headers=HEADERS)
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE), (path, answer.status)
        sent_away += answer.status == HTTPStatus.SERVICE_UNAVAILABLE
    connection.close()
    return sent_away


def looks(port: int, pid: int, ledger: psycopg.Connection, load: subprocess.Popen[str]) -> Iterator[Look]:
    """A look every few seconds until the load ends."""
    began = perf_counter()
    while load.poll() is None:
        yield look(began, pid, ledger, ask(port))
        sleep(LOOKS_APART)


def warm_and_last(looked: Sequence[Look]) -> tuple[Look, Look]:
    """What was held in the second third of the time, and in the last one: the medians.

    In the first third it is still getting warm: allocations of all sizes come, and the garbage collector, which comes
    rarely, has not been everywhere.
    """
    third = max(1, len(looked) // 3)
    return _medians(looked[third : 2 * third]), _medians(looked[-third:])


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


class Spent(NamedTuple):
    """What the load has cost until a moment: seconds of the processor, bytes of the database's log."""

    service: float
    database: float
    log_bytes: float


def spent(pid: int, server: Server, ledger: psycopg.Connection) -> Spent:
    """What was spent so far."""
    written = ledger.execute("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn").fetchone()
    assert written is not None, "a number is one row"
    return Spent(sum(map(seconds_of, family(pid))), sum(map(seconds_of, server.processes())), float(written[0]))


def seconds_of(pid: int) -> float:
    """Seconds that a process, and those of its children that have ended, ran."""
    fields = read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def cost(before: Spent, after: Spent, accepted: int, url: str, lines: int) -> Table:
    """What one settlement takes of everything; then how fast all are replayed."""
    with psycopg.connect(url) as ledger:
        sizes = ledger.execute(
            "SELECT sum(pg_relation_size(oid)), sum(pg_indexes_size(oid)), sum(pg_total_relation_size(oid)) "
            "FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        ).fetchone()
        records = ledger.execute("SELECT count(*) FROM settlements").fetchone()
    assert sizes is not None, "sums are one row"
    assert records is not None, "a count is one row"
    rows, indexes, everything = (float(size) / records[0] for size in sizes)
    began = perf_counter()
    replay = start(onestop("replay", "--workers", "1"), cores()[-1:], environment={"ONESTOP_DATABASE_URL": url})
    replay.wait()
    check(replay, ["onestop", "replay"])
    replayed = records[0] / (perf_counter() - began)
    took = Spent(*(late - early for early, late in zip(before, after, strict=True)))
    table = Table(
        "What one settlement takes",
        ("", "measured"),
        note=f"{lines} lines a bill, {records[0]:,} settlements in the ledger at the end. Rows, long texts and indexes "
        "are of all tables, the audit's line and the sums of the year included.",
    )
    table.row("processor, the service, ms", f"{took.service / accepted * 1e3:.2f}")
    table.row("processor, PostgreSQL, ms", f"{took.database / accepted * 1e3:.2f}")
    table.row("PostgreSQL's log, KiB", f"{took.log_bytes / accepted / 1024:.1f}")
    table.row("on disk, KiB", f"{everything / 1024:.1f}")
    table.row("of these: rows", f"{rows / 1024:.1f}")
    table.row("of these: long texts", f"{(everything - rows - indexes) / 1024:.1f}")
    table.row("of these: indexes", f"{indexes / 1024:.1f}")
    table.row("replayed a second, one process", f"{replayed:,.0f}")
    return table


def measure(minutes: float, lines: int) -> tuple[list[Table], list[Goal], list[Look]]:
    """The most it can do, then a share of it for so long."""
    console = Console(stderr=True)
    looked: list[Look] = []
    with running_postgresql() as server, tempfile.TemporaryDirectory(prefix="onestop-soak-") as name:
        for backend in server.processes():
            os.sched_setaffinity(backend, set(cores()[:1]))
        body, url = Path(name) / "body.json", server.url()
        template(body, lines)
        admit(url)
        with serving(serve, cores()[:1], ONESTOP_DATABASE_URL=url) as (port, process):
            most = capacity(port, body, 4.0)
            # What a crowd takes of memory once, threads' arenas above all, is no growth.
            offer(port, body, most * TIMES, CROWD_SECONDS)
            console.print(f"{most:,.0f} a second at most; {most * SHARE:,.0f} for {minutes:g} minutes")
            with psycopg.connect(url, autocommit=True) as ledger:
                before = spent(process.pid, server, ledger)
                with offering(port, body, most * SHARE, minutes * 60) as load:
                    for seen in looks(port, process.pid, ledger, load):
                        looked.append(seen)
                        if len(looked) % SAID_APART == 0:
                            console.print(seen)
                    found = offered(load)
                after = spent(process.pid, server, ledger)
        costs = cost(before, after, found.accepted, url, lines)
    held, goals = growth(looked)
    asked = sum(each.sent_away for each in looked)
    return [offered_table(found, minutes, lines, asked), held, costs], goals, looked


def offered_table(found: Offered, minutes: float, lines: int, sent_away: float) -> Table:
    """What became of the load."""
    table = Table(
        f"{minutes:g} minutes at {SHARE:.0%} of what it can do",
        ("POST /v1/settlements", "offered a second", "accepted", "sent away", "unsent", "p50, ms", "p99, ms"),
        note=f"{lines} lines a bill, one worker and PostgreSQL on one core, the load from another. Every "
        f"{LOOKS_APART:g} seconds also {', '.join(ASKED)}; {sent_away:.0f} of these were sent away. "
        f"Unsent: all {CONNECTIONS} connections were busy.",
    )
    table.row(
        f"at {SHARE:.0%}", f"{found.offered / found.seconds:,.0f}", f"{found.accepted:,}", f"{found.sent_away:,}",
        f"{found.unsent:,}", f"{found.p50 * 1e3:.1f}", f"{found.p99 * 1e3:.1f}",
    )  # fmt: skip # one row
    return table


def growth(looked: Sequence[Look]) -> tuple[Table, list[Goal]]:
    """What was held when warm and at the end."""
    warm, last = warm_and_last(looked)
    table = Table("What the service held", ("", "memory, MiB", "descriptors", "connections to PostgreSQL"))
    for title, held in (("the second third of the time", warm), ("the last third", last)):
        table.row(title, f"{held.mebibytes:.1f}", f"{held.descriptors:.0f}", f"{held.connections:.0f}")
    grown = {
        "memory": last.mebibytes / warm.mebibytes,
        "descriptors": last.descriptors / warm.descriptors,
        "connections": last.connections / warm.connections,
    }
    return table, [
        Goal(f"{what} in the last third, as a multiple of the second", times, 1.02, at_least=False)
        for what, times in grown.items()
    ]


def main() -> None:
    """Measure, print, and write down if asked to."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--lines", type=int, default=LINES)
    parser.add_argument("--write", action="store_true", help="write docs/soak.md and docs/soak.svg")
    chosen = parser.parse_args()
    tables, goals, looked = measure(chosen.minutes, chosen.lines)
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
