"""`make run`: start the service, settle examples/bill.json through it over HTTP, show who pays what, keep serving."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from app.commands.tables import answer_table

HOST = "127.0.0.1"
ROOT = Path(__file__).resolve().parent.parent
COMMAND = Path(sys.executable).parent / "onestop"
BILL = "examples/bill.json"
LOG = Path("var/serve.log")
# The hospital of examples/bill.json.
KEYS = {"his": ("--facility", "H45102200016"), "ops": (), "admin": ()}
READY_WITHIN = 60.0
STOP_WITHIN = 10.0


class DemoFailed(Exception):
    """What went wrong, in words for whoever typed `make run`."""


def main() -> int:
    os.chdir(ROOT)
    port_text = os.environ.get("PORT") or "8000"
    if not port_text.isascii() or not port_text.isdecimal() or not 0 < int(port_text) < 65536:
        return _failed(f"PORT={port_text} is no port number.")
    port = int(port_text)
    if not _is_free(port):
        return _failed(
            f"Port {port} is taken on {HOST}: stop what listens there, or choose another, make run PORT=8001."
        )
    # A polite kill ends like Ctrl-C, so that the server never outlives this process.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = _start(port)
    try:
        _wait_until_ready(server, port)
        keys = {role: _mint(role, *bounds) for role, bounds in KEYS.items()}
        _show(_settle(port, keys["his"]), port, keys)
        if not os.environ.get("ONCE"):
            _serve_on(server, port)
    except DemoFailed as failure:
        return _failed(str(failure))
    except KeyboardInterrupt:
        pass
    finally:
        _stop(server)
    return 0


def _failed(why: str) -> int:
    print(f"make run: {why}", file=sys.stderr)
    return 1


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _start(port: int) -> subprocess.Popen[bytes]:
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("wb") as log:
        return subprocess.Popen(
            [COMMAND, "serve", "--host", HOST, "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C reaches a whole terminal group; only this process decides when the server stops.
            start_new_session=True,
        )


def _wait_until_ready(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN
    last = "no answer yet"
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DemoFailed(f"the service ended with status {server.returncode}. The end of {LOG}:\n{_log_end()}")
        try:
            answer = httpx.get(f"http://{HOST}:{port}/readyz", timeout=2, trust_env=False)
        except httpx.HTTPError:
            time.sleep(0.1)
            continue
        if answer.status_code == 200:
            return
        last = f"/readyz answers {answer.status_code}: {answer.text[:500]}"
        time.sleep(0.2)
    raise DemoFailed(f"the service was not ready within {READY_WITHIN:.0f} s ({last}). The end of {LOG}:\n{_log_end()}")


def _mint(role: str, *bounds: str) -> str:
    command = [str(COMMAND), "key", "mint", "--role", role, *bounds]
    minted = subprocess.run(command, capture_output=True, text=True, check=False)
    if minted.returncode:
        raise DemoFailed(f"no key could be minted: {minted.stderr.strip()}")
    return minted.stdout.splitlines()[-1]


def _settle(port: int, key: str) -> dict[str, Any]:
    try:
        answer = httpx.post(
            f"http://{HOST}:{port}/v1/settlements/preview",
            content=Path(BILL).read_bytes(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
            timeout=10,
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise DemoFailed(f"the preview got no answer ({error!r}). The end of {LOG}:\n{_log_end()}") from error
    if answer.status_code != 200:
        raise DemoFailed(f"the preview of {BILL} was answered with {answer.status_code}:\n{answer.text[:2000]}")
    settlement: dict[str, Any] = answer.json()
    return settlement


def _show(settlement: dict[str, Any], port: int, keys: dict[str, str]) -> None:
    # A pipe or a log has no width; sentences of the law need some.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print()
    console.print(answer_table(settlement, "en" if _speaks_english() else "zh-CN"))
    console.print()
    console.print("Next:", style="bold")
    base = f"http://{HOST}:{port}"
    bearer = {role: f"-H 'Authorization: Bearer {key}'" for role, key in keys.items()}
    post = f"{bearer['his']} -H 'Content-Type: application/json' --data-binary"
    curl = f"curl -s {base}/v1/settlements/preview {post}"
    served = [
        ("the interactive documentation", f"{base}/docs"),
        ("the same bill with curl, as the hospital", f"{curl} @{BILL}"),
        ("a broken bill", f"sed s/392.00/3920.00/ {BILL} | {curl} @-"),
        ("record it", f"curl -s {base}/v1/settlements {post} @{BILL}"),
        ("the metrics, as operations", f"curl -s {base}/metrics {bearer['ops']}"),
        ("the keys", ".venv/bin/onestop key list"),
        ("who read or did what, as administrator", f"curl -s {base}/v1/audit {bearer['admin']}"),
    ]
    offline = [
        ("every number of the policy, and its source", ".venv/bin/onestop packs show guangxi@2017-12-13"),
        ("many bills without a server", ".venv/bin/onestop settle examples/bills.ndjson --explain"),
    ]
    for what, how in ([("keep the service running", "make run")] if os.environ.get("ONCE") else served) + offline:
        console.print(f"  {what}:", style="dim")
        # Not through rich: it would wrap the line, and a wrapped command cannot be copied.
        print(f"    {how}", flush=True)


def _speaks_english() -> bool:
    named = next(filter(None, (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return named.lower().startswith("en")


def _serve_on(server: subprocess.Popen[bytes], port: int) -> None:
    print(f"\nServing on http://{HOST}:{port} (log: {LOG}). Ctrl-C stops it.", flush=True)
    server.wait()
    raise DemoFailed(f"the service ended with status {server.returncode}. The end of {LOG}:\n{_log_end()}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.poll() is not None:
        return
    server.terminate()
    try:
        server.wait(STOP_WITHIN)
    except subprocess.TimeoutExpired:
        # A worker may hold on to a request; the session is ours alone, so its whole group can go.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _log_end() -> str:
    lines = LOG.read_text("utf-8", "replace").splitlines()
    return "\n".join(lines[-20:])


if __name__ == "__main__":
    sys.exit(main())
