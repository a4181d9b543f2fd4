"""One reconcile brings everything home: after an endpoint that was off for days, after a crash, after a surprise."""

from datetime import timedelta
from random import Random

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from donate import clock
from donate.db import Role, transaction
from donate.giving.models import CheckoutState
from donate.ledger import checks
from donate.ledger.provider_checks import PROVIDER_CHECKS
from donate.payments.merchants import gateway_for
from donate.payments.models import ProviderEvent, SandboxObject
from donate.payments.sandbox import disputes, refunds
from donate.sequencer import drain
from donate.settling import pulling
from donate.settling.lines import home_of, meet_waiting, store_lines
from donate.settling.models import Met
from donate.settling.run_models import ReconcileDifference, ReconcileRun
from tests.giving import factories as giving
from tests.settling import factories as make

pytestmark = pytest.mark.usefixtures("database")

COUNT = 80  # payments in the two days; ten thousand of them are timed in tests/bench


def provider_total(settings) -> int:
    return sum(seen.total_minor for seen in gateway_for(make.merchant(), settings).balance())


def charges() -> list[str]:
    with transaction() as session:
        query = select(SandboxObject.object_id).filter_by(kind="charge", merchant=make.MERCHANT)
        return list(session.scalars(query.order_by(SandboxObject.number)))


def failing(database) -> list[str]:
    drain(database)
    with database.reading() as session:
        return [result.name for result in checks.run_checks(session, PROVIDER_CHECKS) if not result.is_ok]


def pay(settings, random: Random) -> None:
    make.give(settings, ("yunxi", random.randint(200, 5000)))


def pay_or_return(settings, random: Random) -> None:
    """One thing that happens at the provider while nobody listens: a payment, a refund there, a dispute."""
    drawn, known = random.random(), charges()
    if drawn < 0.6 or not known:
        pay(settings, random)
        return
    try:
        with transaction() as session:
            if drawn < 0.95:  # more disputes would take more than came, and nothing would be settled
                refunds.refund_in_dashboard(session, make.MERCHANT, random.choice(known), 100)
            else:
                disputes.open_dispute(session, make.MERCHANT, random.choice(known))
    except make.Fault:
        pass  # disputed or refunded before: the provider refuses, and nothing happens


@pytest.mark.parametrize("happen", [pay, pay_or_return])
def test_one_run_recovers_from_an_endpoint_that_was_off_for_two_days(settings, database, happen):
    giving.raising()
    giving.noise()
    random = Random(7)
    begin = clock.now()
    for number in range(COUNT):
        with clock.frozen_at(begin + number * timedelta(days=2) / COUNT):
            make.pass_time()
            happen(settings, random)
    with clock.frozen_at(begin + timedelta(days=2, hours=1)):
        make.pass_time()
        report = make.run(settings)
        assert make.kinds(report) == []
        assert report.event_count > COUNT
        assert make.balance_of("clearing") == provider_total(settings)
        assert failing(database) == []
        assert make.run(settings).event_count == 0
    for day in range(3, 14):
        with clock.frozen_at(begin + timedelta(days=day)):
            make.pass_time()
    with clock.frozen_at(begin + timedelta(days=14)):
        make.pass_time()
        assert make.kinds(make.run(settings)) == []
        assert make.balance_of("bank") > 0
        assert failing(database) == []


def test_what_was_fetched_is_marked_as_fetched(settings, client: FlaskClient):
    giving.raising()
    make.give(settings)
    giving.deliver(client, settings)
    make.give(settings)
    make.run(settings)
    with transaction() as session:
        pulled = session.scalars(select(ProviderEvent.was_pulled).order_by(ProviderEvent.id)).all()
    assert [pulled.count(False) > 0, pulled[-1]] == [True, True]


