"""The sandbox's objects, as the pinned version of Stripe's API shows them."""

import secrets
import string
from datetime import datetime
from typing import Any

from donate.payments.stripe import API_VERSION

Body = dict[str, Any]

_LETTERS = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    return prefix + "_" + "".join(secrets.choice(_LETTERS) for _ in range(length))


def nulls(names: str) -> Body:
    """Fields that the API shows and the sandbox never fills."""
    return dict.fromkeys(names.split())


_SESSION: Body = {
    **nulls(
        "after_expiration allow_promotion_codes billing_address_collection branding_settings client_secret "
        "collected_information consent consent_collection currency_conversion customer customer_account "
        "customer_details excluded_payment_method_types integration_identifier invoice invoice_creation "
        "managed_payments name_collection optional_items origin_context payment_intent payment_link "
        "payment_method_configuration_details permissions presentment_details recovered_from "
        "redirect_on_completion return_url saved_payment_method_options setup_intent "
        "shipping_address_collection shipping_cost subscription tax_id_collection wallet_options"
    ),
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "custom_fields": [],
    "custom_text": nulls("after_submit shipping_address submit terms_of_service_acceptance"),
    "customer_creation": "if_required",
    "discounts": [],
    "livemode": False,
    "mode": "payment",
    "object": "checkout.session",
    "payment_method_collection": "if_required",
    "payment_status": "unpaid",
    "phone_number_collection": {"enabled": False},
    "shipping_options": [],
    "status": "open",
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0, "breakdown": None},
    "ui_mode": "hosted_page",
}

_METHOD_OPTIONS: Body = {
    "card": {"request_three_d_secure": "automatic"},
    "alipay": {},
    "wechat_pay": {"client": "web"},
}


def session(params: Body, *, amount: int, currency: str, methods: list[str], created: datetime, page: str) -> Body:
    """An open checkout session with a hosted page under `page`/<id>."""
    session_id = new_id("cs_test", 58)
    return {
        **_SESSION,
        "id": session_id,
        "customer_creation": None if params["mode"] == "subscription" else "if_required",
        "adaptive_pricing": {"enabled": params.get("adaptive_pricing", {}).get("enabled", False)},
        "allowed_payment_method_types": params.get("allowed_payment_method_types"),
        "amount_subtotal": amount,
        "amount_total": amount,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "created": int(created.timestamp()),
        "currency": currency,
        "customer_email": params.get("customer_email"),
        "expires_at": params["expires_at"],
        "locale": params.get("locale"),
        "metadata": params.get("metadata", {}),
        "mode": params["mode"],
        "payment_method_collection": "always" if params["mode"] == "subscription" else "if_required",
        "payment_method_options": {method: _METHOD_OPTIONS[method] for method in methods},
        "payment_method_types": methods,
        "submit_type": params.get("submit_type"),
        "success_url": params["success_url"],
        "url": f"{page}/{session_id}",
    }


_MONTHLY: Body = {
    "interval": "month",
    "interval_count": 1,
    "meter": None,
    "trial_period_days": None,
    "usage_type": "licensed",
}


