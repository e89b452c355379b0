"""The packs of ONESTOP_PACKS_DIR as the workers read them: a copy that changes as a whole, and only when it is sound.

A worker that starts later, in the place of a dead one, has the same packs as the others, whatever is in the folder by
then.
"""

from __future__ import annotations

import shutil
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from app.api.signals import say_refused
from app.policies.catalogue import load_shipped
from app.policies.errors import PacksRefused

if TYPE_CHECKING:
    from app.observe.logs import Log


class KeptPacks:
    """A copy of the packs' folder under a name that stays the same."""

    def __init__(self, source: Path | None, folder: Path, log: Log) -> None:
        self._source = source
        self._folder = folder
        self._log = log
        self._numbers = count(1)
        self.place = folder / "packs"

    def renew(self) -> bool:
        """Copy the folder anew and put the copy in the place of the one before, unless a pack in it is refused."""
        if self._source is None:
            return True
        copy = self._folder / f"packs-{next(self._numbers)}"
        try:
            shutil.copytree(self._source, copy)
            load_shipped(copy)
        except PacksRefused as error:
            say_refused(self._log, error)
            return False
        except OSError as error:
            self._log.error("the packs cannot be copied, they stay as they were", error=type(error).__name__)
            return False
        link = self._folder / "packs.new"
        link.symlink_to(copy.name)
        link.replace(self.place)
        return True
