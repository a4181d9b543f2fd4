import hashlib
from pathlib import Path

import pytest

from donate.db import Database
from donate.errors import NotFound
from donate.files.models import StoredFile
from donate.files.photo import read_photo
from donate.files.service import keep_photo
from donate.files.store import Store
from tests.files.factories import picture


def test_a_file_is_found_under_the_hash_of_its_bytes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.put(b"a meal") == hashlib.sha256(b"a meal").digest()
    assert store.read(hashlib.sha256(b"a meal").digest()) == b"a meal"


def test_keeping_twice_leaves_one_file(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(b"a meal")
    store.put(b"a meal")
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 1


def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        Store(tmp_path).read(bytes(32))


def test_an_erased_file_is_gone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.erase(store.put(b"a face"))
    with pytest.raises(NotFound):
        store.read(hashlib.sha256(b"a face").digest())


def test_a_photo_kept_twice_is_one_row(database: Database, tmp_path: Path) -> None:
    store, photo = Store(tmp_path), read_photo(picture())
    for _ in range(2):
        with database.transaction() as session:
            sha256 = keep_photo(session, store, photo)
    with database.reading() as session:
        row = session.get_one(StoredFile, sha256)
        assert (row.extension, row.width, row.byte_count) == ("jpg", 60, len(photo.content))
