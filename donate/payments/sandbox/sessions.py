"""Checkout sessions: create, retrieve, expire, list, and their line items."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from donate.money import EXPONENTS
from donate.payments import tariffs
from donate.payments.models import SandboxObject
from donate.payments.sandbox import objects, outcomes, store
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox.faults import Fault, missing, not_found
from donate.payments.sandbox.listing import listed
from donate.payments.sandbox.objects import Body
from donate.payments.sandbox.request import Request

SHORTEST, LONGEST = timedelta(minutes=30), timedelta(hours=24)
_MOST_MINOR = 99_999_999  # Stripe's amounts have eight digits at most

_LOCALES = ("auto", "zh", "zh-HK", "zh-TW", "en", "en-GB", "de", "es", "fr", "it", "ja", "ko", "pt", "ru")

CREATE: dict[str, p.Shape] = {
    "mode": p.one_of("payment", "subscription", "setup"),
    "submit_type": p.one_of("auto", "book", "donate", "pay", "subscribe"),
    "adaptive_pricing": {"enabled": p.boolean},
    "line_items": [
        {
            "quantity": p.integer(1, 999_999),
            "metadata": p.METADATA,
            "price_data": {
                "currency": p.string(3),
                "unit_amount": p.integer(0, _MOST_MINOR),
                "product_data": {"name": p.string(250), "description": p.string(), "metadata": p.METADATA},
                "recurring": {"interval": p.one_of("day", "week", "month", "year"), "interval_count": p.integer(1, 36)},
            },
        }
    ],
    "allowed_payment_method_types": [p.string(40)],
    "payment_method_options": {"wechat_pay": {"client": p.one_of("web", "android", "ios")}},
    "payment_intent_data": {"metadata": p.METADATA, "description": p.string(1_000)},
    "subscription_data": {"metadata": p.METADATA, "description": p.string(500)},
    "client_reference_id": p.string(200),
    "customer_email": p.email,
    "metadata": p.METADATA,
    "success_url": p.url,
    "cancel_url": p.url,
    "expires_at": p.MOMENT,
    "locale": p.one_of(*_LOCALES),
    "expand": p.EXPAND,
}


def create(session: Session, request: Request) -> Body:
    params = request.params(CREATE, required=("line_items", "mode", "success_url"))
    _check_mode(params)
    lines = [_line(params, index, request.now) for index in range(len(params["line_items"]))]
    if not lines:
        raise missing("line_items")
    currencies = {line["currency"] for line in lines}
    if len(currencies) > 1:
        raise Fault(400, "All line items must have the same currency.", param="line_items")
    currency, amount = currencies.pop(), sum(line["amount_total"] for line in lines)
    methods = _methods(params, currency, amount, request)
    params["expires_at"] = _expiry(params.get("expires_at"), request.now)
    body = objects.session(
        params,
        amount=amount,
        currency=currency,
        methods=methods,
        created=request.now,
        page=f"{request.base_url}/{_page_locale(params)}/sandbox/pay",
    )
    row = store.add(
        session,
        request.merchant.ref,
        body,
        request.now,
        private={
            "lines": lines,
            "tariff": request.merchant.tariff,
            "intent_metadata": params.get("payment_intent_data", {}).get("metadata", {}),
            "subscription_metadata": params.get("subscription_data", {}).get("metadata", {}),
        },
        ripe_at=datetime.fromtimestamp(body["expires_at"], request.now.tzinfo),
    )
    return row.body


def retrieve(session: Session, request: Request, session_id: str) -> Body:
    request.params({"expand": p.EXPAND})
    return _found(session, request, session_id).body


def expire(session: Session, request: Request, session_id: str) -> Body:
    request.params({"expand": p.EXPAND})
    row = _found(session, request, session_id, lock=True)
    if row.body["status"] != "open":
        raise Fault(
            400,
            f"Only Checkout Sessions with a status in [open] can be expired. This one is {row.body['status']}.",
            is_kept=True,
        )
    outcomes.expire(session, row, request.now, request.cause)
    return row.body


def list_all(session: Session, request: Request) -> Body:
    shape = {
        **p.LIST,
        "status": p.one_of("open", "complete", "expired"),
        "payment_intent": p.string(255),
        "created": p.CREATED,
    }
    return listed(session, request, "checkout.session", request.params(shape))


def line_items(session: Session, request: Request, session_id: str) -> Body:
    params = request.params(p.LIST)
    lines: list[Body] = _found(session, request, session_id).private["lines"]
    ids = [line["id"] for line in lines]
    after = params.get("starting_after")
    if after is not None and after not in ids:
        raise not_found("line item", after, "starting_after")
    begin = ids.index(after) + 1 if after is not None else 0
    end = begin + params.get("limit", 10)
    return {"object": "list", "data": lines[begin:end], "has_more": len(lines) > end, "url": request.path}


def _found(session: Session, request: Request, session_id: str, *, lock: bool = False) -> SandboxObject:
    row = store.find(session, request.merchant.ref, "checkout.session", session_id, lock=lock)
    if row is None:
        raise not_found("checkout.session", session_id, "session")
    return row


def _check_mode(params: dict[str, Any]) -> None:
    """What each mode takes: prices of its own kind, and its own `…_data`."""
    mode = params["mode"]
    if mode == "setup":
        raise Fault(400, "This sandbox opens no sessions in setup mode.", param="mode")
    foreign = "payment_intent_data" if mode == "subscription" else "subscription_data"
    if foreign in params:
        raise Fault(400, f"You can not pass `{foreign}` in `{mode}` mode.", param=foreign)
    rhythms = [line.get("price_data", {}).get("recurring") for line in params["line_items"]]
    if mode == "payment" and any(rhythms):
        raise Fault(400, "You specified `payment` mode but passed a recurring price.", param="line_items")
    if mode == "subscription":
        if not any(rhythms):
            raise Fault(
                400, "You must provide at least one recurring price in `subscription` mode.", param="line_items"
            )
        if rhythms not in ([{"interval": "month"}], [{"interval": "month", "interval_count": 1}]):
            raise Fault(400, "This sandbox knows subscriptions of one price a month only.", param="line_items")


def _line(params: dict[str, Any], index: int, now: datetime) -> Body:
    given, name = params["line_items"][index], f"line_items[{index}]"
    if "quantity" not in given:
        raise missing(f"{name}[quantity]")
    if "price_data" not in given:
        raise missing(f"{name}[price]")
    for needed in ("currency", "product_data", "unit_amount"):
        if needed not in given["price_data"]:
            raise missing(f"{name}[price_data][{needed}]")
    if "name" not in given["price_data"]["product_data"]:
        raise missing(f"{name}[price_data][product_data][name]")
    currency = given["price_data"]["currency"]
    if currency != currency.lower() or currency.upper() not in EXPONENTS:
        raise Fault(400, f"Invalid currency: {currency}.", param=f"{name}[price_data][currency]")
    return objects.line_item(given, now)


def _methods(params: dict[str, Any], currency: str, amount: int, request: Request) -> list[str]:
    """Those of the account's methods that pass the filter and take this amount, as the real one computes them."""
    on, tariff = request.now.date(), request.merchant.tariff
    wanted = params.get("allowed_payment_method_types", list(tariffs.METHODS))
    # The wallets support neither set-up nor subscription: they cannot be charged while their owner is away.
    possible = ("card",) if params["mode"] == "subscription" else tariffs.METHODS
    for method in wanted:
        if method not in tariffs.METHODS:
            raise Fault(400, f"Invalid payment method type: {method}", param="allowed_payment_method_types")
    offered = [
        method for method in tariffs.methods_of(currency.upper(), on, tariff) if method in wanted and method in possible
    ]
    if not offered:
        raise Fault(
            400,
            "No valid payment method types for this Checkout Session.",
            param="allowed_payment_method_types",
            is_kept=True,
        )
    if amount > _MOST_MINOR:
        raise Fault(400, "The amount is too large.", code="amount_too_large", is_kept=True)
    taking = [method for method in offered if amount >= tariffs.minimum(method, currency.upper(), on, tariff)]
    if not taking:
        raise Fault(
            400,
            "The Checkout Session's total amount is below the smallest that can be charged.",
            code="amount_too_small",
            is_kept=True,
        )
    return taking


def _page_locale(params: dict[str, Any]) -> str:
    """The page speaks the two languages of the site."""
    return "en" if params.get("locale", "zh").startswith("en") else "zh"


def _expiry(given: int | None, now: datetime) -> int:
    moment = int(now.timestamp())
    if given is None:
        return moment + int(LONGEST.total_seconds())
    if not moment + SHORTEST.total_seconds() <= given <= moment + LONGEST.total_seconds():
        raise Fault(
            400,
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return given
