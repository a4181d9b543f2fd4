"""The log's secret keys: made once, changed with both signing for a while, and readable for nobody else."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from donate import clock
from donate.db import Database
from donate.publiclog.keys import (
    KeyFolder,
    KeysStillTogether,
    LogKeyExists,
    LogKeysDiffer,
    NoKeyToRetire,
    NoLogKey,
)
from donate.publiclog.publishing import Publisher, publisher_of
from donate.tlog.checkpoint import open_checkpoint
from donate.tlog.note import KeyWrong, NotSigned, read_note, verifier_key
from tests.publiclog.conftest import ORIGIN
from tests.publiclog.factories import log_donations


def test_only_its_owner_may_read_a_key(log_folder: Path) -> None:
    assert stat.S_IMODE((log_folder / "1.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(log_folder.stat().st_mode) == 0o700


def test_a_log_has_one_first_key(log_folder: Path) -> None:
    with pytest.raises(LogKeyExists):
        KeyFolder(log_folder).make(ORIGIN)


def test_without_a_key_somebody_is_told_how_to_make_or_find_one(tmp_path: Path) -> None:
    with pytest.raises(NoLogKey, match="donate log key new"):
        KeyFolder(tmp_path / "none").keys()


def test_keys_of_two_logs_in_one_folder_are_refused(log_folder: Path, tmp_path: Path) -> None:
    KeyFolder(tmp_path / "other").make("another.example.org")
    (tmp_path / "other" / "1.key").rename(log_folder / "2.key")
    with pytest.raises(LogKeysDiffer, match=r"another\.example\.org"):
        KeyFolder(log_folder).keys()


def test_a_damaged_key_is_told_without_showing_it(log_folder: Path) -> None:
    secret = (log_folder / "1.key").read_text()
    (log_folder / "1.key").write_text(secret[:-6] + "AAAA=\n")
    with pytest.raises(KeyWrong) as told:
        KeyFolder(log_folder).keys()
    assert secret.split("+")[-1][:20] not in str(told.value)


def test_while_keys_are_changed_both_sign_and_then_the_new_one_alone(
    database: Database, publisher: Publisher, book_id: int, log_folder: Path, client: FlaskClient
) -> None:
    log_donations(database, publisher, book_id, 2)
    (old,) = (verifier_key(line) for line in client.get("/log/vkey").text.splitlines())
    new = KeyFolder(log_folder).change()
    both = publisher_of(log_folder)
    both.start(database)
    log_donations(database, both, book_id, 2)
    assert client.get("/log/vkey").text.splitlines() == [str(old), str(new)]
    for key in (old, new):
        open_checkpoint(read_note(client.get("/log/checkpoint").data), [key])
    with clock.frozen_at(datetime.now(UTC) + timedelta(days=91)):
        assert KeyFolder(log_folder).retire() == old
    alone = publisher_of(log_folder)
    alone.start(database)
    log_donations(database, alone, book_id, 2)
    assert client.get("/log/vkey").text.splitlines() == [str(new)]
    with pytest.raises(NotSigned):
        open_checkpoint(read_note(client.get("/log/checkpoint").data), [old])


def test_the_old_key_is_not_retired_before_everybody_could_take_up_the_new_one(log_folder: Path) -> None:
    with pytest.raises(NoKeyToRetire):
        KeyFolder(log_folder).retire()
    KeyFolder(log_folder).change()
    with pytest.raises(KeysStillTogether):
        KeyFolder(log_folder).retire()
    with pytest.raises(LogKeyExists):
        KeyFolder(log_folder).change()
