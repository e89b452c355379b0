"""Part E: what insurers ask for at once: an export of all rows beside a bare COPY, and both sides' books compared."""

import http.client
import io
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

import psycopg
import pyarrow as pa
import pyarrow.parquet
from psycopg.sql import SQL

from app.store.tables import settlements
from bench.ledgers import copy_row, settle
from bench.previews import serve, serving
from bench.processes import cores
from bench.report import Goal, Table
from tests.keys import ADMIN, admit, bearer
from tests.postgresql import running_postgresql

EXPORT = "/v1/backstops/export"
RUNS = "/v1/reconciliations"
FORMATS = ("csv", "ndjson", "parquet")
# The peers have brought numpy, which pyarrow then loads; the product is installed without it.
WITHOUT_NUMPY = Path(__file__).parent / "without"
COPY = "COPY … TO STDOUT, bare"
PLANTED = 1_000
MIB = 1024 * 1024
PIECE = 256 * 1024
# Each has a backstop of its own amount, and a time of its own, ten seconds after the last one.
OWN = {
    "settlement_id": SQL("gen_random_uuid()"),
    "bill_id": SQL("'fill' || n"),
    "person": SQL("md5(n::text) || md5('x' || n)"),
    "facility_code": SQL("'H' || n %% 50"),
    "settled_at": SQL(
        "to_char(timestamp '2026-01-01' + n * interval '10 seconds', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    ),
    "total": SQL("n %% 100000 + 12000"),
    "paid_basic_insurance": SQL("10000"),
    "paid_critical_illness": SQL("0"),
    "paid_medical_assistance": SQL("0"),
    "paid_emergency_aid": SQL("0"),
    "paid_second_reimbursement": SQL("0"),
    "paid_backstop": SQL("n %% 100000 + 1"),
    "paid_local_subsidy": SQL("0"),
    "paid_patient": SQL("1999"),
    # Neither is read here.
    "request": SQL("''::bytea"),
    "answer": SQL("''::bytea"),
}
BARE = """
    COPY (
        SELECT settlement_id, 'settlement', substr(settled_at, 1, 10), discharged_on, facility_code, pooling_area, tier,
               total, paid_basic_insurance, paid_backstop
        FROM settlements WHERE paid_backstop > 0 ORDER BY settled_at, settlement_id
    ) TO STDOUT (FORMAT csv)
"""


class Read(NamedTuple):
    """One answer read to its end."""

    seconds: float
    first_byte: float
    size: int


def peak_mib(process: subprocess.Popen[bytes]) -> float:
    """The most memory that a server has held at one time."""
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def serving_insurers(url: str) -> AbstractContextManager[tuple[int, subprocess.Popen[bytes]]]:
    """A service that nobody has asked anything yet."""
    return serving(serve, cores(), ONESTOP_DATABASE_URL=url, PYTHONPATH=str(WITHOUT_NUMPY))


def read_export(port: int, form: str) -> Read:
    """Ask for an export, and read it as it comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    begin = perf_counter()
    connection.request("GET", f"{EXPORT}?format={form}", headers=bearer(ADMIN))
    answer = connection.getresponse()
    assert answer.status == 200
    size, first = len(answer.read(1)), perf_counter() - begin
    while piece := answer.read(PIECE):
        size += len(piece)
    connection.close()
    return Read(perf_counter() - begin, first, size)


def read_copy(url: str) -> Read:
    """The same rows as the database itself writes them."""
    begin, first, size = perf_counter(), 0.0, 0
    with psycopg.connect(url) as connection, connection.cursor() as cursor, cursor.copy(BARE) as copy:
        for piece in copy:
            first = first or perf_counter() - begin
            size += len(piece)
    return Read(perf_counter() - begin, first, size)


def seconds_until_gone(url: str, port: int) -> float:
    """How long after a client has gone away the service still asks the database for it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", EXPORT, headers=bearer(ADMIN))
    connection.getresponse().read(PIECE)
    connection.close()
    begin = quiet = perf_counter()
    active = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'onestop' AND state <> 'idle'"
    with psycopg.connect(url, autocommit=True) as watching:
        # Gone once half a second has passed in which it asked for nothing.
        while perf_counter() - quiet < 0.5:
            row = watching.execute(active).fetchone()
            if row and row[0]:
                quiet = perf_counter()
            assert quiet - begin < 60
    return quiet - begin


def books(url: str, folder: Path, rows: int) -> list[tuple[str, Path, str]]:
    """Their books: the ledger's own rows with a thousand differences, as CSV and as Parquet."""
    columns: dict[str, list[str]] = {name: [] for name in ("facility", "bill_id", "amount", "date")}
    with psycopg.connect(url) as connection, connection.cursor("books") as cursor:
        cursor.execute(
            "SELECT facility_code, bill_id, paid_backstop, substr(settled_at, 1, 10) FROM settlements "
            "WHERE paid_backstop > 0"
        )
        for number, (facility, bill_id, amount, day) in enumerate(cursor):
            planted = number * PLANTED // rows != (number + 1) * PLANTED // rows
            fen = amount + 1 if planted else amount
            for name, value in zip(columns, (facility, bill_id, f"{fen // 100}.{fen % 100:02d}", day), strict=True):
                columns[name].append(value)
    table = pa.table(columns)
    parquet, csv = folder / "books.parquet", folder / "books.csv"
    pyarrow.parquet.write_table(table, parquet)
    lines = map(",".join, zip(*columns.values(), strict=True))
    csv.write_text("\r\n".join([",".join(columns), *lines]) + "\r\n", "utf-8")
    return [("csv", csv, "text/csv"), ("parquet", parquet, "application/vnd.apache.parquet")]


def reconcile(port: int, file: Path, kind: str) -> tuple[float, bytes]:
    """Send a file, and wait for the run."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = bearer(ADMIN) | {"content-type": kind, "content-length": str(file.stat().st_size)}
    begin = perf_counter()
    with file.open("rb") as body:
        connection.request("POST", f"{RUNS}?from=2026-01-01&to=2026-12-31", body, headers)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 201, content[:500]
    connection.close()
    return perf_counter() - begin, content


def measure(rows: int, rounds: int, say: Callable[[str], None]) -> tuple[list[Table], list[Goal]]:
    """Fill a ledger, export it in turn with a bare COPY, compare its books."""
    with running_postgresql() as server, tempfile.TemporaryDirectory(prefix="onestop-bench-") as name:
        folder, url = Path(name), server.url()
        admit(url)
        with serving_insurers(url) as (port, _):
            settle(port, folder, 0.1)
        say(f"insurers: {rows:,} settlements with a backstop")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("DELETE FROM open_bills")
            connection.execute("CREATE TEMP TABLE others AS SELECT ordinal FROM settlements")
            copy_row(connection, settlements, OWN, rows)
            connection.execute("DELETE FROM settlements WHERE ordinal IN (SELECT ordinal FROM others)")
            connection.execute("VACUUM ANALYZE")
            connection.execute("CHECKPOINT")
        found: dict[str, list[Read]] = {each: [] for each in (COPY, *FORMATS)}
        peaks: dict[str, float] = {}
        for number in range(rounds):
            say(f"insurers: exports, round {number + 1} of {rounds}")
            found[COPY].append(read_copy(url))
            for form in FORMATS:
                with serving_insurers(url) as (port, process):
                    found[form].append(read_export(port, form))
                    peaks[form] = max(peaks.get(form, 0), peak_mib(process))
        with serving_insurers(url) as (port, _):
            read_export(port, "csv")
            gone = seconds_until_gone(url, port)
        exports, goals = exported(found, peaks, gone, rows)
        compared, more = compare(url, folder, rows, say)
    return [exports, compared], goals + more


def exported(found: dict[str, list[Read]], peaks: dict[str, float], gone: float, rows: int) -> tuple[Table, list[Goal]]:
    """Rows a second, when the first byte comes, and how much memory it takes."""
    table = Table(
        f"GET {EXPORT}: {rows:,} rows, PostgreSQL on the same machine",
        ("", "rows a second", "of the bare COPY", "first byte, s", "MB", "peak memory, MiB"),
        note="The COPY has the raw columns, unformatted; the export has its fourteen, money and shares as text. Each "
        f"export is the first thing that its service was asked for. A client that went away in the middle was "
        f"forgotten {gone:.2f} s later.",
    )
    bare = median(each.seconds for each in found[COPY])
    for name, reads in found.items():
        seconds = median(each.seconds for each in reads)
        table.row(
            name,
            f"{rows / seconds:,.0f}",
            f"{bare / seconds:.2f}",
            f"{median(each.first_byte for each in reads):.2f}",
            f"{reads[0].size / 1e6:,.0f}",
            f"{peaks[name]:.0f}" if name in peaks else "",
        )
    first = max(each.first_byte for form in FORMATS for each in found[form])
    goals = [
        Goal("export: peak memory, MiB", max(peaks.values()), 150, at_least=False),
        Goal("export: seconds to the first byte", first, 1, at_least=False),
        Goal("export: seconds until a client that went away is forgotten", gone, 1, at_least=False),
    ]  # fmt: skip # one goal a line
    return table, goals


def compare(url: str, folder: Path, rows: int, say: Callable[[str], None]) -> tuple[Table, list[Goal]]:
    """A million rows against a million, a thousand of them different."""
    table = Table(
        f"POST {RUNS}: {rows:,} rows against {rows:,}, {PLANTED:,} of them different",
        ("", "MB sent", "seconds", "memory beyond the service's own, MiB"),
        note="The memory is the most that the service held, less what it held before. The file that was sent is kept "
        "on the disk.",
    )
    most = 0.0
    for form, file, kind in books(url, folder, rows):
        say(f"insurers: reconciling {form}")
        with serving_insurers(url) as (port, process):
            with suppress(ConnectionError):
                read_small(port)
            before = peak_mib(process)
            seconds, content = reconcile(port, file, kind)
            beyond = peak_mib(process) - before
        text = io.StringIO(content.decode()).read()
        assert f'"amount_differs":{{"bills":{PLANTED},' in text, text[:800]
        assert '"missing_here":{"bills":0,' in text
        assert '"missing_there":{"bills":0,' in text
        most = max(most, beyond)
        table.row(form, f"{file.stat().st_size / 1e6:,.0f}", f"{seconds:.1f}", f"{beyond:.0f}")
    return table, [Goal("reconciling: memory beyond the upload, MiB", most, 200, at_least=False)]


def read_small(port: int) -> None:
    """One small request, so that what any request takes is there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/v1/backstops?limit=1", headers=bearer(ADMIN))
    connection.getresponse().read()
    connection.close()
