"""Asks whether a locked dependency has a known vulnerability (pip-audit); part of `make lint`.

A vulnerability that is found fails. A machine that cannot ask anybody, as in a server room, is told so and goes on:
then the answer is that of the last machine that could.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# All that an installation can have: those of runtime.lock, and the packages for traces.
LOCK = ROOT / "requirements" / "traces.lock"
WITHIN_SECONDS = 60

# An id of a vulnerability that does not concern us, and why. Empty is how it should be.
EXCEPTIONS: dict[str, str] = {}


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--format", "json"]
    command += ["--progress-spinner", "off", "--requirement", str(LOCK)]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False)
        found = json.loads(asked.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        print("vulnerabilities: nobody could be asked from here", file=sys.stderr)
        return 0
    told, lines = verdict(found)
    for line in lines:
        print(line, file=sys.stderr)
    return told


def verdict(found: list[dict[str, object]]) -> tuple[int, list[str]]:
    """The exit status and what to say of what pip-audit found."""
    unknown = [each for each in found if "skip_reason" in each]
    lines = []
    for each in found:
        for vulnerability in each.get("vulns", ()):  # type: ignore[attr-defined]  # a list where it is there
            known = {vulnerability["id"], *vulnerability.get("aliases", ())} & set(EXCEPTIONS)
            if not known:
                fixed = ", ".join(vulnerability.get("fix_versions", ())) or "none yet"
                lines.append(f"{each['name']} {each['version']}: {vulnerability['id']}, fixed in {fixed}")
    if lines:
        return 1, lines
    if unknown:
        return 0, [f"vulnerabilities: {len(unknown)} of {len(found)} dependencies could not be asked about from here"]
    return 0, [f"vulnerabilities: none known in {len(found)} dependencies"]


if __name__ == "__main__":
    sys.exit(main())
