"""Starting a checkout and opening the provider's page for it.

Order matters: the checkout is committed first, then the provider is asked, with no transaction open. Whatever dies
in between, the row is there, and asking again asks for the same page.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, insert, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.models import Campaign
from donate.errors import N_, DonateError
from donate.giving import rules, tries
from donate.giving.forms import GiveForm
from donate.giving.models import Checkout, CheckoutPrivate, CheckoutState, Donation, DonationPrivate
from donate.giving.recurring_models import Recurring, RecurringState
from donate.giving.tries import Asker
from donate.ledger.models import MerchantAccount
from donate.payments.gateway import SESSION_LIFETIME, Line, MerchantRef, OpenedSession, SessionRequest

# The provider wants a page to live half an hour when it is asked for; the rest is for asking again after a failure.
PAYMENT_LIFETIME = SESSION_LIFETIME + timedelta(minutes=10)

# When the job asks for the first time what became of a checkout, should no message have said so.
FIRST_SYNC = timedelta(minutes=2)


class FormAlreadyUsed(DonateError):
    """The token of the form belongs to a checkout with other content."""

    sentence = N_("This form was sent before with other details, and those stand. To give this as well, send it again.")
    status = 409


class CheckoutOver(DonateError):
    """The form is that of a checkout which can no longer be paid."""

    sentence = N_("The time to pay ran out and nothing was charged. Please look it over and send it again.")
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCheckout:
    """A give form without errors, and where its money goes. All its campaigns belong to one host's book."""

    public_id: UUID
    book_id: int
    merchant_account_id: int
    currency: str
    locale: str
    form: GiveForm
    content_sha256: bytes
    asker: Asker | None = None  # from where it is started, for the limits; none where no stranger starts it
    is_accepted: bool = False  # by two people of the host, as a large donation must be


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedCheckout:
    """A committed checkout, new or met again."""

    id: int
    secret: str
    state: CheckoutState
    session_url: str | None
    expires_at: datetime


def start_checkout(session: Session, new: NewCheckout) -> StartedCheckout:
    """Write the checkout with its donations and private rows, or find it where the same form came before.

    Raises FormAlreadyUsed when the same token came with other content, LargeNotAccepted.
    """
    if rules.is_large(new.form.amount_minor, new.currency) and not new.is_accepted:
        raise rules.LargeNotAccepted(threshold=rules.large_from(new.currency))
    now = clock.now()
    checkout_id = session.scalar(
        upsert(Checkout)
        .values(
            public_id=new.public_id,
            book_id=new.book_id,
            merchant_account_id=new.merchant_account_id,
            amount_minor=new.form.amount_minor,
            currency=new.currency,
            method=new.form.method,
            secret=secrets.token_urlsafe(24),
            content_sha256=new.content_sha256,
            locale=new.locale,
            state=CheckoutState.CREATED.value,
            created_at=now,
            expires_at=now + PAYMENT_LIFETIME,
            next_sync_at=now + FIRST_SYNC,
        )
        .on_conflict_do_nothing(index_elements=["public_id"])
        .returning(Checkout.id)
    )
    if checkout_id is not None:
        _write_donations(session, checkout_id, new)
        if new.asker is not None:
            campaigns = [line.campaign for line in new.form.lines]
            tries.remember(session, checkout_id, new.asker, campaigns, new.form.method)
        if new.form.is_monthly:
            [line] = new.form.lines
            _promise(session, checkout_id, line.campaign, line.amount_minor)
    started, content_sha256 = _read_started(session, new.public_id)
    if not secrets.compare_digest(content_sha256, new.content_sha256):
        raise FormAlreadyUsed
    return started


def _write_donations(session: Session, checkout_id: int, new: NewCheckout) -> None:
    form = new.form
    names = _line_names(session, [line.campaign for line in form.lines], new.locale)
    donation_ids = session.scalars(
        insert(Donation).returning(Donation.id, sort_by_parameter_order=True),
        [
            {
                "public_id": _new_public_id(),
                "checkout_id": checkout_id,
                "campaign_ref": line.campaign,
                "amount_minor": line.amount_minor,
                "name_is_public": form.name_is_public,
                "line_name": names[line.campaign] + _months_words(form.rhythm.months, new.locale),
            }
            for line in form.lines
        ],
    ).all()
    if form.name or form.words:
        session.execute(
            insert(DonationPrivate),
            [{"donation_id": donation, "name": form.name, "message": form.words} for donation in donation_ids],
        )
    if form.email:
        session.execute(insert(CheckoutPrivate).values(checkout_id=checkout_id, email=form.email))