def test_a_run_that_broke_off_goes_on_where_it_was(settings, monkeypatch):
    giving.raising()
    for _ in range(4):
        make.give(settings)
    monkeypatch.setattr(pulling, "BLOCK", 2)
    reads = iter(range(100))
    original = pulling.inbox.pull

    def die_at_the_third(*arguments):
        if next(reads) == 3:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(pulling.inbox, "pull", die_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        make.run(settings)
    with transaction() as session:
        assert session.scalars(select(ReconcileRun.finished_at)).all() == [None]
    assert make.kinds(make.run(settings)) == []
    assert make.balance_of("clearing") == provider_total(settings)


def test_a_fee_whose_message_was_lost_is_booked_from_its_line(settings):
    giving.raising()
    paid = make.give(settings)
    with transaction() as session:
        home = home_of(session, make.MERCHANT)
        store_lines(session, home, list(gateway_for(make.merchant(), settings).balance_lines_since(paid.created_at)))
    meet_waiting(make.merchant(), settings)
    assert giving.booked() == [giving.DONATION, giving.FEE]
    assert [line.met for line in make.lines()] == [Met.CHARGE]


def test_a_fee_of_the_provider_that_belongs_to_nothing_goes_to_suspense_and_stands(settings, database):
    giving.raising()
    with transaction() as session:
        home = home_of(session, make.MERCHANT)
        store_lines(session, home, [make.line(), make.line(line_id="txn_2", kind="adjustment", amount_minor=70)])
    meet_waiting(make.merchant(), settings)
    assert giving.booked() == [
        giving.Booked("provider_adjustment", None, "suspense", "clearing", 500),
        giving.Booked("provider_adjustment", None, "clearing", "suspense", 70),
    ]
    assert failing(database) == ["nothing_of_the_provider_is_unexplained"]


def test_money_of_another_currency_is_in_no_entry(settings):
    giving.raising()
    with transaction() as session:
        store_lines(session, home_of(session, make.MERCHANT), [make.line(currency="USD")])
    meet_waiting(make.merchant(), settings)
    assert giving.booked() == []
    assert [line.met for line in make.lines()] == [Met.UNBOOKED]


def test_a_charge_that_may_still_be_ours_waits_before_it_is_called_unknown(settings):
    giving.raising()
    with transaction() as session:
        lost = make.line(kind="refund", source_id="re_1", amount_minor=-100)
        store_lines(session, home_of(session, make.MERCHANT), [lost])
    meet_waiting(make.merchant(), settings)
    assert giving.booked() == []
    with clock.frozen_at(clock.now() + timedelta(hours=2)):
        meet_waiting(make.merchant(), settings)
        assert giving.booked() == []  # its message may still wait at the provider: a run fetches it first
        meet_waiting(make.merchant(), settings, has_messages=True)
    assert giving.booked() == [giving.Booked("provider_adjustment", None, "suspense", "clearing", 100)]


def test_a_line_whose_owner_came_late_is_named_and_put_right_only_when_asked(settings, database):
    giving.raising()
    make.give(settings)
    with transaction() as session:
        home = home_of(session, make.MERCHANT)
        charge = charges()[0]
        store_lines(session, home, [make.line(line_id="txn_late", kind="charge", source_id="ch_x", amount_minor=700)])
        session.execute(text("UPDATE provider_line SET met = NULL"))
    with clock.frozen_at(clock.now() + timedelta(hours=2)):
        make.run(settings)
        with transaction() as session:
            session.execute(text("UPDATE checkout SET charge_id = 'ch_x' WHERE charge_id = :known"), {"known": charge})
        assert "line_known_now None 700" in make.kinds(make.run(settings))
        before = len(giving.booked())
        make.run(settings, repair=True)
        assert giving.booked()[before:] == [giving.Booked("reversal", None, "suspense", "clearing", 700)]
        assert "line_known_now None 700" not in make.kinds(make.run(settings))


def test_every_difference_is_a_row_of_a_published_run(settings):
    giving.raising()
    with transaction() as session:
        long_ago = clock.now() - timedelta(hours=1)
        store_lines(session, home_of(session, make.MERCHANT), [make.line(created_at=long_ago)])
    report = make.run(settings)
    with transaction() as session:
        rows = session.scalars(select(ReconcileDifference.kind).filter_by(run_id=report.run_id)).all()
        run = session.get_one(ReconcileRun, report.run_id)
    assert sorted(rows) == ["balance_differs", "line_unexplained"]
    assert (run.difference_count, run.finished_at is not None) == (2, True)


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ("UPDATE provider_snapshot SET total_minor = total_minor + 1", "provider_lines_sum_to_its_balance"),
        (
            "UPDATE provider_line SET net_minor = net_minor + 1, amount_minor = amount_minor + 1",
            "clearing_equals_the_provider",
        ),
        ("UPDATE settlement SET amount_minor = amount_minor + 1", "settlements_equal_their_lines"),
        ("UPDATE settlement_share SET due_minor = due_minor + 1", "settlement_shares_are_whole"),
    ],
)
def test_a_planted_fault_is_found(settings, database, fault, name):
    giving.raising()
    paid = make.give(settings)
    with make.days_later(8):
        make.pay_out()
        make.run(settings)
        with make.days_later(3):
            make.run(settings)
            assert failing(database) == []
            assert giving.checkout(paid.public_id).state == CheckoutState.SETTLED
            with database.transaction(Role.OWNER) as session:
                session.execute(text("SET LOCAL session_replication_role = replica"))
                session.execute(text(fault))
            assert name in failing(database)
