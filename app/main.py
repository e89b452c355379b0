"""The HTTP door: puts the parts of the service together."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastapi_offline
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from app.access.pseudonyms import Pseudonyms
from app.api import admin, his, insurer, ledger_requests, ops, problems, reconciliations, records, roster
from app.api.answers import collect_rarely
from app.api.cores import stay_on_a_core
from app.api.gate import put_gate
from app.api.guards import Answers, Observed
from app.api.keyring import Keyring
from app.api.openapi import PREVIEW, SETTLEMENTS, openapi_document
from app.api.queues import DOORS, OVERLOADED, Doors, Overloaded, Queue
from app.api.signals import listen_to_signals
from app.api.state import Now, Parts
from app.api.traced import CarryingThreads, Traced
from app.api.vitals import keep_saying
from app.api.whole_request import WholeRequestRoute
from app.observe.logs import Log
from app.observe.metrics import Metrics
from app.policies.catalogue import load_shipped
from app.settings import Settings, read_settings
from app.store.ledger import CONNECTIONS, Ledger, LedgerBusy, LedgerUnreachable, OutcomeUnknown
from app.store.replica import OUTCOMES, Replica
from app.usecases.keys import KnownKey, known_key
from app.usecases.recording import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from app.api.issuers import Issuers
    from app.observe.traces import Traces
    from app.store.replica import Outcome


class _Application(FastAPI):
    """FastAPI inside of `Observed` alone.

    Its own layers answer exceptions, in threads and a mistake of ours in a text of their own, limit bodies and hand
    exceptions to traces: what `Observed` and `read_body` do, and each costs every request.
    """

    def __init__(self, parts: Parts, settings: Settings, traces: Traces | None) -> None:
        super().__init__(
            title="onestop",
            version=version("onestop-settlement"),
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
            # Its telemetry would put the text of exceptions, which may hold what a caller sent, into logs and traces.
            telemetry={"tracing": False, "metrics": False, "logs": False},
            lifespan=lambda _app: _life(parts, settings, traces),
        )
        self._parts = parts
        self._traces = traces

    def build_middleware_stack(self) -> ASGIApp:
        """Put the layers together, when the first request comes."""
        parts = self._parts
        observed = Observed(self.router, _answers(parts, self.router.routes), parts.now, parts.metrics, parts.log)
        return observed if self._traces is None else Traced(observed, self._traces)


@asynccontextmanager
async def _life(parts: Parts, settings: Settings, traces: Traces | None) -> AsyncIterator[dict[str, Doors]]:
    """What goes on beside the requests, from before the first to behind the last."""
    listen_to_signals(parts, settings.drain_seconds, settings.packs_dir)
    saying = asyncio.create_task(keep_saying(parts))
    try:
        # The server hands it to its protocol.
        yield {DOORS: Doors({PREVIEW: parts.calculation_queue, SETTLEMENTS: parts.ledger_queue}, parts)}
    finally:
        saying.cancel()
        with suppress(asyncio.CancelledError):
            await saying
        if traces is not None:
            traces.close()


def create_app(settings: Settings) -> FastAPI:
    """Put one application together; a second call gives a second one that shares nothing with the first."""
    catalogue = load_shipped(settings.packs_dir)
    log = Log(settings.log_format)
    metrics, traces = _observing(settings, log)
    ledger = Ledger(settings.database_url, metrics.waited, None if traces is None else traces.transaction)
    replica = _replica(settings, metrics, log)
    recorder = Recorder(ledger, catalogue, lambda: datetime.now(UTC), records, settings.roster, replica)
    pool = ThreadPoolExecutor if traces is None else CarryingThreads
    threads = pool(CONNECTIONS, "ledger")
    keys_thread = pool(1, "keys")

    async def find_key(key_id: str) -> KnownKey | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(keys_thread, known_key, recorder.ledger, recorder.clock, key_id)

    pseudonyms = Pseudonyms(*settings.pii_keys)
    parts = Parts(
        Now(recorder),
        pseudonyms,
        metrics,
        log,
        threads,
        pool(1, "vitals"),
        Queue("ledger", CONNECTIONS, settings.queue),
        Queue("calculation", CONNECTIONS, settings.queue),
        Keyring(find_key, recorder.clock),
        _issuers(settings, recorder, pseudonyms),
    )
    app = _Application(parts, settings, traces)
    ours = [
        route
        for router in (
            his.router(parts),
            insurer.router(parts),
            reconciliations.router(parts),
            roster.router(parts),
            ops.router(parts),
            admin.router(parts),
        )
        for route in router.routes
    ]
    # As routes of the application's own, and first: those of an included router are looked for twice a request.
    app.router.routes[:0] = ours
    for route in ours:
        if isinstance(route, APIRoute):
            put_gate(route, parts)
            for method in route.methods or ():
                metrics.expect(route.path_format, method)
    _serve_documentation(app)
    for route in app.router.routes:
        if isinstance(route, APIRoute) and not isinstance(route, WholeRequestRoute):
            # FastAPI's search for parameters leaves here what is to be closed; its own layer is around every request.
            route.app = AsyncExitStackMiddleware(route.app)
    return app


def _observing(settings: Settings, log: Log) -> tuple[Metrics, Traces | None]:
    if settings.traces is None:
        return Metrics(), None
    from app.observe.traces import TracedMetrics  # noqa: PLC0415 # its libraries are loaded where there are traces

    metrics = TracedMetrics(settings.traces, log)
    return metrics, metrics.traces


def _replica(settings: Settings, metrics: Metrics, log: Log) -> Replica | None:
    if settings.read_database_url is None:
        return None
    metrics.expect_replica(OUTCOMES)

    def heard(outcome: Outcome, is_new: bool) -> None:  # noqa: FBT001 # as its type says
        metrics.replica_read(outcome)
        if is_new and outcome == "replica":
            log.info("the replica answers again")
        elif is_new:
            log.warning("the replica is not used, the ledger answers itself", code=outcome)

    return Replica(settings.read_database_url, heard)


def _issuers(settings: Settings, recorder: Recorder, pseudonyms: Pseudonyms) -> Issuers | None:
    oidc = settings.oidc
    if oidc is None:
        return None
    from app.api.issuers import Issuers  # noqa: PLC0415 # its libraries are loaded where tokens are taken

    return Issuers(oidc, recorder.clock, lambda subject: pseudonyms.bearer(oidc.issuer, subject))


def app_from_environment() -> FastAPI:
    """Make the application as a worker process does: with the settings of its environment."""
    app = create_app(read_settings())
    collect_rarely()
    stay_on_a_core()
    return app


def api_document() -> dict[str, Any]:
    """Build the OpenAPI document that is committed: its examples come from the packs that ship."""
    return create_app(Settings()).openapi()


def _answers(parts: Parts, routes: list[BaseRoute]) -> Answers:
    """What answers each kind of exception that is no mistake of ours."""
    methods: dict[str, set[str]] = {}
    for route in routes:
        if isinstance(route, APIRoute):
            methods.setdefault(route.path, set()).update(route.methods or ())

    def not_served(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException), "registered for these alone"
        if error.status_code == problems.METHOD_NOT_ALLOWED.status:
            document = problems.document(problems.METHOD_NOT_ALLOWED, "This path has other methods.")
        else:
            document = problems.document(problems.NOT_FOUND, "There is nothing under this path.")
        response = parts.refuse(document)
        response.headers.update(error.headers or {})
        path = getattr(request.scope.get("route"), "path", None)
        if "allow" in response.headers and path in methods:
            # Starlette names the methods of the first route of a path alone.
            response.headers["allow"] = ", ".join(sorted(methods[path]))
        return response

    def parameter_invalid(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError), "registered for these alone"
        # Only names of our own parameters: an unknown one is not looked at, and no value is repeated.
        findings = [problems.PARAMETER_INVALID.at(*each["loc"][1:]) for each in error.errors()]
        return parts.refuse(problems.refused(findings))

    def overloaded(_request: Request, _error: Exception) -> Response:
        return parts.refuse(OVERLOADED)

    def not_recorded(_request: Request, error: Exception) -> Response:
        return parts.refuse(ledger_requests.not_recorded(error))

    return {
        HTTPException: not_served,
        RequestValidationError: parameter_invalid,
        Overloaded: overloaded,
        **dict.fromkeys((LedgerUnreachable, LedgerBusy, OutcomeUnknown), not_recorded),
    }


def _serve_documentation(app: FastAPI) -> None:
    """Serve the interactive page with assets from a package: a hospital's server room has no internet."""
    assets = Path(fastapi_offline.__file__).parent / "static"
    app.mount("/docs/assets", StaticFiles(directory=assets), name="assets")

    @cache
    def document() -> dict[str, Any]:
        return openapi_document(app, load_shipped())

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to extend the document

    @app.get("/docs", include_in_schema=False)
    def interactive_documentation() -> Response:
        return get_swagger_ui_html(
            openapi_url=str(app.openapi_url),
            title="onestop",
            swagger_js_url="/docs/assets/swagger-ui-bundle.js",
            swagger_css_url="/docs/assets/swagger-ui.css",
            swagger_favicon_url="/docs/assets/favicon.png",
        )
