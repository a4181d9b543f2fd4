"""Subscriptions: what a session in subscription mode leaves behind; read, changed, cancelled."""

from calendar import monthrange
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from donate.payments.models import SandboxObject
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox import store
from donate.payments.sandbox.faults import Fault, not_found
from donate.payments.sandbox.listing import listed
from donate.payments.sandbox.objects import Body, new_id
from donate.payments.sandbox.reads import find_or_fault
from donate.payments.sandbox.request import Request
from donate.payments.sandbox.store import Cause

_STATUSES = ("active", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid")

_NULLS = [
    "application",
    "application_fee_percent",
    "billing_cycle_anchor_config",
    "billing_thresholds",
    "cancel_at",
    "canceled_at",
    "customer_account",
    "days_until_due",
    "default_source",
    "description",
    "ended_at",
    "next_pending_invoice_item_invoice",
    "on_behalf_of",
    "pause_collection",
    "pending_invoice_item_interval",
    "pending_setup_intent",
    "pending_update",
    "schedule",
    "test_clock",
    "transfer_data",
    "trial_end",
    "trial_start",
]

_SUBSCRIPTION: Body = {
    **dict.fromkeys(_NULLS),
    "object": "subscription",
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": None},
    "billing_schedules": [],
    "cancel_at_period_end": False,
    "cancellation_details": {"comment": None, "feedback": None, "reason": None},
    "collection_method": "charge_automatically",
    "default_tax_rates": [],
    "discounts": [],
    "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
    "livemode": False,
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": ["card"],
        "save_default_payment_method": "off",
    },
    "trial_settings": {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}},
}


def subscription(checkout: Body, line: Body, customer: str, metadata: Body, method: str, now: datetime) -> Body:
    """A subscription on the day it begins: one price, one month, the card that has just paid."""
    subscription_id, moment = new_id("sub"), int(now.timestamp())
    return {
        **_SUBSCRIPTION,
        "id": subscription_id,
        "billing_cycle_anchor": moment,
        "created": moment,
        "currency": checkout["currency"],
        "customer": customer,
        "default_payment_method": method,
        "items": {
            "object": "list",
            "data": [_item(subscription_id, line, now)],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={subscription_id}",
        },
        "latest_invoice": None,
        "metadata": metadata,
        "start_date": moment,
        "status": "active",
    }


def _item(subscription_id: str, line: Body, now: datetime) -> Body:
    price, moment = line["price"], int(now.timestamp())
    return {
        "id": new_id("si", 14),
        "object": "subscription_item",
        "billed_until": None,
        "billing_thresholds": None,
        "created": moment,
        "current_period_end": int(months_after(now, 1).timestamp()),
        "current_period_start": moment,
        "discounts": [],
        "metadata": {},
        "plan": {
            "id": price["id"],
            "object": "plan",
            "active": price["active"],
            "amount": price["unit_amount"],
            "amount_decimal": price["unit_amount_decimal"],
            "billing_scheme": "per_unit",
            "created": price["created"],
            "currency": price["currency"],
            "interval": "month",
            "interval_count": 1,
            "livemode": False,
            "metadata": {},
            "meter": None,
            "nickname": None,
            "product": price["product"],
            "tiers_mode": None,
            "transform_usage": None,
            "trial_period_days": None,
            "usage_type": "licensed",
        },
        "price": price,
        "quantity": line["quantity"],
        "subscription": subscription_id,
        "tax_rates": [],
    }


def months_after(begun: datetime, months: int) -> datetime:
    """The same day and time so many months later, or the month's last day where it has no such day."""
    month = begun.month - 1 + months
    year, month = begun.year + month // 12, month % 12 + 1
    return begun.replace(year=year, month=month, day=min(begun.day, monthrange(year, month)[1]))


def amount_of(body: Body) -> int:
    """What one month costs, in minor units."""
    return sum(item["price"]["unit_amount"] * item["quantity"] for item in body["items"]["data"])


def period_of(body: Body) -> tuple[datetime, datetime]:
    """The running period; this version of the API keeps it on the items."""
    item = body["items"]["data"][0]
    begun, ended = (datetime.fromtimestamp(item[f"current_period_{end}"], UTC) for end in ("start", "end"))
    return begun, ended


