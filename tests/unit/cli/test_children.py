"""hub.cli.children: whatever ends the process that started programs ends these too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from hub.cli.children import Child, ChildError, Children

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 10.0
SLEEPER = ("sleep", "60")
# Says the id of a program that it has started, and waits.
STARTER = f"""
import pathlib, sys, time
from hub.cli.children import Children
with Children(pathlib.Path(sys.argv[1])) as children:
    print(children.start("sleeper", {SLEEPER!r}).process.pid, flush=True)
    time.sleep(60)
"""


def gone(pid: int) -> bool:
    """Whether a process is no more, within some time; one that has ended and that nobody waits for is none."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("one", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_process_ends_its_programs(tmp_path: Path, one: signal.Signals) -> None:
    """They are in sessions of their own, so that nobody else would."""
    command = [sys.executable, "-c", STARTER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as starter:
        assert starter.stdout
        pid = int(starter.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        starter.send_signal(one)
        assert starter.wait(PATIENCE) == 128 + one
    assert gone(pid)


def test_the_end_of_the_context_ends_all_in_reverse_order(tmp_path: Path) -> None:
    """And signals are as they were before."""
    before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)]
    with Children(tmp_path) as children:
        first, second = children.start("first", SLEEPER), children.start("second", SLEEPER)
        assert first.process.poll() is second.process.poll() is None
        assert signal.getsignal(signal.SIGTERM) not in before or before[0] is not signal.SIG_DFL
    assert (first.process.returncode, second.process.returncode) == (-signal.SIGTERM, -signal.SIGTERM)
    assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)] == before


def test_another_thread_leaves_signals_alone(tmp_path: Path) -> None:
    """Only the main one may set them."""
    ended: list[Child] = []

    def work() -> None:
        with Children(tmp_path) as children:
            ended.append(children.start("sleeper", SLEEPER))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE)
    assert [child.process.returncode for child in ended] == [-signal.SIGTERM]


def test_one_that_has_ended_early_is_told_with_its_last_lines(tmp_path: Path) -> None:
    """And with what it was given."""
    with Children(tmp_path) as children:
        child = children.start("short", ("sh", "-c", "echo $WHY; exit 3"), {"WHY": "because"})
        child.process.wait(PATIENCE)
        with pytest.raises(ChildError, match=r"(?s)short ended with status 3; .*because"):
            children.check()
    assert "WHY" not in os.environ
