"""Each check of giving is green on what was paid as agreed and finds the fault that is planted for it."""

import pytest
from sqlalchemy import text

from donate.db import Database, Role, reading, transaction
from donate.giving.booking import move_towards
from donate.giving.checks import GIVING_CHECKS
from donate.ledger.checks import run_checks
from donate.settings import Settings
from tests.giving import factories as make
from tests.giving import recorded_factories as recording

FAULTS = {
    "paid_checkouts_are_booked": "UPDATE transfer SET amount_minor = amount_minor + 1",
    "checkouts_sum_their_donations": "UPDATE checkout SET amount_minor = amount_minor + 1",
    "recorded_donations_are_booked": "UPDATE recorded_donation SET amount_minor = amount_minor + 1",
    "equal_numbers_are_explained": "UPDATE recorded_donation SET other_money = ''",
    "no_money_is_unbooked": "UPDATE unbooked_money SET is_in_suspense = false",
}


@pytest.fixture
def honest(database: Database, settings: Settings) -> Database:
    make.raising()
    make.opened(settings)
    for changes in ({}, {"amount_minor": 1400}):
        made = make.opened(settings)
        with transaction() as session:
            move_towards(session.connection(), make.MERCHANT, make.seen(made, **changes))
    recording.confirmed(reference="77")
    recording.confirmed(reference="77", source="招商银行", other_money="另一笔")
    return database


def failing() -> set[str]:
    with reading() as session:
        return {result.name for result in run_checks(session, GIVING_CHECKS) if not result.is_ok}


def test_every_check_is_green_when_all_is_as_agreed(honest: Database) -> None:
    assert failing() == set()


@pytest.mark.parametrize("name", [check.name for check in GIVING_CHECKS])
def test_a_planted_fault_is_found_by_its_check(honest: Database, name: str) -> None:
    with transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(FAULTS[name]))
    assert name in failing()
