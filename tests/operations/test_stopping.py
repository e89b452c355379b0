"""SIGTERM: no more on /readyz first, then no new connections, and what was begun is finished."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import httpx
import pytest

from tests.api.service import JSON, PATIENCE, running, written
from tests.keys import ADMIN, bearer

SETTLEMENTS = "/v1/settlements"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_that_drains_says_so_and_still_serves(tmp_path: Path, workers: str) -> None:
    with running("--workers", workers, ONESTOP_DRAIN_SECONDS="3") as service:
        service.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + 2
        ready = service.get("/readyz")
        while time.monotonic() < end and ready.status_code != 503:
            with httpx.Client(base_url=service.base, trust_env=False, timeout=PATIENCE) as client:
                ready = client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["code"] == "draining"
        assert "asked to stop" in ready.json()["detail"]
        with httpx.Client(base_url=service.base, trust_env=False, timeout=PATIENCE, headers=bearer(ADMIN)) as client:
            settled = client.post(SETTLEMENTS, content=written({}), headers=JSON)
        assert settled.status_code == 201
        # Whoever keeps connections is told to come on another one, and to another server.
        assert settled.headers["connection"] == "close"
        began = time.monotonic()
        assert service.process.wait(PATIENCE) == 0
        assert time.monotonic() - began < 30


def test_asked_twice_it_stops_at_once(tmp_path: Path) -> None:
    with running(ONESTOP_DRAIN_SECONDS="600") as service:
        service.process.send_signal(signal.SIGTERM)
        end = time.monotonic() + PATIENCE
        while service.get("/readyz").status_code != 503:
            assert time.monotonic() < end
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(PATIENCE) == 0
