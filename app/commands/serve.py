"""`onestop serve`: the HTTP service."""

from __future__ import annotations

import os
import tempfile
from ipaddress import ip_address
from typing import Annotated, Final

import typer
import uvicorn

from app.observe.logs import logger_for
from app.policies.catalogue import load_shipped
from app.policies.errors import PacksRefused
from app.settings import SettingsError, read_settings

DRAIN_SECONDS: Final = 30
USAGE_EXIT: Final = 2


def serve(
    *,
    host: Annotated[str, typer.Option(help="A loopback address: there are no keys yet.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
) -> None:
    """Serve the HTTP API, its interactive page under /docs and its metrics under /metrics."""
    try:
        settings = read_settings()
        packs = len(load_shipped(settings.packs_dir).packs)
    except (SettingsError, PacksRefused) as error:
        _fail(str(error))
        return
    if not _is_loopback(host):
        _fail(f"--host {host}: expected a loopback address such as 127.0.0.1, since the service has no keys yet")
    logger_for(settings.log_format).info("serving", host=host, port=port, workers=workers, packs=packs)
    with tempfile.TemporaryDirectory(prefix="onestop-metrics-") as folder:
        if workers > 1:
            # Read by prometheus_client when a worker first imports it: the workers then count together.
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        uvicorn.run(
            "app.main:app_from_environment",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=DRAIN_SECONDS,
        )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _fail(message: str) -> None:
    typer.echo(f"onestop serve: {message}", err=True)
    raise typer.Exit(USAGE_EXIT)
