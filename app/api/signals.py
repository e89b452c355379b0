"""What a serving process is told by signals: to stop soon (SIGTERM), and to take new packs (SIGHUP)."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING, Final

from app.policies.catalogue import load_shipped
from app.policies.errors import PacksRefused

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from app.api.state import Parts
    from app.observe.logs import Log

# Of two reloads the later one has the last word.
_ONE_AFTER_ANOTHER: Final = threading.Lock()


def listen_to_signals(parts: Parts, drain_seconds: int, packs_dir: Path | None) -> None:
    """Listen, on the loop that runs; the server's own handlers are in place by now."""
    if threading.current_thread() is not threading.main_thread():
        # A test's server: signals go to the main thread alone.
        return
    loop = asyncio.get_running_loop()
    if drain_seconds:
        _drain_first(parts, drain_seconds, loop)
    if hasattr(signal, "SIGHUP"):
        take = lambda: loop.run_in_executor(None, take_packs, parts, packs_dir)  # noqa: E731 # said once
        signal.signal(signal.SIGHUP, lambda _number, _frame: loop.call_soon_threadsafe(take))


def _drain_first(parts: Parts, seconds: int, loop: asyncio.AbstractEventLoop) -> None:
    """Say no on /readyz for some seconds and serve meanwhile, so that a proxy looks elsewhere before the door closes.

    Asked a second time, it stops at once.
    """
    stop = signal.getsignal(signal.SIGTERM)
    assert callable(stop), "the server has its own"

    def drain(number: int, frame: FrameType | None) -> None:
        if parts.now.is_draining:
            stop(number, frame)
            return
        parts.now.is_draining = True
        loop.call_soon_threadsafe(loop.call_later, seconds, stop, number, None)

    signal.signal(signal.SIGTERM, drain)


def say_refused(log: Log, refused: PacksRefused) -> None:
    """Log every error of packs that are not taken, each with its place."""
    for each in refused.errors:
        log.error("a pack is refused, the packs stay as they were", where=str(each))


def take_packs(parts: Parts, packs_dir: Path | None) -> bool:
    """Load the packs anew and take all of them, or none where one is refused; requests that run go on with the old."""
    with _ONE_AFTER_ANOTHER:
        try:
            catalogue = load_shipped(packs_dir)
        except PacksRefused as error:
            say_refused(parts.log, error)
            return False
        parts.now.recorder = parts.now.recorder._replace(catalogue=catalogue)
    parts.log.info("packs loaded anew", packs=len(catalogue.packs))
    return True
