"""What one test made the long way is the next one's at once, and only in the database that saw it made."""

from pathlib import Path

from sqlalchemy import func, make_url, select

from donate.db import Database, bind, transaction
from donate.organisations.models import Organisation
from tests.conftest import clone, empty, run_on_server
from tests.giving.factories import raising
from tests.organisations import factories as organisations


def _count() -> int:
    with transaction() as session:
        return session.scalar(select(func.count()).select_from(Organisation)) or 0


def test_a_remembered_campaign_leaves_the_rows_that_the_long_way_left(database: Database) -> None:
    raising()
    long_way = _count()
    empty(database)

    raising()

    assert _count() == long_way > 0


def test_another_database_can_add_rows_after_a_campaign_that_this_one_remembers(
    database: Database, server_url: str, shared_folder: Path
) -> None:
    raising()
    name = f"{make_url(database.url).database}_other"
    other = Database(clone(server_url, name, shared_folder))
    bind(other)
    try:
        raising()
        with transaction() as session:
            organisations.partner(session)
        assert _count() > 1
    finally:
        other.dispose()
        run_on_server(server_url, f"DROP DATABASE {name}")
