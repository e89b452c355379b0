"""The proxies of deploy/proxy, run for real with other ports, in front of servers that can be started again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import httpx

from tests.api.service import ONESTOP, PATIENCE, QUIET
from tests.deploy.files import DEPLOY, program

PROXY = DEPLOY / "proxy"
# Longer than a proxy takes to see that /readyz says no.
DRAIN_SECONDS = 3
Kind = Literal["haproxy", "nginx"]


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Server:
    """One `onestop serve` on a port of its own, which may go and come again."""

    def __init__(self, port: int, url: str, log: Path) -> None:
        self.port = port
        self._url = url
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it is ready."""
        settings = {"ONESTOP_DATABASE_URL": self._url, "ONESTOP_DRAIN_SECONDS": str(DRAIN_SECONDS)}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [ONESTOP, "serve", "--port", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, env=os.environ | QUIET | settings,
            )  # fmt: skip
        end = time.monotonic() + PATIENCE
        while not self._is_ready():
            assert time.monotonic() < end, self._log.read_text("utf-8")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ask it politely, and wait for its good end."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        assert self._process.wait(PATIENCE) == 0
        self._process = None

    def _is_ready(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self._log.read_text("utf-8")
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def proxied(kind: Kind, url: str, folder: Path) -> Iterator[tuple[int, list[Server]]]:
    """Two servers on one ledger behind a proxy: its port, and the servers."""
    door, *ports = free_ports(3)
    servers = [Server(port, url, folder / f"{port}.log") for port in ports]
    for server in servers:
        server.start()
    with (folder / "proxy.log").open("wb") as log:
        proxy = subprocess.Popen(_command(kind, door, ports, folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        end = time.monotonic() + PATIENCE
        while not _listens(door):
            assert proxy.poll() is None, (folder / "proxy.log").read_text("utf-8")
            assert time.monotonic() < end
            time.sleep(0.05)
        # Its own first look at the servers.
        time.sleep(2.5)
        yield door, servers
    finally:
        proxy.terminate()
        proxy.wait(PATIENCE)
        for server in servers:
            server.stop()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _command(kind: Kind, door: int, ports: list[int], folder: Path) -> list[str]:
    text = (PROXY / ("haproxy.cfg" if kind == "haproxy" else "nginx.conf")).read_text("utf-8")
    for shipped, own in zip(("8080", "8001", "8002"), (door, *ports), strict=True):
        assert f"127.0.0.1:{shipped}" in text
        text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{own}")
    file = folder / f"{kind}.conf"
    if kind == "haproxy":
        file.write_text(text, "utf-8")
        return [program("haproxy"), "-db", "-f", str(file)]
    for path in ("/run/nginx.pid", "/var/log/nginx/access.log", "/var/log/nginx/error.log"):
        assert path in text
        text = text.replace(path, str(folder / path.rpartition("/")[2]))
    file.write_text(text, "utf-8")
    return [program("nginx"), "-c", str(file), "-p", str(folder), "-g", "daemon off;"]
