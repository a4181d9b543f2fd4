"""Requests, merchants and clients for the tests of this room."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import stripe

from donate import clock
from donate.db import transaction
from donate.payments.facts import RefundRequest
from donate.payments.gateway import SESSION_LIFETIME, Gateway, Line, MerchantRef, OpenedSession, SessionRequest
from donate.payments.merchants import gateway_for
from donate.payments.sandbox import keys, outcomes
from donate.payments.sandbox.client import SandboxClient
from donate.payments.stripe import client_for
from donate.settings import Settings

BASE_URL = "http://127.0.0.1:8000"


def merchant(ref: str = "lunch", **changes: Any) -> MerchantRef:
    return MerchantRef(**{"ref": ref, "provider": "sandbox", "livemode": False, "tariff": "mainland", **changes})


def session_request(of: MerchantRef | None = None, **changes: Any) -> SessionRequest:
    of = of or merchant()
    fields: dict[str, Any] = {
        "merchant": of,
        "checkout_public_id": uuid4(),
        "currency": "CNY",
        "lines": (line(),),
        "locale": "zh",
        "success_url": f"{BASE_URL}/zh/paid/secret",
        "cancel_url": f"{BASE_URL}/zh/give/yunxi",
        "methods": ("alipay", "wechat_pay", "card"),
        "expires_at": clock.now() + SESSION_LIFETIME,
        "email": None,
    }
    return SessionRequest(**{**fields, **changes})


def line(amount_minor: int = 1500, **changes: Any) -> Line:
    return Line(**{"name": "云溪热午餐", "amount_minor": amount_minor, "reference": str(uuid4()), **changes})


def opened(settings: Settings, of: MerchantRef | None = None, **changes: Any) -> tuple[Gateway, OpenedSession, UUID]:
    """A gateway, a session that it opened, and the checkout that the session is for."""
    of = of or merchant()
    gateway = gateway_for(of, settings)
    request = session_request(of, **changes)
    return gateway, gateway.open_session(request), request.checkout_public_id


def sdk(settings: Settings, of: MerchantRef | None = None) -> stripe.StripeClient:
    """The official SDK's client on the sandbox, for what our Gateway has no words for."""
    of = of or merchant()
    return client_for(keys.api_key(settings.secret_key, of), False, SandboxClient(settings.secret_key, BASE_URL))


def sdk_params(**changes: Any) -> Any:
    """Plain parameters of a session; a value of None leaves one out."""
    params: dict[str, Any] = {
        "mode": "payment",
        "success_url": f"{BASE_URL}/done",
        "line_items": [
            {
                "quantity": 1,
                "price_data": {"currency": "cny", "unit_amount": 1500, "product_data": {"name": "Lunch"}},
            }
        ],
    }
    return {name: value for name, value in {**params, **changes}.items() if value is not None}


def later(**delta: int) -> Any:
    """The clock held at a moment from now."""
    return clock.frozen_at(clock.now() + timedelta(**delta))


def paid_charge(settings: Settings, amount: int = 1500, method: str = "card", of: MerchantRef | None = None) -> str:
    """The id of a charge that a donor paid a moment ago."""
    of = of or merchant()
    gateway, session, _ = opened(settings, of, lines=(line(amount),))
    with transaction() as own:
        outcomes.pay(own, of.ref, session.session_id, method)
    charge_id = gateway.read_session(session.session_id).charge_id
    assert charge_id is not None
    return charge_id


def refund_request(charge_id: str, amount: int = 1500, **changes: Any) -> RefundRequest:
    return RefundRequest(**{"public_id": uuid4(), "charge_id": charge_id, "amount_minor": amount, **changes})


def kinds_since(settings: Settings, of: MerchantRef | None = None) -> list[str]:
    """The kinds of all events of an account, oldest first."""
    page = sdk(settings, of).v1.events.list({"limit": 100})
    return [event.type for event in page.auto_paging_iter()][::-1]
