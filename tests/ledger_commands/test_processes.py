"""The worker processes of `onestop replay`, its progress bar, and how it ends when it is stopped."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cli.running import ONESTOP, children, hear_interrupts, lives, wait_until

CHECKOUT = Path(__file__).parents[2]

# In a process of its own: this one has threads, and is not one to fork.
PREFACE = """
import json, os, signal, sys, time
from app.commands.processes import WorkerLost
from app.commands.workers import work_through
def told(pieces, make, workers=2):
    try:
        print(json.dumps(sorted(work_through(pieces, make, workers))))
    except Exception as error:
        print(type(error).__name__, error)
"""


def program(text: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PREFACE + text]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=CHECKOUT)


@pytest.mark.parametrize("workers", [1, 2, 9])
def test_every_piece_is_done_once(workers):
    done = program(f"told([1, 2, 3, 4, 5], lambda: lambda piece: piece * piece, {workers})")
    assert (json.loads(done.stdout), done.stderr) == ([[1, 1], [2, 4], [3, 9], [4, 16], [5, 25]], "")


def test_workers_work_side_by_side():
    done = program("told([1, 2], lambda: lambda piece: os.getpid())")
    (_, one), (_, other) = json.loads(done.stdout)
    assert one != other


def test_what_a_piece_of_work_raises_is_raised_here():
    done = program("told([1, 0], lambda: lambda piece: 1 // piece)")
    assert (done.stdout, done.stderr) == ("ZeroDivisionError integer division or modulo by zero\n", "")


def test_a_lost_worker_is_told():
    done = program("told([1, 2], lambda: lambda piece: os.kill(os.getpid(), signal.SIGKILL))")
    assert done.stdout == (
        "WorkerLost a worker process was ended by signal 9; if memory ran out, --workers 1 needs the least\n"
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent(how):
    text = PREFACE + "told(range(9_999), lambda: lambda piece: time.sleep(0.05), 2)"
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        cwd=CHECKOUT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=hear_interrupts,  # noqa: PLW1509 # it takes no lock
    )
    assert wait_until(lambda: len(children(process.pid)) == 2)
    workers = children(process.pid)
    time.sleep(0.2)
    process.send_signal(how)
    process.wait(30)
    assert wait_until(lambda: not any(lives(worker) for worker in workers))


def test_people_see_a_progress_bar_and_programs_do_not(ledger):
    ours, theirs = pty.openpty()
    shown = subprocess.run(
        [ONESTOP, "replay"], stdout=subprocess.PIPE, stderr=theirs, check=False, timeout=60, env=os.environ
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):
        while block := os.read(ours, 65536):
            seen += block
    os.close(ours)
    assert shown.returncode == 0
    assert b"replay" in seen
    assert b"37/37" in seen
    quiet = subprocess.run([ONESTOP, "replay"], capture_output=True, check=False, timeout=60, env=os.environ)
    assert (quiet.returncode, quiet.stderr) == (0, b"")


def test_a_stopped_what_if_leaves_no_part_of_a_file(ledger):
    program = (
        "import time, app.usecases.what_if as w, app.cli as c\n"
        "add = w.WhatIf.add\n"
        "w.WhatIf.add = lambda self, bill: (add(self, bill), time.sleep(0.2))\n"
        "c.main()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, "replay", "--what-if", str(CHECKOUT / "app/policies"), "--out", "x.csv"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        preexec_fn=hear_interrupts,  # noqa: PLW1509 # it takes no lock
    )
    assert wait_until(lambda: bool(list(ledger.parent.glob(".x.csv.*.part"))))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output, errors) == (130, b"", b"onestop replay: stopped\n")
    assert not [file for file in ledger.parent.iterdir() if "x.csv" in file.name]
