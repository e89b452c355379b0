"""The packs of ONESTOP_PACKS_DIR as the workers read them: a copy that changes as a whole, and only when it is sound.

A worker that starts later, in the place of a dead one, has the same packs as the others, whatever is in the folder by
then.
"""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.api.signals import say_refused
from app.policies.catalogue import load_shipped
from app.policies.errors import PacksRefused

if TYPE_CHECKING:
    from app.observe.logs import Log


_KEPT: Final = 2


class KeptPacks:
    """A copy of the packs' folder under a name that stays the same; the copy before it stays for who is reading it."""

    def __init__(self, source: Path | None, folder: Path, log: Log) -> None:
        self._source = source
        self._folder = folder
        self._log = log
        self._numbers = count(1)
        self._copies: list[Path] = []
        self.place = folder / "packs"

    def renew(self) -> bool:
        """Copy the folder anew and put the copy in the place of the one before, unless a pack in it is refused."""
        if self._source is None:
            return True
        copy = self._folder / f"packs-{next(self._numbers)}"
        if not self._put(self._source, copy):
            shutil.rmtree(copy, ignore_errors=True)
            return False
        self._copies.append(copy)
        while len(self._copies) > _KEPT:
            shutil.rmtree(self._copies.pop(0), ignore_errors=True)
        return True

    def _put(self, source: Path, copy: Path) -> bool:
        """Whether there is a copy now, every pack in it is sound, and it goes by the name that stays."""
        link = self._folder / "packs.new"
        try:
            shutil.copytree(source, copy)
            load_shipped(copy)
            link.unlink(missing_ok=True)
            link.symlink_to(copy.name)
            link.replace(self.place)
        except PacksRefused as error:
            say_refused(self._log, error)
            return False
        except OSError as error:
            self._log.error("the packs cannot be copied, they stay as they were", error=type(error).__name__)
            return False
        return True
