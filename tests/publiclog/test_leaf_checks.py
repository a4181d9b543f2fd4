"""The lines of the public log are tied to the books: what is changed in either is found, and what was committed to opens."""

import hashlib
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from donate.db import Database, Role
from donate.giving.checks import ALL_CHECKS
from donate.ledger import checks, journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg
from donate.publiclog.leaf_checks import LEAF_CHECKS
from donate.sequencer import drain
from donate.tlog.leaf import EntryLeaf, commitment, decode
from tests.ledger.factories import donation, open_book

PRIVATE = {"name": "李", "message": '吃好！ "👍"\n'}
DONATION = "entry_id = (SELECT min(id) FROM entry WHERE reason = 'donation')"
REVERSAL = "entry_id = (SELECT id FROM entry WHERE reverses IS NOT NULL)"
SETTLEMENT = "entry_id = (SELECT id FROM entry WHERE reason = 'settlement')"
# What is found as well where an entry has lost its line.
ENTRY_IS_GONE = ("every_entry_is_logged", "account_totals_equal_a_replay", "day_totals_equal_a_replay")


def altered(old: str, new: str, where: str = DONATION) -> str:
    """A statement that writes other bytes, and their hash, where a line stood."""
    leaf = f"convert_to(replace(convert_from(leaf, 'UTF8'), '{old}', '{new}'), 'UTF8')"
    return rf"UPDATE log_leaf SET leaf = {leaf}, leaf_hash = sha256('\x00'::bytea || {leaf}) WHERE {where}"


# Faults planted behind the triggers' back as whoever owns the database could, by the checks that find them.
FAULTS = {
    "amount": (altered('"1500"', '"9900"'), {"leaves_equal_their_entries"}),
    "debit": (altered('[["clearing"', '[["bank"'), {"leaves_equal_their_entries"}),
    "credit": (altered(',"fund:rice",', ',"fund:soup",'), {"leaves_equal_their_entries"}),
    "a leg too many": (altered("]]", '],["bank","clearing","1"]]'), {"leaves_equal_their_entries"}),
    "reason": (altered('"reason":"donation"', '"reason":"recorded_donation"'), {"leaves_equal_their_entries"}),
    "campaign": (altered('"campaign":"rice"', '"campaign":"soup"'), {"leaves_equal_their_entries"}),
    "no campaign": (altered('"campaign":"rice",', ""), {"leaves_equal_their_entries"}),
    "day": (altered("2026-11-23", "2026-11-22"), {"leaves_equal_their_entries"}),
    "currency": (altered('"CNY"', '"USD"'), {"leaves_equal_their_entries"}),
    "book": (altered('"book":"first"', '"book":"second"'), {"leaves_equal_their_entries"}),
    "note": (altered('"note":"', '"note":"0', REVERSAL), {"leaves_equal_their_entries"}),
    "reversal": (altered('"rev":"', '"rev":"1', REVERSAL), {"leaves_equal_their_entries"}),
    "number": (altered('"seq":"', '"seq":"1'), {"leaves_equal_their_entries"}),
    "settlement": (altered("po_17", "po_18", SETTLEMENT), {"leaves_equal_their_entries"}),
    "a key out of order": (altered('"seq"', '"x":"1","seq"'), {"leaves_equal_their_entries"}),
    "a space": (altered("{", "{ "), {"leaves_equal_their_entries"}),
    "bytes that are no text": (
        rf"UPDATE log_leaf SET leaf = '\xff'::bytea, leaf_hash = sha256('\x00ff'::bytea) WHERE {DONATION}",
        {"leaves_equal_their_entries"},
    ),
    "an entry of nothing": (
        f"UPDATE log_leaf SET entry_id = 1000000 WHERE {SETTLEMENT}",
        {"leaves_equal_their_entries", *ENTRY_IS_GONE},
    ),
    "what a line is found by": (
        f"UPDATE log_leaf SET campaign = 'soup' WHERE {DONATION}",
        {"leaves_equal_their_entries"},
    ),
    "the month": ("UPDATE log_leaf SET month = '2026-10-01' WHERE kind = 'entry'", {"leaves_equal_their_entries"}),
    "the leaf alone": (
        rf"UPDATE log_leaf SET leaf = leaf || '\x20'::bytea WHERE {DONATION}",
        {"leaves_equal_their_entries", "leaf_hashes_are_of_their_leaves"},
    ),
    "the hash": (
        f"UPDATE log_leaf SET leaf_hash = sha256('x') WHERE {DONATION}",
        {"leaf_hashes_are_of_their_leaves"},
    ),
    "the hash without its first byte": (
        f"UPDATE log_leaf SET leaf_hash = sha256(leaf) WHERE {DONATION}",
        {"leaf_hashes_are_of_their_leaves"},
    ),
    "hash and commitment together": (
        "WITH changed AS (UPDATE entry SET commitment = sha256('x') RETURNING id) "
        "UPDATE log_leaf SET leaf_hash = sha256('x') FROM changed WHERE entry_id = changed.id",
        {"leaves_equal_their_entries", "leaf_hashes_are_of_their_leaves"},
    ),
    "an account's class": (
        altered('"cls":"asset"', '"cls":"income"', "opens = 'account:first:clearing'"),
        {"openings_equal_the_books"},
    ),
    "a book's host": (altered('"host":"host"', '"host":"ghost"', "opens = 'book:first'"), {"openings_equal_the_books"}),
    "a campaign's name": (
        altered('"campaign":"rice"', '"campaign":"soup"', "opens = 'campaign:first:rice'"),
        {"openings_equal_the_books"},
    ),
    "what a line opens": (
        "UPDATE log_leaf SET opens = 'account:first:interest' WHERE opens = 'account:first:clearing'",
        {"openings_equal_the_books"},
    ),
    "an entry hidden as a document": (
        f"UPDATE log_leaf SET kind = 'document', entry_id = NULL WHERE {SETTLEMENT}",
        {"openings_equal_the_books", *ENTRY_IS_GONE},
    ),
}


