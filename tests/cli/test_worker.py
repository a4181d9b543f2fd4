"""Jobs: registered once, run with the database bound, failing alone."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace

import pytest
from procrastinate.schema import SchemaManager
from sqlalchemy import text

from donate import worker
from donate.db import Database, Role, reading, transaction
from donate.folders import top_folder
from donate.giving.checks import ALL_CHECKS
from donate.ledger import checks
from donate.settings import Settings


def test_the_revision_holds_the_schema_of_the_installed_library() -> None:
    kept = top_folder("migrations") / "versions" / "procrastinate_3_10.sql"
    assert kept.read_text() == SchemaManager.get_schema(), "a new procrastinate wants a new revision"


def test_checking_the_ledger_keeps_its_result(database: Database, settings: Settings) -> None:
    assert worker.check_ledger(settings)
    with reading() as session:
        run = checks.last_run(session)
    assert run is not None
    assert run.is_ok
    assert len(run.results) == len(ALL_CHECKS)


@pytest.mark.parametrize("job", worker.JOBS, ids=lambda job: job.name)
def test_every_job_runs_on_an_empty_installation(job: worker.Job, database: Database, settings: Settings) -> None:
    worker.run_job(job, database, settings)


def test_a_failing_job_says_only_its_name(
    database: Database, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(settings: Settings) -> None:
        raise ValueError("li@example.org")

    job = worker.Job(name="failing", schedule="* * * * *", run=fail, sentence="Fails.")
    with pytest.raises(worker.JobFailed, match=r"^failing$"):
        worker.run_job(job, database, replace(settings, environment="production"))
    assert "li@example.org" not in "".join(capsys.readouterr())


def test_a_waiting_job_is_done_by_the_worker_as_the_web_role(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = []
    job = worker.Job(name="told", schedule="0 0 1 1 *", run=lambda settings: ran.append(1), sentence="Tells.")
    monkeypatch.setattr(worker, "JOBS", (job,))
    app = worker.job_app(database, replace(settings, database_url=database.url))

    async def work() -> None:
        async with app.open_async():
            await app.configure_task("told").defer_async(timestamp=0)
            await app.run_worker_async(wait=False, listen_notify=False, install_signal_handlers=False)

    with ThreadPoolExecutor() as threads:  # this one may have a loop already: the browser's
        threads.submit(copy_context().run, asyncio.run, work()).result()
    assert ran == [1]
    with reading() as session:
        assert session.scalar(text("SELECT status FROM procrastinate_jobs")) == "succeeded"


@pytest.mark.parametrize(("silent_for", "written_off"), [("5 seconds", 0), ("1 minute", 1)])
def test_a_run_whose_worker_was_killed_does_not_hold_its_job_for_ever(
    silent_for: str, written_off: int, database: Database, settings: Settings
) -> None:
    app = worker.job_app(database, replace(settings, database_url=database.url))

    async def work() -> int:
        async with app.open_async():
            await app.configure_task("repeat_messages", lock="repeat_messages").defer_async(timestamp=0)
            killed = await app.job_manager.register_worker()
            assert await app.job_manager.fetch_job(queues=None, worker_id=killed) is not None
            with transaction(Role.OWNER) as session:
                session.execute(
                    text("UPDATE procrastinate_workers SET last_heartbeat = now() - CAST(:silent AS interval)"),
                    {"silent": silent_for},
                )
            return await worker.write_off_interrupted(app)

    with ThreadPoolExecutor() as threads:
        assert threads.submit(copy_context().run, asyncio.run, work()).result() == written_off
    with reading() as session:
        status = session.scalar(text("SELECT status FROM procrastinate_jobs"))
    assert status == ("failed" if written_off else "doing")


def test_the_booking_path_is_not_held_up_by_notifications(database: Database) -> None:
    with reading() as session:
        triggers = set(session.scalars(text("SELECT tgname FROM pg_trigger WHERE tgname LIKE '%notify%'")))
    assert triggers == set()
