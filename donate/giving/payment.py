"""From a give form to the provider's page: commit, then ask, never both at once."""

from dataclasses import dataclass
from uuid import UUID

from donate import clock
from donate.db import reading, transaction
from donate.giving.models import CheckoutState
from donate.giving.service import (
    CheckoutOver,
    NewCheckout,
    StartedCheckout,
    keep_session,
    session_request,
    start_checkout,
)
from donate.giving.sync import sync_checkout
from donate.payments.merchants import gateway_for
from donate.settings import Settings


@dataclass(frozen=True, slots=True)
class BegunPayment:
    """Where the donor goes next: to the provider's page, or to our own by the secret when it is paid already."""

    secret: str
    provider_url: str | None


def begin_payment(new: NewCheckout, settings: Settings) -> BegunPayment:
    """Start the checkout, or take up the one that the same form started, and open its page at the provider.

    Raises FormAlreadyUsed, CheckoutOver, and the border's ProviderUnavailable and ProviderRefused; the checkout
    stands then, and sending the same form again goes on with it.
    """
    with transaction() as session:
        started = start_checkout(session, new)
    if started.session_url is not None or started.state not in (CheckoutState.CREATED, CheckoutState.OPEN):
        return _taken_up(new.public_id, started, settings)
    with reading() as session:
        request = session_request(session, started.id, base_url=settings.base_url)
    opened = gateway_for(request.merchant, settings).open_session(request)
    with transaction() as session:
        keep_session(session, started.id, opened)
    return BegunPayment(started.secret, opened.url)


def _taken_up(reference: UUID, started: StartedCheckout, settings: Settings) -> BegunPayment:
    """Where a checkout that has its page goes on.

    After its time only the provider knows that nothing was charged: a donor who is told so pays again.
    """
    state = started.state
    if state is CheckoutState.OPEN and clock.now() >= started.expires_at:
        state = sync_checkout(reference, settings)
    if state in (CheckoutState.EXPIRED, CheckoutState.FAILED):
        raise CheckoutOver
    return BegunPayment(started.secret, started.session_url if state is CheckoutState.OPEN else None)
