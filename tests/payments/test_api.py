"""The sandbox's HTTP API as the official SDK meets it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import stripe

from donate import clock
from donate.db import Database, bind, transaction
from donate.payments.gateway import (
    AmountRefused,
    ProviderRefused,
    ProviderUnavailable,
)
from donate.payments.merchants import gateway_for
from donate.payments.models import SandboxObject
from donate.payments.sandbox import api, outcomes
from donate.payments.stripe import API_VERSION
from donate.settings import Settings
from tests.payments import factories as make


def refused(settings: Settings, **params: Any) -> stripe.InvalidRequestError:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        make.sdk(settings).v1.checkout.sessions.create(make.sdk_params(**params))
    return caught.value


def test_the_pinned_version_is_the_sdks(database: Database, settings: Settings) -> None:
    assert stripe.api_version == API_VERSION, "read the changes, then pin the SDK's new version"


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"line_items": [{"quantity": 1, "price": "price_1"}]}, "parameter_unknown", "line_items[0][price]"),
        ({"payment_method_types": ["card"]}, "parameter_unknown", "payment_method_types"),
        ({"mode": None}, "parameter_missing", "mode"),
        ({"success_url": None}, "parameter_missing", "success_url"),
        ({"line_items": None}, "parameter_missing", "line_items"),
        ({"line_items": [{"quantity": 1}]}, "parameter_missing", "line_items[0][price]"),
        ({"success_url": "javascript:alert(1)"}, "url_invalid", "success_url"),
        ({"customer_email": "nobody"}, "email_invalid", "customer_email"),
        ({"expires_at": "soon"}, "parameter_invalid_integer", "expires_at"),
        ({"client_reference_id": ""}, "parameter_invalid_empty", "client_reference_id"),
        ({"expires_at": 1}, None, "expires_at"),
        ({"mode": "setup"}, None, "mode"),
        ({"allowed_payment_method_types": ["gold"]}, None, "allowed_payment_method_types"),
    ],
)
def test_wrong_parameters_are_refused(
    database: Database, settings: Settings, params: dict[str, Any], code: str | None, param: str
) -> None:
    error = refused(settings, **params)
    assert (error.http_status, error.code, error.param) == (400, code, param)


def test_a_page_lives_thirty_minutes_at_least(database: Database, settings: Settings) -> None:
    moment = clock.now()
    with clock.frozen_at(moment):
        early = int((moment + timedelta(minutes=30)).timestamp()) - 1
        assert refused(settings, expires_at=early).param == "expires_at"
        session = make.sdk(settings).v1.checkout.sessions.create(make.sdk_params(expires_at=early + 1))
    assert session.expires_at == early + 1


@pytest.mark.parametrize(
    ("methods", "amount", "taken"),
    [
        (("alipay",), 100, True),
        (("alipay",), 99, False),
        (("card",), 400, True),
        (("card",), 399, False),
        (("alipay", "card"), 399, True),
        (("card",), 100_000_000, False),
    ],
)
def test_amounts_below_or_above_what_a_method_takes_are_refused(
    database: Database, settings: Settings, methods: tuple[str, ...], amount: int, taken: bool
) -> None:
    gateway = gateway_for(make.merchant(), settings)
    request = make.session_request(methods=methods, lines=(make.line(amount),))
    if taken:
        gateway.open_session(request)
    else:
        with pytest.raises(ProviderRefused):
            gateway.open_session(request)


def test_a_small_amount_offers_only_the_methods_that_take_it(database: Database, settings: Settings) -> None:
    _, session, _ = make.opened(settings, lines=(make.line(300),))
    found = make.sdk(settings).v1.checkout.sessions.retrieve(session.session_id)
    assert found.payment_method_types == ["alipay", "wechat_pay"]


def test_overseas_wallets_have_the_cards_minimum(database: Database, settings: Settings) -> None:
    overseas = make.merchant("abroad", tariff="overseas")
    with pytest.raises(AmountRefused):
        make.opened(settings, overseas, lines=(make.line(100),))


def test_a_repeated_request_gets_the_first_error(database: Database, settings: Settings) -> None:
    create, options = make.sdk(settings).v1.checkout.sessions.create, {"idempotency_key": "k1"}
    small = make.sdk_params(allowed_payment_method_types=["card"])
    small["line_items"][0]["price_data"]["unit_amount"] = 100
    errors = []
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError) as caught:
            create(small, options)
        errors.append(caught.value)
    assert [error.code for error in errors] == ["amount_too_small"] * 2
    assert errors[1].headers["idempotent-replayed"] == "true"


def test_a_request_that_never_began_leaves_its_key_free(database: Database, settings: Settings) -> None:
    create, options = make.sdk(settings).v1.checkout.sessions.create, {"idempotency_key": "k1"}
    with pytest.raises(stripe.InvalidRequestError):
        create(make.sdk_params(colour="red"), options)
    assert create(make.sdk_params(), options).status == "open"


def test_one_key_at_two_merchant_accounts_is_two_keys(database: Database, settings: Settings) -> None:
    ids = {
        make.sdk(settings, make.merchant(ref))
        .v1.checkout.sessions.create(make.sdk_params(), {"idempotency_key": "k1"})
        .id
        for ref in ("lunch", "noise")
    }
    assert len(ids) == 2


def test_the_same_key_at_once_opens_one_session(database: Database, settings: Settings) -> None:
    """Who comes while the first is still at it is told so, asks again, and gets the same session in the end."""
    request = make.session_request()
    gateway = gateway_for(make.merchant(), settings)

    def open_it(_: int) -> str | None:
        bind(database)
        try:
            return gateway.open_session(request).session_id
        except ProviderUnavailable:  # only where this machine is so busy that two retries were not enough
            return None

    with ThreadPoolExecutor(6) as threads:
        found = set(threads.map(open_it, range(6))) - {None}
    assert len(found) == 1
    with transaction() as own:
        kinds = own.scalars(sa.select(SandboxObject.kind)).all()
    assert kinds == ["checkout.session"]


def test_a_key_in_use_is_told_with_409(database: Database, settings: Settings) -> None:
    with transaction() as holding:
        lock = api.lock_of("lunch", "k1")
        holding.scalar(sa.select(sa.func.pg_advisory_xact_lock(lock)))
        with pytest.raises(stripe.APIError) as caught:
            make.sdk(settings).v1.checkout.sessions.create(
                make.sdk_params(), {"idempotency_key": "k1", "max_network_retries": 0}
            )
    assert (caught.value.http_status, caught.value.error.code) == (409, "idempotency_key_in_use")


def test_lists_turn_their_pages_by_cursor(database: Database, settings: Settings) -> None:
    client = make.sdk(settings)
    made = [client.v1.checkout.sessions.create(make.sdk_params()).id for _ in range(5)]
    make.opened(settings, make.merchant("noise"))
    page = client.v1.checkout.sessions.list({"limit": 2})
    assert ([item.id for item in page.data], page.has_more) == (made[:2:-1], True)
    assert [item.id for item in page.auto_paging_iter()] == made[::-1]
    before = client.v1.checkout.sessions.list({"limit": 2, "ending_before": made[1]})
    assert ([item.id for item in before.data], before.has_more) == ([made[3], made[2]], True)


def test_the_balance_is_the_sum_of_its_transactions(database: Database, settings: Settings) -> None:
    for _ in range(3):
        _, session, _ = make.opened(settings)
        with transaction() as own:
            outcomes.pay(own, "lunch", session.session_id, "alipay")
    client = make.sdk(settings)
    with make.later(seconds=3):
        assert [(part.amount, part.currency) for part in client.v1.balance.retrieve().pending] == [(3 * 1491, "cny")]
        items = client.v1.balance_transactions.list({"type": "payment"})
    assert [item.net for item in items.data] == [1491] * 3
    with make.later(days=8):
        assert [part.amount for part in client.v1.balance.retrieve().available] == [3 * 1491]


def test_events_can_be_pulled_as_well(database: Database, settings: Settings) -> None:
    _, session, _ = make.opened(settings)
    with transaction() as own:
        outcomes.pay(own, "lunch", session.session_id, "card")
    client = make.sdk(settings)
    with make.later(seconds=3):
        events = client.v1.events.list({"types": ["checkout.session.completed", "charge.updated"]})
    assert [event.type for event in events.data] == ["charge.updated", "checkout.session.completed"]
    assert client.v1.events.retrieve(events.data[0].id).api_version == API_VERSION


@pytest.mark.parametrize(
    "path", ["/v1/customers", "/v1/checkout/sessions/cs_test_x/explode", "/v2/core/events", "/v1/charges/%00"]
)
def test_unknown_addresses_are_told(database: Database, settings: Settings, path: str) -> None:
    with pytest.raises((stripe.InvalidRequestError, ValueError)):
        make.sdk(settings).raw_request("get", path)


def test_what_cannot_be_expanded_is_told(database: Database, settings: Settings) -> None:
    assert refused(settings, expand=["setup_intent"]).param == "expand"


def test_a_refused_request_leaves_nothing_behind(database: Database, settings: Settings) -> None:
    refused(settings, expand=["setup_intent"])
    with transaction() as own:
        assert own.scalar(sa.select(sa.func.count()).select_from(SandboxObject)) == 0
