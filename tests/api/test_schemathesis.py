"""Generated requests, right and wrong ones, with keys of every role: no answer leaves the OpenAPI document.

No answer is a mistake of ours, and none repeats who the patients are. `make fuzz` asks fifty thousand times.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.access.keys import Role
from tests.api.asked import AREA, BACKSTOPPED, FACILITY, a_bill, a_run, recorded
from tests.api.service import Service, running
from tests.keys import admit, minted

DOCUMENT = Path(__file__).resolve().parents[2] / "openapi" / "openapi.json"
SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
EXAMPLES = int(os.environ.get("ONESTOP_FUZZ_EXAMPLES", "12"))
PATIENCE = 60 + 20 * EXAMPLES
CANARIES = {"/patient/name": "zqxnamexqz", "/facility/name": "zqxhospitalxqz", "/lines/0/name": "zqxlinexqz"}
PERSON = "zqxpersonxqz"

# What each role may do shows in its answers; a wrong request is told so before anybody looks for the record.
BOUNDS: dict[Role, dict[str, Any]] = {
    "admin": {}, "his": {"facilities": (FACILITY,)}, "insurer": {"areas": (AREA,)}, "ops": {},
}  # fmt: skip # one role an entry
REACHED: dict[Role, set[str]] = {
    "admin": {"200", "201", "400", "404", "405", "415", "422"}, "his": {"200", "400", "403", "404", "405", "415", "422"},
    "insurer": {"200", "201", "403", "404", "405", "422"}, "ops": {"200", "403", "405"},
}  # fmt: skip # one role an entry


def document_with_ids(service: Service, folder: Path) -> Path:
    """The document, in which an id is one of some that are there."""
    ids = [
        recorded(service, a_bill(**(BACKSTOPPED | CANARIES | {"/patient/person_id": f"{PERSON}{number}"})))
        for number in range(4)
    ]
    runs = [a_run(service).rpartition("/")[2]]
    document: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                known = {"settlement_id": ids, "reconciliation_id": runs}.get(parameter["name"])
                if known:
                    parameter["schema"]["enum"] = [*known, "01979e0a-5a00-7000-8000-000000000009"]
    changed = folder / "openapi.json"
    changed.write_text(json.dumps(document), "utf-8")
    return changed


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("role", BOUNDS)
def test_generated_requests_get_answers_of_the_document(
    tmp_path: Path, role: Role, record_property: Callable[[str, Any], None]
) -> None:
    url = f"sqlite:///{tmp_path}/onestop.db"
    admit(url)
    key = minted(url, role, **BOUNDS[role])
    with running(ONESTOP_DATABASE_URL=url) as service:
        document = document_with_ids(service, tmp_path)
        asked = len(service.logged().splitlines())
        run = subprocess.run(
            [
                SCHEMATHESIS, "run", document, "--url", service.base, "--phases", "examples,coverage,fuzzing", "--seed", "1",
                "--max-examples", str(EXAMPLES), "--header", f"Authorization: Bearer {key}",
                "--generation-database", "none", "--no-color", "--continue-on-failure",
                # A bill of the right form may still break a rule, as an empty one does: no document can say that.
                "--checks", "all", "--exclude-checks", "positive_data_acceptance",
                "--report", "har", "--report-har-path", tmp_path / "answers.har",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout[-8000:] + run.stderr
        service.lives()
        statuses = Counter(re.findall(r'"status":(\d+)', "\n".join(service.logged().splitlines()[asked:])))
        said = [answer["response"]["content"].get("text", "") for answer in answers(tmp_path / "answers.har")]
        said += [service.logged(), service.get("/metrics").text]
    record_property(f"counted generated requests of {role}", sum(statuses.values()))
    # It really asked, and it got every kind of answer.
    assert REACHED[role] <= set(statuses)
    assert not [status for status in statuses if status.startswith("5")]
    assert len(said) > 200
    assert not [text for text in said for canary in (PERSON, *CANARIES.values()) if canary in text]


def answers(report: Path) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(report.read_text("utf-8"))["log"]["entries"]
    return entries
