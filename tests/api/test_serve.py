"""`onestop serve`: what stops the start, each with one clear line, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.commands import serve
from tests.api.service import ONESTOP, PATIENCE, PREVIEW, QUIET, Service, received, running, stop, written
from tests.cli.running import COMMAND
from tests.keys import ADMIN

BODY = written({})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """`onestop serve` that should not come to listen, in this process: exit status and standard error."""

    def never(*_arguments: object) -> None:
        raise AssertionError("it would have listened")

    monkeypatch.setattr(serve, "_listener", never)

    def run(*options: str, **environment: str) -> tuple[int, str]:
        result = CliRunner(env=QUIET | environment).invoke(COMMAND, ["serve", *options])
        assert isinstance(result.exception, SystemExit), result.exception
        assert result.stdout == ""
        return result.exit_code, result.stderr

    return run


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.invalid", "127.0.0.1.example.invalid", ""])
def test_a_host_that_others_could_reach_is_refused(started: Callable[..., tuple[int, str]], host: str) -> None:
    assert started("--host", host) == (2, (
        f"onestop serve: --host {host}: ONESTOP_PII_KEY is not set, so person ids would be kept under a key that all know\n"
    ))  # fmt: skip


def test_settings_that_cannot_be_meant_stop_the_start(started: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    assert [started(ONESTOP_LOG_FORMAT="xml"), started(ONESTOP_PACKS_DIR=str(tmp_path / "nothing"))] == [
        (2, "onestop serve: ONESTOP_LOG_FORMAT: expected one of console, json\n"),
        (2, "onestop serve: ONESTOP_PACKS_DIR: expected a folder that exists\n"),
    ]


def test_a_broken_pack_stops_the_start_with_its_path(started: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    broken = 'extends: guangxi@2017-12-13\narea: "450900"\nbackstop: {source: {assumed: a test}, target: 1.5}\n'
    (tmp_path / "mine.yaml").write_text(broken, "utf-8")
    status, told = started(ONESTOP_PACKS_DIR=str(tmp_path))
    assert status == 2
    assert told.startswith("onestop serve: mine.yaml: backstop.target (line 3): ")
    assert told.count("\n") == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_stops_the_start_with_one_line(service: Service, tmp_path: Path, workers: str) -> None:
    command = [ONESTOP, "serve", "--port", str(service.port), "--workers", workers]
    ended = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False, env=os.environ | QUIET
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", (
        f"onestop serve: cannot listen on 127.0.0.1, port {service.port}: Address already in use; another one is chosen with --port\n"
    ))  # fmt: skip


def test_the_first_line_of_the_log_says_where_it_serves(service: Service) -> None:
    first = json.loads(service.logged().splitlines()[0])
    del first["timestamp"]
    assert first == {
        "event": "serving",
        "level": "info",
        "host": "127.0.0.1",
        "port": service.port,
        "workers": 1,
        "packs": 5,
    }


@pytest.mark.parametrize("host", ["::1", "localhost"])
def test_every_name_of_the_loopback_will_do(host: str) -> None:
    if host == "::1" and not _has_ipv6():
        pytest.skip("this machine has no IPv6")
    with running(host=host) as service:
        assert service.preview(BODY).status_code == 200
        assert json.loads(service.logged().splitlines()[0])["host"] == host


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize(("workers", "number"), [
    ("1", signal.SIGTERM), ("1", signal.SIGINT), ("2", signal.SIGTERM),
], ids=str)  # fmt: skip
def test_asked_politely_it_answers_what_is_in_flight_and_ends_well(
    tmp_path: Path, workers: str, number: signal.Signals
) -> None:
    head = f"POST {PREVIEW} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\nauthorization: Bearer {ADMIN}\r\n"
    with running("--workers", workers, TMPDIR=str(tmp_path)) as service:
        assert list(tmp_path.iterdir()) != []
        with service.connected() as connection:
            connection.sendall(head.encode() + b"expect: 100-continue\r\n\r\n")
            assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
            service.process.send_signal(number)
            time.sleep(0.5)
            assert service.process.poll() is None
            connection.sendall(BODY)
            assert received(connection).startswith(b"HTTP/1.1 200 OK\r\n")
        assert service.process.wait(PATIENCE) == 0
        with pytest.raises(ConnectionError):
            service.connected()
        assert "error" not in service.logged()
        # The folder in which workers count together is gone too.
        assert list(tmp_path.iterdir()) == []


def test_asked_politely_before_it_serves_it_ends_well_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [ONESTOP, "serve", "--port", "0"],
            stderr=stream,
            cwd=tmp_path,
            env=os.environ | QUIET | {"TMPDIR": str(tmp_path)},
        )
    deadline = time.monotonic() + PATIENCE
    while b"serving" not in log.read_bytes() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.terminate()
    assert process.wait(PATIENCE) == 0, log.read_text("utf-8")
    # The embedded database is made before it listens.
    assert {path.name for path in tmp_path.iterdir()} == {"log", "var"}


def test_asked_politely_while_its_event_loop_begins_nothing_is_raised_through_it(tmp_path: Path) -> None:
    program = (
        "import app.cli, signal, uvicorn\n"
        "run = uvicorn.Server.run\n"
        "def asked(self, sockets):\n"
        "    signal.raise_signal(signal.SIGTERM)\n"
        "    print('went on')\n"
        "    run(self, sockets)\n"
        "uvicorn.Server.run = asked\n"
        "app.cli.main()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "serve", "--port", "0"],
        cwd=tmp_path,
        env=os.environ | QUIET | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, b"went on\n"), ended.stderr
    assert b"Traceback" not in ended.stderr


def test_a_worker_that_dies_is_replaced() -> None:
    with running("--workers", "2") as service:
        (first, *_) = _workers(service)
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while (first in _workers(service) or len(_workers(service)) < 2) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert first not in _workers(service)
        assert service.preview(BODY).status_code == 200
        assert stop(service) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="no other system spreads connections")
def test_each_worker_has_a_door_of_its_own_and_connections_are_spread_over_them() -> None:
    with running("--workers", "2") as service, ExitStack() as open_ones:
        doors = _sockets(service, _LISTENING)
        assert [len(doors & files) for files in _open_files(service)] == [1, 1]
        assert len(doors) == 2
        for _ in range(64):
            open_ones.enter_context(service.connected())
        deadline = time.monotonic() + PATIENCE
        while sum(found := _taken(service)) < 64 and time.monotonic() < deadline:
            time.sleep(0.05)
        # A coin that is thrown 64 times shows one side so rarely less than once in a million times.
        assert min(found) >= 12, found


_LISTENING, _ESTABLISHED = "0A", "01"


def _sockets(service: Service, state: str) -> set[str]:
    """The sockets of the service's address in a state, as a process's list of open files names them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    return {f"socket:[{row[9]}]" for row in rows if row[1].endswith(f":{service.port:04X}") and row[3] == state}


