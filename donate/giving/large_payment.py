"""Paying an accepted large donation: exactly its amount, to its campaign, in one checkout."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.db import transaction
from donate.giving.forms import ChosenDonation, GiveForm
from donate.giving.large import large_by_secret, reserve_checkout
from donate.giving.large_models import LargeRequest, LargeRequestPrivate
from donate.giving.models import Checkout
from donate.giving.payment import BegunPayment, begin_payment
from donate.giving.queries import give_page
from donate.giving.rhythm import Rhythm
from donate.giving.service import CheckoutOver, NewCheckout
from donate.settings import Settings


def pay_large(secret: str, settings: Settings) -> BegunPayment:
    """Open the request's checkout, or take it up. One that ran out or failed is followed by another, never beside it.

    Raises NotFound, NotAccepted, why the campaign takes nothing, and what begin_payment raises.
    """
    new = _new_checkout(secret, over=None)
    try:
        return begin_payment(new, settings)
    except CheckoutOver:
        return begin_payment(_new_checkout(secret, over=new.public_id), settings)


def _new_checkout(secret: str, *, over: UUID | None) -> NewCheckout:
    with transaction() as session:
        request = large_by_secret(session, secret)
        reference = reserve_checkout(session, request, over=over)
        if not _is_paid(session, reference):
            closed = give_page(session, (request.campaign_ref,)).campaign.closed_reason
            if closed is not None:
                raise closed
        return NewCheckout(
            public_id=reference,
            book_id=request.book_id,
            merchant_account_id=request.merchant_account_id,
            currency=request.currency,
            locale=request.locale,
            form=_form(session, request),
            content_sha256=request.content_sha256,
            is_accepted=True,
        )


def _is_paid(session: Session, reference: UUID) -> bool:
    booked_as = session.scalar(select(Checkout.booked_as).where(Checkout.public_id == reference))
    return booked_as is not None


def _form(session: Session, request: LargeRequest) -> GiveForm:
    private = session.get(LargeRequestPrivate, request.id)
    return GiveForm(
        lines=(ChosenDonation(request.campaign_ref, request.amount_minor),),
        method=request.method,
        name=private.name if private else None,
        name_is_public=request.name_is_public and private is not None,
        email=private.email if private else None,
        words=private.message if private else None,
        rhythm=Rhythm(),
    )
