"""Each check of money that is not as agreed, of fees and of disputes' costs finds a planted fault, and nothing else."""

import pytest
from sqlalchemy import text

from donate.db import Database, Role, reading, transaction
from donate.giving import unexplained
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout
from donate.giving.refund_sync import refresh_charge
from donate.giving.sync import sync_checkout
from donate.giving.unexplained_checks import UNEXPLAINED_CHECKS
from donate.ledger.checks import run_checks
from donate.payments.sandbox import disputes
from donate.payments.sandbox import refunds as sandbox
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make
from tests.giving.test_fees import fill_cover
from tests.giving.test_unexplained import learn_fee, less

FAULTS = [
    ("what_is_not_as_agreed_is_kept", "UPDATE unbooked_money SET is_own = false"),
    ("suspense_tells_its_money_apart", "UPDATE unbooked_money SET amount_minor = amount_minor + 1"),
    ("suspense_tells_its_money_apart", "UPDATE entry SET idempotency_key = 'x' || id WHERE reason = 'processing_fee'"),
    (
        "suspense_tells_its_money_apart",
        "DELETE FROM transfer USING entry WHERE entry.id = entry_id AND campaign IS NULL",
    ),
    ("what_went_back_is_closed", "UPDATE unbooked_money SET explained_at = NULL, explanation = NULL, outcome = NULL"),
    ("what_went_back_is_closed", "UPDATE refund SET state = 'failed'"),
    ("fees_are_booked_whole", "UPDATE checkout SET fee_minor = fee_minor + 1"),
    (
        "fees_are_booked_whole",
        "UPDATE transfer SET amount_minor = amount_minor - 1 FROM entry WHERE entry.id = entry_id AND reason = 'fee_covered'",
    ),
    ("dispute_fees_are_booked", "UPDATE dispute SET fee_returned_minor = fee_returned_minor + 1"),
    ("dispute_fees_are_booked", "UPDATE dispute SET fee_minor = fee_minor - 1"),
]


@pytest.fixture
def honest(database: Database, settings: Settings) -> Database:
    """Of each kind one: as agreed and covered, disputed and won, standing, cleared, and gone back."""
    make.raising()
    first = back.paid(settings, method="card")
    fill_cover(first.book_id, 74)
    learn_fee(first, settings)
    sync_checkout(first.public_id, settings)
    with transaction() as session:
        dispute = disputes.open_dispute(session, make.MERCHANT, back.charge_of(first)).object_id
        disputes.close_dispute(session, make.MERCHANT, dispute, won=True, returned_fee=1000)
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(first), settings)
    less(settings)
    cleared = less(settings)
    with transaction() as session:
        unexplained.clear_to_donations(session, _money(cleared), by=1, note="agreed by phone")
    gone = less(settings)
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(gone), 1400)
    refresh_charge(merchant_of(make.MERCHANT), back.charge_of(gone), settings)
    return database


def _money(made: Checkout) -> int:
    with transaction() as session:
        statement = text("SELECT id FROM unbooked_money WHERE checkout_id = :checkout")
        return int(session.execute(statement, {"checkout": made.id}).scalar_one())


def broken() -> set[str]:
    with reading() as session:
        return {result.name for result in run_checks(session, UNEXPLAINED_CHECKS) if not result.is_ok}


def test_every_check_is_green_while_all_is_told_apart(honest: Database) -> None:
    assert broken() == set()


@pytest.mark.parametrize(("name", "fault"), FAULTS)
def test_a_planted_fault_is_found(honest: Database, name: str, fault: str) -> None:
    with transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text(fault))
    assert name in broken()


def test_every_check_has_its_fault() -> None:
    assert {check.name for check in UNEXPLAINED_CHECKS} == {name for name, _ in FAULTS}
