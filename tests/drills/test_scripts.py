"""The scripts of deploy/backup one by one: what they refuse, and what they leave when they are killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from .site import SCRIPTS, SEGMENT, Site, end_of

NAME = "000000010000000000000007"


def archive_wal(archive: Path, path: Path, name: str = NAME) -> subprocess.CompletedProcess[str]:
    command = [str(SCRIPTS / "archive-wal"), str(archive), str(path), name]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    made = tmp_path / "an archive"
    made.mkdir()
    return made


@pytest.fixture
def wal(tmp_path: Path) -> Path:
    """A file as archive_timeout leaves it: a little WAL, then zeros."""
    made = tmp_path / NAME
    made.write_bytes(os.urandom(300_000) + bytes(SEGMENT - 300_000))
    return made


def contents(archive: Path) -> dict[str, bytes]:
    return {each.name: each.read_bytes() for each in archive.iterdir()}


def test_a_file_is_archived_whole_and_once(archive: Path, wal: Path) -> None:
    assert archive_wal(archive, wal).returncode == 0
    assert archive_wal(archive, wal).returncode == 0
    assert contents(archive) == {NAME: wal.read_bytes()}
    assert (archive / NAME).stat().st_blocks * 512 < SEGMENT // 8, "zeros take place on the disk"


def test_another_file_is_never_overwritten(archive: Path, wal: Path) -> None:
    (archive / NAME).write_bytes(b"of another server")
    ended = archive_wal(archive, wal)
    assert ended.returncode == 1
    assert "is there and is another one" in ended.stderr
    assert contents(archive) == {NAME: b"of another server"}


def test_who_is_killed_half_way_leaves_no_half_file_and_nothing_after_the_next_time(
    archive: Path, wal: Path, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    script = subprocess.Popen([SCRIPTS / "archive-wal", archive, pipe, NAME], start_new_session=True)
    with pipe.open("wb", buffering=0) as half:
        half.write(wal.read_bytes()[: 1 << 20])
        deadline = time.monotonic() + 60
        while sum(each.stat().st_size for each in archive.iterdir()) == 0:
            assert time.monotonic() < deadline, "it copies nothing"
            time.sleep(0.01)
        os.killpg(script.pid, signal.SIGKILL)
        assert script.wait() == -signal.SIGKILL
    (left,) = archive.iterdir()
    assert left.name.startswith(".")
    assert archive_wal(archive, wal).returncode == 0
    assert contents(archive) == {NAME: wal.read_bytes()}


def test_where_nothing_can_be_written_it_fails(archive: Path, wal: Path) -> None:
    assert archive_wal(archive / "not there", wal).returncode != 0
    assert archive_wal(archive, wal.with_name("not there")).returncode != 0
    assert contents(archive) == {}


def write_and_switch(site: Site) -> None:
    with closing(psycopg.connect(site.server.url(), autocommit=True)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS anything (n int)")
        connection.execute("INSERT INTO anything VALUES (1)")
        connection.execute("SELECT pg_switch_wal()")
        row = connection.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()
    assert row is not None
    # It begins a file, and the one before that is full.
    site.wait_until_archived(int(row[0]) // SEGMENT * SEGMENT)


@pytest.mark.slow
def test_the_last_backups_stay_and_the_wal_that_they_need(site: Site) -> None:
    names = []
    for _ in range(4):
        write_and_switch(site)
        names.append(site.back_up(keep=2))
        assert sorted(each.name for each in site.backups.iterdir()) == names[-2:]
        write_and_switch(site)
        time.sleep(1.1)  # a name is in whole seconds
    label = (site.backups / names[2] / "backup_label").read_text()
    needed = label.partition("(file ")[2].partition(")")[0]
    kept = sorted(each.name for each in site.archive.iterdir() if len(each.name) == 24)
    assert kept[0] == needed
    assert [end_of(each) for each in kept] == [end_of(needed) + SEGMENT * number for number in range(len(kept))]
    with site.restored("--backup", names[2]) as restored, closing(psycopg.connect(restored.url)) as connection:
        assert connection.execute("SELECT count(*) FROM anything").fetchone() == (8,)


def refused(site: Site, *arguments: object) -> str:
    """What a restore says that fails, and that it leaves no server."""
    data = site.server.folder / "refused"
    ended = site.run("restore", *arguments, data)
    assert ended.returncode != 0, ended.stdout
    assert not (data / "postmaster.pid").exists() or not _runs(data / "postmaster.pid")
    shutil.rmtree(data, ignore_errors=True)
    return ended.stderr


def _runs(pid_file: Path) -> bool:
    process = Path("/proc", pid_file.read_text().splitlines()[0])
    deadline = time.monotonic() + 10
    while process.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return process.exists()


@pytest.mark.slow
def test_a_restore_says_what_is_wrong(site: Site) -> None:
    write_and_switch(site)
    time.sleep(1.1)
    name = site.back_up()
    for _ in range(3):
        write_and_switch(site)
    assert "there is no" in refused(site, site.backups, site.folder / "nowhere")
    assert "no base backup that ended before" in refused(
        site, "--until", "2001-01-01T00:00:00Z", site.backups, site.archive
    )
    assert "recovery ended before configured recovery target" in refused(
        site, "--until", "2100-01-01T00:00:00Z", site.backups, site.archive
    )
    assert "is no base backup" in refused(site, "--backup", "2001-01-01T000000Z", site.backups, site.archive)
    assert "is no option" in refused(site, "--untill", "2100-01-01", site.backups, site.archive)
    taken = site.run("restore", site.backups, site.archive, site.server.folder / "data")
    assert taken.returncode == 1
    assert "is there and not empty" in taken.stderr

    # A file of WAL is missing between others; then one of them is cut off.
    newest, before = sorted((each for each in site.archive.iterdir() if len(each.name) == 24), reverse=True)[:2]
    away = before.rename(site.folder / before.name)
    assert "WAL between is missing or damaged" in refused(site, site.backups, site.archive)
    away.rename(before)
    whole = newest.read_bytes()
    newest.write_bytes(whole[: SEGMENT // 2])
    assert "has wrong size" in refused(site, site.backups, site.archive)
    newest.write_bytes(whole)
    newest.chmod(0)
    assert "could not restore file" in refused(site, site.backups, site.archive)
    newest.chmod(0o640)

    # A byte of the backup itself.
    (page,) = (site.backups / name / "base/5").glob("1259")
    with page.open("r+b") as file:
        file.seek(100)
        file.write(b"?")
    assert "checksum mismatch" in refused(site, site.backups, site.archive)


DAMAGING = """#!/bin/sh
{programs}/pg_basebackup "$@"
printf '?' | dd of={backups}/.part/global/pg_control conv=notrunc status=none
"""


@pytest.mark.parametrize("damaged", [False, True])
def test_a_backup_that_cannot_be_made_or_is_damaged_has_no_name(site: Site, tmp_path: Path, damaged: bool) -> None:
    before = sorted(site.backups.glob("20*"))
    environment = site.account["env"] | {"PGHOST": str(site.folder)}
    if damaged:
        programs = site.folder / "bin"
        programs.mkdir()
        program = programs / "pg_basebackup"
        program.write_text(DAMAGING.format(programs=site.server.programs, backups=site.backups))
        program.chmod(0o755)
        environment = site.account["env"] | {"PATH": f"{programs}:{site.account['env']['PATH']}"}
    ended = subprocess.run(
        [site.folder / "scripts/base-backup", site.backups, site.archive],
        **(site.account | {"env": environment}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode != 0
    assert ("checksum mismatch" if damaged else "connection to server") in ended.stderr
    assert sorted(site.backups.glob("20*")) == before
