"""The provider's money reaches the bank: booked against its lines, released to funds, turned round when it fails."""

import pytest
from flask.testing import FlaskClient

from donate import clock
from donate.db import transaction
from donate.giving.booking import move_towards
from donate.giving.models import CheckoutState, UnbookedMoney
from donate.giving.unexplained import clear_to_donations
from donate.ledger import checks
from donate.ledger.provider_checks import PROVIDER_CHECKS
from donate.payments.sandbox import disputes, payouts
from donate.sequencer import drain
from donate.settling.lines import home_of, meet_waiting
from donate.settling.settlements import book_waiting, keep_payout, take_payout
from tests.giving import factories as giving
from tests.settling import factories as make

pytestmark = pytest.mark.usefixtures("database")


def failing(database) -> list[str]:
    drain(database)
    with database.reading() as session:
        return [result.name for result in checks.run_checks(session, PROVIDER_CHECKS) if not result.is_ok]


@pytest.fixture
def settled(settings, client: FlaskClient):
    """15.00 to yunxi, paid out ten days later: 14.91 on its way to the bank, and its payout's id."""
    giving.raising()
    giving.noise()
    checkout = make.give(settings)
    with make.days_later(8):
        giving.deliver(client, settings)
        payout_id = make.pay_out()
        with make.days_later(3):
            yield checkout, payout_id


def test_a_payout_that_arrived_is_booked_from_clearing_to_the_bank(settled, settings):
    _, payout_id = settled
    take_payout(make.merchant(), payout_id, settings)
    assert giving.booked()[-1] == giving.Booked("settlement", None, "bank", "clearing", 1491)
    assert (make.balance_of("bank"), make.balance_of("clearing")) == (1491, 0)


def test_its_net_share_is_available_to_the_fund_and_the_checkout_is_settled(settled, settings):
    checkout, payout_id = settled
    assert make.available() == 0
    take_payout(make.merchant(), payout_id, settings)
    assert make.available() == 1491
    assert giving.checkout(checkout.public_id).state == CheckoutState.SETTLED


def test_hearing_of_it_again_changes_nothing(settled, settings, database):
    _, payout_id = settled
    for _ in range(3):
        take_payout(make.merchant(), payout_id, settings)
    assert [entry.reason for entry in giving.booked()].count("settlement") == 1
    assert make.available() == 1491
    assert failing(database) == []


def test_its_message_alone_is_enough(settled, settings, client):
    while giving.deliver(client, settings):
        pass
    assert make.settlement().state == "paid"
    assert make.available() == 1491


def test_one_on_its_way_is_not_in_the_bank_yet(settings, client):
    giving.raising()
    make.give(settings)
    with make.days_later(8):
        giving.deliver(client, settings)
        payout_id = make.pay_out()
        take_payout(make.merchant(), payout_id, settings)
        assert make.settlement().state == "pending"
        assert make.balance_of("bank") == 0
        assert make.available() == 0


def test_one_that_fails_after_it_was_paid_is_turned_round_and_taken_back(settled, settings, database):
    _, payout_id = settled
    take_payout(make.merchant(), payout_id, settings)
    with transaction() as session:
        payouts.fail_payout(session, make.MERCHANT, payout_id)
    make.run(settings)
    assert giving.booked()[-1] == giving.Booked("settlement_failed", None, "clearing", "bank", 1491)
    assert make.available() == 0
    assert failing(database) == []


def test_the_next_payout_brings_back_what_a_failed_one_took(settled, settings, database):
    _, payout_id = settled
    take_payout(make.merchant(), payout_id, settings)
    with transaction() as session:
        payouts.fail_payout(session, make.MERCHANT, payout_id)
    make.run(settings)
    make.pay_out()
    with make.days_later(3):
        assert make.kinds(make.run(settings)) == []
        assert make.available() == 1491
        assert make.balance_of("bank") == 1491
        assert failing(database) == []


def test_one_that_failed_before_it_was_ever_seen_paid_books_nothing(settled, settings, database):
    _, payout_id = settled
    with transaction() as session:
        payouts.fail_payout(session, make.MERCHANT, payout_id)
    assert make.kinds(make.run(settings)) == []
    assert "settlement" not in [entry.reason for entry in giving.booked()]
    assert make.balance_of("clearing") == 1491
    assert failing(database) == []


