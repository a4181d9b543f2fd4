"""Standing promises: moved to where the provider says they stand, each charged month booked.

Nothing here asks the provider; see recurring_sync. The row of a promise is locked while anything of it is written, so
that messages in any order, twice or at once, book each month once.
"""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError, NotFound
from donate.giving.booking import donation_entry, keep_unexplained
from donate.giving.models import Booked, Checkout, CheckoutState, Donation, DonationPrivate
from donate.giving.recurring_models import Recurring, RecurringMonth, RecurringState, StopReason
from donate.giving.service import FIRST_SYNC
from donate.ledger import journal
from donate.ledger.models import Book
from donate.payments.facts import RecurringCharge, RecurringSeen
from donate.payments.gateway import ProviderCheckout

# The provider charges an hour or so after a month has begun; after this long its message is taken for lost.
OVERDUE_AFTER = timedelta(hours=6)

log = structlog.get_logger("donate.giving")


class FirstMonthUnknown(DonateError):
    """A month was charged, but our own checkout of it is not paid yet as far as we know: ask again later."""

    sentence = N_("The first month of this monthly donation is not confirmed yet.")
    status = 409


def locked(session: Session, public_id: UUID) -> Recurring:
    """The promise, held until the transaction ends. Raises NotFound."""
    found = session.scalars(select(Recurring).where(Recurring.public_id == public_id).with_for_update()).one_or_none()
    if found is None:
        raise NotFound
    return found


def by_secret(session: Session, secret: str) -> Recurring:
    """The promise behind a secret link. Raises NotFound."""
    found = session.scalars(select(Recurring).where(Recurring.secret == secret)).one_or_none()
    if found is None:
        raise NotFound
    return found


def ask_to_stop(session: Session, public_id: UUID, reason: StopReason) -> None:
    """Write down that a promise is to end, before the provider is asked; the first reason stands."""
    recurring = locked(session, public_id)
    if recurring.state == RecurringState.ENDED or recurring.stop_asked_at is not None:
        return
    now = clock.now()
    recurring.stop_reason, recurring.stop_asked_at, recurring.next_sync_at = reason.value, now, now + FIRST_SYNC


def take_seen(session: Session, public_id: UUID, seen: RecurringSeen, asked_at: datetime) -> None:
    """Move a promise to where the provider says it stands; an answer older than the one we have changes nothing.

    What has ended stays ended: the provider never takes such a one up again. What has not begun at the provider, since
    every card was refused on its page, has not begun here; it may do so by another try, under another id perhaps.
    """
    if seen.status == "pending":
        return
    recurring = locked(session, public_id)
    if recurring.state == RecurringState.ENDED or (recurring.seen_at is not None and recurring.seen_at > asked_at):
        return
    now = clock.now()
    recurring.recurring_id, recurring.seen_at = seen.recurring_id, asked_at
    recurring.state, recurring.paid_until = RecurringState(seen.status).value, seen.paid_until
    if seen.status != "past_due":
        recurring.next_attempt_at = None
    if seen.status == "ended":
        by_provider = StopReason.PAYMENT if seen.has_failed else StopReason.PROVIDER
        recurring.stop_reason = recurring.stop_reason or by_provider.value
        recurring.ended_at, recurring.next_sync_at = now, None
    elif recurring.stop_asked_at is not None:
        recurring.next_sync_at = now  # asked for, but not done yet
    else:
        expected_at = recurring.next_attempt_at or seen.paid_until or now
        recurring.next_sync_at = max(expected_at, now) + OVERDUE_AFTER


def take_attempt(session: Session, public_id: UUID, charge: RecurringCharge) -> None:
    """Remember when a refused charge is tried again, for the donor's page."""
    recurring = locked(session, public_id)
    if not charge.is_paid and charge.next_attempt_at is not None:
        recurring.next_attempt_at = charge.next_attempt_at


def month_of(session: Session, invoice_id: str) -> UUID | None:
    """The checkout that stands for a charged month, by its public id; None while it is not booked."""
    return session.scalar(
        select(Checkout.public_id)
        .join(RecurringMonth, RecurringMonth.checkout_id == Checkout.id)
        .where(RecurringMonth.invoice_id == invoice_id)
    )


