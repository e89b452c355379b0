"""The parts that the routes work with, put together once by `create_app` and handed in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple, TypeVar, TypeVarTuple, Unpack

from fastapi import Response

from app.api import problems

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import ThreadPoolExecutor

    from app.access.pseudonyms import Pseudonyms
    from app.api.issuers import Issuers
    from app.api.keyring import Keyring
    from app.observe.logs import Log
    from app.observe.metrics import Metrics
    from app.policies.catalogue import Catalogue
    from app.usecases.recording import Recorder

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")


class Parts(NamedTuple):
    """One application's parts; two applications in one process share none."""

    recorder: Recorder
    pseudonyms: Pseudonyms
    metrics: Metrics
    log: Log
    ledger_threads: ThreadPoolExecutor
    keyring: Keyring
    issuers: Issuers | None

    @property
    def catalogue(self) -> Catalogue:
        """The packs."""
        return self.recorder.catalogue

    async def in_ledger(self, function: Callable[[Unpack[Arguments]], Result], *arguments: *Arguments) -> Result:
        """Run what asks the ledger in a thread: as many at once as the ledger has connections."""
        return await asyncio.get_running_loop().run_in_executor(self.ledger_threads, function, *arguments)

    def refuse(self, document: problems.Document) -> Response:
        """Answer with a problem document, and count it."""
        self.metrics.refused(document.code)
        # Whoever was too slow with one body will not be sooner with the next.
        headers = {"connection": "close"} if document.code == problems.BODY_TIMEOUT.code else {}
        if document.code in problems.RETRY_SECONDS:
            headers = {"retry-after": str(problems.RETRY_SECONDS[document.code])}
        return Response(document.body, document.status, headers, problems.MEDIA_TYPE)
