"""Official receipts: asked for by the donor, issued with the authority's number by the host, voided with a reason.

Nothing of them is edited: a voided one keeps its number, and whoever needs another asks anew. Money is not theirs;
they only follow it: whoever gives a donation back calls `void_official_receipts` in the same transaction.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError, NotFound
from donate.giving.brought import COUNTS
from donate.giving.models import Checkout
from donate.giving.official_models import OfficialReceipt, OfficialReceiptPrivate, OfficialReceiptStep, OfficialState
from donate.giving.receiptable import hold, left_of, left_of_checkout, left_of_recorded
from donate.giving.recorded_models import RecordedDonation, RecordedState
from donate.giving.reference_key import key_of
from donate.ledger.models import Book
from donate.money import Money
from donate.text import TextTooLong, clean_line, clean_text

NUMBER_LENGTH = 40
REASON_LENGTH = 300
Opened = TypeVar("Opened", Checkout, RecordedDonation)


class NothingToAskFor(DonateError):
    sentence = N_("An official receipt has been asked for already, or nothing is left of the donation.")
    status = 409


class NumberMissing(DonateError):
    sentence = N_("Write the number that stands on the official receipt.")
    field = "number"


class NumberTooLong(TextTooLong):
    field = "number"


class NumberTaken(DonateError):
    sentence = N_("The number %(number)s stands on another official receipt already; numbers are never used twice.")
    status = 409
    field = "number"


class IssuedAlready(DonateError):
    sentence = N_("This was issued with the number %(number)s already. Void it first if that is wrong.")
    status = 409
    field = "number"


class VoidedAlready(DonateError):
    sentence = N_("This official receipt was voided already.")
    status = 409


class LessIsLeft(DonateError):
    """Money went back, or is about to, after the receipt was asked for."""

    sentence = N_(
        "This was asked for over %(asked)s, and %(left)s is left: the rest went back or is on its way back. Void it;"
        " the donor may ask anew for what is left."
    )
    status = 409
    field = "number"


class VoidReasonMissing(DonateError):
    sentence = N_("Say why it is voided; the donor reads it.")
    field = "reason"


class VoidReasonTooLong(TextTooLong):
    field = "reason"


@dataclass(frozen=True, slots=True)
class MadeOutTo:
    """Whom an official receipt names, as the donor typed it."""

    title: str
    tax_id: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Behind:
    """The booked donations behind a secret link, each with what may be receipted of it in minor units."""

    secret: str
    book_id: int
    host: str
    is_recorded: bool
    amounts: dict[int, int]  # by the donation's, or the recorded donation's, id


def donations_behind(session: Session, secret: str, *, lock: bool = False) -> Behind:
    """What a receipt page's secret opens; with `lock` nothing of it goes back until the commit.

    Raises NotFound; also while nothing is booked.
    """
    if "\x00" in secret:
        raise NotFound
    recorded = _opened(session, select(RecordedDonation).filter_by(secret=secret), lock)
    if recorded is not None and recorded.state in (RecordedState.CONFIRMED, RecordedState.REVERSED):
        amounts = {recorded.id: left_of_recorded(session, recorded)}
        return Behind(secret, recorded.book_id, _host(session, recorded.book_id), True, amounts)
    checkout = _opened(session, select(Checkout).filter_by(secret=secret), lock)
    if checkout is None or checkout.booked_as not in COUNTS:
        raise NotFound
    amounts = left_of_checkout(session, checkout)
    return Behind(secret, checkout.book_id, _host(session, checkout.book_id), False, amounts)


def _opened(session: Session, query: Select[Opened], lock: bool) -> Opened | None:
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def _host(session: Session, book_id: int) -> str:
    return session.scalars(select(Book.host).where(Book.id == book_id)).one()


def ask(session: Session, behind: Behind, to: MadeOutTo) -> None:
    """Ask for an official receipt for each donation that has none that counts. Raises NothingToAskFor.

    The amounts are read again under the lock: what was on the page may have gone back meanwhile.
    """
    behind = donations_behind(session, behind.secret, lock=True)
    column = "recorded_id" if behind.is_recorded else "donation_id"
    now = clock.now()
    rows = [
        {
            "public_id": UUID(bytes=secrets.token_bytes(16), version=4),
            "host": behind.host,
            "book_id": behind.book_id,
            column: donation_id,
            "amount_minor": amount_minor,
            "state": OfficialState.REQUESTED.value,
            "requested_at": now,
        }
        for donation_id, amount_minor in behind.amounts.items()
        if amount_minor > 0
    ]
    written = (
        session.scalars(insert(OfficialReceipt).on_conflict_do_nothing().returning(OfficialReceipt.id), rows).all()
        if rows
        else []
    )
    if not written:
        raise NothingToAskFor
    for receipt_id in written:
        session.add(OfficialReceiptPrivate(receipt_id=receipt_id, title=to.title, tax_id=to.tax_id, email=to.email))
        session.add(OfficialReceiptStep(receipt_id=receipt_id, state=OfficialState.REQUESTED.value))
    session.flush()


def issue(session: Session, receipt: OfficialReceipt, *, number: str, by: int) -> None:
    """Give it the authority's number. The same number again changes nothing.

    Raises NumberMissing, NumberTooLong, NumberTaken, IssuedAlready, VoidedAlready, LessIsLeft.
    """
    hold(session, receipt)
    session.refresh(receipt, with_for_update=True)
    kept = clean_line(number, NUMBER_LENGTH, NumberTooLong)
    number_key = key_of(kept)
    if not number_key:
        raise NumberMissing
    if receipt.state == OfficialState.VOIDED:
        raise VoidedAlready
    if receipt.state == OfficialState.ISSUED:
        if receipt.number_key != number_key:
            raise IssuedAlready(number=receipt.number)
        return
    if (short := less_is_left(session, [receipt]).get(receipt.id)) is not None:
        raise short
    try:
        with session.begin_nested():
            receipt.state, receipt.number, receipt.number_key = OfficialState.ISSUED.value, kept, number_key
            session.flush()
    except IntegrityError as error:
        if "official_receipt_number_key" in str(error.orig):
            raise NumberTaken(number=kept) from error
        raise
    _step(session, receipt, by, "")


def less_is_left(session: Session, receipts: Sequence[OfficialReceipt]) -> dict[int, LessIsLeft]:
    """Of these receipts those that are for more than is left of their donation now, by their ids."""
    left = left_of(session, receipts)
    return {
        one.id: LessIsLeft(
            asked=_plain(session, one, one.amount_minor),
            left=_plain(session, one, left[one.id]),
        )
        for one in receipts
        if left[one.id] < one.amount_minor
    }


def _plain(session: Session, receipt: OfficialReceipt, minor: int) -> str:
    money = Money(minor, session.get_one(Book, receipt.book_id).currency)
    return f"{money.plain} {money.currency}"


def void(session: Session, receipt: OfficialReceipt, *, reason: str, by: int) -> None:
    """Make it count no more; its number stays with it. Raises VoidReasonMissing, VoidReasonTooLong, VoidedAlready."""
    session.refresh(receipt, with_for_update=True)
    words = clean_text(reason, REASON_LENGTH, VoidReasonTooLong)
    if not words:
        raise VoidReasonMissing
    if receipt.state == OfficialState.VOIDED:
        raise VoidedAlready
    receipt.state = OfficialState.VOIDED.value
    _step(session, receipt, by, words)


def void_official_receipts(session: Session, donation_ids: Collection[int], reason: str) -> int:
    """Void what stands for these donations, asked for or issued, and say how many there were.

    For refunds and lost disputes, whole or in part, in the transaction that books them; again changes nothing.
    `reason` is a sentence of the catalogue (`N_`), which the donor reads in their language.
    """
    return _void_all(session, OfficialReceipt.donation_id.in_(donation_ids), reason)


def void_of_recorded(session: Session, recorded_id: int, reason: str) -> int:
    """The same for a recorded donation whose booking is reversed."""
    return _void_all(session, OfficialReceipt.recorded_id == recorded_id, reason)


def _void_all(session: Session, condition: ColumnElement[bool], reason: str) -> int:
    standing: Sequence[OfficialReceipt] = session.scalars(
        select(OfficialReceipt)
        .where(condition, OfficialReceipt.state != OfficialState.VOIDED)
        .order_by(OfficialReceipt.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    for receipt in standing:
        receipt.state = OfficialState.VOIDED.value
        _step(session, receipt, None, reason)
    return len(standing)


def _step(session: Session, receipt: OfficialReceipt, by: int | None, reason: str) -> None:
    session.add(OfficialReceiptStep(receipt_id=receipt.id, state=receipt.state, user_id=by, reason=reason))
    session.flush()
