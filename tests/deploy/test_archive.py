"""What compose tells PostgreSQL, told to a real one: its archive, and the role of the service."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.deploy.files import DEPLOY, document
from tests.postgresql import Server, running_postgresql

COMMAND = document(DEPLOY / "compose" / "compose.yaml")["services"]["ledger"]["command"]
OPTIONS = dict(each.split("=", 1) for each in COMMAND if "=" in each)
PASSWORD = "it's: secret"


@pytest.fixture
def archive() -> Iterator[Path]:
    """A folder into which PostgreSQL's own user may write."""
    with tempfile.TemporaryDirectory(prefix="archive", dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_the_log_is_archived_whole_and_never_overwritten(archive: Path) -> None:
    command = OPTIONS["archive_command"].replace("/archive/", f"{archive}/")
    with (
        running_postgresql(archive_mode="on", archive_timeout="60", archive_command=command) as server,
        closing(psycopg.connect(server.url(), autocommit=True)) as connection,
    ):
        segment = connection.execute("SELECT pg_walfile_name(pg_switch_wal())").fetchone()
        assert segment is not None
        archived = archive / segment[0]
        deadline = time.monotonic() + 30
        while not archived.exists():
            assert time.monotonic() < deadline, (server.folder / "log").read_text()
            time.sleep(0.05)
    assert archived.stat().st_size == 16 * 1024 * 1024
    assert not list(archive.glob("*.part"))
    again = archive / "again"
    again.write_bytes(archived.read_bytes())
    shell = ["sh", "-c", command.replace("%p", str(again)).replace("%f", archived.name)]
    assert subprocess.run(shell, check=False).returncode == 0
    again.write_bytes(b"another")
    assert subprocess.run(shell, check=False).returncode != 0
    assert archived.stat().st_size == 16 * 1024 * 1024


def test_the_service_is_no_superuser_and_owns_its_database_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # As the image does it, where the superuser has another name than the service.
    monkeypatch.setattr("tests.postgresql.USER", "postgres")
    with running_postgresql() as server:
        said = subprocess.run(
            [server.programs / "psql", "--set=ON_ERROR_STOP=1", f"--file={DEPLOY}/compose/ledger.sql", server.url()],
            env={"LEDGER_PASSWORD": PASSWORD, "PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        assert asked(server, "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = 'onestop'") == [
            (False, False, False)
        ]
        owned = "SELECT datname FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba WHERE rolname = 'onestop'"
        assert asked(server, owned) == [("onestop",)]
        # It sees an archive that hangs.
        assert asked(server, "SELECT pg_has_role('onestop', 'pg_monitor', 'member')") == [(True,)]


def asked(server: Server, query: str) -> list[tuple[object, ...]]:
    with closing(psycopg.connect(server.url())) as connection:
        return connection.execute(query.encode()).fetchall()
