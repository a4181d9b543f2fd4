"""Large donations: asked for by an identified donor under an agreement, accepted by two people of the host, then paid.

What was asked for is never edited; only how far it has come is written again. User ids are plain numbers, so that a
user can be erased while what they did stays.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from donate import clock
from donate.db import Base, Id
from donate.errors import N_


class LargeState(StrEnum):
    """How far the request for a large donation has come. Whether it was paid, its checkout says."""

    ASKED = "asked"
    ACCEPTED_ONCE = "accepted_once"
    ACCEPTED = "accepted"
    DECLINED = "declined"

    @property
    def sentence(self) -> str:
        return _STATES[self]


_STATES = {
    LargeState.ASKED: N_("Waits for the first acceptance"),
    LargeState.ACCEPTED_ONCE: N_("Waits for the second acceptance"),
    LargeState.ACCEPTED: N_("Accepted, may be paid"),
    LargeState.DECLINED: N_("Not accepted"),
}


class AgreementText(Base, kw_only=True):
    """A wording that donors agreed to. It names no donor, so it stays when a donor's data is erased."""

    __tablename__ = "agreement_text"
    __table_args__ = (CheckConstraint("sha256 = sha256(convert_to(words, 'UTF8'))", name="sha256"),)

    sha256: Mapped[bytes] = mapped_column(primary_key=True)
    words: Mapped[str]
    kept_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class LargeRequest(Base, kw_only=True):
    """One donor's wish to give a large amount to one campaign."""

    __tablename__ = "large_request"
    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint("state IN ('asked', 'accepted_once', 'accepted', 'declined')", name="state"),
        CheckConstraint("second_by IS NULL OR (first_by IS NOT NULL AND second_by <> first_by)", name="two_people"),
        CheckConstraint("(state = 'accepted') = (second_by IS NOT NULL)", name="accepted"),
        CheckConstraint("state <> 'accepted_once' OR first_by IS NOT NULL", name="accepted_once"),
        CheckConstraint("(state = 'declined') = (declined_by IS NOT NULL)", name="declined"),
        CheckConstraint("state = 'accepted' OR attempt_count = 0", name="paid_when_accepted"),
        CheckConstraint("(attempt_count = 0) = (checkout_ref IS NULL)", name="attempt_count"),
        Index(None, "book_id", "state", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    # Comes from the signed form token, so that a form sent twice meets the same request.
    public_id: Mapped[UUID] = mapped_column(unique=True)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    merchant_account_id: Mapped[int] = mapped_column(ForeignKey("merchant_account.id"))
    campaign_ref: Mapped[str]
    amount_minor: Mapped[int]
    currency: Mapped[str]
    method: Mapped[str]
    locale: Mapped[str]
    name_is_public: Mapped[bool]
    # Opens the donor's own page, where an accepted request is paid.
    secret: Mapped[str] = mapped_column(unique=True)
    content_sha256: Mapped[bytes]  # keyed hash of everything that was typed
    agreement_sha256: Mapped[bytes] = mapped_column(ForeignKey("agreement_text.sha256"))
    state: Mapped[str] = mapped_column(default=LargeState.ASKED.value)
    asked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    first_by: Mapped[int | None] = mapped_column(default=None)
    first_at: Mapped[datetime | None] = mapped_column(default=None)
    second_by: Mapped[int | None] = mapped_column(default=None)
    second_at: Mapped[datetime | None] = mapped_column(default=None)
    declined_by: Mapped[int | None] = mapped_column(default=None)
    declined_at: Mapped[datetime | None] = mapped_column(default=None)
    decline_reason: Mapped[str] = mapped_column(default="")
    # The public id of its checkout; another one only where the one before ran out or failed.
    checkout_ref: Mapped[UUID | None] = mapped_column(unique=True, default=None)
    attempt_count: Mapped[int] = mapped_column(default=0)


class LargeRequestPrivate(Base, kw_only=True):
    """Who asks, and how the host knows that it is them. Erasable."""

    __tablename__ = "large_request_private"

    request_id: Mapped[int] = mapped_column(ForeignKey("large_request.id"), primary_key=True, autoincrement=False)
    name: Mapped[str]
    contact: Mapped[str]
    identity: Mapped[str]
    email: Mapped[str | None] = mapped_column(default=None)
    message: Mapped[str | None] = mapped_column(default=None)


class SplitKind(StrEnum):
    """By what several payments look like one person's."""

    EMAIL = "email"
    NAME_AND_NETWORK = "name_and_network"
    PAYER = "payer"

    @property
    def sentence(self) -> str:
        return _KINDS[self]


_KINDS = {
    SplitKind.EMAIL: N_("The same e-mail address"),
    SplitKind.NAME_AND_NETWORK: N_("The same name from the same network"),
    SplitKind.PAYER: N_("Recorded donations under the same name"),
}


class SplitTrace(Base, kw_only=True):
    """By what one payment below the threshold is recognised, as a keyed hash that names nobody; kept for the pack's window."""

    __tablename__ = "split_trace"
    __table_args__ = (
        CheckConstraint("(checkout_id IS NULL) <> (recorded_id IS NULL)", name="one_payment"),
        CheckConstraint("kind IN ('email', 'name_and_network', 'payer')", name="kind"),
        Index("split_trace_checkout_key", "checkout_id", "kind", unique=True),
        Index("split_trace_recorded_key", "recorded_id", "kind", unique=True),
        Index(None, "paid_at"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    kind: Mapped[str]
    key_hash: Mapped[bytes]
    checkout_id: Mapped[int | None] = mapped_column(ForeignKey("checkout.id"))
    recorded_id: Mapped[int | None] = mapped_column(ForeignKey("recorded_donation.id"))
    amount_minor: Mapped[int]
    paid_at: Mapped[datetime]


class SplitAlert(Base, kw_only=True):
    """Payments that together are a large donation, until a person has looked into them. The payments themselves stand."""

    __tablename__ = "split_alert"
    __table_args__ = (
        CheckConstraint("kind IN ('email', 'name_and_network', 'payer')", name="kind"),
        CheckConstraint("(closed_at IS NULL) = (note = '')", name="note"),
        CheckConstraint("(closed_at IS NULL) = (closed_by IS NULL)", name="closed_by"),
        Index("split_alert_open_key", "book_id", "kind", "key_hash", unique=True, postgresql_where="closed_at IS NULL"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id"))
    kind: Mapped[str]
    key_hash: Mapped[bytes | None]  # forgotten with the traces
    raised_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[int | None] = mapped_column(default=None)
    note: Mapped[str] = mapped_column(default="")


class SplitPart(Base, kw_only=True):
    """One payment that an alert is about."""

    __tablename__ = "split_part"
    __table_args__ = (
        CheckConstraint("(checkout_id IS NULL) <> (recorded_id IS NULL)", name="one_payment"),
        Index("split_part_checkout_key", "checkout_id", "alert_id", unique=True),
        Index("split_part_recorded_key", "recorded_id", "alert_id", unique=True),
        Index(None, "alert_id", "id"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    alert_id: Mapped[int] = mapped_column(ForeignKey("split_alert.id"))
    checkout_id: Mapped[int | None] = mapped_column(ForeignKey("checkout.id"))
    recorded_id: Mapped[int | None] = mapped_column(ForeignKey("recorded_donation.id"))
    amount_minor: Mapped[int]
    paid_at: Mapped[datetime]