def _promise(session: Session, checkout_id: int, campaign_ref: str, amount_minor: int) -> None:
    """What the donor promises for every month to come, beside the checkout whose payment is the first one."""
    session.execute(
        insert(Recurring).values(
            public_id=_new_public_id(),
            secret=secrets.token_urlsafe(24),
            checkout_id=checkout_id,
            campaign_ref=campaign_ref,
            amount_minor=amount_minor,
            created_at=clock.now(),
            state=RecurringState.PENDING.value,
            next_sync_at=clock.now() + FIRST_SYNC,
        )
    )


def _months_words(months: int, locale: str) -> str:
    """What the provider's page adds where several months are paid at once, in its donor's language."""
    if months == 1:
        return ""
    return f" ({months} months in one payment)" if locale == "en" else f"（一次支付{months}个月）"


def _line_names(session: Session, campaigns: Sequence[str], locale: str) -> dict[str, str]:
    rows = session.execute(
        select(Campaign.ref, Campaign.title_zh, Campaign.title_en).where(Campaign.ref.in_(campaigns))
    )
    return {ref: (en or zh) if locale == "en" else (zh or en) for ref, zh, en in rows}


def _new_public_id() -> UUID:
    return UUID(bytes=secrets.token_bytes(16), version=4)


def _read_started(session: Session, public_id: UUID) -> tuple[StartedCheckout, bytes]:
    row = session.execute(
        select(
            Checkout.id,
            Checkout.secret,
            Checkout.state,
            Checkout.session_url,
            Checkout.expires_at,
            Checkout.content_sha256,
        ).where(Checkout.public_id == public_id)
    ).one()
    checkout_id, secret, state, session_url, expires_at, content_sha256 = row
    started = StartedCheckout(
        id=checkout_id,
        secret=secret,
        state=CheckoutState(state),
        session_url=session_url,
        expires_at=expires_at,
    )
    return started, content_sha256


def session_request(session: Session, checkout_id: int, *, base_url: str) -> SessionRequest:
    """What the provider is asked for, from stored rows only: asked again, it is the same to the byte.

    Raises CheckoutOver when too little time is left for a page to be paid on.
    """
    checkout, merchant, recurring = session.execute(
        select(Checkout, MerchantAccount, Recurring.public_id)
        .join(MerchantAccount, MerchantAccount.id == Checkout.merchant_account_id)
        .outerjoin(Recurring, Recurring.checkout_id == Checkout.id)
        .where(Checkout.id == checkout_id)
    ).one()
    if checkout.expires_at - clock.now() < SESSION_LIFETIME - timedelta(minutes=1):
        raise CheckoutOver
    page = f"{base_url}/{checkout.locale}/paid/{checkout.secret}"
    return SessionRequest(
        merchant=merchant_ref(merchant),
        checkout_public_id=checkout.public_id,
        currency=checkout.currency,
        lines=_request_lines(session, checkout_id),
        locale=checkout.locale,
        success_url=page,
        cancel_url=page,
        methods=(checkout.method,),
        expires_at=checkout.expires_at,
        recurring=recurring,
    )


def merchant_ref(merchant: MerchantAccount) -> MerchantRef:
    """The merchant account in the words of the border."""
    return MerchantRef(ref=merchant.ref, provider=merchant.provider, livemode=merchant.livemode, tariff=merchant.tariff)


def _request_lines(session: Session, checkout_id: int) -> tuple[Line, ...]:
    rows = session.execute(
        select(Donation.public_id, Donation.amount_minor, func.coalesce(Donation.line_name, Donation.campaign_ref))
        .where(Donation.checkout_id == checkout_id)
        .order_by(Donation.id)
    )
    return tuple(
        Line(name=name, amount_minor=amount_minor, reference=str(public_id)) for public_id, amount_minor, name in rows
    )


def keep_session(session: Session, checkout_id: int, opened: OpenedSession) -> None:
    """Remember the provider's page. A webhook may have been faster, so the state only rises."""
    session.execute(
        _KEEP_SESSION, {"checkout_id": checkout_id, "session_id": opened.session_id, "session_url": opened.url}
    )


_KEEP_SESSION = text(
    """
    UPDATE checkout
    SET session_id = coalesce(session_id, :session_id),
        session_url = :session_url,
        state = CASE state WHEN 'created' THEN 'open' ELSE state END
    WHERE id = :checkout_id
    """
)
