"""What members of a host read of recorded donations; who is no member is told that there are none."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from donate.campaigns.models import Campaign
from donate.errors import NotFound
from donate.giving.other_money import Twin, twins_of
from donate.giving.recorded import recorded_by_public_id, standing_reversal
from donate.giving.recorded_batch import batch_by_public_id
from donate.giving.recorded_models import (
    Channel,
    RecordedBatch,
    RecordedDonation,
    RecordedPrivate,
    RecordedReversal,
    RecordedState,
    ReversalState,
)
from donate.ledger.models import Account, Book
from donate.people.models import MembershipRole, User
from donate.people.queries import SignedIn
from donate.publiclog.models import LogLeaf

MAY_ENTER = (MembershipRole.OWNER, MembershipRole.TREASURER, MembershipRole.EDITOR)
MAY_CONFIRM = (MembershipRole.OWNER, MembershipRole.TREASURER)
RECENT = 50
BATCH_PAGE = 100
MOST_SOURCES = 30


def books_of(session: Session, user: SignedIn, *roles: MembershipRole) -> list[Book]:
    """The books of the hosts in which the user has one of `roles`."""
    hosts = user.organisations(*roles)
    return list(session.scalars(select(Book).where(Book.host.in_(hosts)).order_by(Book.id)))


def recorded_of(session: Session, user: SignedIn, public_id: UUID, *roles: MembershipRole) -> RecordedDonation:
    """The recorded donation, if it belongs to a host of the user's. Raises NotFound."""
    recorded = recorded_by_public_id(session, public_id)
    _require(session, user, recorded.book_id, roles)
    return recorded


def batch_of(session: Session, user: SignedIn, public_id: UUID, *roles: MembershipRole) -> RecordedBatch:
    """The batch, if it belongs to a host of the user's. Raises NotFound."""
    batch = batch_by_public_id(session, public_id)
    _require(session, user, batch.book_id, roles)
    return batch


def _require(session: Session, user: SignedIn, book_id: int, roles: Collection[MembershipRole]) -> None:
    if not user.is_in(session.get_one(Book, book_id).host, *roles):
        raise NotFound


@dataclass(frozen=True, slots=True)
class FundedCampaign:
    """A campaign that money may be recorded for, raising or not."""

    ref: str
    book_id: int
    title_zh: str
    title_en: str


def campaigns_to_record(session: Session, book_ids: Collection[int]) -> list[FundedCampaign]:
    """Campaigns of these books that have a fund, newest first."""
    rows = session.execute(
        select(Campaign.ref, Campaign.book_id, Campaign.title_zh, Campaign.title_en)
        .join(Account, (Account.book_id == Campaign.book_id) & (Account.campaign == Campaign.ref))
        .where(Campaign.book_id.in_(book_ids))
        .order_by(Campaign.id.desc())
    )
    return [FundedCampaign(*row) for row in rows]


