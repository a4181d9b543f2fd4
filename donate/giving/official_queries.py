"""What donors and the host's treasurer read of official receipts."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, cast, func, literal, select, tuple_
from sqlalchemy.orm import Session

from donate.campaigns.models import Campaign
from donate.errors import NotFound
from donate.giving.models import Donation
from donate.giving.official import Behind
from donate.giving.official_models import OfficialReceipt, OfficialReceiptPrivate, OfficialReceiptStep, OfficialState
from donate.giving.recorded_models import RecordedDonation
from donate.ledger.models import Book, Entry, ReceiptNumber
from donate.people.models import MembershipRole
from donate.people.queries import SignedIn

MAY_ISSUE = (MembershipRole.OWNER, MembershipRole.TREASURER)
RECENT = 50
MOST_WAITING = 2_000
_NUMBER = re.compile(r"([0-9]{4})-([0-9]{7,12})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an official receipt; `reason` is a sentence or what the treasurer typed."""

    state: OfficialState
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialShown:
    """An official receipt as its donor sees it."""

    state: OfficialState
    number: str | None
    amount_minor: int
    steps: tuple[Step, ...]


def shown_to_donor(session: Session, behind: Behind) -> list[OfficialShown]:
    """All official receipts of the donations behind a secret link, oldest first, voided ones included."""
    column = OfficialReceipt.recorded_id if behind.is_recorded else OfficialReceipt.donation_id
    receipts = session.scalars(
        select(OfficialReceipt).where(column.in_(behind.amounts)).order_by(OfficialReceipt.id)
    ).all()
    return [_shown(session, receipt) for receipt in receipts]


def may_ask(shown: Iterable[OfficialShown], behind: Behind) -> bool:
    """Whether a donation behind the link has none that counts."""
    standing = sum(one.state is not OfficialState.VOIDED for one in shown)
    return standing < sum(amount > 0 for amount in behind.amounts.values())


def _shown(session: Session, receipt: OfficialReceipt) -> OfficialShown:
    return OfficialShown(
        state=OfficialState(receipt.state),
        number=receipt.number,
        amount_minor=receipt.amount_minor,
        steps=steps_of(session, receipt),
    )


def steps_of(session: Session, receipt: OfficialReceipt) -> tuple[Step, ...]:
    """What happened to it, oldest first."""
    steps = session.scalars(
        select(OfficialReceiptStep).where(OfficialReceiptStep.receipt_id == receipt.id).order_by(OfficialReceiptStep.id)
    )
    return tuple(Step(OfficialState(step.state), step.at, step.reason) for step in steps)


def receipt_of(session: Session, user: SignedIn, public_id: UUID) -> OfficialReceipt:
    """The official receipt, if it is of a host where the user is owner or treasurer. Raises NotFound."""
    found = session.scalars(select(OfficialReceipt).filter_by(public_id=public_id)).one_or_none()
    if found is None or not user.is_in(found.host, *MAY_ISSUE):
        raise NotFound
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficialLine:
    """An official receipt as the host's treasurer sees it."""

    public_id: UUID
    state: OfficialState
    number: str | None
    amount_minor: int
    currency: str
    requested_at: datetime
    time_zone: str
    given_on: date | None  # in the book's time zone; none where the donation has no entry
    receipt_number: str | None
    title_zh: str  # of the campaign
    title_en: str
    made_out_to: str | None  # none: erased
    tax_id: str | None
    email: str | None


def official_lines(session: Session, hosts: Collection[str], state: OfficialState, most: int) -> list[OfficialLine]:
    """Those of these hosts in a state: what waits oldest first, all else newest first."""
    order = OfficialReceipt.id if state is OfficialState.REQUESTED else OfficialReceipt.id.desc()
    query = _lines(OfficialReceipt.host.in_(hosts), OfficialReceipt.state == state)
    return _read(session, query.order_by(order).limit(most))


def waiting_count(session: Session, hosts: Collection[str]) -> int:
    """How many wait for their number."""
    query = select(func.count()).where(
        OfficialReceipt.host.in_(hosts), OfficialReceipt.state == OfficialState.REQUESTED
    )
    return session.scalars(query).one()


def official_line(session: Session, receipt: OfficialReceipt) -> OfficialLine:
    (line,) = _read(session, _lines(OfficialReceipt.id == receipt.id))
    return line


