"""Real Prometheus, two workers, the rules of deploy/prometheus: each alert fires for its cause, and none without one.

`for:` is shortened here; promtool's own tests (tests/deploy) hold the rules to their true times. The tests go one after
another on one service: each cause makes its alert fire, which did not before.
"""

from __future__ import annotations

import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import psycopg
import pytest

import app.policies
from app.store import person_keys
from tests.api.service import ABSENT, JSON, ONESTOP, Service, running, written
from tests.deploy.files import DEPLOY, program
from tests.keys import ADMIN, admit, bearer, minted
from tests.operations.proxies import free_ports
from tests.postgresql import Server, running_postgresql

RULES = DEPLOY / "prometheus"
PATIENCE = 90.0


class Watched:
    """A service on PostgreSQL, and the Prometheus that watches it."""

    def __init__(self, service: Service, database: Server, url: str, prometheus: int) -> None:
        self.service = service
        self.database = database
        self.url = url
        self._api = f"http://127.0.0.1:{prometheus}/api/v1"

    def firing(self) -> set[str]:
        """The alerts that fire at this moment."""
        found = httpx.get(f"{self._api}/alerts", trust_env=False).json()["data"]["alerts"]
        return {alert["labels"]["alertname"] for alert in found if alert["state"] == "firing"}

    def value(self, query: str) -> float | None:
        """What Prometheus makes of an expression."""
        found = httpx.get(f"{self._api}/query", params={"query": query}, trust_env=False).json()["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def fires(self, alert: str) -> None:
        """Wait until an alert fires."""
        self.comes_to(lambda: alert in self.firing())

    def comes_to(self, state: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not state():
            assert time.monotonic() < end, f"firing: {self.firing()}"
            time.sleep(0.3)

    def settle(self, number: int) -> int:
        """Post a bill that is a new one's: the status."""
        bill = written({"/bill_id": f"B{number}", "/patient/person_id": f"P{number}", "/year_to_date": ABSENT})
        with httpx.Client(base_url=self.service.base, trust_env=False, timeout=60, headers=bearer(ADMIN)) as client:
            return client.post("/v1/settlements", content=bill, headers=JSON).status_code

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the same ledger."""
        return subprocess.run(
            [ONESTOP, *words], capture_output=True, text=True, check=False, env={"ONESTOP_DATABASE_URL": self.url}
        )


@contextmanager
def prometheus(service: Service, url: str, folder: Path) -> Iterator[int]:
    """Prometheus with the shipped configuration, which looks every second: its port."""
    config = (RULES / "prometheus.yml").read_text("utf-8")
    assert "onestop:8000" in config
    config = config.replace("onestop:8000", f"127.0.0.1:{service.port}").replace("interval: 15s", "interval: 1s")
    (folder / "prometheus.yml").write_text(config, "utf-8")
    rules = (RULES / "alerts.yml").read_text("utf-8")
    (folder / "alerts.yml").write_text(re.sub(r"\bfor: \w+", "for: 2s", rules), "utf-8")
    (folder / "ops.key").write_text(minted(url, "ops"), "ascii")
    (port,) = free_ports(1)
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        end = time.monotonic() + PATIENCE
        while True:
            assert process.poll() is None, (folder / "prometheus.log").read_text("utf-8")
            assert time.monotonic() < end
            try:
                if httpx.get(f"http://127.0.0.1:{port}/-/ready", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for packs, empty so far."""
    return tmp_path_factory.mktemp("packs")


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, packs: Path) -> Iterator[Watched]:
    tmp_path = tmp_path_factory.mktemp("watched")
    with running_postgresql() as database:
        url = database.url()
        admit(url)
        options = {"ONESTOP_DATABASE_URL": url, "ONESTOP_QUEUE": "0", "ONESTOP_PACKS_DIR": str(packs)}
        with running("--workers", "2", **options) as service, prometheus(service, url, tmp_path) as port:
            found = Watched(service, database, url, port)
            for number in range(20):
                assert found.settle(number) == 201
            found.comes_to(lambda: found.value("sum(onestop_ledger_settlements_total)") == 20)
            # As long as the longest of the shortened waits, and some looks more.
            time.sleep(6)
            assert found.firing() == set()
            yield found


def test_a_pack_is_about_to_end(watched: Watched, packs: Path) -> None:
    ends = datetime.now(UTC).date() + timedelta(days=9)  # noqa: TID251 # the service's clock is the real one
    shipped = (Path(app.policies.__file__).parent / "guangxi.yaml").read_text("utf-8")
    other = shipped.replace("name: guangxi", "name: hainan").replace('area: "450000"', 'area: "460000"')
    other = re.sub(r"effective_to: \S+", f"effective_to: {ends}", other)
    assert other.count("hainan") == other.count("460000") == other.count(str(ends)) == 1
    (packs / "hainan.yaml").write_text(other, "utf-8")
    watched.service.process.send_signal(signal.SIGHUP)
    watched.fires("OnestopPackEnds")
    assert watched.value("onestop_pack_days_left") == 9
    # Another follows it.
    after = re.sub(r"effective_from: \S+", f"effective_from: {ends + timedelta(days=1)}", other)
    (packs / "hainan-next.yaml").write_text(re.sub(r"effective_to: .*", "effective_to: 2099-12-31", after), "utf-8")
    watched.service.process.send_signal(signal.SIGHUP)
    watched.comes_to(lambda: "OnestopPackEnds" not in watched.firing())


def test_a_replay_finds_a_record_that_was_changed(watched: Watched) -> None:
    assert watched.command("replay").returncode == 0
    watched.comes_to(lambda: watched.value('onestop_job_records{task="replay"}') == 20)
    assert watched.value('onestop_job_faults{task="replay"}') == 0
    with psycopg.connect(watched.url, autocommit=True) as connection:
        connection.execute("UPDATE settlements SET answer = answer || ' '::bytea WHERE bill_id = 'B3'")
    found = watched.command("replay")
    assert found.returncode == 1, found.stderr
    watched.fires("OnestopReplayDiffers")


def test_mistakes_of_ours_are_an_error_rate(watched: Watched) -> None:
    """A table that is gone is nothing that anybody expects."""
    with psycopg.connect(watched.url, autocommit=True) as connection:
        connection.execute("ALTER TABLE open_bills RENAME TO hidden")
        statuses = [watched.settle(number) for number in range(400, 408)]
        assert set(statuses) == {500}
        connection.execute("ALTER TABLE hidden RENAME TO open_bills")
    watched.fires("OnestopErrorRate")


def test_a_queue_is_full(watched: Watched) -> None:
    with psycopg.connect(watched.url, autocommit=True) as connection:
        # As whoever changes all persons' keys: nobody writes about a person meanwhile.
        connection.execute("SELECT pg_advisory_lock(%s)", (person_keys._LOCK,))
        statuses: list[int] = []
        # Each time those who are let in wait three seconds for the lock; the others are sent away.
        for round_of in range(3):
            threads = [
                threading.Thread(target=lambda number=number: statuses.append(watched.settle(number)))
                for number in range(200 + 60 * round_of, 260 + 60 * round_of)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert set(statuses) == {503}
    watched.fires("OnestopQueueFull")
    watched.fires("OnestopLockWaits")


def test_the_database_is_gone(watched: Watched) -> None:
    watched.database.kill()
    watched.fires("OnestopNotReady")
    watched.database.start()
    watched.comes_to(lambda: "OnestopNotReady" not in watched.firing())
    assert watched.settle(100) == 201


def test_the_service_is_gone(watched: Watched) -> None:
    watched.service.process.send_signal(signal.SIGTERM)
    watched.fires("OnestopDown")
