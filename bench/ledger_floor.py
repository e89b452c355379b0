"""The floor of a durable settlement: `python -m bench.ledger_floor URL THREADS SECONDS FOLDER`.

The same transaction in bare psycopg from as many threads: lock the person's row, insert the same bytes, update the
row, commit. It reads, calculates and checks nothing, and has no index but the keys'.
"""

import random
import sys
import threading
from pathlib import Path
from time import perf_counter

import psycopg

from bench.load import print_round

PERSONS = 5_000
SCHEMA = """
    CREATE TABLE IF NOT EXISTS floor_years (person int PRIMARY KEY, total bigint NOT NULL);
    CREATE TABLE IF NOT EXISTS floor_records (
        ordinal bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL UNIQUE, person int NOT NULL,
        request bytea NOT NULL, answer bytea NOT NULL
    );
"""


def prepare(url: str) -> None:
    """Make the tables, and a row for each person."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SCHEMA)
        connection.execute(
            "INSERT INTO floor_years SELECT n, 0 FROM generate_series(0, %s) n ON CONFLICT DO NOTHING", (PERSONS,)
        )


def settle(connection: psycopg.Connection, key: str, person: int, request: bytes, answer: bytes) -> None:
    """One transaction of four statements."""
    with connection.transaction():
        row = connection.execute("SELECT total FROM floor_years WHERE person = %s FOR UPDATE", (person,)).fetchone()
        assert row is not None
        connection.execute(
            "INSERT INTO floor_records (key, person, request, answer) VALUES (%s, %s, %s, %s)",
            (key, person, request, answer),
        )
        connection.execute("UPDATE floor_years SET total = %s WHERE person = %s", (row[0] + 1, person))


def work(url: str, number: int, end: float, bodies: tuple[bytes, bytes], latencies: list[float]) -> None:
    """One thread with a connection of its own."""
    chance = random.Random(number)
    with psycopg.connect(url, autocommit=True, options="-c synchronous_commit=on") as connection:
        while (begin := perf_counter()) < end:
            settle(connection, f"{number}-{begin}", chance.randrange(PERSONS), *bodies)
            latencies.append(perf_counter() - begin)


def main(url: str, threads: int, seconds: float, folder: Path) -> None:
    """Run, print one line of JSON."""
    bodies = ((folder / "request").read_bytes(), (folder / "answer").read_bytes())
    latencies: list[list[float]] = [[] for _ in range(threads)]
    seed = random.SystemRandom().randrange(1 << 40)
    begin = perf_counter()
    crew = [
        threading.Thread(target=work, args=(url, seed + number, begin + seconds, bodies, found))
        for number, found in enumerate(latencies)
    ]
    for thread in crew:
        thread.start()
    for thread in crew:
        thread.join()
    print_round([latency for found in latencies for latency in found], perf_counter() - begin)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4]))
