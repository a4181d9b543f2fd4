"""A small installation to measure over HTTP: one campaign that raises, with donations in its past."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from donate.db import Database, Role, bind, embedded
from donate.db.migrate import migrate
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.sequencer import drain
from donate.settings import Settings, read_settings
from tests.bench.servers import THREADS, WORKERS
from tests.bench.world import open_folder
from tests.giving import factories

CAMPAIGN = "yunxi"
BATCH = 2_000


@dataclass(frozen=True, slots=True)
class Site:
    """`environ` starts the project's own commands on this installation."""

    url: str
    folder: Path
    environ: dict[str, str]
    settings: Settings
    database: Database
    book_id: int


@contextmanager
def site(past_donations: int = 0) -> Iterator[Site]:
    """An installation whose campaign has `past_donations` numbered donations."""
    with open_folder() as folder, embedded.running(folder / "instance") as url:
        environ = {
            "DONATE_DATABASE_URL": url,
            "DONATE_INSTANCE": str(folder / "instance"),
            "DONATE_SECRET_KEY": "a key for measurements only",
            "DONATE_WORKERS": WORKERS,
            "DONATE_THREADS": THREADS,
        }
        database = Database(url, pool_size=8)
        migrate(database)
        bind(database)
        factories.raising(CAMPAIGN)
        with database.reading() as session:
            book_id = factories.campaigns.select(factories.Campaign.book_id)
            found = session.scalars(book_id).one()
        book_past(database, found, past_donations)
        yield Site(url, folder, environ, read_settings(environ), database, found)
        database.dispose()


def book_past(database: Database, book_id: int, count: int) -> None:
    """`count` donations of 15.00 through the journal, numbered."""
    for start in range(0, count, BATCH):
        entries = [
            NewEntry(
                book_id=book_id,
                reason=Reason.DONATION,
                idempotency_key=f"past:{number}",
                effective_on=date(2026, 11, 1 + number % 22),
                legs=(Leg(debit="clearing", credit=fund_code(CAMPAIGN), amount_minor=1500),),
                campaign=CAMPAIGN,
            )
            for number in range(start, min(start + BATCH, count))
        ]
        with database.transaction(Role.WEB) as session:
            journal.post(session, entries)
    drain(database)
