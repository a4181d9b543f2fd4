"""Customers: made by a session in subscription mode, read afterwards."""

from datetime import datetime

from sqlalchemy.orm import Session

from donate.payments.models import SandboxObject
from donate.payments.sandbox import store
from donate.payments.sandbox.objects import Body, new_id


def create(session: Session, merchant: str, checkout: Body, now: datetime) -> SandboxObject:
    """Whoever pays on a page in subscription mode, known by the e-mail address that the page was given, if any."""
    body: Body = {
        "id": new_id("cus", 14),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": int(now.timestamp()),
        "currency": checkout["currency"],
        "default_source": None,
        "delinquent": False,
        "description": None,
        "email": checkout["customer_email"],
        "invoice_prefix": None,
        "invoice_settings": dict.fromkeys(("custom_fields", "default_payment_method", "footer", "rendering_options")),
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    row = store.add(session, merchant, body, now)
    store.emit(session, merchant, "customer.created", body, now)
    return row