def book_month(session: Session, merchant: str, public_id: UUID, charge: RecurringCharge) -> UUID:
    """Book one charged month, once; the public id of the checkout that stands for it.

    Recording never fails: whether the campaign still raises is not asked. The first month is the checkout of the form
    itself. Raises FirstMonthUnknown.
    """
    recurring = locked(session, public_id)
    known = month_of(session, charge.invoice_id)
    if known is not None:
        return known
    first = session.get_one(Checkout, recurring.checkout_id)
    if charge.is_first:
        if first.booked_as is None:
            raise FirstMonthUnknown
        checkout = first
    else:
        checkout = _later_month(session, merchant, recurring, first, charge)
    session.add(
        RecurringMonth(
            invoice_id=charge.invoice_id,
            recurring_id=recurring.id,
            checkout_id=checkout.id,
            period_from=charge.period_from,
        )
    )
    session.flush()
    return checkout.public_id


def _later_month(
    session: Session, merchant: str, recurring: Recurring, first: Checkout, charge: RecurringCharge
) -> Checkout:
    """A checkout that no page was opened for, with its donation and entry; other money than agreed is not booked so."""
    paid_at = charge.paid_at or clock.now()
    checkout = Checkout(
        public_id=_derived(recurring.public_id, "checkout", charge.invoice_id),
        book_id=first.book_id,
        merchant_account_id=first.merchant_account_id,
        amount_minor=recurring.amount_minor,
        currency=first.currency,
        method=first.method,
        secret=secrets.token_urlsafe(24),
        content_sha256=sha256(charge.invoice_id.encode()).digest(),
        locale=first.locale,
        state=CheckoutState.PAID.value,
        charge_id=charge.charge_id,
        expires_at=paid_at,
        paid_at=paid_at,
        next_sync_at=clock.now() + FIRST_SYNC,  # its fee is still to come
    )
    session.add(checkout)
    session.flush()
    donation = _later_donation(session, recurring, checkout, charge)
    if (charge.amount_minor, charge.currency) == (checkout.amount_minor, checkout.currency):
        checkout.booked_as = Booked.DONATIONS.value
        time_zone = session.scalars(select(Book.time_zone).where(Book.id == checkout.book_id)).one()
        campaign, amount = recurring.campaign_ref, recurring.amount_minor
        entry = donation_entry(checkout.book_id, time_zone, paid_at, donation.public_id, campaign, amount)
        journal.post(session, [entry])
    else:
        booked_as = keep_unexplained(session, merchant, _as_checkout(charge, checkout), checkout)
        checkout.booked_as = booked_as.value
        if booked_as is Booked.UNBOOKED or charge.amount_minor <= 0:
            checkout.next_sync_at = None
    session.flush()
    return checkout


def _later_donation(session: Session, recurring: Recurring, checkout: Checkout, charge: RecurringCharge) -> Donation:
    """By name as the first one is today: a consent or a name that was taken back is not taken up again."""
    first, name = session.execute(
        select(Donation, DonationPrivate.name)
        .outerjoin(DonationPrivate, DonationPrivate.donation_id == Donation.id)
        .where(Donation.checkout_id == recurring.checkout_id)
    ).one()
    donation = Donation(
        public_id=_derived(recurring.public_id, "donation", charge.invoice_id),
        checkout_id=checkout.id,
        campaign_ref=recurring.campaign_ref,
        amount_minor=recurring.amount_minor,
        name_is_public=first.name_is_public and name is not None,
        line_name=first.line_name,
    )
    session.add(donation)
    session.flush()
    if name is not None:
        session.add(DonationPrivate(donation_id=donation.id, name=name))
    return donation


def _derived(recurring: UUID, purpose: str, invoice_id: str) -> UUID:
    """The same id for the same month, whoever books it; to others it looks like any random one."""
    seed = sha256(recurring.bytes + f"{purpose}:{invoice_id}".encode()).digest()
    return UUID(bytes=seed[:16], version=4)


def _as_checkout(charge: RecurringCharge, checkout: Checkout) -> ProviderCheckout:
    """A month in the words of a paid session, for money that nobody can explain."""
    return ProviderCheckout(
        session_id=charge.invoice_id,
        status="paid",
        amount_minor=charge.amount_minor,
        currency=charge.currency,
        charge_id=charge.charge_id,
        fee_minor=None,
        paid_at=charge.paid_at,
        reference=checkout.public_id,
    )
