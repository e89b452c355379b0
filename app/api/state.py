"""The parts that the routes work with, put together once by `create_app` and handed in."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar, TypeVarTuple, Unpack

from fastapi import Response

from app.api import problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from app.access.pseudonyms import Pseudonyms
    from app.api.issuers import Issuers
    from app.api.keyring import Keyring
    from app.api.queues import Queue
    from app.observe.logs import Log
    from app.observe.metrics import Metrics
    from app.policies.catalogue import Catalogue
    from app.usecases.recording import Recorder

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


@dataclass(slots=True)
class Now:
    """What changes while the service goes on: the packs that a reload brings, and that it is about to stop."""

    recorder: Recorder
    is_draining: bool = False


class Parts(NamedTuple):
    """One application's parts; two applications in one process share none."""

    now: Now
    pseudonyms: Pseudonyms
    metrics: Metrics
    log: Log
    ledger_threads: ThreadPoolExecutor
    vitals_thread: ThreadPoolExecutor
    ledger_queue: Queue
    calculation_queue: Queue
    keyring: Keyring
    issuers: Issuers | None

    @property
    def recorder(self) -> Recorder:
        """The parts that recording takes; to be asked once a request, since a reload changes them."""
        return self.now.recorder

    @property
    def catalogue(self) -> Catalogue:
        """The packs."""
        return self.recorder.catalogue

    async def in_ledger(self, function: Callable[[Unpack[Arguments]], Result], *arguments: *Arguments) -> Result:
        """Run what asks the ledger in a thread: as many at once as the ledger has connections, and some that wait.

        Raises `Overloaded` where too many do.
        """
        entered = self.ledger_queue.enter()
        try:
            return await self.in_ledger_at_once(function, *arguments)
        finally:
            self.ledger_queue.leave(entered)

    async def in_ledger_at_once(
        self, function: Callable[[Unpack[Arguments]], Result], *arguments: *Arguments
    ) -> Result:
        """As `in_ledger`, for what is never sent away."""
        return await asyncio.get_running_loop().run_in_executor(self.ledger_threads, function, *arguments)

    def refuse(self, document: problems.Document) -> Response:
        """Answer with a problem document, and count it."""
        self.metrics.refused(document.code)
        # Whoever was too slow with one body will not be sooner with the next.
        headers = {"connection": "close"} if document.code == problems.BODY_TIMEOUT.code else {}
        if document.code in problems.RETRY_SECONDS:
            headers = {"retry-after": str(problems.RETRY_SECONDS[document.code])}
        return Response(document.body, document.status, headers, problems.MEDIA_TYPE)
