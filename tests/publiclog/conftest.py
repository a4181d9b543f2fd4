"""A log that signs: its key and its memory in a folder of the test's own."""

from pathlib import Path

import pytest

from donate.db import Database
from donate.publiclog.keys import KeyFolder
from donate.publiclog.publishing import Publisher, publisher_of
from tests.ledger.factories import open_book

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