@pytest.fixture
def honest(database: Database) -> Database:
    """A book with donations that name and remark, a document, a settlement, a reversal, and a line of every opening."""
    with database.transaction() as session:
        open_book(session, ref="second")
        book_id = open_book(session, ref="first")
        settlement: dict[str, Any] = {
            "reason": Reason.SETTLEMENT,
            "campaign": None,
            "reference": "po_17",
            "legs": (
                Leg(debit="bank", credit="clearing", amount_minor=1400),
                Leg(debit="bank_charges", credit="clearing", amount_minor=100),
            ),
        }
        wrong, *_ = journal.post(
            session,
            [
                donation(book_id, private=PRIVATE, note="n"),
                donation(book_id, document_sha256=hashlib.sha256(b"proof").digest()),
                donation(book_id, reference="bank-1"),
                donation(book_id, **settlement),
            ],
        )
        journal.reverse(
            session,
            book_id=book_id,
            entry_id=wrong.entry_id,
            idempotency_key="reversal:1",
            effective_on=date(2026, 11, 24),
            note="given twice",
        )
    drain(database)
    return database


def failing(database: Database) -> set[str]:
    with database.reading() as session:
        results = checks.run_checks(session, ALL_CHECKS, merge_delay_seconds=0)
    return {result.name for result in results if not result.is_ok}


def test_every_check_of_lines_is_green_on_an_honest_ledger(honest: Database) -> None:
    assert failing(honest) == set()


def test_every_check_of_lines_has_a_planted_fault() -> None:
    assert {name for _, names in FAULTS.values() for name in names} >= {check.name for check in LEAF_CHECKS}


@pytest.mark.parametrize("what", FAULTS)
def test_a_planted_fault_is_found_by_its_checks_alone(honest: Database, what: str) -> None:
    statement, names = FAULTS[what]
    with honest.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        assert session.execute(text(statement.replace("::bytea", r"\:\:bytea"))).rowcount > 0
    assert failing(honest) == names


def test_salt_and_private_fields_open_what_entry_and_line_committed_to(honest: Database) -> None:
    with honest.reading(Role.OWNER) as session:
        salt, fields, note, committed, note_sha256, data = session.execute(
            text(
                """
                SELECT salt, fields, private.note, commitment, note_sha256, leaf
                FROM entry
                JOIN entry_private private ON private.entry_id = entry.id
                JOIN log_leaf ON log_leaf.entry_id = entry.id
                WHERE private.note = 'n'
                """
            )
        ).one()
    leaf = decode(data)
    assert isinstance(leaf, EntryLeaf)
    assert fields == PRIVATE
    assert commitment(salt, fields) == committed == leaf.cm
    assert hashlib.sha256(salt + note.encode()).digest() == note_sha256 == leaf.note
    assert commitment(salt, fields | {"name": "王"}) != committed
