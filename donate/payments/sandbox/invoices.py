"""Invoices and their payments. Since 2025 an invoice names neither charge nor intent: `invoice_payments` ties them."""

from datetime import datetime

from sqlalchemy.orm import Session

from donate.payments.models import SandboxObject
from donate.payments.sandbox import parameters as p
from donate.payments.sandbox.listing import listed
from donate.payments.sandbox.objects import Body, new_id
from donate.payments.sandbox.request import Request

_NULLS = [
    "account_country",
    "account_name",
    "account_tax_ids",
    "application",
    "automatically_finalizes_at",
    "custom_fields",
    "customer_account",
    "customer_address",
    "customer_name",
    "customer_phone",
    "customer_shipping",
    "default_payment_method",
    "default_source",
    "description",
    "due_date",
    "ending_balance",
    "footer",
    "from_invoice",
    "hosted_invoice_url",
    "invoice_pdf",
    "last_finalization_error",
    "latest_revision",
    "on_behalf_of",
    "receipt_number",
    "rendering",
    "shipping_cost",
    "shipping_details",
    "statement_descriptor",
    "test_clock",
    "threshold_reason",
    "webhooks_delivered_at",
]

_INVOICE: Body = {
    **dict.fromkeys(_NULLS),
    "object": "invoice",
    "amount_overpaid": 0,
    "amount_shipping": 0,
    "automatic_tax": {
        "disabled_reason": None,
        "enabled": False,
        "liability": None,
        "provider": None,
        "status": None,
    },
    "collection_method": "charge_automatically",
    "customer_tax_exempt": "none",
    "customer_tax_ids": [],
    "default_tax_rates": [],
    "discounts": [],
    "issuer": {"type": "self"},
    "livemode": False,
    "metadata": {},
    "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "starting_balance": 0,
    "total_discount_amounts": [],
    "total_pretax_credit_amounts": [],
    "total_taxes": [],
}


def invoice(
    subscription: Body, *, amount: int, number: int, period: tuple[int, int], email: str | None, now: datetime
) -> Body:
    """An open invoice for one period of a subscription, before any attempt; `number` counts from 1."""
    invoice_id, moment = new_id("in"), int(now.timestamp())
    return {
        **_INVOICE,
        "id": invoice_id,
        "amount_due": amount,
        "amount_paid": 0,
        "amount_remaining": amount,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "billing_reason": "subscription_create" if number == 1 else "subscription_cycle",
        "created": moment,
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "customer_email": email,
        "effective_at": moment,
        "lines": {
            "object": "list",
            "data": [_line(invoice_id, subscription, amount, period)],
            "has_more": False,
            "url": f"/v1/invoices/{invoice_id}/lines",
        },
        "next_payment_attempt": None,
        "number": f"{subscription['customer'][-8:].upper()}-{number:04d}",
        "parent": {
            "quote_details": None,
            "subscription_details": {"metadata": subscription["metadata"], "subscription": subscription["id"]},
            "type": "subscription_details",
        },
        # The invoice's own period looks back; what is paid for stands on its line.
        "period_end": period[0],
        "period_start": period[0],
        "status": "open",
        "status_transitions": {
            "finalized_at": moment,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": amount,
        "subtotal_excluding_tax": amount,
        "total": amount,
        "total_excluding_tax": amount,
    }


def _line(invoice_id: str, subscription: Body, amount: int, period: tuple[int, int]) -> Body:
    item = subscription["items"]["data"][0]
    return {
        "id": new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": subscription["currency"],
        "description": None,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice_id,
        "livemode": False,
        "metadata": subscription["metadata"],
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": False,
                "proration_details": None,
                "subscription": subscription["id"],
                "subscription_item": item["id"],
            },
            "type": "subscription_item_details",
        },
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": item["price"]["id"], "product": item["price"]["product"]},
            "type": "price_details",
            "unit_amount_decimal": item["price"]["unit_amount_decimal"],
        },
        "quantity": item["quantity"],
        "subtotal": amount,
        "taxes": [],
    }


def payment(invoice: Body, intent: str, now: datetime) -> Body:
    """What ties an invoice to the payment intent that pays it."""
    return {
        "id": new_id("inpay"),
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": invoice["amount_due"],
        "created": int(now.timestamp()),
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": intent, "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }


def list_all(session: Session, request: Request) -> Body:
    shape = {
        **p.LIST,
        "created": p.CREATED,
        "customer": p.string(255),
        "status": p.one_of("draft", "open", "paid", "uncollectible", "void"),
        "subscription": p.string(255),
    }
    params = request.params(shape)
    subscription = params.pop("subscription", None)
    of_it = SandboxObject.body["parent"]["subscription_details"]["subscription"].astext == subscription
    return listed(session, request, "invoice", params, *((of_it,) if subscription else ()))


def list_payments(session: Session, request: Request) -> Body:
    """By invoice, or by the intent that pays: the way from a charge back to its invoice."""
    shape = {
        **p.LIST,
        "created": p.CREATED,
        "invoice": p.string(255),
        "payment": {"type": p.one_of("payment_intent", "payment_record"), "payment_intent": p.string(255)},
        "status": p.one_of("canceled", "open", "paid"),
    }
    params = request.params(shape)
    intent = params.pop("payment", {}).get("payment_intent")
    of_it = SandboxObject.body["payment"]["payment_intent"].astext == intent
    return listed(session, request, "invoice_payment", params, *((of_it,) if intent else ()))
