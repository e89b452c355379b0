"""A PostgreSQL that archives its WAL with the scripts of deploy/backup, and the places it is restored to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.postgresql import USER, Server, account_of_servers, folder_of, running_postgresql

SCRIPTS = Path(__file__).parents[2] / "deploy/backup"
SEGMENT = 16 << 20
PATIENCE = 60.0


@dataclass
class Site:
    """Where the archive and the backups are: what outlives the server."""

    folder: Path
    server: Server

    @property
    def archive(self) -> Path:
        return self.folder / "wal"

    @property
    def backups(self) -> Path:
        return self.folder / "backups"

    @property
    def account(self) -> dict[str, Any]:
        """As the server's, with its programs and its address."""
        path = f"{self.server.programs}:{os.defpath}"
        environment = {"LC_ALL": "C", "PATH": path, "PGHOST": str(self.server.folder), "PGUSER": USER}
        return self.server.account | {"env": environment | {"PGDATABASE": "postgres"}}

    def run(self, script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a script as an operator would, as the account of the server."""
        return subprocess.run(
            [self.folder / "scripts" / script, *map(str, arguments)],
            **self.account,
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def back_up(self, keep: int = 7) -> str:
        """Make a base backup: its name."""
        ended = self.run("base-backup", self.backups, self.archive, keep)
        assert ended.returncode == 0, ended.stderr
        return max(each.name for each in self.backups.iterdir())

    def archived(self) -> int:
        """Where the WAL ends that is in the archive."""
        names = [each.name for each in self.archive.iterdir() if re.fullmatch("[0-9A-F]{24}", each.name)]
        return max((end_of(name) for name in names), default=0)

    def wait_until_archived(self, wal: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.archived() < wal:
            assert time.monotonic() < deadline, (self.server.folder / "log").read_text()
            time.sleep(0.01)

    @contextmanager
    def restored(self, *options: object, archive: Path | None = None, **settings: str) -> Iterator[Restored]:
        """Restore into a new place and start a server there; one that does not archive unless told to."""
        folder = folder_of(self.server.account)
        try:
            ended = self.run("restore", *options, self.backups, archive or self.archive, folder / "data")
            assert ended.returncode == 0, ended.stderr
            said = dict(re.findall("^restore: ([a-z A-Z]+): (.*)$", ended.stdout, re.MULTILINE))
            server = Server(folder, self.server.programs, self.server.account, settings)
            server.start()
            try:
                # As the runbook says: before its first checkpoint a server does not look at archive_timeout.
                with closing(psycopg.connect(server.url(), autocommit=True)) as connection:
                    connection.execute("CHECKPOINT")
                yield Restored(server, said)
            finally:
                server.stop()
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Restored:
    """A server in a second place, and what the script said of how far it came."""

    server: Server
    said: dict[str, str]

    @property
    def url(self) -> str:
        return self.server.url()


def end_of(name: str) -> int:
    """Where a file of WAL ends."""
    return (int(name[8:16], 16) << 32) + (int(name[16:], 16) + 1) * SEGMENT


def archiving(folder: Path) -> dict[str, str]:
    """The settings of deploy/backup/postgresql.conf, with a second where that has a minute."""
    command = f'{folder}/scripts/archive-wal {folder}/wal "%p" "%f"'
    return {"archive_mode": "on", "archive_command": command, "archive_timeout": "1s"}


@contextmanager
def archived_postgresql() -> Iterator[Site]:
    folder = folder_of(account := account_of_servers())
    try:
        shutil.copytree(SCRIPTS, folder / "scripts")
        for name in ("wal", "backups"):
            (folder / name).mkdir()
            if "user" in account:
                os.chown(folder / name, account["user"], account["group"])
        folder.chmod(0o711)
        with running_postgresql(**archiving(folder)) as server:
            yield Site(folder, server)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
