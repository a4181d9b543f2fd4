"""Standing promises through our own Gateway, over the official SDK."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from donate import clock
from donate.db import Database, transaction
from donate.payments.gateway import Gateway, NoSuchSession
from donate.payments.sandbox import billing, outcomes
from donate.settings import Settings
from tests.payments import factories as make


def begun(settings: Settings) -> tuple[Gateway, UUID, str]:
    """A promise of 15.00 a month whose first month was paid: gateway, our id, the provider's."""
    our_id = uuid4()
    gateway, opened, _ = make.opened(settings, methods=("card",), recurring=our_id)
    with transaction() as own:
        outcomes.pay(own, "lunch", opened.session_id, "card")
    seen = gateway.read_session(opened.session_id)
    assert seen.recurring_id is not None
    return gateway, our_id, seen.recurring_id


def test_the_session_of_the_first_month_knows_its_charge_and_later_its_fee(
    database: Database, settings: Settings
) -> None:
    our_id = uuid4()
    gateway, opened, reference = make.opened(settings, methods=("card",), recurring=our_id)
    assert gateway.read_session(opened.session_id).recurring_id is None
    with transaction() as own:
        outcomes.pay(own, "lunch", opened.session_id, "card")
    seen = gateway.read_session(opened.session_id)
    assert (seen.status, seen.amount_minor, seen.reference, seen.method) == ("paid", 1500, reference, "card")
    assert seen.fee_minor is None
    with make.later(seconds=5):
        later = gateway.read_session(opened.session_id)
    assert (later.charge_id, later.fee_minor) == (seen.charge_id, 74)


def test_opening_the_same_twice_is_one_page(database: Database, settings: Settings) -> None:
    request = make.session_request(methods=("card",), recurring=uuid4())
    gateway, _, _ = make.opened(settings)
    assert gateway.open_session(request) == gateway.open_session(request)


def test_a_promise_and_its_months_are_read_in_our_words(database: Database, settings: Settings) -> None:
    gateway, our_id, recurring_id = begun(settings)
    with transaction() as own:
        billing.pass_month(own, "lunch", recurring_id)
    seen = gateway.read_recurring(recurring_id)
    assert (seen.our_id, seen.status, seen.amount_minor, seen.currency) == (our_id, "active", 1500, "CNY")
    assert (seen.is_ending, seen.has_failed) == (False, False)
    first, second = gateway.recurring_charges(recurring_id, clock.now() - timedelta(days=1))
    assert (first.is_first, first.is_paid, second.is_first, second.is_paid) == (True, True, False, True)
    assert first.charge_id != second.charge_id
    assert first.period_from < second.period_from
    assert gateway.read_recurring_charge(second.invoice_id) == second
    assert second.our_id == our_id


def test_a_refused_month_has_no_charge_and_says_when_it_is_tried_again(database: Database, settings: Settings) -> None:
    gateway, _, recurring_id = begun(settings)
    with transaction() as own:
        billing.let_card_fail(own, "lunch", recurring_id)
        billing.pass_month(own, "lunch", recurring_id)
    _, refused = gateway.recurring_charges(recurring_id, clock.now() - timedelta(days=1))
    assert (refused.is_paid, refused.charge_id, refused.attempt_count) == (False, None, 1)
    assert refused.next_attempt_at is not None
    seen = gateway.read_recurring(recurring_id)
    assert seen.status == "past_due"
    assert seen.paid_until == refused.period_from


def test_ending_it_twice_is_no_error(database: Database, settings: Settings) -> None:
    gateway, our_id, recurring_id = begun(settings)
    assert [gateway.cancel_recurring(recurring_id, our_id).status for _ in range(2)] == ["ended", "ended"]


def test_an_unknown_promise_is_said_to_be_unknown(database: Database, settings: Settings) -> None:
    gateway, our_id, _ = begun(settings)
    with pytest.raises(NoSuchSession):
        gateway.read_recurring("sub_of_nobody")
    with pytest.raises(NoSuchSession):
        gateway.cancel_recurring("sub_of_nobody", our_id)


def test_the_charge_of_a_month_leads_back_to_its_invoice(database: Database, settings: Settings) -> None:
    gateway, _, recurring_id = begun(settings)
    [month] = gateway.recurring_charges(recurring_id, clock.now() - timedelta(days=1))
    assert month.charge_id is not None
    assert gateway.read_charge(month.charge_id).invoice_id == month.invoice_id
