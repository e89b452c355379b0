"""Part D: durable settlements a second over HTTP with PostgreSQL on the same machine, beside bare transactions."""

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from time import perf_counter

import msgspec
import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy import Table as DatabaseTable

from app.access.pseudonyms import Pseudonyms
from app.api.request_form import Request
from app.api.stored_request import write_stored
from app.api.wire import read_exactly
from app.store.ledger import CONNECTIONS
from app.store.tables import person_years, settlements
from bench.bills import stream_bills
from bench.ledger_floor import PERSONS, prepare
from bench.previews import Load, ran, serve, serving, share
from bench.processes import cores, module
from bench.product import answers_to
from bench.report import Goal, Table
from bench.timing import in_rounds
from tests.keys import ADMIN, admit
from tests.postgresql import Server, running_postgresql

LINES, CLIENTS, WORKERS = 100, 16, 2
PATH = "/v1/settlements"
ONESTOP, FLOOR = "onestop serve, 2 workers", "the same transaction in bare psycopg"
BEFORE, BEHIND = "onestop serve, as above, in turn with the next", "onestop serve, {:,} records behind it"
# As many as come in the time that a round takes, on a fast machine.
BODIES_A_SECOND = 1_500
NUMBERS = count()
# A copied record's person, in PostgreSQL's words.
PERSON = SQL("md5(n::text) || md5('x' || n)")


def write_bodies(path: Path, size: int) -> None:
    """Bills that were never posted before."""
    with path.open("wb") as file:
        for bill in stream_bills(LINES, size):
            number = next(NUMBERS)
            fresh = bill | {"bill_id": f"L{number}", "patient": bill["patient"] | {"person_id": f"P{number % PERSONS}"}}
            fresh.pop("year_to_date", None)
            file.write(msgspec.json.encode(fresh) + b"\n")


@contextmanager
def serving_workers(url: str) -> Iterator[int]:
    """The service with its ledger in PostgreSQL, on all cores."""
    admit(url)
    command = lambda port: [*serve(port), "--workers", str(WORKERS)]  # noqa: E731 # said once
    with serving(command, cores(), ONESTOP_DATABASE_URL=url) as (port, _):
        yield port


def settle(port: int, folder: Path, seconds: float) -> Load:
    """One round of load: each bill once."""
    bodies = folder / "bodies.ndjson"
    write_bodies(bodies, int(BODIES_A_SECOND * seconds * 1.2))
    command = module(
        "bench.load", str(port), PATH, str(bodies), "--connections", str(CLIENTS), "--once", "--key", ADMIN
    )
    return ran([*command, "--seconds", str(seconds)])


def bare(url: str, folder: Path, seconds: float) -> Load:
    """One round of the floor, from as many processes and threads as the service has."""
    command = module("bench.ledger_floor", url, str(CONNECTIONS), str(seconds), str(folder))
    with ThreadPoolExecutor(WORKERS) as pool:
        loads = list(pool.map(ran, [command] * WORKERS))
    return Load(
        sum(each.requests for each in loads),
        max(each.seconds for each in loads),
        median(each.p50 for each in loads),
        max(each.p99 for each in loads),
    )


def sync_milliseconds(folder: Path) -> float:
    """How long the disk takes to keep 8 KiB, in the middle."""
    taken = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 8192)
            begin = perf_counter()
            os.fdatasync(file.fileno())
            taken.append(perf_counter() - begin)
    return median(taken) * 1e3


def fill(url: str, records: int) -> None:
    """Copy the settlement of one bill until there are so many, each of a person of its own, open and with its year."""
    bill = {"settlement_id": SQL("gen_random_uuid()"), "bill_id": SQL("'fill' || n"), "person": PERSON}
    with psycopg.connect(url, autocommit=True) as connection:
        copy_row(connection, settlements, bill, records)
        copy_row(connection, person_years, {"person": PERSON}, records)
        connection.execute(
            "INSERT INTO open_bills (facility_code, bill_id, settlement_id, insurance_year) "
            "SELECT facility_code, bill_id, settlement_id, insurance_year FROM settlements "
            "ON CONFLICT DO NOTHING"
        )
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def copy_row(connection: psycopg.Connection, table: DatabaseTable, own: dict[str, SQL], times: int) -> None:
    """Copy one row of a table, each copy with values of its own in some columns."""
    columns = [column.name for column in table.c if column.name != "ordinal"]
    copies = SQL(
        "INSERT INTO {table} ({columns}) SELECT {values} FROM (SELECT * FROM {table} LIMIT 1) one, "
        "generate_series(1, %s) n"
    ).format(
        table=Identifier(table.name),
        columns=SQL(", ").join(map(Identifier, columns)),
        values=SQL(", ").join([own.get(name, Identifier(name)) for name in columns]),
    )
    connection.execute(copies, (times,))


