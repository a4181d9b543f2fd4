"""A parent and its parts: nothing is left, whoever ends and however."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.factories import Family, eventually, is_alive


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_parent_ends_every_process_of_its_parts(tmp_path: Path, number: signal.Signals) -> None:
    family = Family(tmp_path, "steady", "steady")
    eventually(lambda: len(family.pids()) == 4)
    assert len(family.living()) == 4
    assert family.end(number) == 0
    assert not family.living()


def test_a_killed_parent_leaves_nothing(tmp_path: Path) -> None:
    family = Family(tmp_path, "steady", "stubborn")
    eventually(lambda: len(family.pids()) == 4)
    family.end(signal.SIGKILL)
    eventually(lambda: not family.living(), 5)


def test_a_part_that_ignores_the_end_is_killed_after_its_grace(tmp_path: Path) -> None:
    family = Family(tmp_path, "stubborn")
    eventually(lambda: len(family.pids()) == 2)
    assert family.end(signal.SIGTERM) == 0
    assert not family.living()


def test_a_killed_part_is_started_again_and_its_orphans_are_ended(tmp_path: Path) -> None:
    family = Family(tmp_path, "steady")
    eventually(lambda: len(family.pids()) == 2)
    first = family.pids()
    leader = next(pid for pid in first if os.getpgid(pid) == pid)
    os.kill(leader, signal.SIGKILL)
    eventually(lambda: len(family.pids()) == 4)
    assert not any(is_alive(pid) for pid in first)
    assert family.end(signal.SIGINT) == 0
    assert not family.living()


def test_a_part_that_does_not_stay_up_ends_the_parent_with_a_sentence(tmp_path: Path) -> None:
    family = Family(tmp_path, "steady", "dies")
    said, _ = family.process.communicate(timeout=60)
    assert family.process.returncode == 1
    assert "The part dies ended (code 3); it is started again." in said
    assert "The part dies does not stay up" in said
    assert not family.living()


def test_a_part_beside_the_vital_one_is_tried_again_and_never_takes_it_along(tmp_path: Path) -> None:
    family = Family(tmp_path, "steady", "dies beside")
    eventually(lambda: len(family.pids()) >= 2 + 2 * 5)
    assert family.process.poll() is None
    assert family.end(signal.SIGTERM) == 0
    assert not family.living()


def test_a_worker_follows_the_process_that_started_it(tmp_path: Path) -> None:
    middle = (
        "import os, subprocess, sys, time\n"
        "worker = f'from donate import processes; processes.follow_process({os.getpid()}); import time; time.sleep(600)'\n"
        "print(subprocess.Popen([sys.executable, '-c', worker]).pid, flush=True)\n"
        "time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", middle], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    worker = int(process.stdout.readline())
    assert is_alive(worker)
    process.kill()
    process.communicate()
    eventually(lambda: not is_alive(worker), 5)
