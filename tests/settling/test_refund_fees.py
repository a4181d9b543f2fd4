"""What the provider takes for sending money back: on the refund's own line, borne by the general fund, once."""

import pytest

from donate import clock
from donate.db import Role, transaction
from donate.giving.refund_sync import refresh_charge
from donate.payments.sandbox import refunds as sandbox
from donate.settings import Settings
from donate.settling import owners
from donate.settling.lines import GRACE
from tests.giving import back
from tests.giving import factories as giving
from tests.giving.test_fees import fill_cover
from tests.settling import factories as make

pytestmark = pytest.mark.usefixtures("database")


def refund(settings: Settings, fee: int) -> str:
    """15.00 by card of which 4.00 are sent back in the dashboard, for a fee; the charge."""
    giving.raising()
    giving.noise()
    made = make.give(settings, method="card")
    make.run(settings)
    charge = back.charge_of(made)
    with transaction() as session:
        sandbox.refund_in_dashboard(session, make.MERCHANT, charge, 400, fee_minor=fee)
    return charge


@pytest.mark.parametrize("fee", [25, -11])
def test_the_general_fund_bears_it_or_gets_it_and_nothing_differs(settings, database, fee):
    refund(settings, fee)
    fill_cover(giving.only_checkout().book_id, 1000)
    with make.days_later(1):
        assert make.kinds(make.run(settings)) == []
        assert make.kinds(make.run(settings)) == []
    found = back.balances()
    assert (found["general"], found["fund:yunxi"]) == (fee, -(1500 - 74 - 400))
    assert found["clearing"] == back.provider_balance(settings)
    assert make.failing(database) == []


def test_a_settlement_with_it_is_the_sum_of_its_shares(settings, database):
    refund(settings, 25)
    with make.days_later(9):
        make.pay_out()
        with make.days_later(3):
            assert make.kinds(make.run(settings)) == []
    assert make.share_codes() == {"fund:yunxi": 1500 - 74 - 400, "general": -25}
    assert make.failing(database) == []


def test_a_line_that_left_suspense_for_its_refund_brings_its_fee_along(settings, database, monkeypatch):
    charge = refund(settings, 25)
    with make.days_later(1):
        with monkeypatch.context() as late:
            # Its message is late, so that nothing of ours names it, and after an hour it is taken for nobody's.
            late.setattr("donate.giving.refund_sync.refresh_charge", lambda *_: False)
            late.setattr("donate.giving.refund_sync.take_charge_back_event", lambda *_, **__: None)
            late.setattr(owners, "known", lambda *_: {})
            with clock.frozen_at(clock.now() + GRACE):
                assert "line_unexplained None -425" in make.kinds(make.run(settings))
        refresh_charge(make.merchant(), charge, settings)
        make.run(settings, repair=True)
        assert make.kinds(make.run(settings)) == []
    assert back.balances()["general"] == 25
    assert make.failing(database) == []


def test_one_that_is_not_booked_is_found_by_its_check(settings, database):
    refund(settings, 25)
    with make.days_later(1):
        make.run(settings)
    with transaction(Role.OWNER) as session:
        session.execute(giving.text("SET LOCAL session_replication_role = replica"))
        session.execute(giving.text("UPDATE entry SET idempotency_key = 'x' WHERE idempotency_key LIKE 'refund-fee:%'"))
    assert "refund_fees_are_booked" in make.failing(database)
