"""Cores: where there is a worker for each of them, every worker stays on one.

A worker's threads take turns at the interpreter; on one core they hand it on without waking another, and find their
data there.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

# Set for the workers by the process that starts them: the folder in which they say which core is taken.
_STAY: Final = "ONESTOP_WORKER_A_CORE"


def let_workers_stay(folder: str) -> None:
    """Tell the workers to come to stay, where the system lets them; they are as many as the cores."""
    if sys.platform == "linux":
        os.environ[_STAY] = folder


def stay_on_a_core() -> None:
    """Stay on a core that no other worker has, in a worker that was told so; its threads to come stay with it."""
    folder = os.environ.get(_STAY)
    if sys.platform != "linux" or not folder:
        return
    import fcntl  # noqa: PLC0415 # not everywhere

    for core in sorted(os.sched_getaffinity(0)):
        # Held for as long as the process lives, however it ends: whoever follows a dead worker gets its core.
        taken = os.open(Path(folder, f"core-{core}"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(taken, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(taken)
        else:
            os.sched_setaffinity(0, {core})
            return
