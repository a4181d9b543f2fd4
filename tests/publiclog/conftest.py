"""A log that signs: its key and its memory in a folder of the test's own."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from donate.db import Database
from donate.ledger import journal
from donate.publiclog.keys import KeyFolder
from donate.publiclog.publishing import Publisher, publisher_of
from donate.sequencer import drain
from tests.ledger.factories import donation, open_book
from tests.publiclog.factories import log_donations

ORIGIN = "log.example.org/lunch"


@pytest.fixture
def log_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    KeyFolder(folder).make(ORIGIN)
    return folder


@pytest.fixture
def publisher(log_folder: Path, database: Database) -> Publisher:
    publisher = publisher_of(log_folder)
    publisher.start(database)
    return publisher


@pytest.fixture
def book_id(database: Database) -> int:
    with database.transaction() as session:
        open_book(session)  # noise
        return open_book(session)


@pytest.fixture
def site(app: Flask, database: Database, publisher: Publisher, book_id: int) -> Iterator[str]:
    """A served log of some hundred donations, one of them reversed."""
    with database.transaction() as session:
        (posted,) = journal.post(session, [donation(book_id)])
    drain(database, publisher)
    with database.transaction() as session:
        journal.reverse(
            session,
            book_id=book_id,
            entry_id=posted.entry_id,
            idempotency_key="reversal:1",
            effective_on=donation(book_id).effective_on,
            note="booked twice",
        )
    log_donations(database, publisher, book_id, 290, 20)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
