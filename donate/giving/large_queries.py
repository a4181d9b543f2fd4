"""What a donor and the people of the host read of large donations."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session

from donate.campaigns.models import Campaign
from donate.errors import NotFound
from donate.giving.large import large_by_secret
from donate.giving.large_models import AgreementText, LargeRequest, LargeRequestPrivate, LargeState
from donate.giving.models import Checkout
from donate.giving.recorded_queries import user_names
from donate.ledger.models import Book
from donate.people.models import MembershipRole
from donate.people.queries import SignedIn

# Who accepts: people of the host, whose money and whose name it is.
MAY_ACCEPT = (MembershipRole.OWNER, MembershipRole.TREASURER, MembershipRole.REVIEWER)
RECENT = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeLine:
    """A request in a list. `paid_secret` is that of its booked checkout."""

    public_id: UUID
    state: LargeState
    campaign_ref: str
    title_zh: str
    title_en: str
    amount_minor: int
    currency: str
    asked_at: datetime
    time_zone: str
    donor: str | None  # none: erased
    paid_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LargeFile:
    """Everything of one request."""

    line: LargeLine
    secret: str
    method: str
    name_is_public: bool
    private: LargeRequestPrivate | None
    agreement: str
    agreement_sha256: bytes
    first_by: int | None
    first_at: datetime | None
    first_name: str | None
    second_at: datetime | None
    second_name: str | None
    declined_at: datetime | None
    declined_name: str | None
    decline_reason: str
    checkout_secret: str | None


def large_of(session: Session, user: SignedIn, public_id: UUID) -> LargeRequest:
    """The request, if it is to a host where the user may accept. Raises NotFound."""
    found = session.execute(
        select(LargeRequest, Book.host)
        .join(Book, Book.id == LargeRequest.book_id)
        .where(LargeRequest.public_id == public_id)
    ).one_or_none()
    if found is None or not user.is_in(found[1], *MAY_ACCEPT):
        raise NotFound
    request: LargeRequest = found[0]
    return request


def large_lines(session: Session, hosts: Collection[str], *, waiting: bool) -> list[LargeLine]:
    """Those that wait for somebody of these hosts, oldest first; or those decided, newest first."""
    states = (LargeState.ASKED, LargeState.ACCEPTED_ONCE)
    is_waiting: ColumnElement[bool] = LargeRequest.state.in_(states)
    query = _lines().where(Book.host.in_(hosts), is_waiting if waiting else ~is_waiting)
    order = LargeRequest.id if waiting else LargeRequest.id.desc()
    rows: Iterable[tuple[Any, ...]] = session.execute(query.order_by(order).limit(RECENT))
    return [_line(*row) for row in rows]


def large_file(session: Session, request: LargeRequest) -> LargeFile:
    """The request with who did what."""
    row: tuple[Any, ...] = session.execute(_lines().where(LargeRequest.id == request.id)).one()
    names = user_names(session, [request.first_by, request.second_by, request.declined_by])
    return LargeFile(
        line=_line(*row),
        secret=request.secret,
        method=request.method,
        name_is_public=request.name_is_public,
        private=session.get(LargeRequestPrivate, request.id),
        agreement=session.get_one(AgreementText, request.agreement_sha256).words,
        agreement_sha256=request.agreement_sha256,
        first_by=request.first_by,
        first_at=request.first_at,
        first_name=names.get(request.first_by or 0),
        second_at=request.second_at,
        second_name=names.get(request.second_by or 0),
        declined_at=request.declined_at,
        declined_name=names.get(request.declined_by or 0),
        decline_reason=request.decline_reason,
        checkout_secret=row[-1],
    )


def shown_to_donor(session: Session, secret: str) -> LargeFile:
    """The same behind the donor's secret link. Raises NotFound."""
    return large_file(session, large_by_secret(session, secret))


def _lines() -> Select[*tuple[Any, ...]]:
    return (
        select(
            LargeRequest,
            Campaign.title_zh,
            Campaign.title_en,
            Book.time_zone,
            LargeRequestPrivate.name,
            Checkout.paid_at,
            Checkout.secret,
        )
        .join(Book, Book.id == LargeRequest.book_id)
        .join(Campaign, Campaign.ref == LargeRequest.campaign_ref)
        .outerjoin(LargeRequestPrivate, LargeRequestPrivate.request_id == LargeRequest.id)
        .outerjoin(Checkout, Checkout.public_id == LargeRequest.checkout_ref)
    )


def _line(
    request: LargeRequest, zh: str, en: str, time_zone: str, donor: str | None, paid_at: datetime | None, _: str | None
) -> LargeLine:
    return LargeLine(
        public_id=request.public_id,
        state=LargeState(request.state),
        campaign_ref=request.campaign_ref,
        title_zh=zh,
        title_en=en,
        amount_minor=request.amount_minor,
        currency=request.currency,
        asked_at=request.asked_at,
        time_zone=time_zone,
        donor=donor,
        paid_at=paid_at,
    )
