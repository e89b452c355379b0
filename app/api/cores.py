"""Cores: where there is a worker for each of them, every worker stays on one.

A worker's threads take turns at the interpreter; on one core they hand it on without waking another, and find their
data there.
"""

from __future__ import annotations

import os
import sys
from multiprocessing import current_process
from typing import Final

# Set for the workers by the process that starts them.
_STAY: Final = "ONESTOP_WORKER_A_CORE"


def let_workers_stay() -> None:
    """Tell the workers to come to stay, where the system lets them; they are as many as the cores."""
    if sys.platform == "linux":
        os.environ[_STAY] = "1"


def stay_on_a_core() -> None:
    """Stay on a core of one's own, in a worker that was told so; its threads to come stay with it."""
    if sys.platform == "linux" and os.environ.get(_STAY):
        cores = sorted(os.sched_getaffinity(0))
        # Workers are numbered as they are started: whoever follows a dead one is next to the last.
        number = int(current_process().name.rpartition("-")[2])
        os.sched_setaffinity(0, {cores[number % len(cores)]})
