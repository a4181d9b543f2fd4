"""What is done beside requests: each job is one function with a schedule; its runs wait in PostgreSQL (procrastinate).

Several workers may run: a schedule's run is written down once, and one worker takes it. A run that is still waiting
is not written down twice, so nothing piles up while no worker is there. A run whose worker was killed is written off
when its worker has not been heard of for a while; until then its job waits, since two runs of one job never overlap.
"""

import asyncio
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import procrastinate
import structlog
from sqlalchemy import text

from donate import db
from donate.campaigns import complaints
from donate.db import Database, Role, reading, transaction
from donate.downloads.service import keep_finished
from donate.erasing import service as erasures
from donate.errors import DonateError
from donate.files.store import Store
from donate.giving import recurring_closing, recurring_sync, splits, tries
from donate.giving.checks import ALL_CHECKS
from donate.giving.refund_retention import forget_refund_words
from donate.giving.refund_sync import sync_money_back
from donate.giving.retention import forget_large, forget_unpaid
from donate.giving.sync import sync_stale
from donate.ledger import checks
from donate.log_lines import fault_of
from donate.payments.retention import forget_bodies
from donate.payments.sandbox import deliveries
from donate.people import limits
from donate.settings import Settings
from donate.settling.messages import handle_waiting
from donate.settling.reconcile import reconcile

CONCURRENCY = 4
POLL_SECONDS = 1.0
GRACE_SECONDS = 8.0
HEARTBEAT_SECONDS = 5.0
DEAD_AFTER_SECONDS = 20.0

log = structlog.get_logger("donate.worker")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work with a schedule in cron's notation (a sixth field in front counts seconds), in UTC."""

    name: str
    schedule: str
    run: Callable[[Settings], object]
    sentence: str
    in_sandbox_only: bool = False


class JobFailed(Exception):
    """Says only which job it was: the error's own words may hold what somebody typed."""


def pull_checkouts(settings: Settings) -> int:
    """Ask the provider about checkouts whose message did not arrive; how many were asked about."""
    return sync_stale(settings)


def pull_recurring(settings: Settings) -> int:
    """Ask the provider about standing promises whose month is overdue or that are to end; how many were asked about."""
    return recurring_sync.sync_due(settings)


def stop_recurring(settings: Settings) -> int:
    """End standing promises to campaigns that take no donations any more; how many."""
    return recurring_closing.stop_closed(settings)


def pull_money_back(settings: Settings) -> int:
    """Send refunds that were left unsent, and look at those on their way and at running disputes; how many."""
    return sync_money_back(settings)


def repeat_messages(settings: Settings) -> int:
    """Handle again the provider's messages whose handling failed or was interrupted; how many were tried."""
    return handle_waiting(settings)


def reconcile_all(settings: Settings) -> int:
    """Fetch what the provider's messages did not bring, and publish what then differs; how many differences."""
    return reconcile(settings).difference_count


def deliver_sandbox(settings: Settings) -> int:
    """Let time pass in the sandbox and post its messages to our own webhook; how many went."""
    return deliveries.deliver_due(settings.secret_key, deliveries.post_over_http(settings.base_url))


def tidy_sandbox(_: Settings) -> int:
    """Forget the sandbox's old answers and messages; how many went."""
    return deliveries.tidy()


def check_ledger(settings: Settings) -> bool | None:
    """Run the checks of the ledger and keep the result, which is public; whether all hold, None when not due yet."""
    began = time.monotonic()
    with reading() as session:
        if not checks.is_due(session):
            return None
        results = checks.run_checks(session, ALL_CHECKS, merge_delay_seconds=settings.merge_delay_seconds)
        as_of = checks.newest_as_of(session)
    with transaction() as session:
        checks.store_result(session, results, as_of, took_milliseconds=round((time.monotonic() - began) * 1000))
    for result in results:
        if not result.is_ok:
            log.error("ledger_check_failed", check=result.name, offending=len(result.offending))
    return all(result.is_ok for result in results)


def keep_downloads(_: Settings) -> int:
    """Keep sizes and hashes of the files of months that are finished; how many months."""
    return keep_finished()


