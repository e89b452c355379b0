"""`onestop settle` as a process among others: workers, terminals, pipes, signals, memory."""

from __future__ import annotations

import json
import os
import pty
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.running import (
    DEADLINE,
    ONESTOP,
    QUIET,
    children,
    ended,
    line,
    lines,
    lives,
    run,
    seen,
    started,
    wait_until,
)

CHECKOUT = Path(__file__).parents[2]
MANY = lines(2000)  # about 1 MB: several blocks
# More blocks than three processes keep under way: some answers are written before it waits for more input.
TIMES = 6
ALL_SETTLED = [f"b{number} 650.00" for number in range(2000)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("workers", [1, 4])
def test_the_order_is_kept_with_however_many_workers(workers):
    half = MANY.index(b"\n", len(MANY) // 2) + 1
    Path("one.ndjson").write_bytes(MANY[:half])
    Path("two.ndjson").write_bytes(b"oops\n" + MANY[half:])
    result = run("settle", "one.ndjson", "two.ndjson", "--workers", workers)
    answers = seen(result.stdout)
    answers.remove("400 not_json")
    assert (result.returncode, answers, result.stderr) == (1, ALL_SETTLED, b"")


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_can_be_started_in_every_way_that_python_has(method):
    Path("command.py").write_text(
        "import multiprocessing\nfrom app.cli import main\n"
        f"if __name__ == '__main__':\n    multiprocessing.set_start_method('{method}')\n    main()\n",
        "utf-8",
    )
    Path("bills.ndjson").write_bytes(MANY)
    result = subprocess.run(
        [sys.executable, "command.py", "settle", "bills.ndjson", "--workers", "2"],
        capture_output=True,
        timeout=DEADLINE,
        env=os.environ | QUIET | {"PYTHONPATH": str(CHECKOUT)},
        check=False,
    )
    assert (result.returncode, result.stderr, seen(result.stdout)) == (0, b"", ALL_SETTLED)


def test_more_files_than_may_be_open_at_once_are_settled():
    names = [f"{number}.json" for number in range(100)]
    for name in names:
        Path(name).write_bytes(line(name))
    result = subprocess.run(
        [ONESTOP, "settle", *names, "--workers", "1"],
        capture_output=True,
        timeout=DEADLINE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)),
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, b"")
    assert seen(result.stdout) == [f"{name} 650.00" for name in names]


