"""`onestop serve`: the HTTP service."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from app.commands.doors import listen
from app.commands.kept_packs import KeptPacks
from app.commands.processes import cores
from app.policies.catalogue import load_shipped
from app.policies.errors import PacksRefused
from app.settings import EVERY, Settings, SettingsError, read_settings

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from uvicorn import Config

    from app.observe.logs import Log

DRAIN_SECONDS: Final = 30
SETTINGS_HELP: Final = "\n\n".join(
    ["Settings, from the environment or a file .env; docs/operations.md has the same:"]
    + [f"{setting.name} ({setting.default}): {setting.what}" for setting in EVERY]
)
USAGE_EXIT: Final = 2


def serve(
    *,
    host: Annotated[str, typer.Option(help="Any other than a loopback address needs ONESTOP_PII_KEY.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
) -> None:
    """Serve the HTTP API, its interactive page under /docs and its metrics under /metrics."""
    try:
        settings = read_settings()
        packs = len(load_shipped(settings.packs_dir).packs)
    except (SettingsError, PacksRefused) as error:
        _fail(str(error))
    _check_issuer(settings)
    _check_traces(settings)
    is_reachable = _check_schema(settings)
    if not _is_loopback(host) and not settings.has_pii_key:
        _fail(f"--host {host}: ONESTOP_PII_KEY is not set, so person ids would be kept under a key that all know")
    # The server answers what is in flight, then raises the signal again: asked politely, it has done its work.
    signal.signal(signal.SIGTERM, _leave)
    with _listener(host, port, workers) as listener, tempfile.TemporaryDirectory(prefix="onestop-serve-") as folder:
        _run(listener, host, settings, workers, packs, Path(folder), is_reachable=is_reachable)


def _check_issuer(settings: Settings) -> None:
    """Refuse a file of keys that is none before anybody shows a token."""
    if settings.oidc is None or settings.oidc.jwks.startswith(("https://", "http://")):
        return
    from app.access.tokens import read_keys

    try:
        read_keys(Path(settings.oidc.jwks).read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        _fail(f"ONESTOP_OIDC_JWKS: {why}")


def _check_traces(settings: Settings) -> None:
    """Refuse to start without the packages that traces take, which not every installation has."""
    if settings.traces is None:
        return
    try:
        import app.observe.traces  # noqa: F401 # only to see whether it can be
    except ModuleNotFoundError:
        _fail("ONESTOP_TRACES: the packages for traces are missing; install onestop-settlement[traces]")


def _check_schema(settings: Settings) -> bool:
    """Refuse another schema, or persons under another key, before anybody waits; whether the database can be reached.

    An embedded database that is not there yet is made; one that cannot be reached may come later, /readyz tells.
    """
    from app.access.pseudonyms import Pseudonyms
    from app.store import schema
    from app.store.ledger import Ledger, LedgerUnreachable
    from app.usecases.rekey_persons import KeyUnknown, check_person_keys

    ledger = Ledger(settings.database_url)
    try:
        if ledger.is_new_file:
            schema.upgrade(ledger)
        schema.check(ledger)
        check_person_keys(ledger, Pseudonyms(*settings.pii_keys))
    except (schema.SchemaDiffers, KeyUnknown) as error:
        _fail(str(error))
    except LedgerUnreachable:
        return False
    finally:
        ledger.close()
    return True


def _run(  # what a service is made of
    listener: socket.socket,
    host: str,
    settings: Settings,
    workers: int,
    packs: int,
    folder: Path,
    *,
    is_reachable: bool,
) -> None:
    from uvicorn import Config, Server

    from app.api.protocol import Http
    from app.observe.logs import Log, library_lines

    port = listener.getsockname()[1]
    log = Log(settings.log_format)

    def say_so() -> None:
        log.info("serving", host=host, port=port, workers=workers, packs=packs)
        if not is_reachable:
            log.warning("the database cannot be reached yet; /readyz says when it can")

    config = Config(
        "app.main:app_from_environment",
        factory=True,
        workers=workers,
        http=Http,
        access_log=False,
        log_config=library_lines(settings.log_format),
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    # Ctrl-C is how a person ends it, and no mistake.
    with suppress(KeyboardInterrupt):
        if workers > 1:
            _run_workers(config, listener, settings, folder, log, say_so)
        else:
            say_so()
            server = Server(config)
            # From here on an event loop may be half made, and is none to raise through.
            signal.signal(signal.SIGTERM, server.handle_exit)
            server.run([listener])


def _run_workers(  # what they share
    config: Config, listener: socket.socket, settings: Settings, folder: Path, log: Log, say_so: Callable[[], None]
) -> None:
    from app.api.cores import let_workers_stay
    from app.api.workers import Workers

    # Read by prometheus_client when a worker first imports it: the workers then count together.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)
    packs = KeptPacks(settings.packs_dir, folder, log)
    if settings.packs_dir is not None:
        if not packs.renew():
            _fail("ONESTOP_PACKS_DIR: its packs cannot be copied to the folder for temporary files; the log says why")
        os.environ["ONESTOP_PACKS_DIR"] = str(packs.place)
    if config.workers == cores():
        let_workers_stay(str(folder))
    Workers(config, listener, log, say_so, packs.renew).run()


def _listener(host: str, port: int, workers: int) -> socket.socket:
    try:
        return listen(host, port, workers)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        _fail(f"cannot listen on {host}, port {port}: {why}; another one is chosen with --port")


def _leave(_number: int, _frame: object) -> NoReturn:
    sys.exit(0)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fail(message: str) -> NoReturn:
    typer.echo(f"onestop serve: {message}", err=True)
    raise typer.Exit(USAGE_EXIT)
