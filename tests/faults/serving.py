"""A service whose worker can be killed again and again: the next one is forked from a process that is ready.

`python -m tests.faults.serving LISTENER` serves on an inherited socket, prints the process id of each worker, and
starts the next one when a worker ends. A forked worker is what `onestop serve` starts, without the second of imports.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.api.service import PATIENCE, QUIET

ROOT = Path(__file__).resolve().parents[2]


class Worker:
    """The worker that serves at this moment, as its parent names it."""

    def __init__(self, parent: subprocess.Popen[str], port: int) -> None:
        self.parent = parent
        self.port = port
        self.pid = self._next()

    def kill(self) -> None:
        """SIGKILL it, and wait until the next one is there."""
        os.kill(self.pid, signal.SIGKILL)
        self.pid = self._next()

    def _next(self) -> int:
        assert self.parent.stdout is not None
        line = self.parent.stdout.readline()
        assert line, "the parent of the workers has ended"
        return int(line)


@contextmanager
def killable(database_url: str, *, migrate: bool = True) -> Iterator[Worker]:
    """A service with one worker on a free port, on a database that is brought to the schema first."""
    if migrate:
        upgrade = "from tests.keys import admit; import sys; admit(sys.argv[1])"
        subprocess.run([sys.executable, "-c", upgrade, database_url], cwd=ROOT, check=True, timeout=PATIENCE)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        environment = os.environ | QUIET | {"ONESTOP_DATABASE_URL": database_url, "ONESTOP_LOG_FORMAT": "json"}
        parent = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.serving", str(listener.fileno())],
            cwd=ROOT, env=environment, pass_fds=[listener.fileno()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            yield Worker(parent, listener.getsockname()[1])
        finally:
            # It ends its worker when nobody holds its input any more, also when we are killed.
            parent.communicate(timeout=PATIENCE)


def main(listener: int) -> None:
    """Fork workers until standard input ends."""
    from uvicorn import Config, Server  # noqa: PLC0415 # for the workers alone

    from app.main import app_from_environment  # noqa: PLC0415 # for the workers alone

    # Made once: it holds no connection before it is asked for something.
    app = app_from_environment()
    os.set_blocking(0, False)
    largest = os.environ.get("ONESTOP_FAULTS_FILE_SIZE")
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
    while True:
        pid = os.fork()
        if pid == 0:
            config = Config(app, access_log=False, log_config=None, server_header=False)
            Server(config).run([socket.socket(fileno=listener)])
            os._exit(0)
        print(pid, flush=True)
        while os.waitpid(pid, os.WNOHANG) == (0, 0):
            if _input_ended():
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
                return
            time.sleep(0.002)


def _input_ended() -> bool:
    try:
        return os.read(0, 1) == b""
    except BlockingIOError:
        return False


if __name__ == "__main__":
    main(int(sys.argv[1]))
