"""Workers: started together, said to serve once they do, replaced when they die, and given new packs all or none."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from uvicorn.supervisors import Multiprocess

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from uvicorn import Config

    from app.observe.logs import Log

START_SECONDS: Final = 60


class Workers(Multiprocess):
    """uvicorn's worker processes; each opens a door of its own, so that before the first has none is open.

    On SIGHUP `renew` gets the packs ready: where it can't, the workers hear nothing of it.
    """

    def __init__(
        self, config: Config, door: socket.socket, log: Log, say_so: Callable[[], None], renew: Callable[[], bool]
    ) -> None:
        super().__init__(config, [door])
        self._log = log
        self._say_so = say_so
        self._renew = renew

    def init_processes(self) -> None:
        super().init_processes()
        # One that fails to start is dealt with as one that fails later.
        if all(process.wait_until_ready(START_SECONDS) for process in self.processes):
            self._say_so()

    def keep_subprocess_alive(self) -> None:
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            self._log.warning("a worker ended; another takes its place")
            _forget(pid)

    def handle_hup(self) -> None:
        if self._renew():
            for process in self.processes:
                # One that is gone by now is replaced by one that has the new packs.
                if process.pid is not None:
                    with suppress(ProcessLookupError):
                        os.kill(process.pid, signal.SIGHUP)


def _forget(pid: int | None) -> None:
    """Take a dead worker out of what is said of those that live; what it counted stays."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 # where one died alone

    mark_process_dead(pid)  # type: ignore[no-untyped-call]  # it ships without types