def with_period(body: Body, begun: datetime, ended: datetime) -> Body:
    """Its items with another period."""
    period = {"current_period_start": int(begun.timestamp()), "current_period_end": int(ended.timestamp())}
    return {**body["items"], "data": [{**item, **period} for item in body["items"]["data"]]}


def list_all(session: Session, request: Request) -> Body:
    """Without a status all that are not canceled, as the real one lists them."""
    shape = {
        **p.LIST,
        "created": p.CREATED,
        "customer": p.string(255),
        "status": p.one_of("all", "ended", *_STATUSES),
    }
    params = request.params(shape)
    status = params.pop("status", None)
    if status == "ended":
        raise Fault(400, "This sandbox lists no subscriptions as [ended].", param="status")
    column = SandboxObject.body["status"].astext
    only = () if status == "all" else (column == status if status else column != "canceled",)
    return listed(session, request, "subscription", params, *only)


def update(session: Session, request: Request, subscription_id: str) -> Body:
    """Only whether it ends with the period, and its metadata."""
    params = request.params({"cancel_at_period_end": p.boolean, "metadata": p.METADATA, "expand": p.EXPAND})
    row = find_or_fault(session, request, "subscription", subscription_id, lock=True)
    if row.body["status"] == "canceled":
        raise Fault(400, "A canceled subscription can only update its cancellation_details and metadata.", is_kept=True)
    changes: Body = {}
    if "metadata" in params:
        changes["metadata"] = {**row.body["metadata"], **params["metadata"]}
    if "cancel_at_period_end" in params:
        is_ending = params["cancel_at_period_end"]
        reason = "cancellation_requested" if is_ending else None
        changes |= {
            "cancel_at_period_end": is_ending,
            "cancel_at": int(period_of(row.body)[1].timestamp()) if is_ending else None,
            "canceled_at": int(request.now.timestamp()) if is_ending else None,
            "cancellation_details": {**row.body["cancellation_details"], "reason": reason},
        }
    previous = store.change(row, **changes)
    updated(session, row, previous, request.now, request.cause)
    return row.body


def cancel(session: Session, request: Request, subscription_id: str) -> Body:
    """At once. What is canceled already is not found any more, as with the real one."""
    request.params({"invoice_now": p.boolean, "prorate": p.boolean, "expand": p.EXPAND})
    row = find_or_fault(session, request, "subscription", subscription_id, lock=True)
    if row.body["status"] == "canceled":
        raise not_found("subscription", subscription_id, "id")
    end(session, row, "cancellation_requested", request.now, request.cause)
    return row.body


def end(session: Session, row: SandboxObject, reason: str, now: datetime, cause: Cause | None = None) -> None:
    """It is over: nothing is charged any more, and what stands open is not tried again."""
    moment = int(now.timestamp())
    store.change(
        row,
        status="canceled",
        canceled_at=row.body["canceled_at"] or moment,
        ended_at=moment,
        cancellation_details={**row.body["cancellation_details"], "reason": reason},
    )
    row.ripe_at = None
    _leave_open_invoices(session, row)
    disturbance = row.private.get("disturbance", {})
    store.emit(
        session, row.merchant, "customer.subscription.deleted", row.body, now, cause=cause, disturbance=disturbance
    )


def _leave_open_invoices(session: Session, row: SandboxObject) -> None:
    of_this = SandboxObject.body["parent"]["subscription_details"]["subscription"].astext == row.object_id
    for invoice in session.scalars(
        store.newest_first(row.merchant, "invoice", of_this, SandboxObject.body["status"].astext == "open")
    ):
        store.change(invoice, auto_advance=False, next_payment_attempt=None)
        invoice.ripe_at = None


def updated(session: Session, row: SandboxObject, previous: Body, now: datetime, cause: Cause | None = None) -> None:
    store.emit(
        session,
        row.merchant,
        "customer.subscription.updated",
        row.body,
        now,
        previous=previous,
        cause=cause,
        disturbance=row.private.get("disturbance", {}),
    )
