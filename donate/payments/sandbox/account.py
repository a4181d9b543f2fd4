"""The account itself, its ways of paying and its one webhook endpoint, as an operator who did everything right sets them up.

A row of the kind `account`, `payment_method_configuration` or `webhook_endpoint` takes their place, for showing what is missing.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

from donate.payments.models import SandboxObject
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox import store
from donate.payments.sandbox.deliveries import webhook_path
from donate.payments.sandbox.objects import Body
from donate.payments.sandbox.request import Request
from donate.payments.stripe.client import API_VERSION
from donate.payments.tariffs import METHODS


def retrieve(session: Session, request: Request) -> Body:
    request.params({"expand": p.EXPAND})
    return _stored(session, request, "account") or account(_currency(session, request), request)


def list_endpoints(session: Session, request: Request) -> Body:
    request.params(p.LIST)
    found = _stored(session, request, "webhook_endpoint") or endpoint(request)
    return {"object": "list", "url": "/v1/webhook_endpoints", "has_more": False, "data": [found]}


def list_methods(session: Session, request: Request) -> Body:
    request.params({**p.LIST, "active": p.boolean, "application": p.string(255)})
    found = _stored(session, request, "payment_method_configuration") or methods(request)
    return {"object": "list", "url": "/v1/payment_method_configurations", "has_more": False, "data": [found]}


def methods(request: Request) -> Body:
    return {
        "id": f"pmc_sandbox{request.merchant.ref.encode().hex()}",
        "object": "payment_method_configuration",
        "active": True,
        "application": None,
        "is_default": True,
        "livemode": False,
        "name": "Default",
        "parent": None,
        **{name: method(available=True) for name in METHODS},
    }


def method(*, available: bool, wanted: bool = True) -> Body:
    """One way of paying within a configuration. `available`: wanted, and the account has the right to it."""
    value = "on" if wanted else "off"
    return {
        "available": available,
        "display_preference": {"overridable": None, "preference": value, "value": value},
    }


def account(currency: str, request: Request) -> Body:
    active = {"card_payments": "active", "transfers": "active"}
    return {
        "id": f"acct_sandbox{request.merchant.ref.encode().hex()}",
        "object": "account",
        "business_profile": None,
        "business_type": "non_profit",
        "capabilities": active,
        "charges_enabled": True,
        "country": "CN" if request.merchant.tariff == "mainland" else "HK",
        "created": int(request.now.timestamp()),
        "default_currency": currency,
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": True,
        "settings": _settings("daily"),
        "type": "standard",
    }


def _settings(payout_interval: str) -> Body:
    empty = dict.fromkeys(("statement_descriptor_prefix_kana", "statement_descriptor_prefix_kanji"))
    return {
        "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
        "card_payments": {"decline_on": None, "statement_descriptor_prefix": None, **empty},
        "dashboard": {"display_name": None, "timezone": "Asia/Shanghai"},
        "payments": {"statement_descriptor": None},
        "payouts": {
            "debit_negative_balances": True,
            "schedule": {"delay_days": 7, "interval": payout_interval},
            "statement_descriptor": None,
        },
    }


def endpoint(request: Request) -> Body:
    return {
        "id": f"we_sandbox{request.merchant.ref.encode().hex()}",
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": int(request.now.timestamp()),
        "description": None,
        "enabled_events": sorted(store.DELIVERED_KINDS),
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": f"{request.base_url}{webhook_path(request.merchant.ref)}",
    }


def _stored(session: Session, request: Request, kind: str) -> Body | None:
    row = session.scalar(store.newest_first(request.merchant.ref, kind).limit(1))
    return row.body if isinstance(row, SandboxObject) else None


def _currency(session: Session, request: Request) -> str:
    """That of the merchant account's book: play money is settled in whatever the books are kept in."""
    found: str | None = session.scalar(
        text(
            "SELECT lower(book.currency) FROM merchant_account merchant JOIN book ON book.id = merchant.book_id "
            "WHERE merchant.ref = :ref"
        ),
        {"ref": request.merchant.ref},
    )
    return found or "cny"
