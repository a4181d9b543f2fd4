"""Counting attempts in the database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from donate import clock
from donate.db import Database, Role
from donate.people import limits
from donate.people.models import LimitCount

QUARTER = timedelta(minutes=15)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def attempts(database: Database, times: int, *, key: str = "li@example.org", scope: str = "door") -> list[bool]:
    given = []
    for _ in range(times):
        with database.transaction() as session:
            given.append(limits.allow(session, scope=scope, key=key, most=3, within=QUARTER))
    return given


def test_what_is_beyond_the_limit_is_refused(database: Database) -> None:
    with clock.frozen_at(NOON):
        assert attempts(database, 5) == [True, True, True, False, False]


def test_keys_and_scopes_are_counted_apart(database: Database) -> None:
    with clock.frozen_at(NOON):
        attempts(database, 4)
        assert attempts(database, 1, key="wu@example.org") == [True]
        assert attempts(database, 1, scope="window") == [True]


def test_the_limit_does_not_double_at_the_turn_of_a_stretch(database: Database) -> None:
    with clock.frozen_at(NOON + timedelta(minutes=14, seconds=59)):
        attempts(database, 3)
    with clock.frozen_at(NOON + timedelta(minutes=15, seconds=1)):
        assert attempts(database, 1) == [False]


def test_after_two_stretches_all_is_forgiven(database: Database) -> None:
    with clock.frozen_at(NOON):
        attempts(database, 9)
    with clock.frozen_at(NOON + 2 * QUARTER):
        assert attempts(database, 4) == [True, True, True, False]


def test_forgetting_opens_the_door_again(database: Database) -> None:
    with clock.frozen_at(NOON):
        attempts(database, 9)
        with database.transaction() as session:
            limits.forget(session, scope="door", key="li@example.org")
        assert attempts(database, 1) == [True]


def test_nothing_readable_is_kept(database: Database) -> None:
    attempts(database, 1, key="li@example.org")
    with database.reading() as session:
        (row,) = session.scalars(select(LimitCount)).all()
    assert len(row.key_hash) == 32
    assert b"li@" not in row.key_hash


def test_another_secret_gives_another_hash(database: Database) -> None:
    first = limits.hash_of("door", "li@example.org")
    limits.bind_key("another installation")
    assert limits.hash_of("door", "li@example.org") != first


def test_purging_drops_what_limits_nothing_any_more(database: Database) -> None:
    with clock.frozen_at(NOON):
        attempts(database, 2)
    with clock.frozen_at(NOON + QUARTER):
        attempts(database, 2, key="wu@example.org")
        with database.transaction() as session:
            assert limits.purge(session) == 0
    with clock.frozen_at(NOON + 2 * QUARTER + timedelta(seconds=1)), database.transaction() as session:
        assert limits.purge(session) == 1


def test_attempts_at_once_are_all_counted(database: Database) -> None:
    def one(_: int) -> bool:
        limits.bind_key("a key for tests only")
        with clock.frozen_at(NOON), database.transaction() as session:
            return limits.allow(session, scope="door", key="li@example.org", most=3, within=QUARTER)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(24))) == 3


@pytest.mark.parametrize(
    ("address", "network", "line"),
    [
        ("203.0.113.77", "203.0.113.0/24", "203.0.113.77/32"),
        ("::ffff:203.0.113.77", "203.0.113.0/24", "203.0.113.77/32"),
        ("2001:db8:1:2:3::4", "2001:db8:1::/48", "2001:db8:1:2::/64"),
        ("", "unknown", "unknown"),
        ("not an address", "unknown", "unknown"),
    ],
)
def test_an_address_is_counted_by_its_network_and_by_its_line(address: str, network: str, line: str) -> None:
    assert (limits.network_of(address), limits.line_of(address)) == (network, line)


def test_without_a_bound_key_nothing_is_counted_by_mistake(database: Database) -> None:
    limits._key.set(None)
    with pytest.raises(RuntimeError), database.transaction(Role.WEB) as session:
        limits.allow(session, scope="door", key="x", most=1, within=QUARTER)
