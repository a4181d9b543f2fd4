"""What a donor does on the sandbox's page, and what comes of it: what the real page needs a person for."""

from collections.abc import Mapping

import pytest

from donate import clock
from donate.db import Database, transaction
from donate.payments.gateway import NoSuchSession
from donate.payments.sandbox import deliveries, outcomes
from donate.payments.tariffs import fee_of
from donate.settings import Settings
from tests.payments import factories as make


def test_an_opened_session_has_a_page_of_our_own(database: Database, settings: Settings) -> None:
    _, session, _ = make.opened(settings)
    assert session.url == f"{settings.base_url}/zh/sandbox/pay/{session.session_id}"


@pytest.mark.parametrize("method", ["alipay", "wechat_pay", "card"])
def test_a_fee_is_unknown_at_success_and_known_two_seconds_later(
    database: Database, settings: Settings, method: str
) -> None:
    gateway, session, _ = make.opened(settings)
    with transaction() as own:
        outcomes.pay(own, "lunch", session.session_id, method)
    paid = gateway.read_session(session.session_id)
    assert (paid.status, paid.method, paid.fee_minor) == ("paid", method, None)
    assert paid.charge_id is not None
    assert gateway.read_charge_fee(paid.charge_id).fee_minor is None
    with make.later(seconds=3):
        expected = fee_of(method, "CNY", 1500, clock.now().date())
        assert gateway.read_session(session.session_id).fee_minor == expected
        assert gateway.read_charge_fee(paid.charge_id).fee_minor == expected


def test_a_session_expires_by_itself(database: Database, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    with make.later(minutes=32):
        assert gateway.read_session(session.session_id).status == "expired"
    with make.later(minutes=32), pytest.raises(outcomes.SessionOver), transaction() as own:
        outcomes.pay(own, "lunch", session.session_id, "card")


def test_a_declined_card_leaves_the_session_open_for_another_try(database: Database, settings: Settings) -> None:
    gateway, session, _ = make.opened(settings)
    with transaction() as own:
        outcomes.decline(own, "lunch", session.session_id)
    assert gateway.read_session(session.session_id).status == "open"
    with transaction() as own:
        outcomes.pay(own, "lunch", session.session_id, "alipay")
    assert gateway.read_session(session.session_id).status == "paid"


def test_a_session_of_another_merchant_account_is_unknown(database: Database, settings: Settings) -> None:
    _, session, _ = make.opened(settings)
    other, _, _ = make.opened(settings, make.merchant("noise"))
    with pytest.raises(NoSuchSession):
        other.read_session(session.session_id)


def test_messages_reach_the_webhook_path_signed(database: Database, settings: Settings) -> None:
    gateway, session, reference = make.opened(settings)
    make.opened(settings, make.merchant("noise"))
    with transaction() as own:
        outcomes.pay(own, "lunch", session.session_id, "alipay")
    got = []

    def post(path: str, body: bytes, headers: Mapping[str, str]) -> int:
        got.append((path, gateway.verify(body, headers["Stripe-Signature"])))
        return 200

    assert deliveries.deliver_due(settings.secret_key, post) == 1
    with make.later(seconds=3):
        assert deliveries.deliver_due(settings.secret_key, post) == 1
        assert deliveries.deliver_due(settings.secret_key, post) == 0
    assert [path for path, _ in got] == ["/webhooks/sandbox/lunch"] * 2
    assert [(event.kind, event.reference) for _, event in got] == [
        ("checkout.session.completed", reference),
        ("charge.updated", reference),
    ]
    said = gateway.checkout_in(got[0][1])
    assert said is not None
    assert (said.status, said.amount_minor, said.currency) == ("paid", 1500, "CNY")
