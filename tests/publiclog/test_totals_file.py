"""The totals that pages show, published for strangers to compare."""

import sqlalchemy as sa
from flask.testing import FlaskClient

from donate.db import Database, Role
from donate.publiclog import mirror
from donate.publiclog.publishing import Publisher
from tests.publiclog.factories import give, log_donations
from tests.publiclog.test_publishing import behind_the_triggers


def test_they_name_the_size_of_the_log_that_they_are_of(
    database: Database, publisher: Publisher, book_id: int, client: FlaskClient
) -> None:
    log_donations(database, publisher, book_id, 3)
    give(database, book_id, 2)  # not in the log yet, so not in its totals
    size = client.get("/log/checkpoint").text.splitlines()[1]
    answer = client.get("/log/totals.csv")
    assert answer.content_type == "text/csv; charset=utf-8"
    (row,) = answer.text.splitlines()[1:]
    assert row.startswith(f"{size},")
    assert row.endswith(",CNY,4500,0,0,0,3")


def test_while_readers_are_not_shown_the_newest_lines_they_are_asked_to_wait(
    database: Database, publisher: Publisher, book_id: int, client: FlaskClient, tmp_path
) -> None:
    log_donations(database, publisher, book_id, 3)
    mirror.export(database, tmp_path / "mirror", lambda _: None)
    before = (tmp_path / "mirror/totals.csv").read_bytes()
    log_donations(database, publisher, book_id, 3)
    behind_the_triggers(database, "UPDATE log_head SET published_size = published_size - 3")
    assert client.get("/log/totals.csv").status_code == 503
    mirror.export(database, tmp_path / "mirror", lambda _: None)
    assert (tmp_path / "mirror/totals.csv").read_bytes() == before


def test_a_total_that_was_changed_behind_the_triggers_is_published_as_it_is(
    database: Database, publisher: Publisher, book_id: int, client: FlaskClient
) -> None:
    log_donations(database, publisher, book_id, 3)
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("UPDATE campaign_total SET received_minor = received_minor + 1"))
    assert ",4501," in client.get("/log/totals.csv").text
