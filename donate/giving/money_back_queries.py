"""What came back of payments, or is to: refunds, disputes and warnings as the staff and a host's treasurer read them.

`hosts` says whose payments: the references of the hosts, or None for all of them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from donate.campaigns.models import Campaign
from donate.errors import NotFound
from donate.giving.models import Checkout, Donation
from donate.giving.refund_models import (
    Dispute,
    DisputeState,
    Refund,
    RefundNote,
    RefundOrigin,
    RefundPart,
    RefundState,
    WarningOfFraud,
)
from donate.giving.refund_words import why_disputed, why_failed, why_refused
from donate.ledger.models import Book
from donate.people.models import User

Hosts = Collection[str] | None


def of_hosts(hosts: Hosts) -> list[ColumnElement[bool]]:
    """The condition on the book."""
    return [] if hosts is None else [Book.host.in_(hosts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundLine:
    """A refund with what became of it. `answer` is why it was refused or came back, in our words, `code` the
    provider's own word for that."""

    public_id: UUID
    checkout: UUID | None
    amount_minor: int
    currency: str
    time_zone: str
    state: RefundState
    origin: RefundOrigin
    requested_at: datetime
    requested_by_name: str | None
    refund_id: str | None
    answer: str | None
    code: str | None
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeLine:
    """A dispute as it stands. `fee_minor` is what the provider keeps for itself, less what it gave back; `reason` is a
    sentence, `code` the provider's word for it."""

    dispute_id: str
    checkout: UUID | None
    amount_minor: int
    fee_minor: int
    currency: str
    time_zone: str
    state: DisputeState
    reason: str
    code: str
    opened_at: datetime
    evidence_due_at: datetime | None

    @property
    def is_running(self) -> bool:
        return self.state in (DisputeState.WARNING, DisputeState.OPEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class WarningLine:
    """An issuer's warning, and the refund that followed where anything was left."""

    warning_id: str
    checkout: UUID | None
    time_zone: str
    warned_at: datetime
    refund: UUID | None


def _with_book(query: Select[*tuple[Any, ...]], row: type[Refund] | type[Dispute]) -> Select[*tuple[Any, ...]]:
    """Joined to the payment's book. Money without a checkout of its own is the staff's and has its own page."""
    return query.join(Checkout, Checkout.id == row.checkout_id).join(Book, Book.id == Checkout.book_id)


def refund_lines(session: Session, hosts: Hosts, most: int, *conditions: ColumnElement[bool]) -> list[RefundLine]:
    """Refunds of payments, newest first."""
    columns = select(Refund, Checkout.public_id, Checkout.currency, Book.time_zone, User.name, RefundNote.note)
    query = (
        _with_book(columns, Refund)
        .outerjoin(User, User.id == Refund.requested_by)
        .outerjoin(RefundNote, RefundNote.refund_id == Refund.id)
        .where(*of_hosts(hosts), *conditions)
        .order_by(Refund.id.desc())
        .limit(most)
    )
    rows: Iterable[tuple[Any, ...]] = session.execute(query)
    return [_refund_line(*row) for row in rows]


def answer(refund: Refund) -> str | None:
    """Why it was refused or came back; None while neither happened."""
    if refund.state == RefundState.REFUSED:
        return why_refused(refund.refused_code)
    if refund.state == RefundState.FAILED or refund.failure is not None:
        return why_failed(refund.failure)
    return None


def _refund_line(
    refund: Refund, checkout: UUID | None, currency: str, time_zone: str, name: str | None, note: str | None
) -> RefundLine:
    return RefundLine(
        public_id=refund.public_id,
        checkout=checkout,
        amount_minor=refund.amount_minor,
        currency=currency,
        time_zone=time_zone,
        state=RefundState(refund.state),
        origin=RefundOrigin(refund.origin),
        requested_at=refund.requested_at,
        requested_by_name=name,
        refund_id=refund.refund_id,
        answer=answer(refund),
        code=refund.refused_code if refund.state == RefundState.REFUSED else refund.failure,
        note=note,
    )


def refund_line(session: Session, hosts: Hosts, public_id: UUID) -> RefundLine:
    """One refund, if it is of these hosts. Raises NotFound."""
    found = refund_lines(session, hosts, 1, Refund.public_id == public_id)
    if not found:
        raise NotFound
    return found[0]


def refund_shares(session: Session, public_id: UUID) -> list[tuple[str, str, str, int]]:
    """What a refund takes of which campaign: (reference, title in Chinese and English, amount)."""
    rows = session.execute(
        select(Campaign.ref, Campaign.title_zh, Campaign.title_en, RefundPart.amount_minor)
        .join(Refund, Refund.id == RefundPart.refund_id)
        .join(Donation, Donation.id == RefundPart.donation_id)
        .join(Campaign, Campaign.ref == Donation.campaign_ref)
        .where(Refund.public_id == public_id)
        .order_by(Donation.id)
    )
    return [(ref, zh, en, amount) for ref, zh, en, amount in rows]


def dispute_lines(session: Session, hosts: Hosts, most: int, *conditions: ColumnElement[bool]) -> list[DisputeLine]:
    """Disputes of payments: what is running first, by the day on which its evidence is due."""
    columns = select(Dispute, Checkout.public_id, Checkout.currency, Book.time_zone)
    is_over = Dispute.state.in_((DisputeState.LOST.value, DisputeState.WON.value))
    query = (
        _with_book(columns, Dispute)
        .where(*of_hosts(hosts), *conditions)
        .order_by(is_over, Dispute.evidence_due_at.asc().nulls_last(), Dispute.id.desc())
        .limit(most)
    )
    rows: Iterable[tuple[Any, ...]] = session.execute(query)
    return [
        DisputeLine(
            dispute_id=dispute.dispute_id,
            checkout=checkout,
            amount_minor=dispute.amount_minor,
            fee_minor=dispute.fee_minor - dispute.fee_returned_minor,
            currency=currency,
            time_zone=time_zone,
            state=DisputeState(dispute.state),
            reason=why_disputed(dispute.reason),
            code=dispute.reason,
            opened_at=dispute.opened_at,
            evidence_due_at=dispute.evidence_due_at,
        )
        for dispute, checkout, currency, time_zone in rows
    ]


def warning_lines(session: Session, hosts: Hosts, most: int, *conditions: ColumnElement[bool]) -> list[WarningLine]:
    """Issuers' warnings of payments, newest first."""
    query = (
        select(WarningOfFraud, Checkout.public_id, Book.time_zone, Refund.public_id)
        .join(Checkout, Checkout.charge_id == WarningOfFraud.charge_id)
        .join(Book, Book.id == Checkout.book_id)
        .outerjoin(Refund, Refund.id == WarningOfFraud.refund_id)
        .where(*of_hosts(hosts), *conditions)
        .order_by(WarningOfFraud.id.desc())
        .limit(most)
    )
    rows: Iterable[tuple[Any, ...]] = session.execute(query)
    return [
        WarningLine(
            warning_id=warning.warning_id,
            checkout=checkout,
            time_zone=time_zone,
            warned_at=warning.warned_at,
            refund=refund,
        )
        for warning, checkout, time_zone, refund in rows
    ]


def running_disputes(session: Session, hosts: Hosts) -> int:
    """How many disputes of payments are not decided yet."""
    query = (
        select(func.count())
        .select_from(Dispute)
        .join(Checkout, Checkout.id == Dispute.checkout_id)
        .join(Book, Book.id == Checkout.book_id)
        .where(Dispute.state.in_((DisputeState.WARNING.value, DisputeState.OPEN.value)), *of_hosts(hosts))
    )
    return session.scalar(query) or 0