def line_item(params: Body, created: datetime) -> Body:
    """One line of a session, with the price and product that were given in place."""
    price = params["price_data"]
    amount, quantity = price["unit_amount"], params["quantity"]
    return {
        "id": new_id("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount * quantity,
        "amount_tax": 0,
        "amount_total": amount * quantity,
        "currency": price["currency"],
        "description": price["product_data"]["name"],
        "discounts": None,
        "metadata": params.get("metadata"),
        "price": {
            "id": new_id("price"),
            "object": "price",
            "active": False,
            "billing_scheme": "per_unit",
            "created": int(created.timestamp()),
            "currency": price["currency"],
            "currency_options": None,
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": None,
            "metadata": {},
            "nickname": None,
            "product": new_id("prod", 14),
            "recurring": _MONTHLY if "recurring" in price else None,
            "tax_behavior": "unspecified",
            "tiers": None,
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring" if "recurring" in price else "one_time",
            "unit_amount": amount,
            "unit_amount_decimal": str(amount),
        },
        "quantity": quantity,
        "taxes": None,
    }


_INTENT: Body = {
    **nulls(
        "allowed_payment_method_types application application_fee_amount automatic_payment_methods canceled_at "
        "cancellation_reason customer customer_account description excluded_payment_method_types hooks "
        "last_payment_error latest_charge managed_payments next_action on_behalf_of payment_details "
        "payment_method payment_method_configuration_details payment_record presentment_details processing "
        "receipt_email review setup_future_usage shipping source statement_descriptor "
        "statement_descriptor_suffix transfer_data transfer_group"
    ),
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "capture_method": "automatic_async",
    "confirmation_method": "automatic",
    "livemode": False,
    "object": "payment_intent",
    "payment_method_options": {},
    "status": "requires_payment_method",
}


def intent(session: Body, metadata: Body, created: datetime) -> Body:
    """The payment behind a session, before any method was tried."""
    intent_id = new_id("pi")
    return {
        **_INTENT,
        "id": intent_id,
        "amount": session["amount_total"],
        "client_secret": f"{intent_id}_secret_{secrets.token_hex(12)}",
        "created": int(created.timestamp()),
        "currency": session["currency"],
        "metadata": metadata,
        "payment_method_types": session["payment_method_types"],
    }


_CHARGE: Body = {
    **nulls(
        "application application_fee application_fee_amount authorization_code balance_transaction customer "
        "description failure_balance_transaction failure_code failure_message level3 on_behalf_of "
        "presentment_details receipt_email receipt_number receipt_url review shipping source source_transfer "
        "statement_descriptor statement_descriptor_suffix transfer transfer_data transfer_group"
    ),
    "amount_refunded": 0,
    "calculated_statement_descriptor": "SANDBOX",
    "disputed": False,
    "fraud_details": {},
    "livemode": False,
    "object": "charge",
    "radar_options": {},
    "refunded": False,
}


def charge(intent: Body, method: str, *, is_paid: bool, email: str | None, created: datetime) -> Body:
    """One attempt to take the money. A wallet's id begins with py_, a card's with ch_."""
    body: Body = {
        **_CHARGE,
        "id": new_id("ch" if method == "card" else "py"),
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "billing_details": {**nulls("address name phone tax_id"), "email": email},
        "captured": True,
        "created": int(created.timestamp()),
        "currency": intent["currency"],
        "metadata": intent["metadata"],
        "outcome": _TAKEN,
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": new_id("pm"),
        "payment_method_details": {"type": method, method: _method_details(method)},
        "status": "succeeded",
    }
    return body if is_paid else body | refused(method)


def refused(method: str) -> Body:
    """The fields of a charge that came to nothing: a card's bank said no, or a wallet's owner did."""
    code, message, _ = _REFUSALS["card" if method == "card" else "wallet"]
    return {
        "amount_captured": 0,
        "captured": False,
        "failure_code": code,
        "failure_message": message,
        "outcome": _DECLINED if method == "card" else _NOT_APPROVED,
        "paid": False,
        "status": "failed",
    }


def payment_error(method: str, charge_id: str) -> Body:
    """What an intent says of the attempt that came to nothing."""
    code, message, kind = _REFUSALS["card" if method == "card" else "wallet"]
    error = {
        "charge": charge_id,
        "code": code,
        "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}",
        "message": message,
        "type": kind,
    }
    return error | {"decline_code": "generic_decline"} if method == "card" else error


_REFUSALS = {
    "card": ("card_declined", "Your card was declined.", "card_error"),
    "wallet": (
        "payment_method_customer_decline",
        "The customer did not approve the payment in their wallet.",
        "invalid_request_error",
    ),
}

_TAKEN: Body = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "seller_message": "Payment complete.",
    "type": "authorized",
}
_DECLINED: Body = _TAKEN | {
    "advice_code": "do_not_try_again",
    "network_status": "declined_by_network",
    "reason": "generic_decline",
    "seller_message": "The bank did not return any further details.",
    "type": "issuer_declined",
}
_NOT_APPROVED: Body = _TAKEN | {
    "network_status": "not_sent_to_network",
    "reason": None,
    "seller_message": "The customer did not approve the payment.",
    "type": "blocked",
}


def _method_details(method: str) -> Body:
    if method == "alipay":
        return {"buyer_id": "2088000000000000", "fingerprint": "sandbox", "transaction_id": secrets.token_hex(14)}
    if method == "wechat_pay":
        return {"fingerprint": None, "location": None, "reader": None, "transaction_id": secrets.token_hex(14)}
    return {
        "amount_authorized": None,
        "brand": "visa",
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": "sandbox",
        "funding": "credit",
        "installments": None,
        "last4": "4242",
        "mandate": None,
        "network": "visa",
        "three_d_secure": None,
        "wallet": None,
    }


def event(kind: str, subject: Body, *, previous: Body | None, created: datetime, request: Body, waiting: int) -> Body:
    """A message about `subject` as it is at this moment."""
    data = {"object": subject} if previous is None else {"object": subject, "previous_attributes": previous}
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(created.timestamp()),
        "data": data,
        "livemode": False,
        "pending_webhooks": waiting,
        "request": request,
        "type": kind,
    }
