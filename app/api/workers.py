"""Workers: started together, and said to serve once they do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from uvicorn.supervisors import Multiprocess

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from uvicorn import Config

START_SECONDS: Final = 60


class Workers(Multiprocess):
    """uvicorn's worker processes; each opens a door of its own, so that before the first has none is open."""

    def __init__(self, config: Config, door: socket.socket, say_so: Callable[[], None]) -> None:
        super().__init__(config, [door])
        self._say_so = say_so

    def init_processes(self) -> None:
        super().init_processes()
        # One that fails to start is dealt with as one that fails later.
        if all(process.wait_until_ready(START_SECONDS) for process in self.processes):
            self._say_so()
