"""Large donations: asked for, accepted by two different people of the host, and only then payable, once.

Nothing is paid while it is asked about, so a request that is declined needs no refund.
"""

import secrets
from dataclasses import dataclass
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError, NotFound
from donate.giving import large_agreement, rules
from donate.giving.forms import GiveForm
from donate.giving.large_models import LargeRequest, LargeRequestPrivate, LargeState
from donate.giving.recorded import DecidedAlready, reason_of
from donate.giving.service import FormAlreadyUsed


class AcceptedByYou(DonateError):
    """Two roles of one person are still one person."""

    sentence = N_("You have accepted this already. Somebody else of the charity has to accept it, too.")
    status = 409


class DonorErased(DonateError):
    sentence = N_("Who asked has been erased, so nobody can be identified any more. It can only be declined.")
    status = 409


class NotAccepted(DonateError):
    sentence = N_("This donation has not been accepted, so it cannot be paid.")
    status = 409


class NotLarge(DonateError):
    sentence = N_("Below %(threshold)s you need not ask first: give on the campaign’s usual page.")
    field = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLarge:
    """A request without errors. `give` is the give form behind it, of one campaign and not monthly."""

    public_id: UUID
    book_id: int
    merchant_account_id: int
    currency: str
    locale: str
    give: GiveForm
    name: str
    contact: str
    identity: str
    agreement: str  # the words that were agreed to
    content_sha256: bytes


def ask(session: Session, new: NewLarge) -> LargeRequest:
    """Write the request down, or find it where the same form came before. Raises NotLarge, FormAlreadyUsed."""
    [line] = new.give.lines
    if not rules.is_large(line.amount_minor, new.currency):
        raise NotLarge(threshold=rules.large_from(new.currency))
    request_id = session.scalar(
        insert(LargeRequest)
        .values(
            public_id=new.public_id,
            book_id=new.book_id,
            merchant_account_id=new.merchant_account_id,
            campaign_ref=line.campaign,
            amount_minor=line.amount_minor,
            currency=new.currency,
            method=new.give.method,
            locale=new.locale,
            name_is_public=new.give.name_is_public,
            secret=secrets.token_urlsafe(24),
            content_sha256=new.content_sha256,
            agreement_sha256=large_agreement.keep(session, new.agreement),
            state=LargeState.ASKED.value,
            asked_at=clock.now(),
            decline_reason="",
            attempt_count=0,
        )
        .on_conflict_do_nothing(index_elements=["public_id"])
        .returning(LargeRequest.id)
    )
    if request_id is not None:
        give = new.give
        session.add(
            LargeRequestPrivate(
                request_id=request_id,
                name=new.name,
                contact=new.contact,
                identity=new.identity,
                email=give.email,
                message=give.words,
            )
        )
        session.flush()
    found = session.scalars(select(LargeRequest).filter_by(public_id=new.public_id)).one()
    if not secrets.compare_digest(found.content_sha256, new.content_sha256):
        raise FormAlreadyUsed
    return found


def accept(session: Session, request: LargeRequest, *, by: int) -> None:
    """The first or the second acceptance. The second person's click again changes nothing.

    Raises AcceptedByYou, DecidedAlready, DonorErased.
    """
    lock(session, request)
    if request.state == LargeState.ACCEPTED and by == request.second_by:
        return
    if request.state in (LargeState.ACCEPTED, LargeState.DECLINED):
        raise DecidedAlready
    if request.first_by == by:
        raise AcceptedByYou
    if session.get(LargeRequestPrivate, request.id) is None:
        raise DonorErased
    if request.first_by is None:
        request.state, request.first_by, request.first_at = LargeState.ACCEPTED_ONCE.value, by, clock.now()
    else:
        request.state, request.second_by, request.second_at = LargeState.ACCEPTED.value, by, clock.now()
    session.flush()


def decline(session: Session, request: LargeRequest, *, by: int, reason: str) -> None:
    """Not accepted, with a reason that the donor reads; also by who accepted it first.

    Raises DecisionReasonMissing, DecisionReasonTooLong, DecidedAlready.
    """
    lock(session, request)
    words = reason_of(reason)
    if request.state not in (LargeState.ASKED, LargeState.ACCEPTED_ONCE):
        raise DecidedAlready
    request.state, request.decline_reason = LargeState.DECLINED.value, words
    request.declined_by, request.declined_at = by, clock.now()
    session.flush()


def reserve_checkout(session: Session, request: LargeRequest, *, over: UUID | None = None) -> UUID:
    """The public id of the one checkout that this request opens; again the same. Raises NotAccepted.

    `over` is a checkout of it that ran out or failed: another takes its place, once, whoever asks for it.
    """
    lock(session, request)
    if request.state != LargeState.ACCEPTED:
        raise NotAccepted
    if request.checkout_ref is None or request.checkout_ref == over:
        request.attempt_count += 1
        request.checkout_ref = uuid5(request.public_id, f"attempt {request.attempt_count}")
        session.flush()
    return request.checkout_ref


def lock(session: Session, request: LargeRequest) -> None:
    """Hold the row and see it as it stands: of two who decide at once, the second sees what the first did."""
    session.refresh(request, with_for_update=True)


def large_by_secret(session: Session, secret: str) -> LargeRequest:
    """Raises NotFound."""
    found = None if "\x00" in secret else session.scalars(select(LargeRequest).filter_by(secret=secret)).one_or_none()
    if found is None:
        raise NotFound
    return found