def measure(rounds: int, seconds: float, records: int, say: Callable[[str], None]) -> tuple[list[Table], list[Goal]]:
    """Load both in turn; then the service in turn with itself on a ledger that has many records behind it."""
    with running_postgresql() as server, tempfile.TemporaryDirectory(prefix="onestop-bench-") as name:
        folder = Path(name)
        write_floor_bytes(folder)
        prepare(server.url())
        with serving_workers(server.url()) as port:
            few = partial(settle, port, folder, seconds)
            found = in_rounds(
                "ledger", {ONESTOP: few, FLOOR: partial(bare, server.url(), folder, seconds)}, rounds, say
            )
            if records:
                with serving_behind(server, records, folder, say) as late:
                    both = {BEFORE: few, BEHIND.format(records): partial(settle, late, folder, seconds)}
                    found |= in_rounds("ledger", both, rounds, say)
        sync = sync_milliseconds(folder)
    return [table_of(found, sync)], goals_of(found, records)


@contextmanager
def serving_behind(server: Server, records: int, folder: Path, say: Callable[[str], None]) -> Iterator[int]:
    """The service on another ledger of the same server, with so many records behind it."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE many")
    with serving_workers(server.url("many")) as port:
        settle(port, folder, 0.1)
        say(f"ledger: {records:,} records behind it")
        fill(server.url("many"), records)
        yield port


def write_floor_bytes(folder: Path) -> None:
    """What the floor inserts: the stored request and the answer of a bill in the middle, as the service would."""
    bills = sorted(stream_bills(LINES, 51), key=lambda bill: len(msgspec.json.encode(bill)))
    bill = bills[len(bills) // 2]
    request = read_exactly(msgspec.json.encode(bill))
    assert isinstance(request, Request), "the bench's bills are right"
    (folder / "request").write_bytes(write_stored(request, Pseudonyms().person(request.person_id)))
    (folder / "answer").write_bytes(answers_to([bill])[0])


def table_of(found: dict[str, list[Load]], sync: float) -> Table:
    """Settlements a second and latencies."""
    table = Table(
        f"POST {PATH}: {LINES} lines, {CLIENTS} clients, PostgreSQL on the same machine",
        ("", "settlements a second", "p50, ms", "p99, ms", "of the floor"),
        note=f"Service, database and load generator share this machine's {len(cores())} cores. Both wait for the disk "
        f"at each commit; fdatasync of 8 KiB takes {sync:.2f} ms here. The floor has {WORKERS} processes of "
        f"{CONNECTIONS} threads, as the service has, and neither HTTP nor JSON nor a calculation.",
    )
    floor = median(each.rate for each in found[FLOOR])
    for name, loads in found.items():
        rate = median(each.rate for each in loads)
        table.row(
            name,
            f"{rate:,.0f}",
            f"{median(each.p50 for each in loads) * 1e3:.1f}",
            f"{median(each.p99 for each in loads) * 1e3:.1f}",
            f"{rate / floor:.2f}",
        )
    return table


def goals_of(found: dict[str, list[Load]], records: int) -> list[Goal]:
    """What issue 3 promises."""
    spread = median(each.p99 / each.p50 for each in found[ONESTOP])
    goals = [
        Goal("durable settlements over HTTP, as a share of bare transactions", share(found, ONESTOP, FLOOR), 0.35),
        Goal("p99 of a durable settlement, as a multiple of p50", spread, 10, at_least=False),
    ]
    if records:
        behind = share(found, BEHIND.format(records), BEFORE)
        goals.append(Goal(f"settlements a second with {records:,} records behind it, as a share of few", behind, 0.9))
    return goals
