"""Each check of refunds and disputes finds a planted fault, and nothing else."""

import pytest
from sqlalchemy import text

from donate.db import Database, Role, reading
from donate.giving.merchants import merchant_of
from donate.giving.refund_checks import MONEY_BACK_CHECKS
from donate.giving.refund_sync import refresh_charge
from donate.ledger.checks import run_checks
from donate.payments.sandbox import disputes
from donate.payments.sandbox import refunds as sandbox
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make

FAULTS = {
    "refunds_are_booked": "UPDATE refund SET amount_minor = amount_minor - 1",
    "refunds_are_within_what_was_paid": "UPDATE checkout SET amount_minor = 1 WHERE charge_id IS NOT NULL",
    "disputed_money_equals_open_disputes": "UPDATE dispute SET is_reinstated = true",
    "shortfalls_are_covered": "UPDATE fund_cover SET covered_minor = covered_minor + 1",
    "what_went_back_is_kept_back": "INSERT INTO fund_hold SELECT account_id, 'x', book_id, 1 FROM fund_stock",
}


def broken() -> list[str]:
    with reading() as session:
        return [result.name for result in run_checks(session, MONEY_BACK_CHECKS) if not result.is_ok]


def test_every_check_has_a_planted_fault() -> None:
    planted_elsewhere = {"money_sent_back_is_booked"}  # test_recorded_refund.py
    assert {check.name for check in MONEY_BACK_CHECKS} - planted_elsewhere == set(FAULTS)


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(database: Database, settings: Settings, name: str) -> None:
    make.raising()
    refunded, disputed = back.paid(settings), back.paid(settings)
    with database.transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(refunded))
        disputes.open_dispute(session, make.MERCHANT, back.charge_of(disputed))
    for made in (refunded, disputed):
        refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)
    assert broken() == []
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(FAULTS[name]))
    assert name in broken()