def _open_files(service: Service) -> list[set[str]]:
    """What each worker has open."""
    return [
        {str(file.readlink()) for file in Path(f"/proc/{worker}/fd").iterdir() if file.is_symlink()}
        for worker in _workers(service)
    ]


def _taken(service: Service) -> list[int]:
    """How many connections each worker has taken."""
    connections = _sockets(service, _ESTABLISHED)
    return [len(connections & files) for files in _open_files(service)]


@pytest.mark.skipif(sys.platform != "linux", reason="no other system lets a process choose its core")
def test_a_worker_for_each_core_stays_on_its_own_and_others_go_where_they_like() -> None:
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        pytest.skip("one core leaves nothing to choose")
    expected = [[core] for core in sorted(cores)]
    with running("--workers", str(len(cores))) as service:
        deadline = time.monotonic() + PATIENCE
        while (stays := _cores_of_workers(service)) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
    assert stays == expected
    with running("--workers", str(len(cores) + 1)) as service:
        told = [Path(f"/proc/{worker}/environ").read_bytes() for worker in _workers(service)]
    assert told
    assert not any(b"ONESTOP_WORKER_A_CORE" in environment for environment in told)


def _cores_of_workers(service: Service) -> list[list[int]]:
    return sorted(sorted(os.sched_getaffinity(worker)) for worker in _workers(service))


def _workers(service: Service) -> list[int]:
    pid = service.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    # One of them only watches over what the others leave behind.
    return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.parametrize(("changes", "told"), [
    ({"ISSUER": ""}, "ONESTOP_OIDC_ISSUER: expected with the other ONESTOP_OIDC_ settings"),
    ({"AUDIENCE": ""}, "ONESTOP_OIDC_AUDIENCE: expected with the other ONESTOP_OIDC_ settings"),
    ({"JWKS": "http://id.example/keys"}, "ONESTOP_OIDC_JWKS: expected an https:// address: keys that come in the open are nobody's"),
    ({"JWKS": "nowhere.json"}, "ONESTOP_OIDC_JWKS: expected an https:// address, or a file that exists"),
    ({"ROLES": "his,king"}, "ONESTOP_OIDC_ROLES: expected some of admin, his, insurer, ops, with commas between"),
    ({"JWKS": __file__}, "ONESTOP_OIDC_JWKS: expected a set of public keys (JWKS)"),
], ids=str)  # fmt: skip
def test_settings_of_an_identity_provider_that_cannot_be_meant_stop_the_start(
    tmp_path: Path, changes: dict[str, str], told: str
) -> None:
    usual = {"ISSUER": "https://id.example", "AUDIENCE": "onestop", "JWKS": "https://id.example/keys"}
    given = {f"ONESTOP_OIDC_{name}": value for name, value in (usual | changes).items()}
    command = [ONESTOP, "serve", "--port", "0"]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | QUIET | given,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (2, f"onestop serve: {told}\n")
