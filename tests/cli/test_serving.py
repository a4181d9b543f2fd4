"""The real command: web, worker and sequencer over an embedded database, ended in the ways that happen."""

import asyncio
import http.client
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from donate import worker
from donate.db import Database, embedded
from donate.db.migrate import migrate
from donate.ledger import journal
from donate.settings import read_settings
from tests.cli.factories import eventually, folder_for_every_uid, free_port, start_donate
from tests.db.factories import processes_mentioning
from tests.ledger.factories import donation, open_book


@pytest.fixture
def instance() -> Iterator[Path]:
    """A folder where nothing was started yet."""
    with folder_for_every_uid() as base:
        yield base / "instance"


@pytest.fixture(scope="module")
def used() -> Iterator[Path]:
    """An instance that was used before: an entry waits for its number, and a check of the ledger for its worker."""
    with folder_for_every_uid() as base:
        with embedded.running(base / "instance", fsync=False) as url:
            database = Database(url)
            migrate(database)
            with database.transaction() as session:
                journal.post(session, [donation(open_book(session))])
            with ThreadPoolExecutor() as threads:  # this thread may have a loop already: the browser's
                threads.submit(asyncio.run, ask_for_a_check(database, url)).result()
            database.dispose()
        yield base / "instance"


async def ask_for_a_check(database: Database, url: str) -> None:
    """What the schedule writes down every ten minutes, for which no test waits."""
    app = worker.job_app(
        database, read_settings({"DONATE_DATABASE_URL": url, "DONATE_SECRET_KEY": "a key for tests only"})
    )
    async with app.open_async():
        await app.configure_task("check_ledger", lock="check_ledger").defer_async(timestamp=0)


@pytest.fixture
def used_instance(used: Path, instance: Path) -> Path:
    """A copy of it, which spares a test the making of a database."""
    subprocess.run(["cp", "-a", used, instance], check=True)
    return instance


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


def finds(url: str, query: str) -> Callable[[], bool]:
    def found() -> bool:
        with psycopg.connect(url) as connection:
            return connection.execute(query).fetchone() is not None

    return found


@pytest.mark.parametrize(
    ("part", "effect"),
    [
        ("worker", "SELECT FROM ledger_check WHERE is_ok"),
        ("sequencer", "SELECT FROM log_leaf JOIN entry ON entry.id = entry_id"),
    ],
)
def test_each_part_alone_does_its_work_and_ends_when_told(part: str, effect: str, used_instance: Path) -> None:
    with embedded.running(used_instance, fsync=False) as url:
        is_done = finds(url, effect)
        assert not is_done()
        process = start_donate(part, DONATE_INSTANCE=str(used_instance), DONATE_SEQUENCER_SECONDS="1")
        try:
            eventually(lambda: process.poll() is not None or is_done(), 60)
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
        assert is_done(), said
    assert process.returncode == 0, said
    assert "Traceback" not in said
    eventually(lambda: not processes_mentioning(str(used_instance)))


def test_the_web_alone_answers_and_ends_when_told(used_instance: Path) -> None:
    port = free_port()
    process = start_donate("serve", "--only", "web", "--port", str(port), DONATE_INSTANCE=str(used_instance))
    try:
        eventually(lambda: process.poll() is not None or answers(port), 150)
        has_answered = process.poll() is None
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (has_answered, process.returncode) == (True, 0), said
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