def test_a_line_of_any_length_is_refused_at_constant_memory():
    source = (
        "import sys; write = sys.stdout.buffer.write; write(b'[')\n"
        f"for _ in range(150): write(b'x' * 2**20)\nwrite(b'\\n' + {line('b1')!r})"
    )
    # What the process says of itself: what the system says of it counts the process that it was forked from.
    command = (
        "import atexit, sys\n"
        "peak = lambda: next(words for words in open('/proc/self/status') if words.startswith('VmHWM:')).split()[1]\n"
        "atexit.register(lambda: sys.stderr.write(peak()))\n"
        "from app.cli import main; main()"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as feeding:
        result = subprocess.run(
            [sys.executable, "-c", command, "settle", "-"],
            stdin=feeding.stdout,
            capture_output=True,
            timeout=DEADLINE,
            env=os.environ | QUIET | {"PYTHONPATH": str(CHECKOUT)},
            check=False,
        )
    assert (result.returncode, seen(result.stdout)) == (1, ["413 body_too_large", "b1 650.00"])
    assert 10_000 < int(result.stderr) < 120_000  # KiB


def on_a_terminal(*arguments, output_too=False):
    """Run with standard error on a terminal: status, standard output, and what the terminal shows."""
    ours, theirs = pty.openpty()
    process = started(*arguments, stderr=theirs, stdout=theirs if output_too else subprocess.PIPE)
    os.close(theirs)
    with process:
        output = b"" if output_too else process.stdout.read()
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # how a terminal says that nobody writes to it any more
            os.close(ours)
    return process.returncode, output, shown.decode()


def test_a_progress_bar_shows_on_a_terminal_and_only_answers_go_to_standard_output():
    Path("bills.ndjson").write_bytes(b"oops\n" + MANY)
    status, output, shown = on_a_terminal("settle", "bills.ndjson", "--workers", "2")
    assert (status, seen(output)) == (1, ["400 not_json", *ALL_SETTLED])
    assert "2,000 settled, 1 refused" in shown
    assert "MB/s" in shown


def test_no_progress_bar_shows_where_it_would_run_through_the_answers():
    Path("bill.json").write_bytes(line("b1"))
    status, _, shown = on_a_terminal("settle", "bill.json", output_too=True)
    assert status == 0
    assert seen(shown.replace("\r\n", "\n").encode()) == ["b1 650.00"]


def test_no_progress_bar_shows_without_a_terminal_whatever_the_colours_say():
    assert run("settle", "-", stdin=line("b1"), FORCE_COLOR="1", TTY_COMPATIBLE="1").stderr == b""


def shell(script):
    return subprocess.run(
        ["bash", "-c", script],
        capture_output=True,
        timeout=DEADLINE,
        env=os.environ | QUIET | {"ONESTOP": ONESTOP},
        check=False,
    )


def test_a_reader_that_has_seen_enough_ends_it_quietly():
    Path("bills.ndjson").write_bytes(MANY)
    result = shell('"$ONESTOP" settle bills.ndjson --workers 2 | head -1; echo "${PIPESTATUS[0]}"')
    answer, status, nothing = result.stdout.split(b"\n")
    assert (json.loads(answer)["bill_id"], status, nothing, result.stderr) == ("b0", b"141", b"", b"")


@pytest.mark.parametrize(
    ("redirection", "message"),
    [
        (">/dev/full", b"standard output: No space left on device"),
        (">&-", b"standard output is closed"),
        ("- <&-", b"standard input is closed"),
    ],
)
def test_a_stream_that_does_not_work_is_one_clear_line(redirection, message):
    # An answer of so few bytes would wait in a buffer, and fail only when the interpreter ends.
    Path("bill.json").write_bytes(b"oops")
    result = shell(f'"$ONESTOP" settle bill.json {redirection}')
    assert (result.returncode, result.stdout, result.stderr) == (2, b"", b"onestop settle: " + message + b"\n")


@pytest.fixture
def at_work(folder):
    """A run in the middle of its input, with two workers beside it, and a file half written."""
    process = started("settle", "-", "--workers", "3", "--out", "out.ndjson")
    process.stdin.write(MANY * TIMES)
    process.stdin.flush()
    assert wait_until(
        lambda: len(children(process.pid)) == 2 and any(part.stat().st_size for part in folder.glob(".out*"))
    )
    workers = children(process.pid)
    yield process, workers
    for pid in (process.pid, *workers):
        if lives(pid):
            os.kill(pid, signal.SIGKILL)
    ended(process)


@pytest.mark.parametrize(
    ("how", "status", "message"),
    [
        (signal.SIGINT, 130, b"onestop settle: stopped, out.ndjson is not written\n"),
        (signal.SIGTERM, 143, b""),
        (signal.SIGHUP, 129, b""),
    ],
)
def test_stopping_it_leaves_no_worker_no_part_of_a_file_and_no_traceback(at_work, folder, how, status, message):
    process, workers = at_work
    os.kill(process.pid, how) if how != signal.SIGINT else os.killpg(process.pid, how)
    assert wait_until(lambda: process.poll() is not None, 5)
    assert (process.returncode, process.stderr.read()) == (status, message)
    assert not any(lives(pid) for pid in workers)
    assert list(folder.iterdir()) == []


def test_what_ctrl_c_means_is_for_the_parent_alone_to_say(at_work):
    process, workers = at_work
    for pid in workers:
        os.kill(pid, signal.SIGINT)
    assert ended(process) == (0, b"", b"")
    assert seen(Path("out.ndjson").read_bytes()) == ALL_SETTLED * TIMES


def test_a_worker_that_the_system_kills_is_one_clear_line(at_work, folder):
    process, workers = at_work
    os.kill(workers[1], signal.SIGKILL)
    assert ended(process) == (
        2,
        b"",
        b"onestop settle: a worker process was ended by signal 9; if memory ran out, --workers 1 needs the least\n",
    )
    assert not any(lives(pid) for pid in workers)
    assert list(folder.iterdir()) == []


def test_workers_do_not_outlive_a_parent_that_the_system_kills(at_work):
    process, workers = at_work
    process.kill()
    assert wait_until(lambda: not any(lives(pid) for pid in workers), 5)
    assert process.stderr.read() == b""


def test_the_command_itself_loads_neither_the_service_nor_the_terminal():
    code = (
        "import sys, app.commands.settle\n"
        "print({'fastapi', 'pydantic', 'rich.progress', 'rich.table', 'sqlalchemy', 'starlette', 'uvicorn',"
        " 'multiprocessing', 'concurrent.futures'} & sys.modules.keys() - before)"
    )
    result = subprocess.run(
        [sys.executable, "-c", "import sys, typer; before = set(sys.modules)\n" + code],
        capture_output=True,
        cwd=CHECKOUT,
        timeout=DEADLINE,
        check=False,
    )
    assert (result.stdout, result.stderr) == (b"set()\n", b"")
