"""The command as people and programs run it, and bills whose split is easy to do by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from app.cli import VERBS, command_line

COMMAND = command_line(*VERBS)
ONESTOP = str(Path(sys.executable).parent / "onestop")
DEADLINE = 60
QUIET = {"COLUMNS": "", "PYTHONUNBUFFERED": "", "FORCE_COLOR": "", "ONESTOP_PACKS_DIR": "", "ONESTOP_LOG_FORMAT": ""}


def inside(*arguments, stdin=b""):
    """`onestop …` in this process, which takes a tenth of the time: status, standard output, standard error.

    With one worker: where tests run side by side, this process has threads, and is not one to fork.
    """
    result = CliRunner(env=QUIET).invoke(COMMAND, [*map(str, arguments), "--workers=1"], input=stdin)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout_bytes, result.stderr


def run(*arguments, stdin=b"", cwd=None, **environment):
    """`onestop …` in a process of its own, standard error and output apart, no terminal anywhere."""
    return subprocess.run(
        [ONESTOP, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        cwd=cwd,
        env=os.environ | QUIET | environment,
        timeout=DEADLINE,
        check=False,
    )


def started(*arguments, cwd=None, **streams):
    """`onestop …`, not waited for, in a process group of its own that hears Ctrl-C, as a terminal has it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    return subprocess.Popen(
        [ONESTOP, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | QUIET,
        start_new_session=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509 # it takes no lock
        **pipes,
    )


def hear_interrupts():
    """Undo what a shell does to what it runs in the background; these tests may be run there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def bill(bill_id: str, amount: str = "1400.00", **members: Any) -> dict[str, Any]:
    """An ordinary patient's stay in a secondary hospital of his own area, with one line of class A.

    The pooled fund pays 75 % of what is above the deductible of 400.00: of 1400.00 it is 750.00, and 650.00 is left.
    """
    line = {"line_no": 1, "code": "X", "category": "drug", "catalogue_class": "A"}
    return {
        "bill_id": bill_id,
        "facility": {"code": "H1", "tier": "secondary", "pooling_area": "450300"},
        "patient": {"person_id": "P1", "name": "王小明", "status": "ordinary", "pooling_area": "450300"},
        "encounter": {"admitted_on": "2018-06-01", "discharged_on": "2018-06-15"},
        "lines": [line | {"quantity": "1", "unit_price": amount, "amount": amount}],
        "year_to_date": {},
    } | members


def line(bill_id: str, amount: str = "1400.00", **members: Any) -> bytes:
    return json.dumps(bill(bill_id, amount, **members), ensure_ascii=False).encode()


def lines(count: int) -> bytes:
    """Bills b0, b1, …; some 600 bytes each."""
    return b"".join(line(f"b{number}") + b"\n" for number in range(count))


def seen(output: bytes) -> list[str]:
    """One word or two for an answer: the bill and what its patient pays, or the status and code of the problem."""
    assert output == b"" or output.endswith(b"\n")
    answers = [json.loads(each) for each in output.split(b"\n")[:-1]]
    return [
        f"{each['bill_id']} {each['payers']['patient']}" if "payers" in each else f"{each['status']} {each['code']}"
        for each in answers
    ]


def children(pid: int) -> list[int]:
    """The processes that a process has started and not yet lost."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]
    except OSError:
        return []


def wait_until(condition, seconds=20.0):
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(process, how: signal.Signals | None = None):
    """Send a signal to the whole group, as Ctrl-C does, and wait: status, standard output, standard error."""
    if how is not None:
        os.killpg(process.pid, how)
    output, errors = process.communicate(timeout=DEADLINE)
    return process.returncode, output, errors
