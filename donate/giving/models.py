"""What a donor started and what they gave. The money itself stands in the ledger; here stands who may see what."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id
from donate.errors import N_


class CheckoutState(StrEnum):
    """How far a checkout has come. `sentence` is what its donor reads."""

    CREATED = "created"
    OPEN = "open"
    PROCESSING = "processing"
    EXPIRED = "expired"
    FAILED = "failed"
    PAID = "paid"
    SETTLED = "settled"

    @property
    def rank(self) -> int:
        """The state only rises by this. Expired and failed stand below paid, since a late success still counts."""
        return _RANKS[self]

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_RANKS = {
    CheckoutState.CREATED: 0,
    CheckoutState.OPEN: 1,
    CheckoutState.PROCESSING: 2,
    CheckoutState.EXPIRED: 3,
    CheckoutState.FAILED: 3,
    CheckoutState.PAID: 4,
    CheckoutState.SETTLED: 5,
}

_SENTENCES = {
    CheckoutState.CREATED: N_("The payment has been prepared; nothing has been paid."),
    CheckoutState.OPEN: N_("The payment page is open; nothing has been paid yet."),
    CheckoutState.PROCESSING: N_("The payment provider is still working on the payment."),
    CheckoutState.EXPIRED: N_("The time to pay ran out. Nothing was charged."),
    CheckoutState.FAILED: N_("The payment did not go through. Nothing was charged."),
    CheckoutState.PAID: N_("The payment has arrived."),
    CheckoutState.SETTLED: N_("The payment has reached the charity’s bank account."),
}


class Booked(StrEnum):
    """What a paid checkout became in the books."""

    DONATIONS = "donations"  # one entry for each donation
    SUSPENSE = "suspense"  # the amount differs from what was agreed: one entry against suspense, a person decides
    CLEARED = "cleared"  # out of suspense: a person let the donations count, in what was really paid
    UNBOOKED = "unbooked"  # another currency than the book's: no entry, a row of unbooked_money


class Checkout(Base, kw_only=True):
    """One attempt to pay for one or more donations at the provider; its amount is frozen when it is made."""

    __tablename__ = "checkout"

    id: Mapped[Id] = mapped_column(init=False)
    # Comes from the signed form token, so that a form sent twice meets the same checkout.
    public_id: Mapped[UUID] = mapped_column(unique=True, default_factory=uuid4)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    merchant_account_id: Mapped[int] = mapped_column(ForeignKey("merchant_account.id"))
    amount_minor: Mapped[int]
    currency: Mapped[str]
    # One of the methods of payments.tariffs; its fee is the one that the donor was shown.
    method: Mapped[str]
    # Opens the confirming and receipt pages; whoever holds it may see the receipt.
    secret: Mapped[str] = mapped_column(unique=True)
    # Keyed hash of everything that was typed: the same form again is the same checkout, a changed one is refused.
    content_sha256: Mapped[bytes]
    locale: Mapped[str]
    state: Mapped[str] = mapped_column(default=CheckoutState.CREATED.value)
    session_id: Mapped[str | None] = mapped_column(unique=True, default=None)
    session_url: Mapped[str | None] = mapped_column(default=None)
    charge_id: Mapped[str | None] = mapped_column(default=None)
    fee_minor: Mapped[int | None] = mapped_column(default=None)
    booked_as: Mapped[str | None] = mapped_column(default=None)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    # Fixed before the provider is asked, so that asking again is asking for the very same.
    expires_at: Mapped[datetime]
    paid_at: Mapped[datetime | None] = mapped_column(default=None)
    fee_booked_at: Mapped[datetime | None] = mapped_column(default=None)
    # When the job asks the provider again; empty once nothing more is to be learnt.
    next_sync_at: Mapped[datetime | None] = mapped_column(default=None)

    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("state IN (" + ", ".join(f"'{state.value}'" for state in CheckoutState) + ")", name="state"),
        CheckConstraint("booked_as IN ('donations', 'suspense', 'cleared', 'unbooked')", name="booked_as"),
        CheckConstraint("state NOT IN ('paid', 'settled') OR paid_at IS NOT NULL", name="paid_at"),
        Index(None, "charge_id"),
        Index("checkout_next_sync_at_ix", "next_sync_at", postgresql_where="next_sync_at IS NOT NULL"),
    )


class Donation(Base, kw_only=True):
    """One donor's money to one campaign, a line of a checkout. Booked under the key `donation:<public_id>`."""

    __tablename__ = "donation"

    id: Mapped[Id] = mapped_column(init=False)
    public_id: Mapped[UUID] = mapped_column(unique=True, default_factory=uuid4)
    checkout_id: Mapped[int] = mapped_column(ForeignKey("checkout.id"))
    campaign_ref: Mapped[str]
    amount_minor: Mapped[int]
    # The donor's consent; the name itself stands in the erasable DonationPrivate.
    name_is_public: Mapped[bool] = mapped_column(default=False)
    # What the provider's page calls it, in its donor's language: the campaign's title when the form was sent. Asked
    # again under the same idempotency key, the provider must be sent the same, whatever the title is by then.
    line_name: Mapped[str | None] = mapped_column(default=None)

    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        Index(None, "checkout_id"),
        Index(None, "campaign_ref", "id"),
        # The campaign page's list of those who agreed to be named.
        Index("donation_named_ix", "campaign_ref", "id", postgresql_where="name_is_public"),
    )

    @property
    def entry_key(self) -> str:
        """The idempotency key of this donation's ledger entry."""
        return f"donation:{self.public_id}"