def purge_limits(settings: Settings) -> int:
    """Forget attempts that no longer count; how many counters went."""
    limits.bind_key(settings.secret_key)
    with transaction() as session:
        return limits.purge(session) + tries.forget(session)


def watch_splits(settings: Settings) -> int:
    """Look for large donations that were split into smaller ones; how many payments an alert took up."""
    limits.bind_key(settings.secret_key)
    with transaction() as session:
        return splits.watch(session)


def forget_private(settings: Settings) -> int:
    """Erase what people told us and nobody needs any more; how many rows."""
    with transaction(Role.ERASER) as session:
        unpaid = forget_unpaid(session) + forget_large(session) + forget_refund_words(session)
        count = unpaid + forget_bodies(session) + complaints.forget_contacts(session)
    return count + _go_on_erasing(settings)


def _go_on_erasing(settings: Settings) -> int:
    """The rest of donors who were erased: what came since, and what a law kept until today. Each one by itself."""
    store, count = Store(settings.instance / "files"), 0
    with reading(Role.ERASER) as session:
        due = erasures.due(session)
    fault: Exception | None = None
    for erasure_id in due:
        try:
            with transaction(Role.ERASER) as session:
                count += erasures.go_on(session, store, erasure_id)
        except Exception as error:  # whatever it is, the other donors were promised the same
            log.error("erasure_failed", erasure=erasure_id, **fault_of(error, with_words=not settings.is_production))
            fault = error
    if fault is not None:
        raise fault
    return count


def purge_jobs(_: Settings) -> int:
    """Forget runs that failed more than 30 days ago; finished ones go at once. How many went."""
    with transaction() as session:
        gone = session.scalars(
            text(
                """
                DELETE FROM procrastinate_jobs job
                WHERE job.status IN ('failed', 'cancelled', 'aborted', 'succeeded')
                  AND (SELECT max(at) FROM procrastinate_events WHERE job_id = job.id) < now() - interval '30 days'
                RETURNING job.id
                """
            )
        )
        return len(gone.all())


JOBS = (
    Job(
        name="deliver_sandbox",
        schedule="* * * * * *",
        run=deliver_sandbox,
        sentence="Posts the sandbox's messages to our own webhook.",
        in_sandbox_only=True,
    ),
    Job(
        name="repeat_messages",
        schedule="*/20 * * * * *",
        run=repeat_messages,
        sentence="Handles again the provider's messages whose handling failed.",
    ),
    Job(
        name="pull_checkouts",
        schedule="*/30 * * * * *",
        run=pull_checkouts,
        sentence="Asks the provider about checkouts whose message did not arrive.",
    ),
    Job(
        name="pull_recurring",
        schedule="40 * * * * *",
        run=pull_recurring,
        sentence="Asks the provider about monthly donations whose month is overdue, and ends those that are to end.",
    ),
    Job(
        name="stop_recurring",
        schedule="7 * * * *",
        run=stop_recurring,
        sentence="Ends monthly donations to campaigns that take no donations any more, before the next charge.",
    ),
    Job(
        name="reconcile",
        schedule="7 * * * *",
        run=reconcile_all,
        sentence="Fetches what the provider's messages did not bring, and publishes what differs.",
    ),
    Job(
        name="pull_money_back",
        schedule="15,45 * * * * *",
        run=pull_money_back,
        sentence="Sends refunds that were left unsent, and looks at those on their way and at disputes.",
    ),
    Job(
        name="check_ledger",
        schedule="*/10 * * * *",
        run=check_ledger,
        sentence="Checks the ledger and keeps the result, which is public.",
    ),
    Job(
        name="keep_downloads",
        schedule="2-59/5 * * * *",
        run=keep_downloads,
        sentence="Keeps sizes and hashes of the files of months that are finished.",
    ),
    Job(
        name="purge_limits",
        schedule="17 * * * *",
        run=purge_limits,
        sentence="Forgets attempts that no longer count.",
    ),
    Job(
        name="tidy_sandbox",
        schedule="23 * * * *",
        run=tidy_sandbox,
        sentence="Forgets the sandbox's old answers and messages.",
        in_sandbox_only=True,
    ),
    Job(
        name="watch_splits",
        schedule="33 * * * *",
        run=watch_splits,
        sentence="Looks for large donations that were split into smaller ones.",
    ),
    Job(
        name="forget_private",
        schedule="11 3 * * *",
        run=forget_private,
        sentence="Erases names of those who did not pay, old messages' bodies, and what a law kept of erased donors.",
    ),
    Job(
        name="purge_jobs",
        schedule="41 3 * * *",
        run=purge_jobs,
        sentence="Forgets failed runs after 30 days.",
    ),
)


