"""Any sequence of posts and reversals keeps every book at zero."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from donate.db import Database, Role
from donate.ledger import journal
from donate.ledger.chart import STANDARD_CODES
from donate.ledger.journal import Leg
from tests.ledger.factories import donation, open_book

CODES = [*STANDARD_CODES, "fund:rice", "fund:soup"]
legs = st.builds(
    Leg, debit=st.sampled_from(CODES), credit=st.sampled_from(CODES), amount_minor=st.integers(1, 10**15)
).filter(lambda leg: leg.debit != leg.credit)
posts = st.tuples(st.just("post"), st.lists(legs, min_size=1, max_size=3), st.integers(0, 30))
reversals = st.tuples(st.just("reverse"), st.integers(0, 30), st.integers(0, 30))
lives = st.lists(st.one_of(posts, reversals), max_size=25)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(life=lives)
def test_any_sequence_of_posts_and_reversals_keeps_the_book_at_zero(database: Database, life) -> None:
    play(database, life)


@pytest.mark.long
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(life=lives)
def test_a_thousand_lives_keep_the_book_at_zero(database: Database, life) -> None:
    play(database, life)


def play(database: Database, life) -> None:
    with database.transaction() as session:
        book_id = open_book(session)
    expected = dict.fromkeys(CODES, 0)
    booked: list[tuple[int, tuple[Leg, ...]]] = []
    seen: dict[str, tuple[Leg, ...]] = {}
    reversed_ids: set[int] = set()
    for number, (verb, what, key) in enumerate(life):
        if verb == "post":
            post_one(database, book_id, f"key:{key}", tuple(what), seen, booked, expected)
        elif booked:
            entry_id, entry_legs = booked[what % len(booked)]
            reverse_one(database, book_id, entry_id, entry_legs, number, reversed_ids, expected)
    assert balances(database, book_id) == expected
    assert sum(expected.values()) == 0


def post_one(database, book_id, key, entry_legs, seen, booked, expected) -> None:
    try:
        with database.transaction() as session:
            (posted,) = journal.post(session, [donation(book_id, idempotency_key=key, legs=entry_legs)])
    except journal.ExistsWithDifferentContent:
        assert seen[key] != entry_legs
        return
    assert posted.is_new == (key not in seen)
    seen.setdefault(key, entry_legs)
    if posted.is_new:
        booked.append((posted.entry_id, entry_legs))
        move(expected, entry_legs, 1)


def reverse_one(database, book_id, entry_id, entry_legs, number, reversed_ids, expected) -> None:
    try:
        with database.transaction() as session:
            journal.reverse(
                session,
                book_id=book_id,
                entry_id=entry_id,
                idempotency_key=f"reversal:{number}",
                effective_on=date(2026, 11, 24),
                note="mistake",
            )
    except journal.AlreadyReversed:
        assert entry_id in reversed_ids
        return
    reversed_ids.add(entry_id)
    move(expected, entry_legs, -1)


def move(expected: dict[str, int], entry_legs: tuple[Leg, ...], sign: int) -> None:
    for leg in entry_legs:
        expected[leg.debit] += sign * leg.amount_minor
        expected[leg.credit] -= sign * leg.amount_minor


def balances(database: Database, book_id: int) -> dict[str, int]:
    with database.reading(Role.WEB) as session:
        rows = session.execute(
            text(
                "SELECT account.code, coalesce(sum(moves.amount), 0) FROM account LEFT JOIN ("
                "SELECT debit_id AS account_id, amount_minor AS amount FROM transfer "
                "UNION ALL SELECT credit_id, -amount_minor FROM transfer) moves ON moves.account_id = account.id "
                "WHERE account.book_id = :book GROUP BY account.code"
            ),
            {"book": book_id},
        )
        return {code: int(balance) for code, balance in rows}
