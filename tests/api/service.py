"""The real service in a process of its own, and a bill that is easy to settle by hand."""

from __future__ import annotations

import copy
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from tests.keys import ADMIN, admit, bearer

ONESTOP: Final = str(Path(sys.executable).parent / "onestop")
PREVIEW: Final = "/v1/settlements/preview"
JSON: Final = {"content-type": "application/json"}
MEDIA_TYPE: Final = "application/problem+json"
ABSENT: Final = object()
# How long an answer may take before it counts as none; what is measured is in bench/.
DEADLINE: Final = 5.0
PATIENCE: Final = 60.0
QUIET: Final = {"ONESTOP_PACKS_DIR": "", "ONESTOP_LOG_FORMAT": "", "FORCE_COLOR": "", "COLUMNS": ""}

# An ordinary patient, a secondary hospital of his own area: of 1400.00 the patient bears 400.00, the deductible, and a
# quarter of the rest; 750.00 come from the pooled fund.
BILL: Final[dict[str, Any]] = {
    "bill_id": "B1",
    "facility": {
        "code": "H1", "name": "医院", "tier": "secondary", "pooling_area": "450300", "county": "450321",
        "designated": True,
    },
    "patient": {
        "person_id": "P1", "name": "王小明", "status": "ordinary", "pooling_area": "450300", "county": "450321",
    },
    "encounter": {
        "type": "inpatient", "admitted_on": "2018-06-01", "discharged_on": "2018-06-15", "admission_number": 1,
        "referral": "not_required", "cause": "illness",
    },
    "lines": [
        {
            "line_no": 1, "code": "D1", "name": "药", "category": "drug", "catalogue_class": "A", "quantity": "10",
            "unit_price": "40", "amount": "400.00", "ceiling_price": None, "self_pay_ratio": None,
            "essential_medicine": False,
        },
        {
            "line_no": 2, "code": "T1", "name": "治疗", "category": "treatment", "catalogue_class": "A",
            "quantity": "1", "unit_price": "1000", "amount": "1000.00",
        },
    ],
    "year_to_date": {"total_cost": "0.00"},
    "emergency_aid_approved": "0.00",
    "prepaid": "0.00",
}  # fmt: skip # as a bill looks, a few members a line


def changed(changes: dict[str, Any]) -> Any:
    """The bill with some members set, added or (`ABSENT`) taken away; the pointer "" is the whole of it."""
    whole = {"": copy.deepcopy(BILL)}
    for pointer, value in changes.items():
        target: Any = whole
        *parents, last = pointer.split("/")
        for step in parents:
            target = target[int(step) if isinstance(target, list) else step]
        if isinstance(target, list):
            target[int(last)] = value
        elif value is ABSENT:
            del target[last]
        else:
            target[last] = value
    return whole[""]


def written(changes: dict[str, Any]) -> bytes:
    return json.dumps(changed(changes), ensure_ascii=False).encode()


def spliced(pointer: str, text: str | bytes) -> bytes:
    """The bill with these very bytes where the member's value stands."""
    mark = b'"the member that is meant"'
    body = written({pointer: mark.decode()[1:-1]})
    assert body.count(mark) == 1
    return body.replace(mark, text.encode() if isinstance(text, str) else text)


