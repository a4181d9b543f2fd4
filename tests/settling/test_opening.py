"""A merchant account that was in use before it was connected: what it held is one opening entry, once."""

from datetime import timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from donate import clock
from donate.cli.reconciling import reconcile
from donate.db import Role, transaction
from donate.payments.sandbox import movements
from donate.settling.models import Met
from donate.settling.opening import OpenedAlready, TooLateToOpen, open_with_balance
from tests.giving import factories as giving
from tests.settling import factories as make


def before(amount: int, *, fee: int = 0, kind: str = "charge", days: float = 40) -> None:
    """Something that moved the provider's balance some days before the account was connected; it pays it out later."""
    available = clock.now() + timedelta(days=7)
    with clock.frozen_at(clock.now() - timedelta(days=days)), transaction() as session:
        movements.move(
            session,
            make.MERCHANT,
            kind=kind,
            amount=amount,
            fee=fee,
            currency="cny",
            source=f"ch_old_{amount}",
            now=clock.now(),
            available=available,
        )


@pytest.fixture(autouse=True)
def _held(database):
    """100.00 less 3.20 came in, and 20.00 went out, long ago; 7.00 came the day before."""
    giving.raising()
    giving.noise()
    before(10_000, fee=320)
    before(-2_000, kind="adjustment", days=30)
    before(700, days=1)


OPENING = giving.Booked("opening", None, "clearing", "opening", 8380)


def test_without_it_the_balances_differ(settings):
    assert "balance_differs 700 8380" in make.kinds(make.run(settings))


def test_what_the_account_held_is_one_entry_and_nothing_differs_afterwards(settings, database):
    assert open_with_balance(settings, make.MERCHANT) == 8380
    assert giving.booked() == [OPENING]
    assert make.kinds(make.run(settings)) == []
    assert {line.met for line in make.lines()} == {Met.OPENING}
    assert make.failing(database) == []


def test_what_a_run_put_in_suspense_before_is_taken_out_of_it(settings, database):
    make.run(settings)
    assert make.balance_of("suspense") == -700  # it reads three days back
    open_with_balance(settings, make.MERCHANT)
    assert make.kinds(make.run(settings)) == []
    assert make.balance_of("suspense") == 0
    assert make.failing(database) == []


def test_it_is_refused_a_second_time(settings):
    open_with_balance(settings, make.MERCHANT)
    with pytest.raises(OpenedAlready):
        open_with_balance(settings, make.MERCHANT)
    assert giving.booked() == [OPENING]


def test_it_is_refused_once_a_donation_was_settled(settings, database):
    make.sent_to_bank(settings)
    with pytest.raises(TooLateToOpen):
        open_with_balance(settings, make.MERCHANT)


def test_donations_of_later_are_none_of_it(settings, database):
    make.give(settings)
    with make.days_later(1):
        assert open_with_balance(settings, make.MERCHANT) == 8380
        assert make.kinds(make.run(settings)) == []
        assert make.balance_of("clearing") == 8380 + 1491
        assert make.failing(database) == []


def test_a_settlement_that_pays_it_out_brings_it_to_the_opening_balance_and_to_no_campaign(settings, database):
    make.give(settings)
    open_with_balance(settings, make.MERCHANT)
    with make.days_later(8):
        make.run(settings)
        make.pay_out()
        with make.days_later(3):
            assert make.kinds(make.run(settings)) == []
            assert make.share_codes() == {"fund:yunxi": 1491, "opening": 8380}
            assert make.available() == 1491
            assert make.failing(database) == []


def test_a_planted_fault_is_found(settings, database):
    open_with_balance(settings, make.MERCHANT)
    make.run(settings)
    assert make.failing(database) == []
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE provider_line SET net_minor = net_minor + 1, amount_minor = amount_minor + 1"))
    assert "clearing_equals_the_provider" in make.failing(database)


def test_the_command_opens_one_account_that_is_named():
    answer = CliRunner().invoke(reconcile, ["--open-with-balance"], obj=None)
    assert answer.exit_code == 2
