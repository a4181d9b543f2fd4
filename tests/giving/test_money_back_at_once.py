"""Two who refund at once, two messages at once, and a dispute that is lost and won after all."""

from functools import partial

from sqlalchemy import select

from donate.db import Database, transaction
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout
from donate.giving.refund_sync import refresh_charge, send_refund
from donate.giving.refunding import send_now
from donate.giving.sync import sync_checkout
from donate.payments.models import SandboxObject
from donate.payments.sandbox import disputes, store
from donate.payments.sandbox import refunds as sandbox
from donate.settings import Settings
from tests.giving import back
from tests.giving import factories as make


def refreshed(made: Checkout, settings: Settings) -> bool:
    return refresh_charge(merchant_of(make.MERCHANT), back.charge_of(made), settings)


def test_two_who_refund_at_once_never_send_more_than_came(database: Database, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings, ("yunxi", 1000), ("yunxi", 500))
    work = partial(back.asked_for, made, 1000)
    assert sorted(back.at_once(database, work, work)) == ["RefundTooLarge", "done"]
    assert back.refunds() == [("requested", 1000)]


def test_one_refund_sent_twice_at_once_is_one(database: Database, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings)
    refund = back.asked_for(made, 700)
    # The provider may tell one of the two that the same request is under way; a job would then go on.
    work = partial(send_now, refund.public_id, settings)
    assert back.at_once(database, work, work) == ["done", "done"]
    send_refund(refund.public_id, settings)
    assert back.refunds() == [("pending", 700)]
    assert [entry.amount_minor for entry in make.booked() if entry.reason == "refund"] == [700]


def test_two_messages_at_once_book_once(database: Database, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings, method="card")
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, back.charge_of(made), 400)
        disputes.open_dispute(session, make.MERCHANT, back.charge_of(made))
    work = partial(refreshed, made, settings)
    assert back.at_once(database, work, work, work) == ["done"] * 3
    sync_checkout(made.public_id, settings)
    reasons = [entry.reason for entry in make.booked()]
    assert (reasons.count("refund"), reasons.count("dispute_opened")) == (1, 1)
    assert back.balances()["clearing"] == back.provider_balance(settings)


def test_a_dispute_lost_and_won_on_appeal_gives_the_fund_its_money_back(database: Database, settings: Settings) -> None:
    make.raising()
    made = back.paid(settings, method="card")
    before = back.balances()
    with transaction() as session:
        dispute_id = disputes.open_dispute(session, make.MERCHANT, back.charge_of(made)).object_id
    refreshed(made, settings)
    for won in (False, True):
        with transaction() as session:
            if won:
                # The card network looks at it again; the sandbox has no call for that.
                row = session.scalars(select(SandboxObject).where(SandboxObject.object_id == dispute_id)).one()
                store.change(row, status="under_review")
            disputes.close_dispute(session, make.MERCHANT, dispute_id, won=won)
        refreshed(made, settings)
    sync_checkout(made.public_id, settings)
    after = back.balances()
    fee_minor = make.checkout(made.public_id).fee_minor or 0
    assert after.get("fund:yunxi") == before["fund:yunxi"] + fee_minor
    assert after.get("disputed", 0) == 0
    assert "reversal" in [entry.reason for entry in make.booked()]
    assert after["clearing"] == back.provider_balance(settings)