class Service:
    """A running `onestop serve`."""

    def __init__(self, process: subprocess.Popen[bytes], host: str, port: int, log: Path) -> None:
        self.process = process
        self.host = host
        self.port = port
        self.log = log
        self.base = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self.client = httpx.Client(base_url=self.base, trust_env=False, timeout=PATIENCE, headers=bearer(ADMIN))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def preview(self, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return self.client.post(PREVIEW, content=content, headers=JSON if headers is None else headers)

    def exchange(self, sent: bytes, *more: bytes) -> bytes:
        """Send bytes as they are and read the answer, or what there is of it when the other side closes."""
        with self.connected() as connection:
            try:
                for piece in (sent, *more):
                    connection.sendall(piece)
            except ConnectionError:
                pass  # it closed while bytes were still under way: what it said before counts
            return received(connection)

    def connected(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), DEADLINE)

    def lives(self) -> None:
        """The process is the same, and answers at once."""
        answer = self.client.get("/healthz", timeout=DEADLINE)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert self.process.poll() is None

    def most_memory(self) -> int:
        """The most memory that it has held at one time, in bytes: what is given back again counts too."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024

    def logged(self) -> str:
        return self.log.read_text("utf-8")

    def logged_of(self, answer: httpx.Response) -> dict[str, Any]:
        """The log line of a request, which is written after its answer has gone."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            for line in reversed(self.logged().splitlines(keepends=True)):
                if answer.headers["x-request-id"] in line and '"event":"request"' in line and line.endswith("\n"):
                    fields: dict[str, Any] = json.loads(line)
                    return fields
            time.sleep(0.02)
        raise AssertionError("the request is not in the log")

    def metrics(self) -> dict[str, float]:
        """Every sample, by its name and labels as written."""
        lines = [line for line in self.get("/metrics").text.splitlines() if not line.startswith("#")]
        samples = [line.rpartition(" ") for line in lines]
        return {name: float(value) for name, _, value in samples}


def received(connection: socket.socket) -> bytes:
    """One whole answer, or what there is of it when the other side closes."""
    answer = b""
    try:
        while not _whole(answer) and (piece := connection.recv(65536)):
            answer += piece
    except ConnectionError:
        pass
    return answer


def _whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
    return False


@contextmanager
def running(*options: str, host: str = "127.0.0.1", **environment: str) -> Iterator[Service]:
    """Start the service on a free port, wait until it answers, and stop it in the end.

    Its ledger is a new one unless one is named; an embedded one knows the tests' administrator.
    """
    with tempfile.TemporaryDirectory(prefix="onestop-test-") as folder:
        log = Path(folder, "stderr")
        url = environment.setdefault("ONESTOP_DATABASE_URL", f"sqlite:///{folder}/onestop.db")
        if url.startswith("sqlite"):
            admit(url)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [ONESTOP, "serve", "--host", host, "--port", "0", *options],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                cwd=folder,  # a developer's .env is not meant here
                env=os.environ | QUIET | {"ONESTOP_LOG_FORMAT": "json"} | environment,
            )
        try:
            service = Service(process, host, _port(process, log), log)
            with service.client:
                # It listens before it is ready: the first answer takes as long as it takes.
                service.get("/healthz")
                yield service
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the first line of its log names, in either format."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        first, newline, _ = log.read_text("utf-8").partition("\n")
        if newline and first.startswith("{"):
            return int(json.loads(first)["port"])
        if newline:
            return int(next(word for word in first.split() if word.startswith("port=")).removeprefix("port="))
        time.sleep(0.02)
    raise AssertionError(f"it did not start: {log.read_text('utf-8')}")


def stop(service: Service) -> int:
    """Ask it politely to stop, and wait: its exit status."""
    service.process.send_signal(signal.SIGTERM)
    return service.process.wait(PATIENCE)


def problem(answer: httpx.Response) -> tuple[int, str, list[str]]:
    """Status, code and pointers of a problem document that has the members of api.md and no others."""
    document = answer.json()
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert list(document) == ["type", "title", "status", "detail", "code", "errors"]
    assert document["status"] == answer.status_code
    assert document["type"] == f"urn:onestop:problem:{document['code']}"
    assert document["title"]
    assert document["detail"]
    for error in document["errors"]:
        assert list(error) == ["pointer", "code", "detail"]
        assert error["detail"]
    if document["errors"]:
        assert document["code"] == document["errors"][0]["code"]
    return answer.status_code, document["code"], [error["pointer"] for error in document["errors"]]


def findings(answer: httpx.Response) -> list[str]:
    """The errors of a refusal, each as `pointer code`."""
    assert problem(answer)[0] == 422
    return [f"{error['pointer']} {error['code']}" for error in answer.json()["errors"]]
