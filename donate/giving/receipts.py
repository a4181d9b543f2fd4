"""What a donor sees of their own checkout: how far it has come, and a receipt for each donation in it."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.queries import CampaignForGiving, campaign_for_giving
from donate.errors import NotFound
from donate.giving.brought import COUNTS, brought, cleared_key
from donate.giving.chinese_amount import chinese_amount
from donate.giving.models import Checkout, CheckoutState, Donation, DonationPrivate, UnbookedMoney
from donate.giving.money_back import gone_back
from donate.ledger.models import Book, Entry, ReceiptNumber
from donate.money import Money, split_by_largest_remainder
from donate.publiclog.models import LogLeaf
from donate.qr import short_hash_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a checkout stands: all that the confirming page may claim."""

    public_id: UUID
    secret: str
    state: CheckoutState
    is_booked: bool
    method: str
    amount_minor: int
    currency: str
    session_url: str | None
    expires_at: datetime
    campaign_ref: str
    # What became of a payment that was not as agreed; empty while a person is looking, and of every other.
    outcome: str | None = None

    @property
    def went_back(self) -> bool:
        return self.outcome in ("refunded", "gone_back")

    @property
    def is_waiting(self) -> bool:
        """The page asks again by itself while the provider may still say that the money is there."""
        return self.state in (CheckoutState.CREATED, CheckoutState.OPEN, CheckoutState.PROCESSING)

    @property
    def can_pay(self) -> bool:
        return self.state is CheckoutState.OPEN and self.session_url is not None and clock.now() < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """One donation as its donor may show it to others. Numbered once it is in the public log."""

    campaign: CampaignForGiving
    amount_minor: int
    currency: str
    paid_on: date
    name: str | None
    name_is_public: bool
    fee_minor: int | None
    fee_is_covered: bool
    refunded_minor: int  # what came back, or was taken back by a lost dispute
    log_index: int | None
    leaf_hash: bytes | None
    number: str | None

    @property
    def is_void(self) -> bool:
        """Refunded whole: the receipt stays, and says that it counts no more."""
        return self.refunded_minor >= self.amount_minor

    @property
    def chinese_amount(self) -> str | None:
        return chinese_amount(Money(self.amount_minor, self.currency))

    @property
    def meal_count(self) -> int:
        """Whole meals that the donation pays for."""
        return self.amount_minor // self.campaign.unit_price_minor

    @property
    def short_hash(self) -> str | None:
        """The start of the log line's hash, in groups of four as it is read aloud."""
        return None if self.leaf_hash is None else short_hash_of(self.leaf_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPage:
    """A paid checkout with its receipts."""

    progress: Progress
    method: str
    paid_at: datetime
    time_zone: str
    receipts: tuple[Receipt, ...]


def progress_of(session: Session, secret: str) -> Progress:
    """Where the checkout behind a secret link stands. Raises NotFound."""
    checkout = _checkout(session, secret)
    campaign_ref = session.scalars(
        select(Donation.campaign_ref).where(Donation.checkout_id == checkout.id).order_by(Donation.id).limit(1)
    ).one()
    outcome = session.scalar(
        select(UnbookedMoney.outcome).where(UnbookedMoney.checkout_id == checkout.id, UnbookedMoney.is_own)
    )
    return replace(_progress(checkout, campaign_ref), outcome=outcome)


def receipt_page(session: Session, secret: str) -> ReceiptPage | None:
    """The receipts behind a secret link; None while our row does not say that the donations are booked.

    Raises NotFound.
    """
    checkout = _checkout(session, secret)
    if checkout.booked_as not in COUNTS or checkout.paid_at is None:
        return None
    donations = _donations(session, checkout)
    time_zone = session.scalars(select(Book.time_zone).where(Book.id == checkout.book_id)).one()
    paid_on = clock.day_of(checkout.paid_at, time_zone)
    booked = _booked(session, checkout, [donation for donation, _ in donations])
    fees = _fee_parts(checkout, [donation for donation, _ in donations])
    amounts = brought(session, checkout, [donation for donation, _ in donations])
    back = gone_back(session, list(amounts))
    receipts = tuple(
        _receipt(
            session, checkout, donation, amounts[donation.id], private, fee, booked, paid_on, back.get(donation.id, 0)
        )
        for (donation, private), fee in zip(donations, fees, strict=True)
        if donation.id in amounts
    )
    return ReceiptPage(
        progress=replace(
            _progress(checkout, donations[0][0].campaign_ref), amount_minor=sum(one.amount_minor for one in receipts)
        ),
        method=checkout.method,
        paid_at=checkout.paid_at,
        time_zone=time_zone,
        receipts=receipts,
    )


def _checkout(session: Session, secret: str) -> Checkout:
    checkout = session.scalars(select(Checkout).where(Checkout.secret == secret)).one_or_none()
    if checkout is None:
        raise NotFound
    return checkout


def _progress(checkout: Checkout, campaign_ref: str) -> Progress:
    return Progress(
        public_id=checkout.public_id,
        secret=checkout.secret,
        state=CheckoutState(checkout.state),
        is_booked=checkout.booked_as in COUNTS,
        method=checkout.method,
        amount_minor=checkout.amount_minor,
        currency=checkout.currency,
        session_url=checkout.session_url,
        expires_at=checkout.expires_at,
        campaign_ref=campaign_ref,
    )


def _donations(session: Session, checkout: Checkout) -> list[tuple[Donation, DonationPrivate | None]]:
    rows = session.execute(
        select(Donation, DonationPrivate)
        .outerjoin(DonationPrivate, DonationPrivate.donation_id == Donation.id)
        .where(Donation.checkout_id == checkout.id)
        .order_by(Donation.id)
    )
    return [(donation, private) for donation, private in rows]


def _fee_parts(checkout: Checkout, donations: list[Donation]) -> list[int] | list[None]:
    if checkout.fee_booked_at is None or checkout.fee_minor is None:
        return [None] * len(donations)
    return split_by_largest_remainder(checkout.fee_minor, [donation.amount_minor for donation in donations])


@dataclass(frozen=True, slots=True)
class _Line:
    """What the books and the log hold of one entry."""

    log_index: int | None
    leaf_hash: bytes | None
    year: int | None
    number: int | None


def _booked(session: Session, checkout: Checkout, donations: list[Donation]) -> dict[str, _Line]:
    """The entries of the donations and of covered fees, by idempotency key."""
    keys = [key for donation in donations for key in (donation.entry_key, cleared_key(donation))]
    keys += [f"cover:{checkout.public_id}:{donation.public_id}" for donation in donations]
    rows = session.execute(
        select(Entry.idempotency_key, LogLeaf.log_index, LogLeaf.leaf_hash, ReceiptNumber.year, ReceiptNumber.number)
        .outerjoin(LogLeaf, LogLeaf.entry_id == Entry.id)
        .outerjoin(ReceiptNumber, ReceiptNumber.entry_id == Entry.id)
        .where(Entry.book_id == checkout.book_id, Entry.idempotency_key.in_(keys))
    )
    return {key: _Line(log_index, leaf_hash, year, number) for key, log_index, leaf_hash, year, number in rows}


def _receipt(
    session: Session,
    checkout: Checkout,
    donation: Donation,
    amount_minor: int,
    private: DonationPrivate | None,
    fee_minor: int | None,
    booked: dict[str, _Line],
    paid_on: date,
    refunded_minor: int,
) -> Receipt:
    line = booked.get(donation.entry_key) or booked.get(cleared_key(donation)) or _Line(None, None, None, None)
    return Receipt(
        campaign=campaign_for_giving(session, donation.campaign_ref, paid_on),
        amount_minor=amount_minor,
        currency=checkout.currency,
        paid_on=paid_on,
        name=private.name if private else None,
        name_is_public=donation.name_is_public,
        fee_minor=fee_minor,
        fee_is_covered=f"cover:{checkout.public_id}:{donation.public_id}" in booked,
        refunded_minor=refunded_minor,
        log_index=line.log_index,
        leaf_hash=line.leaf_hash,
        number=f"{line.year}-{line.number:07d}" if line.number is not None else None,
    )
