"""Checkout sessions: what is asked for, and what the answers mean."""

from uuid import UUID

from stripe.params.checkout import SessionCreateParams, SessionCreateParamsLineItem

from donate.payments.gateway import CheckoutStatus, Line, SessionRequest


def session_params(request: SessionRequest) -> SessionCreateParams:
    reference = str(request.checkout_public_id)
    params: SessionCreateParams = {
        "mode": "payment",
        "submit_type": "donate",
        # Else Stripe may show and charge another currency than the one of the book.
        "adaptive_pricing": {"enabled": False},
        "line_items": [_line_item(line, request.currency) for line in request.lines],
        # A filter on what the account has switched on: this version takes no fixed list of methods any more.
        "allowed_payment_method_types": list(request.methods),
        "client_reference_id": reference,
        "metadata": {"checkout": reference},
        "payment_intent_data": {"metadata": {"checkout": reference}},
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
        "locale": request.locale if request.locale in ("zh", "en") else "auto",
    }
    if request.recurring is not None:
        return _monthly(params, request.recurring, reference)
    if "wechat_pay" in request.methods:
        params["payment_method_options"] = {"wechat_pay": {"client": "web"}}
    if request.email:
        params["customer_email"] = request.email
    return params


def _monthly(params: SessionCreateParams, recurring: UUID, reference: str) -> SessionCreateParams:
    """The same amount every month. Such a page takes no intent's data, and its button has words of its own."""
    del params["payment_intent_data"], params["submit_type"]
    ours = {"recurring": str(recurring), "checkout": reference}
    for line in params["line_items"]:
        line["price_data"]["recurring"] = {"interval": "month"}
    return {**params, "mode": "subscription", "subscription_data": {"metadata": ours}}


def _line_item(line: Line, currency: str) -> SessionCreateParamsLineItem:
    return {
        "quantity": 1,
        "price_data": {
            "currency": currency.lower(),
            "unit_amount": line.amount_minor,
            "product_data": {"name": line.name[:250], "metadata": {"donation": line.reference}},
        },
    }


def status_of(session: str | None, payment: str | None, intent: str | None) -> CheckoutStatus:
    if payment == "paid":
        return "paid"
    if payment == "no_payment_required":  # complete, and nobody was charged anything: nothing was given
        return "failed"
    if session == "expired":
        return "expired"
    if session == "complete":  # the donor is done and the money is on its way, or it turned back
        return "failed" if intent in ("requires_payment_method", "canceled") else "processing"
    return "open"
