"""SIGHUP: new packs for all workers, or for none; nobody who asks meanwhile notices."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.service import JSON, PREVIEW, Service, running, written
from tests.keys import ADMIN, bearer

# A city that the packs that ship do not know: only its overlay's numbers tell that it was loaded.
OVERLAY = """\
extends: guangxi@2017-12-13
area: "450300"
title: {zh-CN: 桂林, en: Guilin}
deductible:
  source: {assumed: a test}
  tiers:
    secondary: {first: DEDUCTIBLE}
"""


@pytest.fixture(params=["1", "2"], ids=["one worker", "two workers"])
def reloading(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Service, Path]]:
    packs = tmp_path / "packs"
    packs.mkdir()
    overlay = packs / "guilin.yaml"
    overlay.write_text(OVERLAY.replace("DEDUCTIBLE", "100"), "utf-8")
    with running("--workers", request.param, ONESTOP_PACKS_DIR=str(packs)) as service:
        yield service, overlay


def deductibles(service: Service) -> set[str]:
    """The deductible that each of some connections gets, so that each worker is asked."""
    found = set()
    for _ in range(12):
        with httpx.Client(base_url=service.base, trust_env=False, headers=bearer(ADMIN)) as client:
            answer = client.post(PREVIEW, content=written({}), headers=JSON)
        assert answer.status_code == 200, answer.text
        found.add(answer.json()["deductible"]["amount"])
    return found


def settled_on(service: Service, wanted: set[str]) -> set[str]:
    end = time.monotonic() + 15
    found = deductibles(service)
    while found != wanted and time.monotonic() < end:
        time.sleep(0.1)
        found = deductibles(service)
    return found


def test_all_workers_take_the_new_packs_and_nobody_notices(reloading: tuple[Service, Path]) -> None:
    service, overlay = reloading
    assert deductibles(service) == {"100.00"}
    statuses: set[int] = set()
    over = threading.Event()

    def ask() -> None:
        with httpx.Client(base_url=service.base, trust_env=False, timeout=30, headers=bearer(ADMIN)) as client:
            while not over.is_set():
                statuses.add(client.post(PREVIEW, content=written({}), headers=JSON).status_code)

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for thread in asking:
        thread.start()
    for deductible in ("200", "300", "400"):
        overlay.write_text(OVERLAY.replace("DEDUCTIBLE", deductible), "utf-8")
        service.process.send_signal(signal.SIGHUP)
        assert settled_on(service, {f"{deductible}.00"}) == {f"{deductible}.00"}
    over.set()
    for thread in asking:
        thread.join()
    assert statuses == {200}


def test_a_pack_that_is_refused_changes_nothing_and_the_log_says_what_was_expected(
    reloading: tuple[Service, Path],
) -> None:
    service, overlay = reloading
    overlay.write_text(OVERLAY.replace("DEDUCTIBLE", "-1"), "utf-8")
    service.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 15
    while "a pack is refused" not in service.logged():
        assert time.monotonic() < end, service.logged()
        time.sleep(0.05)
    assert "guilin.yaml: deductible.tiers.secondary.first" in service.logged()
    assert deductibles(service) == {"100.00"}
    overlay.write_text(OVERLAY.replace("DEDUCTIBLE", "500"), "utf-8")
    service.process.send_signal(signal.SIGHUP)
    assert settled_on(service, {"500.00"}) == {"500.00"}


def test_a_worker_in_the_place_of_a_dead_one_has_the_packs_of_the_others(tmp_path: Path) -> None:
    """Whatever is in the folder by then: only a reload changes packs."""
    packs = tmp_path / "packs"
    packs.mkdir()
    overlay = packs / "guilin.yaml"
    overlay.write_text(OVERLAY.replace("DEDUCTIBLE", "100"), "utf-8")
    with running("--workers", "2", ONESTOP_PACKS_DIR=str(packs)) as service:
        overlay.write_text("not a pack", "utf-8")
        (first, *_) = children(service.process.pid)

        os.kill(first, signal.SIGKILL)
        end = time.monotonic() + 30
        while first in children(service.process.pid) or len(children(service.process.pid)) < 2:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert settled_on(service, {"100.00"}) == {"100.00"}


def children(pid: int) -> list[int]:
    """The workers of a service, without what else its process keeps."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return [int(each) for each in found if b"spawn_main" in Path(f"/proc/{each}/cmdline").read_bytes()]
