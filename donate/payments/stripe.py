"""The border itself: our Gateway spoken to Stripe through its official SDK."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import stripe
from stripe.params.checkout import SessionCreateParams, SessionCreateParamsLineItem

from donate import clock
from donate.errors import BadSetting
from donate.payments.events import as_uuid, read_event
from donate.payments.gateway import (
    AmountRefused,
    ChargeFee,
    CheckoutStatus,
    Event,
    Line,
    MerchantRef,
    NoSuchSession,
    OpenedSession,
    ProviderCheckout,
    ProviderKeyRefused,
    ProviderRefused,
    ProviderUnavailable,
    SameKeyOtherRequest,
    SessionRequest,
    WrongMode,
)
from donate.payments.signature import require_signature

# The SDK's own version on the day this was written. Pinned, so that an upgrade of the SDK changes no meaning unseen.
API_VERSION = "2026-10-28.endive"

CONNECT_SECONDS, READ_SECONDS = 2, 10

# Nothing about our requests is reported beside them. The SDK offers this only for the whole process.
stripe.enable_telemetry = False


def client_for(
    key: str,
    livemode: bool,
    http_client: stripe.HTTPClient | None = None,
    *,
    setting: str = "DONATE_STRIPE_<REF>_KEY",
) -> stripe.StripeClient:
    """The SDK with patience and retries of our own choosing. Raises BadSetting: the SDK itself takes an empty key."""
    if not key.strip():
        raise BadSetting(name=setting, problem="is empty")
    if key_is_live(key) != livemode:
        mode = "live" if livemode else "test"
        raise BadSetting(name=setting, problem=f"is no {mode} key, but its merchant account is {mode}")
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        max_network_retries=2,
        http_client=http_client or stripe.RequestsClient(timeout=(CONNECT_SECONDS, READ_SECONDS)),
    )


def key_is_live(key: str) -> bool:
    """Secret and restricted keys alike: sk_live_…, rk_live_…"""
    return "_live_" in key


class StripeGateway:
    """A Gateway to one merchant account at Stripe, or at the sandbox that speaks like it."""

    def __init__(self, merchant: MerchantRef, client: stripe.StripeClient, secrets: tuple[str, ...]) -> None:
        self._merchant = merchant
        self._client = client
        self._secrets = secrets

    def open_session(self, request: SessionRequest) -> OpenedSession:
        with _in_our_words():
            session = self._client.v1.checkout.sessions.create(
                _session_params(request), {"idempotency_key": f"checkout-{request.checkout_public_id}"}
            )
        if session.url is None:
            raise ProviderRefused(code="session_without_page")
        return OpenedSession(session_id=session.id, url=session.url, expires_at=_moment(session.expires_at))

    def read_session(self, session_id: str) -> ProviderCheckout:
        with _in_our_words():
            session = self._client.v1.checkout.sessions.retrieve(
                session_id, {"expand": ["payment_intent.latest_charge.balance_transaction"]}
            )
        intent = session.payment_intent if isinstance(session.payment_intent, stripe.PaymentIntent) else None
        charge = intent.latest_charge if intent and isinstance(intent.latest_charge, stripe.Charge) else None
        fee = _charge_fee(charge) if charge else None
        details = charge.payment_method_details if charge else None
        return ProviderCheckout(
            session_id=session.id,
            status=_status(session.status, session.payment_status, intent.status if intent else None),
            amount_minor=session.amount_total or 0,
            currency=(session.currency or "").upper(),
            charge_id=charge.id if charge else None,
            fee_minor=fee.fee_minor if fee and fee.fee_currency == fee.currency else None,
            paid_at=_moment(charge.created) if charge and charge.paid else None,
            reference=as_uuid(session.client_reference_id),
            method=details.type if details else None,
        )

    def read_charge_fee(self, charge_id: str) -> ChargeFee:
        with _in_our_words():
            charge = self._client.v1.charges.retrieve(charge_id, {"expand": ["balance_transaction"]})
        return _charge_fee(charge)

    def verify(self, body: bytes, signature: str) -> Event:
        require_signature(body, signature, self._secrets, clock.now())
        event = read_event(body)
        if event.livemode != self._merchant.livemode:
            raise WrongMode
        return event

    def checkout_in(self, event: Event) -> ProviderCheckout | None:
        session: Mapping[str, Any] = event.object
        if session.get("object") != "checkout.session" or type(session.get("amount_total")) is not int:
            return None
        failed = event.kind == "checkout.session.async_payment_failed"
        status = _status(session.get("status"), session.get("payment_status"), None)
        return ProviderCheckout(
            session_id=event.object_id,
            status="failed" if failed else status,
            amount_minor=session["amount_total"],
            currency=str(session.get("currency") or "").upper(),
            charge_id=None,
            fee_minor=None,
            paid_at=event.created_at if status == "paid" else None,
            reference=event.reference,
        )


def _session_params(request: SessionRequest) -> SessionCreateParams:
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
    if "wechat_pay" in request.methods:
        params["payment_method_options"] = {"wechat_pay": {"client": "web"}}
    if request.email:
        params["customer_email"] = request.email
    return params


def _line_item(line: Line, currency: str) -> SessionCreateParamsLineItem:
    return {
        "quantity": 1,
        "price_data": {
            "currency": currency.lower(),
            "unit_amount": line.amount_minor,
            "product_data": {"name": line.name[:250], "metadata": {"donation": line.reference}},
        },
    }


def _status(session: str | None, payment: str | None, intent: str | None) -> CheckoutStatus:
    if payment == "paid":
        return "paid"
    if payment == "no_payment_required":  # complete, and nobody was charged anything: nothing was given
        return "failed"
    if session == "expired":
        return "expired"
    if session == "complete":  # the donor is done and the money is on its way, or it turned back
        return "failed" if intent in ("requires_payment_method", "canceled") else "processing"
    return "open"


def _charge_fee(charge: stripe.Charge) -> ChargeFee:
    booked = charge.balance_transaction
    known = booked if isinstance(booked, stripe.BalanceTransaction) else None
    return ChargeFee(
        charge_id=charge.id,
        reference=as_uuid(charge.metadata.to_dict().get("checkout")),
        amount_minor=charge.amount,
        currency=charge.currency.upper(),
        fee_minor=known.fee if known else None,
        fee_currency=known.currency.upper() if known else None,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@contextmanager
def _in_our_words() -> Iterator[None]:
    """The SDK's errors become our sentences here; their codes go along for the log, never for a donor."""
    try:
        yield
    except stripe.IdempotencyError as error:
        raise SameKeyOtherRequest(code=error.code) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ProviderKeyRefused(code=error.code) from error
    except stripe.InvalidRequestError as error:
        raise _refusal(error.code) from error
    except (stripe.APIConnectionError, stripe.RateLimitError, stripe.APIError) as error:
        raise ProviderUnavailable(code=error.code) from error
    except stripe.StripeError as error:
        raise ProviderRefused(code=error.code) from error


def _refusal(code: str | None) -> ProviderRefused:
    if code in ("amount_too_small", "amount_too_large"):
        return AmountRefused(code=code)
    if code == "resource_missing":
        return NoSuchSession(code=code)
    return ProviderRefused(code=code)