def sources_of(session: Session, book_ids: Collection[int]) -> list[str]:
    """The banks and platforms that these books had money from, as they were named, for choosing one again."""
    found = session.scalars(
        select(RecordedDonation.source)
        .where(RecordedDonation.book_id.in_(book_ids), RecordedDonation.batch_id.is_(None))
        .group_by(RecordedDonation.source)
        .order_by(func.max(RecordedDonation.id).desc())
        .limit(MOST_SOURCES)
    )
    return list(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedLine:
    """A recorded donation in a list."""

    public_id: UUID
    channel: Channel
    source: str
    reference: str
    amount_minor: int
    currency: str
    received_on: date
    campaign_ref: str
    title_zh: str
    title_en: str
    state: RecordedState
    entered_by: int
    log_index: int | None


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A batch in a list."""

    batch: RecordedBatch
    currency: str

    @property
    def state(self) -> RecordedState:
        return RecordedState(self.batch.state)


@dataclass(frozen=True, slots=True)
class RecordedDesk:
    """What waits for a second person, and what was decided last."""

    waiting: tuple[RecordedLine, ...]
    reversals: tuple[RecordedLine, ...]
    batches: tuple[BatchLine, ...]
    recent: tuple[RecordedLine, ...]


def recorded_desk(session: Session, book_ids: Collection[int]) -> RecordedDesk:
    """The page of these books; single donations only, those of a batch stand on its page."""
    single = RecordedDonation.batch_id.is_(None)
    asked = select(RecordedReversal.recorded_id).where(RecordedReversal.state == ReversalState.ASKED)
    batches = session.execute(
        select(RecordedBatch, Book.currency)
        .join(Book, Book.id == RecordedBatch.book_id)
        .where(RecordedBatch.book_id.in_(book_ids))
        .order_by(RecordedBatch.id.desc())
        .limit(RECENT)
    )
    return RecordedDesk(
        waiting=_some(session, book_ids, single, RecordedDonation.state == RecordedState.ENTERED),
        reversals=_some(session, book_ids, RecordedDonation.id.in_(asked)),
        batches=tuple(BatchLine(batch, currency) for batch, currency in batches),
        recent=_some(session, book_ids, single, RecordedDonation.state != RecordedState.ENTERED),
    )


def _some(session: Session, book_ids: Collection[int], *conditions: ColumnElement[bool]) -> tuple[RecordedLine, ...]:
    query = _lines().where(RecordedDonation.book_id.in_(book_ids), *conditions)
    return _read(session, query.order_by(RecordedDonation.id.desc()).limit(RECENT))


def batch_lines(session: Session, batch: RecordedBatch, after: int) -> tuple[RecordedLine, ...]:
    """A page of a batch's donations by their references, from the row number `after`."""
    query = _lines().where(RecordedDonation.batch_id == batch.id).order_by(RecordedDonation.id)
    return _read(session, query.offset(after).limit(BATCH_PAGE))


@dataclass(frozen=True, slots=True)
class CampaignShare:
    """What of a batch goes to one campaign."""

    ref: str
    title_zh: str
    title_en: str
    donation_count: int
    amount_minor: int


def batch_shares(session: Session, batch: RecordedBatch) -> list[CampaignShare]:
    """The batch's sums by campaign."""
    rows: Iterable[tuple[Any, ...]] = session.execute(
        select(
            Campaign.ref,
            Campaign.title_zh,
            Campaign.title_en,
            func.count(),
            func.sum(RecordedDonation.amount_minor),
        )
        .join(Campaign, Campaign.ref == RecordedDonation.campaign_ref)
        .where(RecordedDonation.batch_id == batch.id)
        .group_by(Campaign.id)
        .order_by(Campaign.ref)
    )
    return [CampaignShare(ref, zh, en, count, int(total)) for ref, zh, en, count, total in rows]


def _lines() -> Select[*tuple[Any, ...]]:
    return (
        select(RecordedDonation, Book.currency, Campaign.title_zh, Campaign.title_en, LogLeaf.log_index)
        .join(Book, Book.id == RecordedDonation.book_id)
        .join(Campaign, Campaign.ref == RecordedDonation.campaign_ref)
        .outerjoin(LogLeaf, LogLeaf.entry_id == RecordedDonation.entry_id)
    )


def _read(session: Session, query: Select[*tuple[Any, ...]]) -> tuple[RecordedLine, ...]:
    rows: Iterable[tuple[Any, ...]] = session.execute(query)
    return tuple(_line(*row) for row in rows)


def _line(recorded: RecordedDonation, currency: str, zh: str, en: str, log_index: int | None) -> RecordedLine:
    return RecordedLine(
        public_id=recorded.public_id,
        channel=Channel(recorded.channel),
        source=recorded.source,
        reference=recorded.reference,
        amount_minor=recorded.amount_minor,
        currency=currency,
        received_on=recorded.received_on,
        campaign_ref=recorded.campaign_ref,
        title_zh=zh,
        title_en=en,
        state=RecordedState(recorded.state),
        entered_by=recorded.entered_by,
        log_index=log_index,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """Everything that a host's member sees of one recorded donation."""

    line: RecordedLine
    name: str | None
    name_is_public: bool
    proof_sha256: bytes | None
    secret: str
    batch: UUID | None
    entered_at: datetime
    decided_at: datetime | None
    decline_reason: str
    agreement: str
    other_money: str
    twins: Sequence[Twin]
    entered_by_name: str | None
    decided_by_name: str | None
    reversal: RecordedReversal | None
    reversal_by_name: str | None
    time_zone: str


def recorded_file(session: Session, recorded: RecordedDonation) -> RecordedFile:
    """The donation with who did what."""
    (line,) = _read(session, _lines().where(RecordedDonation.id == recorded.id))
    reversal = standing_reversal(session, recorded)
    names = user_names(session, [recorded.entered_by, recorded.decided_by, reversal.asked_by if reversal else None])
    return RecordedFile(
        line=line,
        name=session.scalar(select(RecordedPrivate.name).where(RecordedPrivate.recorded_id == recorded.id)),
        name_is_public=recorded.name_is_public,
        proof_sha256=recorded.proof_sha256,
        secret=recorded.secret,
        batch=session.scalar(select(RecordedBatch.public_id).where(RecordedBatch.id == recorded.batch_id)),
        entered_at=recorded.entered_at,
        decided_at=recorded.decided_at,
        decline_reason=recorded.decline_reason,
        agreement=recorded.agreement,
        other_money=recorded.other_money,
        twins=twins_of(session, recorded),
        entered_by_name=names.get(recorded.entered_by),
        decided_by_name=names.get(recorded.decided_by or 0),
        reversal=reversal,
        reversal_by_name=names.get(reversal.asked_by) if reversal else None,
        time_zone=session.scalars(select(Book.time_zone).where(Book.id == recorded.book_id)).one(),
    )


def user_names(session: Session, ids: Iterable[int | None]) -> dict[int, str]:
    """Names of the users who still exist."""
    wanted = {user_id for user_id in ids if user_id is not None}
    return dict(session.execute(select(User.id, User.name).where(User.id.in_(wanted))).all())
