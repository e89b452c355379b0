"""Some hundred generated requests, right and wrong ones: no answer leaves the OpenAPI document."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.api.service import PATIENCE, running
from tests.keys import ADMIN

DOCUMENT = Path(__file__).resolve().parents[2] / "openapi" / "openapi.json"
SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"


def test_generated_requests_get_answers_of_the_document(tmp_path: Path) -> None:
    with running() as service:
        run = subprocess.run(
            [
                SCHEMATHESIS, "run", DOCUMENT, "--url", service.base, "--phases", "examples,coverage,fuzzing", "--seed", "1",
                "--max-examples", "30", "--header", f"Authorization: Bearer {ADMIN}", "--generation-database", "none", "--no-color", "--continue-on-failure",
                # A bill of the right form may still break a rule, as an empty one does: no document can say that.
                "--checks", "all", "--exclude-checks", "positive_data_acceptance",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=2 * PATIENCE, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout[-8000:] + run.stderr
        service.lives()
        statuses = Counter(re.findall(r'"status":(\d+)', service.logged()))
    # It really asked, and it got every kind of answer.
    assert sum(statuses.values()) > 400
    assert {"200", "404", "405", "415", "422"} <= set(statuses)
    assert not [status for status in statuses if status.startswith("5")]
