"""Standing promises: months booked once in any order, refused, stopped, ended with their campaign."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_tests
from hypothesis import strategies as st
from sqlalchemy import select, text

from donate import clock
from donate.db import Database, Role, transaction
from donate.giving.models import Checkout, UnbookedMoney
from donate.giving.recurring import take_seen
from donate.giving.recurring_closing import stop_closed
from donate.giving.recurring_models import Recurring, RecurringMonth, StopReason
from donate.giving.recurring_sync import stop_recurring, sync_due
from donate.giving.rhythm import Rhythm
from donate.giving.sync import sync_stale
from donate.payments.gateway import ProviderUnavailable
from donate.payments.merchants import gateway_for
from donate.payments.models import SandboxDelivery
from donate.payments.sandbox import billing, outcomes, ripening, store
from donate.settings import Settings
from donate.settling.messages import handle_waiting
from tests.giving import factories as make
from tests.giving.test_webhooks import post
from tests.payments import factories as payments

MONTH = make.Booked("donation", "yunxi", "clearing", "fund:yunxi", 1500)
FEE = make.Booked("processing_fee", "yunxi", "fund:yunxi", "clearing", 74)


def promised(settings: Settings, **changes: Any) -> Recurring:
    """A promise whose first month its donor has paid, and of which we have heard nothing yet."""
    make.raising()
    make.noise()
    make.paid_in_sandbox(settings, method="card", rhythm=Rhythm(is_monthly=True), **changes)
    return only()


def only() -> Recurring:
    with transaction() as session:
        return session.scalars(select(Recurring)).one()


def subscription_of(settings: Settings) -> str:
    [found] = payments.sdk(settings).v1.subscriptions.list({"status": "all"}).data
    return found.id


def months() -> int:
    with transaction() as session:
        return len(session.scalars(select(RecurringMonth)).all())


def pass_months(settings: Settings, count: int = 1) -> None:
    with transaction() as session:
        for _ in range(count):
            billing.pass_month(session, make.MERCHANT, subscription_of(settings))


def let_fees_come() -> None:
    with transaction() as session:
        ripening.ripen(session, clock.now() + timedelta(seconds=30))


def deliver_all(client: FlaskClient, settings: Settings) -> None:
    """Messages and the fees that follow them, until nothing is due."""
    make.deliver(client, settings)
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        make.deliver(client, settings)


def test_the_first_month_is_the_checkout_of_the_form(client: FlaskClient, settings: Settings) -> None:
    promised(settings)
    deliver_all(client, settings)
    assert sorted(make.booked(), key=str) == [MONTH, FEE]
    recurring, checkout = only(), make.only_checkout()
    assert (recurring.state, recurring.recurring_id) == ("active", subscription_of(settings))
    assert (recurring.checkout_id, checkout.state, checkout.fee_minor) == (checkout.id, "paid", 74)
    assert months() == 1


def test_each_later_month_is_a_donation_of_its_own(client: FlaskClient, settings: Settings) -> None:
    promised(settings, name="Li Wei", name_is_public=True, words="hot")
    deliver_all(client, settings)
    pass_months(settings, 2)
    deliver_all(client, settings)
    assert sorted(make.booked(), key=str) == [MONTH] * 3 + [FEE] * 3
    with transaction() as session:
        checkouts = session.scalars(select(Checkout).order_by(Checkout.id)).all()
        assert [(each.session_id is None, each.method, each.amount_minor) for each in checkouts] == [
            (False, "card", 1500),
            (True, "card", 1500),
            (True, "card", 1500),
        ]
        named = session.execute(
            text(
                "SELECT name, message, name_is_public FROM donation JOIN donation_private ON donation_id = id ORDER BY id"
            )
        ).all()
    assert [tuple(row) for row in named] == [("Li Wei", "hot", True), ("Li Wei", None, True), ("Li Wei", None, True)]


def test_a_name_that_was_taken_back_is_not_taken_up_again(client: FlaskClient, settings: Settings) -> None:
    promised(settings, name="Li Wei", name_is_public=True)
    deliver_all(client, settings)
    with transaction() as session:
        session.execute(text("UPDATE donation SET name_is_public = false"))
    pass_months(settings)
    deliver_all(client, settings)
    with transaction() as session:
        assert list(session.scalars(text("SELECT name_is_public FROM donation ORDER BY id"))) == [False, False]


ORDERS = st.permutations(range(9)).flatmap(
    lambda order: st.tuples(st.just(order), st.sets(st.integers(0, 8)), st.sets(st.integers(0, 8)))
)


@settings_of_tests(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=ORDERS)
def test_messages_in_any_order_end_in_the_same_books(
    client: FlaskClient, settings: Settings, drawn: tuple[list[int], set[int], set[int]]
) -> None:
    """All that three months send in any order, some of it twice, some of it never: then the pull twins are asked."""
    _any_order(client, settings, *drawn)


@pytest.mark.long
@settings_of_tests(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=ORDERS)
def test_messages_in_many_orders_end_in_the_same_books(
    client: FlaskClient, settings: Settings, drawn: tuple[list[int], set[int], set[int]]
) -> None:
    _any_order(client, settings, *drawn)


def _any_order(client: FlaskClient, settings: Settings, order: list[int], twice: set[int], lost: set[int]) -> None:
    """One more campaign with a promise of its own; its three months in this order of messages."""
    campaign = _another_campaign()
    made = make.paid_in_sandbox(settings, (campaign, 1500), method="card", rhythm=Rhythm(is_monthly=True))
    with transaction() as session:
        our_id = session.scalars(select(Recurring.public_id).filter_by(checkout_id=made.id)).one()
    [subscription] = [
        each.id
        for each in payments.sdk(settings).v1.subscriptions.list({"status": "all"}).data
        if each.metadata.to_dict()["recurring"] == str(our_id)
    ]
    let_fees_come()
    with transaction() as session:
        for _ in range(2):
            billing.pass_month(session, make.MERCHANT, subscription)
    let_fees_come()
    bodies = _take_from_the_post()
    assert len(bodies) == 9
    for index in order:
        for _ in range(0 if index in lost else 2 if index in twice else 1):
            post(client, settings, bodies[index])
    _ask_about_everything(settings, our_id)
    expected = [(1500, "donation")] * 3 + [(74, "processing_fee")] * 3
    assert sorted(_booked_for(campaign), reverse=True) == expected
    with transaction() as session:
        recurring = session.scalars(select(Recurring).filter_by(public_id=our_id)).one()
        booked = session.scalars(select(RecurringMonth).filter_by(recurring_id=recurring.id)).all()
    assert (recurring.state, recurring.recurring_id, len(booked)) == ("active", subscription, 3)
    assert _clearing() == _held(settings)


def _another_campaign() -> str:
    with transaction() as session:
        count: int = session.execute(text("SELECT count(*) FROM campaign WHERE ref LIKE 'order-%'")).scalar_one()
    ref = f"order-{count}"
    if count == 0:
        make.noise()
    return make.raising(ref, beside="order-0" if count else None)


def _take_from_the_post() -> list[bytes]:
    """The messages that wait, which from now on nobody else brings."""
    with transaction() as session:
        rows = session.scalars(
            select(SandboxDelivery).where(SandboxDelivery.delivered_at.is_(None)).order_by(SandboxDelivery.id)
        ).all()
        for row in rows:
            row.delivered_at = clock.now()
        return [row.body.encode() for row in rows]


# One promise only: those of the orders before would fill the job's turn, which takes fifty.
_DUE_NOW = text("UPDATE recurring SET next_sync_at = now() WHERE next_sync_at IS NOT NULL AND public_id = :id")


def _ask_about_everything(settings: Settings, our_id: UUID) -> None:
    """What the jobs do as time goes by: messages that failed, checkouts and promises that nobody spoke of."""
    for minutes in (5, 30):
        with transaction() as session:
            session.execute(_DUE_NOW, {"id": our_id})
        with clock.frozen_at(clock.now() + timedelta(minutes=minutes)):
            handle_waiting(settings)
            sync_stale(settings)
            sync_due(settings)
            sync_stale(settings)


def _booked_for(campaign: str) -> list[tuple[int, str]]:
    return [(entry.amount_minor, entry.reason) for entry in make.booked() if entry.campaign == campaign]


def _clearing() -> int:
    entries = make.booked()
    return sum(each.amount_minor for each in entries if each.debit == "clearing") - sum(
        each.amount_minor for each in entries if each.credit == "clearing"
    )


def _held(settings: Settings) -> int:
    balance = payments.sdk(settings).v1.balance.retrieve()
    return sum(part.amount for part in balance.available) + sum(part.amount for part in balance.pending)


def test_a_month_of_another_amount_waits_in_suspense(client: FlaskClient, settings: Settings) -> None:
    promised(settings)
    deliver_all(client, settings)
    with transaction() as session:
        row = store.find(session, make.MERCHANT, "subscription", subscription_of(settings), lock=True)
        assert row is not None
        item = row.body["items"]["data"][0]
        price = {**item["price"], "unit_amount": 1400}
        row.body = {**row.body, "items": {**row.body["items"], "data": [{**item, "price": price}]}}
    pass_months(settings)
    deliver_all(client, settings)
    assert [(entry.credit, entry.amount_minor) for entry in make.booked() if entry.credit == "suspense"] == [
        ("suspense", 1400)
    ]
    with transaction() as session:
        assert session.scalars(select(UnbookedMoney.amount_minor)).all() == [1400]
    assert months() == 2


def test_a_refused_card_is_past_due_until_it_pays(client: FlaskClient, settings: Settings) -> None:
    recurring = promised(settings)
    deliver_all(client, settings)
    with transaction() as session:
        billing.let_card_fail(session, make.MERCHANT, subscription_of(settings))
    pass_months(settings)
    deliver_all(client, settings)
    assert (only().state, only().next_attempt_at is None, months()) == ("past_due", False, 1)
    page = client.get(f"/en/monthly/{recurring.secret}").text
    assert "Your bank refused the charge of ¥15.00" in page
    assert "Tried again on" in page
    with transaction() as session:
        billing.let_card_fail(session, make.MERCHANT, subscription_of(settings), fails=False)
    with clock.frozen_at(clock.now() + timedelta(days=3, minutes=1)):
        deliver_all(client, settings)
    assert (only().state, only().next_attempt_at, months()) == ("active", None, 2)


def test_after_the_last_refusal_it_has_ended(client: FlaskClient, settings: Settings) -> None:
    recurring = promised(settings)
    deliver_all(client, settings)
    with transaction() as session:
        billing.let_card_fail(session, make.MERCHANT, subscription_of(settings))
    pass_months(settings)
    for days in (4, 10, 20):
        with clock.frozen_at(clock.now() + timedelta(days=days)):
            deliver_all(client, settings)
    assert (only().state, only().stop_reason, only().next_sync_at, months()) == ("ended", "payment", None, 1)
    assert "The bank refused the charge several times" in client.get(f"/en/monthly/{recurring.secret}").text


def test_what_is_ended_at_the_provider_has_ended_here(client: FlaskClient, settings: Settings) -> None:
    promised(settings)
    deliver_all(client, settings)
    payments.sdk(settings).v1.subscriptions.cancel(subscription_of(settings))
    deliver_all(client, settings)
    assert (only().state, only().stop_reason) == ("ended", "provider")


def test_an_answer_older_than_the_one_we_have_changes_nothing(client: FlaskClient, settings: Settings) -> None:
    promised(settings)
    deliver_all(client, settings)
    asked_at = clock.now() - timedelta(minutes=5)
    gateway = gateway_for(payments.merchant(make.MERCHANT), settings)
    seen = replace(gateway.read_recurring(subscription_of(settings)), status="past_due")
    with transaction() as session:
        take_seen(session, only().public_id, seen, asked_at)
    assert only().state == "active"


def test_nothing_heard_at_all_is_found_by_the_job(client: FlaskClient, settings: Settings) -> None:
    promised(settings)
    let_fees_come()
    _take_from_the_post()
    _ask_about_everything(settings, only().public_id)
    assert sorted(make.booked(), key=str) == [MONTH, FEE]
    assert (only().state, months()) == ("active", 1)


def test_one_that_nobody_paid_is_not_asked_about_for_ever(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    make.opened(settings, method="card", rhythm=Rhythm(is_monthly=True))
    with clock.frozen_at(clock.now() + timedelta(hours=2)):
        deliver_all(client, settings)
        sync_due(settings)
    assert (only().state, only().next_sync_at, make.only_checkout().state) == ("pending", None, "expired")


def test_a_stop_is_carried_out_though_the_provider_did_not_answer(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    recurring = promised(settings)
    deliver_all(client, settings)
    with monkeypatch.context() as patched:
        patched.setattr("donate.payments.stripe.StripeGateway.cancel_recurring", _unreachable)
        answer = client.post(f"/en/monthly/{recurring.secret}", headers={"Sec-Fetch-Site": "same-origin"})
        assert answer.status_code == 303
    assert only().state == "active"
    assert "Your wish to stop is written down" in client.get(f"/en/monthly/{recurring.secret}").text
    with clock.frozen_at(clock.now() + timedelta(minutes=3)):
        assert sync_due(settings) == 1
    assert (only().state, only().stop_reason) == ("ended", "donor")


def _unreachable(*_: object) -> None:
    raise ProviderUnavailable


def test_stopping_before_the_first_payment_is_known_ends_it_once_it_is(client: FlaskClient, settings: Settings) -> None:
    promised(settings)
    with transaction() as session:
        session.execute(text("UPDATE checkout SET session_id = NULL"))  # our answer was lost on the way
    stop_recurring(only().public_id, StopReason.DONOR, settings)
    deliver_all(client, settings)
    with clock.frozen_at(clock.now() + timedelta(minutes=5)):
        handle_waiting(settings)
        sync_due(settings)
    assert (only().state, only().stop_reason, months()) == ("ended", "donor", 1)
    assert MONTH in make.booked()


@pytest.mark.parametrize(
    ("change", "days", "is_stopped"),
    [
        ("UPDATE campaign SET state = 'executing'", 0, True),
        ("UPDATE campaign SET state = 'suspended'", 0, False),
        ("UPDATE campaign SET state = 'suspended'", 29, True),
        ("UPDATE licence SET valid_to_on = current_date - 1", 0, False),
        ("UPDATE licence SET valid_to_on = current_date + 28", 27, True),
        ("UPDATE campaign SET ends_on = current_date + 28", 27, True),
        ("SELECT 1", 29, False),
    ],
)
def test_promises_to_closed_campaigns_are_ended_before_the_next_charge(
    client: FlaskClient, database: Database, settings: Settings, change: str, days: int, is_stopped: bool
) -> None:
    recurring = promised(settings)
    deliver_all(client, settings)
    with database.engine(Role.OWNER).begin() as connection:
        connection.execute(text(change))
    with clock.frozen_at(clock.now() + timedelta(days=days)):
        assert stop_closed(settings) == int(is_stopped)
        page = client.get(f"/en/monthly/{recurring.secret}").text
    assert (only().state, only().stop_reason) == (("ended", "campaign") if is_stopped else ("active", None))
    assert ("we stopped it before the next charge" in page) == is_stopped


def test_money_that_still_arrives_for_a_closed_campaign_is_booked(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    promised(settings)
    deliver_all(client, settings)
    pass_months(settings)
    with database.engine(Role.OWNER).begin() as connection:
        connection.execute(text("UPDATE campaign SET state = 'closed'"))
    deliver_all(client, settings)
    assert make.booked().count(MONTH) == 2


def test_messages_about_subscriptions_of_others_are_left_alone(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    sdk = payments.sdk(settings, payments.merchant(make.MERCHANT))
    line = payments.sdk_params()["line_items"][0]
    line["price_data"]["recurring"] = {"interval": "month"}
    other = sdk.v1.checkout.sessions.create(payments.sdk_params(mode="subscription", line_items=[line]))
    with transaction() as session:
        outcomes.pay(session, make.MERCHANT, other.id, "card")
    pass_months(settings)
    deliver_all(client, settings)
    assert months() == 0
    with transaction() as session:
        assert set(session.scalars(text("SELECT outcome FROM provider_event WHERE kind LIKE 'invoice%'"))) == {
            "handled"
        }
