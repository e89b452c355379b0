"""`onestop db backup`: a whole copy of one moment while others write, or none."""

from __future__ import annotations

import itertools
import os
import sqlite3
import stat
import threading
import time
from pathlib import Path

import pytest

from app.store import schema
from app.store.backup import BackupFailed, back_up
from app.store.ledger import Ledger

from .books import bill, dump, onestop, opened, replay, window


def bills_in(file: Path) -> set[str]:
    with opened(file) as connection:
        return {row[0] for row in connection.execute("SELECT bill_id FROM settlements")}


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()} - {"onestop.db", "onestop.db-wal", "onestop.db-shm"}


def test_a_copy_is_the_ledger(ledger):
    before = dump(ledger)
    ended = onestop("db", "backup", "copy.db")
    size = Path("copy.db").stat().st_size
    assert ended == (0, f"copy.db: {size:,} bytes, schema {schema.head()}, checked\n", "")
    assert names(ledger.parent) == {"copy.db"}
    assert dump(Path("copy.db")) == dump(ledger) == before


def test_a_copy_is_for_the_same_eyes_as_the_ledger(ledger):
    ledger.chmod(0o640)
    onestop("db", "backup", "copy.db")
    assert stat.S_IMODE(Path("copy.db").stat().st_mode) == 0o640


def test_a_file_that_is_there_stays_unless_forced(ledger):
    Path("copy.db").write_text("mine")
    ended = onestop("db", "backup", "copy.db")
    assert ended == (2, "", "onestop db backup: copy.db is there already; --force puts the copy in its place\n")
    assert Path("copy.db").read_text() == "mine"
    assert onestop("db", "backup", "copy.db", "--force").status == 0
    assert dump(Path("copy.db")) == dump(ledger)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("onestop.db", "onestop.db is the ledger itself"),
        (".", ". is no file"),
        ("no/such/copy.db", "No such file or directory"),
    ],
)
def test_a_place_where_no_copy_can_go_is_told_in_one_line(ledger, file, words):
    before = dump(ledger)
    ended = onestop("db", "backup", file, "--force")
    assert (ended.status, ended.output, len(ended.errors.splitlines())) == (2, "", 1)
    assert words in ended.errors
    assert dump(ledger) == before
    assert names(ledger.parent) == set()


def test_a_ledger_that_is_not_there_is_not_made(tmp_path, monkeypatch):
    monkeypatch.setenv("ONESTOP_DATABASE_URL", f"sqlite:///{tmp_path}/onestop.db")
    ended = onestop("db", "backup", tmp_path / "copy.db")
    assert (ended.status, ended.output) == (2, "")
    assert "there is no database file" in ended.errors
    assert list(tmp_path.iterdir()) == []


def test_a_copy_while_others_write_is_of_one_moment_and_has_all_that_was_acknowledged(ledger, monkeypatch):
    monkeypatch.setattr("app.store.backup._PAGES_AT_ONCE", 3)
    acknowledged: set[str] = set()
    ended = threading.Event()

    def write() -> None:
        with window(f"sqlite:///{ledger}") as at:
            for number in itertools.count():
                if ended.is_set():
                    return
                at.settle(bill(f"W{number}", f"P{number % 5}"))
                acknowledged.add(f"W{number}")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        deadline = time.monotonic() + 20
        while len(acknowledged) < 5 and time.monotonic() < deadline:
            time.sleep(0.01)
        known = set(acknowledged)
        backed = onestop("db", "backup", "copy.db")
    finally:
        ended.set()
        writer.join()
    assert (backed.status, backed.errors) == (0, "")
    assert len(known) >= 5
    assert known <= bills_in(Path("copy.db")) <= bills_in(ledger)
    monkeypatch.setenv("ONESTOP_DATABASE_URL", "sqlite:///copy.db")
    assert onestop("db", "check").status == 0
    assert replay().status == 0


def test_what_is_recorded_between_two_steps_is_not_in_the_copy_and_does_not_disturb_it(ledger, monkeypatch):
    monkeypatch.setattr("app.store.backup._PAGES_AT_ONCE", 10)
    steps = itertools.count()
    before = bills_in(ledger)
    source = Ledger(f"sqlite:///{ledger}")
    with window(f"sqlite:///{ledger}") as at:

        def settle(_done: int, _pages: int) -> None:
            at.settle(bill(f"S{next(steps)}", "P1"))

        back_up(source, Path("copy.db"), settle)
    source.close()
    assert next(steps) > 5
    assert bills_in(Path("copy.db")) == before
    monkeypatch.setenv("ONESTOP_DATABASE_URL", "sqlite:///copy.db")
    assert replay().status == 0


def test_a_copy_that_fails_half_way_leaves_nothing_behind(ledger):
    def stop(_done: int, _pages: int) -> None:
        raise KeyboardInterrupt

    source = Ledger(f"sqlite:///{ledger}")
    with pytest.raises(KeyboardInterrupt):
        back_up(source, Path("copy.db"), stop)
    source.close()
    assert names(ledger.parent) == set()


def test_a_damaged_copy_never_has_the_name(ledger, monkeypatch):
    copied = sqlite3.connect

    def connect(path: object, **options: object) -> sqlite3.Connection:
        if "immutable" in str(path):
            file = next(ledger.parent.glob("*.part"))
            with file.open("r+b") as part:
                part.seek(-4096 * 8, os.SEEK_END)
                part.write(b"\xff" * 4096 * 8)
        return copied(path, **options)  # type: ignore[call-overload,no-any-return]  # whichever options a test gives

    monkeypatch.setattr("app.store.backup.sqlite3.connect", connect)
    source = Ledger(f"sqlite:///{ledger}")
    with pytest.raises(BackupFailed, match="the copy is damaged"):
        back_up(source, Path("copy.db"), lambda _done, _pages: None)
    source.close()
    assert names(ledger.parent) == set()