def test_lines_that_do_not_sum_to_the_amount_release_nothing_and_stand_as_a_difference(settings, client, database):
    giving.raising()
    make.give(settings)
    with make.days_later(1):
        giving.deliver(client, settings)
        make.run(settings)
        (line,) = make.lines()
        seen = make.line(line_id=line.line_id, kind=line.kind, source_id=line.source_id, amount_minor=1500, fee_minor=9)
        keep_payout(make.merchant(), make.payout(amount_minor=1400), [seen], settings)
        assert giving.booked()[-1].amount_minor == 1400
        assert make.available() == 0
        assert failing(database) == ["settlements_equal_their_lines"]
        assert "settlement_differs 1491 1400" in make.kinds(make.run(settings))


def test_one_that_was_asked_for_by_hand_is_booked_and_named_since_nobody_says_what_it_pays_out(settings, client):
    giving.raising()
    make.give(settings)
    giving.deliver(client, settings)
    keep_payout(make.merchant(), make.payout(amount_minor=700, is_automatic=False), [], settings)
    assert giving.booked()[-1] == giving.Booked("settlement", None, "bank", "clearing", 700)
    assert make.available() == 0
    assert "settlement_without_lines None 700" in make.kinds(make.run(settings))


def test_one_of_another_currency_is_kept_and_not_booked(settings):
    giving.raising()
    keep_payout(make.merchant(), make.payout(currency="USD"), [], settings)
    assert giving.booked() == []
    assert make.settlement().entry_id is None


def test_a_settlement_read_earlier_never_replaces_a_later_one(settings):
    giving.raising()
    keep_payout(make.merchant(), make.payout(status="paid"), [], settings)
    keep_payout(make.merchant(), make.payout(status="in_transit"), [], settings)
    assert make.settlement().state == "paid"


def test_its_day_is_the_day_on_which_it_arrived(settings):
    giving.raising()
    arrived = clock.now().date()
    keep_payout(make.merchant(), make.payout(arrives_on=arrived), [], settings)
    with transaction() as session:
        home = home_of(session, make.MERCHANT)
        (day,) = session.execute(giving.text("SELECT effective_on FROM entry")).scalars()
    assert day == min(arrived, clock.today(home.time_zone))


def paid_out(settings, *more) -> None:
    """A settlement of everything that the provider's lines say by now, and of `more`."""
    lines = [make.again(line) for line in make.lines() if line.kind != "payout"]
    with transaction() as session:
        make.store(session, *more)
    given = [*lines, *more]
    seen = make.payout(amount_minor=sum(line.net_minor for line in given))
    keep_payout(make.merchant(), seen, given, settings)


@pytest.fixture
def in_suspense(settings, client):
    """15.00 agreed on and 14.00 paid: in suspense, its fee known."""
    giving.raising()
    giving.noise()
    made = giving.opened(settings)
    with transaction() as session:
        move_towards(session.connection(), make.MERCHANT, giving.seen(made, amount_minor=1400, charge_id="ch_less"))
    with transaction() as session:
        make.store(
            session, make.line(line_id="txn_less", kind="payment", source_id="ch_less", amount_minor=1400, fee_minor=8)
        )
    meet_waiting(make.merchant(), settings)
    return made


def clear() -> None:
    with transaction() as session:
        money = session.scalars(giving.select(UnbookedMoney.id)).one()
        clear_to_donations(session, money, by=1, note="the donor agrees")


def test_what_was_cleared_before_its_settlement_is_available_with_it(in_suspense, settings, database):
    clear()
    paid_out(settings)
    assert make.available() == 1392
    assert make.share_codes() == {"fund:yunxi": 1392}
    assert "settlement_shares_are_whole" not in make.failing(database)


def test_what_is_cleared_after_its_settlement_is_available_then_and_once(in_suspense, settings, database):
    paid_out(settings)
    assert make.available() == 0
    assert make.share_codes() == {"suspense": 1392}
    clear()
    for _ in range(2):
        with transaction() as session:
            book_waiting(session, home_of(session, make.MERCHANT))
        assert make.available() == 1392
    assert not {"releases_are_covered", "stock_equals_ledger"} & set(make.failing(database))


def test_a_second_fee_of_a_dispute_counts_once(settings, database):
    giving.raising()
    giving.noise()
    make.give(settings)
    with make.days_later(1):
        make.run(settings)
        charge = make.lines()[0].source_id or ""
        with transaction() as session:
            dispute = disputes.open_dispute(session, make.MERCHANT, charge).object_id
        make.run(settings)
        fee = make.lines()[-1].fee_minor
        second = make.line(line_id="txn_appeal", kind="adjustment", source_id=dispute, amount_minor=0, fee_minor=fee)
        paid_out(settings, second)
        assert fee > 0
        assert make.share_codes() == {"fund:yunxi": -9, "general": -2 * fee}
        assert "settlement_shares_are_whole" not in make.failing(database)
