"""The real command: web, worker and sequencer over an embedded database, ended in the ways that happen."""

import http.client
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from donate.db import Database, embedded
from donate.db.migrate import migrate
from tests.cli.factories import eventually, free_port, start_donate
from tests.db.factories import processes_mentioning


@pytest.fixture
def instance() -> Iterator[Path]:
    """A folder where nothing was started yet."""
    with folder_for_every_uid() as base:
        yield base / "instance"


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """An instance whose database was made and migrated before."""
    with folder_for_every_uid() as base:
        with embedded.running(base / "instance", fsync=False) as url:
            database = Database(url)
            migrate(database)
            database.dispose()
        yield base / "instance"


@pytest.fixture
def used_instance(used: Path, instance: Path) -> Path:
    """A copy of it, which spares a test the making of a database."""
    subprocess.run(["cp", "-a", used, instance], check=True)
    return instance


@contextmanager
def folder_for_every_uid() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="donate-test-"))
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()


def processes_of(process: "subprocess.Popen[str]", port: int, instance: Path) -> list[int]:
    """Everything that belongs to this installation: parts, web workers, database, watcher."""
    children = [
        int(pid)
        for path in Path("/proc").glob("[0-9]*/task/[0-9]*/children")
        if path.parts[2] == str(process.pid)
        for pid in path.read_text().split()
    ]
    return [*children, *processes_mentioning(str(instance)), *processes_mentioning(f"--port {port}")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_serve_runs_all_parts_and_leaves_no_process(instance: Path, number: signal.Signals) -> None:
    port = free_port()
    process = start_donate("serve", "--port", str(port), DONATE_INSTANCE=str(instance))
    try:
        eventually(lambda: process.poll() is not None or answers(port), 150)
        living = processes_of(process, port, instance)
        process.send_signal(number)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert len(living) > 6, said
    eventually(lambda: not processes_mentioning(str(instance)) and not processes_mentioning(f"--port {port}"))
    assert not [pid for pid in living if "donate" in processes_mentioning("donate").get(pid, "")]
    assert not answers(port)
    assert "Traceback" not in said


@pytest.mark.parametrize("part", ["worker", "sequencer", "web"])
def test_each_part_runs_alone(part: str, used_instance: Path) -> None:
    port = free_port()
    arguments = ["serve", "--only", "web", "--port", str(port)] if part == "web" else [part]
    started = used_instance / "postgres" / "data" / "postmaster.pid"
    process = start_donate(*arguments, DONATE_INSTANCE=str(used_instance))
    try:
        if part == "web":
            eventually(lambda: process.poll() is not None or answers(port), 150)
        else:
            eventually(lambda: process.poll() is not None or started.exists(), 60)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 or part != "web", said
    assert "Traceback" not in said
    eventually(lambda: not processes_mentioning(str(used_instance)))


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_demo_shows_a_living_world_and_leaves_no_process(instance: Path, number: signal.Signals) -> None:
    port = free_port()
    process = start_donate("demo", "--port", str(port), DONATE_INSTANCE=str(instance))
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        assert answers(port)
        living = processes_of(process, port, instance)
        process.send_signal(number)
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert len(living) > 8
    eventually(lambda: not processes_mentioning(str(instance)) and not processes_mentioning(f"--port {port}"))
