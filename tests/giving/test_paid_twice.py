"""A checkout whose donor paid on two pages: one payment is the donation, the other is unexplained money with a fee."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from donate import clock
from donate.db import bare_transaction, transaction
from donate.giving.booking import move_towards
from donate.giving.models import Checkout, UnbookedMoney
from donate.giving.sync import sync_checkout
from donate.ledger.checks import run_checks
from donate.ledger.provider_checks import PROVIDER_CHECKS
from donate.payments.gateway import ProviderCheckout
from donate.payments.sandbox import billing, outcomes, refunds
from donate.payments.stripe import StripeGateway
from donate.settings import Settings
from donate.settling.models import ProviderLine
from donate.settling.reconcile import reconcile
from tests.giving import back
from tests.giving import factories as make
from tests.payments import factories as payments
from tests.settling import factories as settling


def pay_another_page(settings: Settings, reference: str | None) -> str:
    """A page of 15.00 that no row of ours knows, paid by card; with the reference of a checkout, or without any."""
    metadata = {} if reference is None else {"checkout": reference}
    params = payments.sdk_params(
        client_reference_id=reference, metadata=metadata, payment_intent_data={"metadata": metadata}
    )
    opened = payments.sdk(settings).v1.checkout.sessions.create(params)
    with transaction() as session:
        outcomes.pay(session, make.MERCHANT, opened.id, "card")
    return opened.id


def failed_messages() -> list[tuple[str, str]]:
    with transaction() as session:
        return [
            (str(kind), str(error))
            for kind, error in session.execute(
                text("SELECT kind, last_error FROM provider_event WHERE outcome NOT IN ('handled', 'ignored')")
            )
        ]


def deliver_all(client: FlaskClient, settings: Settings) -> None:
    make.deliver(client, settings)
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        make.deliver(client, settings)


@pytest.fixture
def made(settings: Settings, database: object) -> Checkout:
    make.raising()
    make.noise()
    return make.paid_in_sandbox(settings)


def test_each_payment_has_its_own_fee_and_no_message_fails_for_ever(
    client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    pay_another_page(settings, str(made.public_id))
    deliver_all(client, settings)
    assert failed_messages() == []
    assert make.checkout(made.public_id).fee_minor == 9
    with transaction() as session:
        assert session.scalars(select(UnbookedMoney.fee_minor)).all() == [74]


def test_the_fee_of_the_second_payment_is_never_taken_for_that_of_the_first(
    client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    with clock.frozen_at(clock.now() - make.FEE_KNOWN):
        pay_another_page(settings, str(made.public_id))  # its fee is told first
    deliver_all(client, settings)
    assert failed_messages() == []
    assert back.balances().get("clearing", 0) == back.provider_balance(settings)
    row = make.checkout(made.public_id)
    assert row.charge_id == back.charge_of_page(row.session_id or "")


@pytest.mark.parametrize("has_been_told", [True, False])
def test_two_balance_lines_never_belong_to_one_checkout(
    has_been_told: bool, client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    pay_another_page(settings, str(made.public_id))
    if has_been_told:
        deliver_all(client, settings)
    with settling.days_later(1):
        report = reconcile(settings)
        assert settling.kinds(report) == []
        assert settling.balance_of("clearing") == back.provider_balance(settings)
    with transaction() as session:
        lines = session.scalars(select(ProviderLine.checkout_id).order_by(ProviderLine.checkout_id)).all()
    assert lines == [made.id, None]


@pytest.mark.parametrize("reference", [None, "7a4f0f3e-6a0a-4bb5-9a4e-3f5f8f3f7c11"])
def test_a_page_that_is_none_of_ours_is_booked_against_suspense_once(
    reference: str | None, client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    pay_another_page(settings, reference)
    deliver_all(client, settings)
    with settling.days_later(1):
        assert settling.kinds(reconcile(settings)) == []
        assert settling.balance_of("suspense") == -(1500 - 74)
        assert settling.balance_of("clearing") == back.provider_balance(settings)


@pytest.mark.parametrize("reference", [None, "7a4f0f3e-6a0a-4bb5-9a4e-3f5f8f3f7c11"])
def test_its_message_may_be_fetched_after_its_settlement_was_told(
    reference: str | None, client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    pay_another_page(settings, reference)
    with settling.days_later(9):
        settling.pay_out()
        with transaction() as session:
            session.execute(
                text("DELETE FROM sandbox_delivery WHERE body::jsonb->>'type' LIKE 'checkout%'")
            )  # lost for good; only the list of messages tells of them
        make.deliver(client, settings)
        reconcile(settings)
        assert settling.balance_of("suspense") == -(1500 - 74)
        assert settling.balance_of("clearing") == back.provider_balance(settings)


def test_a_refund_that_was_told_before_its_unknown_payment_is_booked_once_that_is_known(
    client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    page = pay_another_page(settings, None)
    with transaction() as session:
        refunds.refund_in_dashboard(session, make.MERCHANT, back.charge_of_page(page), 400)
        late = "UPDATE sandbox_delivery SET due_at = due_at + interval '1 minute' WHERE body::jsonb->>'type' LIKE 'checkout%'"
        session.execute(text(late))
    deliver_all(client, settings)
    assert back.refunds() == []
    with settling.days_later(1):
        make.deliver(client, settings)
        assert settling.kinds(reconcile(settings)) == []
    assert back.refunds() == [("succeeded", 400)]
    assert back.balances()["suspense"] == -(1500 - 74 - 400)


def test_months_of_a_promise_that_no_row_knows_are_each_booked_against_suspense_once(
    client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    unknown = {"checkout": str(UUID(int=1)), "recurring": str(UUID(int=2))}
    price = {
        "currency": "cny",
        "unit_amount": 1500,
        "recurring": {"interval": "month"},
        "product_data": {"name": "Lunch"},
    }
    params = payments.sdk_params(
        mode="subscription",
        line_items=[{"quantity": 1, "price_data": price}],
        client_reference_id=unknown["checkout"],
        metadata=unknown,
        subscription_data={"metadata": unknown},
    )
    opened = payments.sdk(settings).v1.checkout.sessions.create(params)
    with transaction() as session:
        outcomes.pay(session, make.MERCHANT, opened.id, "card")
    [promise] = payments.sdk(settings).v1.subscriptions.list({"status": "all"}).data
    with transaction() as session:
        billing.pass_month(session, make.MERCHANT, promise.id)
    deliver_all(client, settings)
    with settling.days_later(1):
        # The page's month stands as unexplained money, the later one, which has no page, as a balance line.
        assert settling.kinds(reconcile(settings)) == ["line_unexplained None 1426"]
        assert settling.balance_of("suspense") == -2 * (1500 - 74)
        assert settling.balance_of("clearing") == back.provider_balance(settings)
    assert failed_messages() == []


def test_a_second_payment_whose_fee_is_not_known_yet_is_no_difference(
    client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        settling.pass_time()
        pay_another_page(settings, str(made.public_id))
        make.deliver(client, settings)
        with transaction() as session:
            assert session.scalars(select(UnbookedMoney.fee_minor)).all() == [None]
        assert settling.kinds(reconcile(settings)) == []
    with settling.days_later(1):
        assert settling.kinds(reconcile(settings)) == []


@pytest.mark.parametrize("is_of_a_checkout", [True, False])
def test_a_settlement_with_unexplained_money_is_the_sum_of_its_shares(
    is_of_a_checkout: bool, client: FlaskClient, settings: Settings, made: Checkout
) -> None:
    pay_another_page(settings, str(made.public_id) if is_of_a_checkout else None)
    deliver_all(client, settings)
    with settling.days_later(9):
        settling.pay_out()
        with clock.frozen_at(clock.now() + timedelta(days=3)):
            settling.pass_time()
            reconcile(settings)
    with transaction() as session:
        shares = session.execute(text("SELECT code, sum(due_minor)::bigint FROM settlement_share GROUP BY 1"))
        shares_due = {code: int(due_minor) for code, due_minor in shares}
        broken = {result.name for result in run_checks(session, PROVIDER_CHECKS) if not result.is_ok}
    assert shares_due == {"fund:yunxi": 1500 - 9, "suspense": 1500 - 74}
    assert broken == set()


def test_the_fee_of_a_page_is_left_alone_where_another_page_became_the_payment_meanwhile(
    settings: Settings, made: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = pay_another_page(settings, str(made.public_id))
    real = StripeGateway.read_session

    def meanwhile_paid(gateway: StripeGateway, session_id: str) -> ProviderCheckout:
        monkeypatch.setattr(StripeGateway, "read_session", real)
        told = replace(real(gateway, other), charge_id=None, fee_minor=None)  # as a message tells it
        with bare_transaction() as connection:
            move_towards(connection, make.MERCHANT, told)
        return real(gateway, session_id)

    monkeypatch.setattr(StripeGateway, "read_session", meanwhile_paid)
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        sync_checkout(made.public_id, settings)
        row = make.checkout(made.public_id)
        assert (row.session_id, row.charge_id, row.fee_minor) == (other, None, None)
        sync_checkout(made.public_id, settings)
        row = make.checkout(made.public_id)
        assert (row.charge_id, row.fee_minor) == (back.charge_of_page(other), 74)
