"""Doors: where connections come in, one for each worker.

Workers behind one door race for who comes in, and the one that is awake takes all: of sixteen connections that a
hospital's system opened and kept, one worker had fifteen or sixteen, and the other's core was idle. So each worker
listens on a socket of its own for the same address (SO_REUSEPORT), and the system spreads the connections over them.
"""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

BACKLOG: Final = 2048
# Others have the option too; what they do with it is not to spread.
SPREADS: Final = sys.platform == "linux"


class WorkersDoor(socket.socket):
    """Keeps an address for the workers without listening on it; what arrives at a worker is a door of its own."""

    def __init__(self, family: socket.AddressFamily, address: tuple[str, int]) -> None:
        super().__init__(family)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self.bind(address)

    def __reduce__(self) -> tuple[Callable[..., socket.socket], tuple[socket.AddressFamily, tuple[str, int]]]:
        host, port, *_ = self.getsockname()
        return _open, (self.family, (host, port))


def listen(host: str, port: int, workers: int) -> socket.socket:
    """Listen on an address, or keep it for workers that will. Raises `OSError` where somebody else listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # A door of its own takes no second one: another service that is there already is found out.
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    if workers == 1 or not SPREADS:
        return listener
    host, port, *_ = listener.getsockname()
    listener.close()
    return WorkersDoor(family, (host, port))


def _open(family: socket.AddressFamily, address: tuple[str, int]) -> socket.socket:
    door = WorkersDoor(family, address)
    door.listen(BACKLOG)
    return door