class CheckoutPrivate(Base, kw_only=True):
    """Where the receipt goes, if the donor said so. Erasable."""

    __tablename__ = "checkout_private"

    checkout_id: Mapped[int] = mapped_column(ForeignKey("checkout.id"), primary_key=True, autoincrement=False)
    email: Mapped[str]


class DonationPrivate(Base, kw_only=True):
    """A donor's name and their words to the organiser. Erasable; there is no row where neither was given."""

    __tablename__ = "donation_private"

    donation_id: Mapped[int] = mapped_column(ForeignKey("donation.id"), primary_key=True, autoincrement=False)
    name: Mapped[str | None] = mapped_column(default=None)
    message: Mapped[str | None] = mapped_column(default=None)

    # The organiser's page of messages, newest first: few donors write one.
    __table_args__ = (Index("donation_private_message_ix", "donation_id", postgresql_where="message IS NOT NULL"),)


class UnbookedMoney(Base, kw_only=True):
    """Money at the provider that differs from what was agreed, until a person has explained it or it is gone.

    Money in the book's currency also has an entry against suspense (`is_in_suspense`); money in another
    currency has no entry at all, and stands here in its own currency.
    """

    __tablename__ = "unbooked_money"

    id: Mapped[Id] = mapped_column(init=False)
    merchant_account_id: Mapped[int] = mapped_column(ForeignKey("merchant_account.id"))
    # The provider's session: one row for each, however often its message arrives.
    session_id: Mapped[str] = mapped_column(unique=True)
    checkout_id: Mapped[int | None] = mapped_column(ForeignKey("checkout.id"), default=None)
    # The payment that its checkout was booked by; else a second one of a checkout that was paid twice, or of none. A
    # month that nobody opened a page for has no session, so this is never told by comparing sessions.
    is_own: Mapped[bool] = mapped_column(default=False)
    amount_minor: Mapped[int]
    currency: Mapped[str]
    is_in_suspense: Mapped[bool]
    seen_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    explained_at: Mapped[datetime | None] = mapped_column(default=None)
    explanation: Mapped[str | None] = mapped_column(default=None)
    explained_by: Mapped[int | None] = mapped_column(default=None)
    outcome: Mapped[str | None] = mapped_column(default=None)
    # Learnt by asking, where the money has no checkout of its own that would know them.
    charge_id: Mapped[str | None] = mapped_column(default=None)
    fee_minor: Mapped[int | None] = mapped_column(default=None)

    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("(explained_at IS NULL) = (explanation IS NULL)", name="explained"),
        CheckConstraint("outcome IN ('cleared', 'refunded', 'noted', 'gone_back', 'general')", name="outcome"),
        CheckConstraint("checkout_id IS NOT NULL OR NOT is_own", name="own"),
        Index(None, "charge_id"),
        Index(None, "checkout_id"),
        Index("unbooked_money_own_key", "checkout_id", unique=True, postgresql_where="is_own"),
        Index("unbooked_money_standing_ix", "id", postgresql_where="explained_at IS NULL"),
    )
