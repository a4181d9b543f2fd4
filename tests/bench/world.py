"""A migrated database of its own for measurements, with every commit really synced to disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from donate.db import Database, bind, embedded
from donate.db.migrate import migrate
from donate.ledger import books


@dataclass(frozen=True, slots=True)
class World:
    """Where the measurements happen. `campaigns` have a fund each in the book."""

    url: str
    folder: Path
    database: Database
    book_id: int
    campaigns: tuple[str, ...]


@contextmanager
def open_folder() -> Iterator[Path]:
    """A temporary folder that the database's unprivileged uid may pass through, so that its data lie inside."""
    with TemporaryDirectory(prefix="donate-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def ledger_world(campaign_count: int = 100) -> Iterator[World]:
    """A book with `campaign_count` funds and nothing else."""
    with open_folder() as folder, embedded.running(folder / "instance") as url:
        database = Database(url, pool_size=8)
        migrate(database)
        bind(database)
        campaigns = tuple(f"campaign-{number}" for number in range(campaign_count))
        with database.transaction() as session:
            book = books.open_book(
                session, ref="bench", host="bench", currency="CNY", mode="sandbox", time_zone="Asia/Shanghai"
            )
            for campaign in campaigns:
                books.open_fund(session, book_id=book.id, campaign=campaign)
        yield World(url, folder, database, book.id, campaigns)
        database.dispose()