def run_job(job: Job, database: Database, settings: Settings) -> None:
    """Run one job with `database` bound. Raises JobFailed."""
    db.bind(database)
    try:
        found = job.run(settings)
    except Exception as error:  # whatever it is, one job must not stop the others; the next run tries again
        log.error("job_failed", job=job.name, **fault_of(error, with_words=not settings.is_production))
        raise JobFailed(job.name) from (error if isinstance(error, DonateError) else None)
    if found:
        log.info("job_done", job=job.name, result=found)


def job_app(database: Database, settings: Settings) -> procrastinate.App:
    """Procrastinate with every job registered; connected when it is run."""
    url = settings.database_url_web or database.url
    options = "-c timezone=UTC" + ("" if settings.database_url_web else f" -c role=donate_{Role.WEB}")
    connector = procrastinate.PsycopgConnector(
        conninfo=url.replace("postgresql+psycopg://", "postgresql://"),
        min_size=1,
        max_size=CONCURRENCY,
        kwargs={"options": options, "connect_timeout": 5, "application_name": "donate-worker"},
    )
    app = procrastinate.App(connector=connector)
    for job in JOBS:
        if settings.is_sandbox or not job.in_sandbox_only:
            _register(app, job, database, settings)
    return app


def _register(app: procrastinate.App, job: Job, database: Database, settings: Settings) -> None:
    def run(*_: object, **__: object) -> None:
        run_job(job, database, settings)

    task = app.task(name=job.name, queueing_lock=job.name, lock=job.name)(run)
    app.periodic(cron=job.schedule)(task)


def run_forever(database: Database, settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; what runs then may finish for a few seconds."""
    asyncio.run(_work(job_app(database, settings)))


async def _work(app: procrastinate.App) -> None:
    asyncio.get_running_loop().set_exception_handler(_end_after_fault)
    async with app.open_async():
        writing_off = asyncio.create_task(_write_off_interrupted(app))
        try:
            await app.run_worker_async(
                concurrency=CONCURRENCY,
                listen_notify=False,
                fetch_job_polling_interval=POLL_SECONDS,
                shutdown_graceful_timeout=GRACE_SECONDS,
                delete_jobs="successful",
                update_heartbeat_interval=HEARTBEAT_SECONDS,
                stalled_worker_timeout=DEAD_AFTER_SECONDS,
            )
        finally:
            writing_off.cancel()


def _end_after_fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A run whose end could not be written down would hold its job for as long as we live: start afresh instead."""
    loop.default_exception_handler(context)
    signal.raise_signal(signal.SIGTERM)


async def _write_off_interrupted(app: procrastinate.App) -> None:
    while True:
        try:
            await write_off_interrupted(app)
        except procrastinate.exceptions.ConnectorException:
            log.warning("jobs_not_looked_through")
        await asyncio.sleep(HEARTBEAT_SECONDS)


async def write_off_interrupted(app: procrastinate.App) -> int:
    """Mark runs as failed whose worker is dead, so that their jobs run again at the next time of their schedule."""
    found = await app.connector.execute_query_all_async(_WRITE_OFF, dead_after=DEAD_AFTER_SECONDS)
    for row in found:
        log.warning("job_interrupted", job=row["task_name"])
    return len(found)


_WRITE_OFF = """
    UPDATE procrastinate_jobs AS job SET status = 'failed'
    WHERE job.status = 'doing' AND NOT EXISTS (
      SELECT FROM procrastinate_workers worker
      WHERE worker.id = job.worker_id AND worker.last_heartbeat > now() - make_interval(secs => %(dead_after)s))
    RETURNING job.task_name
"""