def _lines(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    key = func.coalesce(
        literal("recorded:") + cast(RecordedDonation.public_id, String),
        literal("donation:") + cast(Donation.public_id, String),
    )
    ref = func.coalesce(RecordedDonation.campaign_ref, Donation.campaign_ref)
    return (
        select(
            OfficialReceipt,
            OfficialReceiptPrivate,
            Book.currency,
            Book.time_zone,
            Entry.effective_on,
            ReceiptNumber.year,
            ReceiptNumber.number,
            Campaign.title_zh,
            Campaign.title_en,
        )
        .join(Book, Book.id == OfficialReceipt.book_id)
        .outerjoin(RecordedDonation, RecordedDonation.id == OfficialReceipt.recorded_id)
        .outerjoin(Donation, Donation.id == OfficialReceipt.donation_id)
        .join(Campaign, Campaign.ref == ref)
        .outerjoin(Entry, and_(Entry.book_id == OfficialReceipt.book_id, Entry.idempotency_key == key))
        .outerjoin(ReceiptNumber, ReceiptNumber.entry_id == Entry.id)
        .outerjoin(OfficialReceiptPrivate, OfficialReceiptPrivate.receipt_id == OfficialReceipt.id)
        .where(*conditions)
    )


def _read(session: Session, query: Select[*tuple[Any, ...]]) -> list[OfficialLine]:
    rows: Iterable[tuple[Any, ...]] = session.execute(query)
    return [_line(*row) for row in rows]


def _line(
    receipt: OfficialReceipt,
    private: OfficialReceiptPrivate | None,
    currency: str,
    time_zone: str,
    given_on: date | None,
    year: int | None,
    number: int | None,
    title_zh: str,
    title_en: str,
) -> OfficialLine:
    return OfficialLine(
        public_id=receipt.public_id,
        state=OfficialState(receipt.state),
        number=receipt.number,
        amount_minor=receipt.amount_minor,
        currency=currency,
        requested_at=receipt.requested_at,
        time_zone=time_zone,
        given_on=given_on,
        receipt_number=receipt_number(year, number),
        title_zh=title_zh,
        title_en=title_en,
        made_out_to=private.title if private else None,
        tax_id=private.tax_id if private else None,
        email=private.email if private else None,
    )


def receipt_number(year: int | None, number: int | None) -> str | None:
    """Our own receipt's number as donors read it: `2026-0000017`."""
    return f"{year}-{number:07d}" if number is not None else None


def by_references(session: Session, hosts: Collection[str], typed: Iterable[str]) -> dict[str, list[OfficialReceipt]]:
    """What each reference of a batch means: our receipt number, or the public id of a request or of a donation.

    Of several requests for one donation the newest counts, so that one voided and asked for anew is found. A receipt
    number can mean two where a host has two books.
    """
    wanted = set(typed)
    ids = {text: public_id for text in wanted if (public_id := _uuid(text)) is not None}
    meant: dict[str, set[UUID]] = {text: {public_id} for text, public_id in ids.items()}
    for text, public_id in _behind_numbers(session, hosts, wanted - set(ids)):
        meant.setdefault(text, set()).add(public_id)
    known = _by_public_ids(session, hosts, set().union(*meant.values()))
    return {text: [known[one] for one in meant.get(text, ()) if one in known] for text in wanted}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _behind_numbers(session: Session, hosts: Collection[str], typed: Iterable[str]) -> Iterable[tuple[str, UUID]]:
    """Public ids of the donations that have these receipt numbers."""
    numbers = {(int(match[1]), int(match[2])): text for text in typed if (match := _NUMBER.fullmatch(text))}
    if not numbers:
        return
    rows = session.execute(
        select(ReceiptNumber.year, ReceiptNumber.number, Entry.idempotency_key)
        .join(Book, Book.id == ReceiptNumber.book_id)
        .join(Entry, Entry.id == ReceiptNumber.entry_id)
        .where(Book.host.in_(hosts), tuple_(ReceiptNumber.year, ReceiptNumber.number).in_(numbers))
    )
    for year, number, key in rows:
        public_id = _uuid(key.partition(":")[2])
        if public_id is not None:
            yield numbers[year, number], public_id


def _by_public_ids(
    session: Session, hosts: Collection[str], public_ids: Collection[UUID]
) -> dict[UUID, OfficialReceipt]:
    """Requests by their own public id, and by that of their donation."""
    own = select(OfficialReceipt.public_id, OfficialReceipt).where(OfficialReceipt.public_id.in_(public_ids))
    online = (
        select(Donation.public_id, OfficialReceipt)
        .join(OfficialReceipt, OfficialReceipt.donation_id == Donation.id)
        .where(Donation.public_id.in_(public_ids))
    )
    recorded = (
        select(RecordedDonation.public_id, OfficialReceipt)
        .join(OfficialReceipt, OfficialReceipt.recorded_id == RecordedDonation.id)
        .where(RecordedDonation.public_id.in_(public_ids))
    )
    found: dict[UUID, OfficialReceipt] = {}
    for query in (own, online, recorded):
        rows = session.execute(query.where(OfficialReceipt.host.in_(hosts)).order_by(OfficialReceipt.id))
        for public_id, receipt in rows:
            found[public_id] = receipt
    return found
