"""The same number twice in one host's books: the same money, unless the second person says why it is not.

A bank's or a platform's number under the same source and way of payment is refused outright (the unique key of
recorded_donation). Under another one it may be other money, or the same transfer called by another name: whoever
confirms sees the other one, and their reason stays with the record.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, aliased

from donate.errors import N_, DonateError
from donate.giving.recorded_models import Channel, RecordedBatch, RecordedDonation, RecordedState
from donate.ledger.models import Book
from donate.text import TextTooLong, clean_text

REASON_LENGTH = 500
_STANDING = (RecordedState.ENTERED, RecordedState.CONFIRMED)


class OtherMoneyUnsaid(DonateError):
    sentence = N_(
        "This number stands in the books already, under another bank, platform or way of payment. Say why this is"
        " other money, or decline it."
    )
    status = 422
    field = "other_money"


class OtherMoneyTooLong(TextTooLong):
    field = "other_money"


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """Another recorded donation in the host's books that bears the number of the one at hand."""

    of: int  # the recorded donation at hand
    public_id: UUID
    channel: Channel
    source: str
    reference: str
    amount_minor: int
    currency: str
    received_on: date
    state: RecordedState


def twins_of(session: Session, recorded: RecordedDonation) -> list[Twin]:
    """Everything else that stands under the number of one recorded donation, oldest first."""
    return _twins(session, RecordedDonation.id == recorded.id)


def twins_of_batch(session: Session, batch: RecordedBatch) -> list[Twin]:
    """The same for all rows of a batch that was entered."""
    return _twins(session, RecordedDonation.batch_id == batch.id)


def _twins(session: Session, *of: ColumnElement[bool]) -> list[Twin]:
    other, book, its_book = aliased(RecordedDonation), aliased(Book), aliased(Book)
    rows: Sequence[Any] = session.execute(
        select(RecordedDonation.id, other, its_book.currency)
        .join(book, book.id == RecordedDonation.book_id)
        .join(other, other.reference_key == RecordedDonation.reference_key)
        .join(its_book, its_book.id == other.book_id)
        .where(*of, other.id != RecordedDonation.id, other.state.in_(_STANDING), its_book.host == book.host)
        .order_by(RecordedDonation.id, other.id)
    ).all()
    return [
        Twin(
            of=recorded_id,
            public_id=row.public_id,
            channel=Channel(row.channel),
            source=row.source,
            reference=row.reference,
            amount_minor=row.amount_minor,
            currency=currency,
            received_on=row.received_on,
            state=RecordedState(row.state),
        )
        for recorded_id, row, currency in rows
    ]


def numbers_known(session: Session, host: str, keys: Sequence[str]) -> set[str]:
    """Which of these numbers, as compared, stand anywhere in the host's books."""
    found = session.scalars(
        select(RecordedDonation.reference_key)
        .join(Book, Book.id == RecordedDonation.book_id)
        .where(Book.host == host, RecordedDonation.reference_key.in_(keys), RecordedDonation.state.in_(_STANDING))
    )
    return set(found)


def why_other(typed: str, twins: Sequence[Twin]) -> str:
    """What the second person says of it; empty where nothing is to be said. Raises OtherMoneyUnsaid, -TooLong."""
    if not twins:
        return ""
    words = clean_text(typed, REASON_LENGTH, OtherMoneyTooLong)
    if not words:
        raise OtherMoneyUnsaid
    return words
