"""`make run` once it is set up: a table out of a running service, the next things to try, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import DEADLINE, QUIET, children, ended, hear_interrupts, lives, wait_until

CHECKOUT = Path(__file__).parents[2]
DEMO = (sys.executable, "-m", "tools.demo")


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    return str(number)


def demo(**environment):
    return subprocess.run(
        DEMO,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        env=os.environ | QUIET | {"LC_ALL": "C.UTF-8", "ONCE": "1"} | environment,
        check=False,
    )


def test_once_prints_payer_amount_share_and_why_then_the_next_things_to_try(port):
    result = demo(PORT=port)
    assert (result.returncode, result.stderr) == (0, "")
    out = result.stdout.splitlines()
    rows = [[cell.strip() for cell in each.strip("│").split("│")] for each in out if each.startswith("│")]
    assert rows[:2] == [["支付方", "金额", "占比", "原因"], ["Payer", "Amount", "Share", "Why"]]
    named = {row[0]: row for row in rows}
    assert named["基本医疗保险"] == [
        "基本医疗保险",
        "3,881.30",
        "69.46%",
        "统筹基金支付 (4,851.62 − 0.00) × 80% = 3,881.30 元",
    ]
    assert named["个人负担"][1:3] == ["558.76", "10.00%"]
    assert named["合计"][1:3] == ["5,587.62", "100.00%"]
    commands = [each.strip() for each in out[out.index("Next:") + 1 :]][1::2]
    assert commands == [
        "make run",
        ".venv/bin/onestop packs show guangxi@2017-12-13",
        ".venv/bin/onestop settle examples/bills.ndjson --explain",
    ]
    # The service's own log lines go elsewhere.
    assert "serving" not in result.stdout


def test_an_english_speaker_gets_english_sentences(port):
    assert (
        "The pooled fund pays (4,851.62 − 0.00) × 80% = 3,881.30 yuan." in demo(PORT=port, LC_ALL="en_US.UTF-8").stdout
    )


def test_a_port_that_is_taken_is_told_clearly():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        result = demo(PORT=str(number))
    assert (result.returncode, result.stdout, result.stderr) == (
        1,
        "",
        f"make run: Port {number} is taken on 127.0.0.1: stop what listens there, or choose another, make run PORT=8001.\n",
    )


def test_it_keeps_serving_until_ctrl_c_and_leaves_no_server_behind(port):
    process = subprocess.Popen(
        DEMO,
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509 # it takes no lock
        env=os.environ | QUIET | {"PORT": port, "ONCE": ""},
    )
    assert process.stdout
    assert process.stderr
    shown: list[str] = []
    while not shown or not shown[-1].startswith("Serving"):
        shown.append(process.stdout.readline().decode())
        assert shown[-1], process.stderr.read()
    assert shown[-1] == f"Serving on http://127.0.0.1:{port} (log: var/serve.log). Ctrl-C stops it.\n"
    (server,) = children(process.pid)
    assert ended(process, signal.SIGINT) == (0, b"", b"")
    assert wait_until(lambda: not lives(server), 5)
