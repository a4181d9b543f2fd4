"""Recording money that reached the host outside us: entered by one person, confirmed by another, then booked.

Recording what happened never fails because of where a campaign stands: one that no longer raises, is suspended or
closed still takes what arrived for it. Only one that was never accepted and filed cannot: it has no fund.
"""

import secrets
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.models import Campaign
from donate.errors import N_, DonateError, NotFound
from donate.giving import rules
from donate.giving.official import void_of_recorded
from donate.giving.other_money import twins_of, why_other
from donate.giving.recorded_models import (
    Channel,
    RecordedDonation,
    RecordedPrivate,
    RecordedReversal,
    RecordedState,
    ReversalState,
)
from donate.giving.recorded_refund_models import STANDING, RecordedRefund
from donate.giving.reference_key import key_of
from donate.giving.shortfall import level_cover, lower_cover
from donate.giving.sources import source_key_of
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import Account, Book
from donate.ledger.release import release, reverse_release
from donate.text import TextTooLong, clean_text

REASON_LENGTH = 500
REVERSED = N_("The host had recorded this donation by mistake and has reversed it.")


class RecordedBefore(DonateError):
    """The reference stands in the books, or waits to be confirmed."""

    sentence = N_("Money with this reference was recorded before; the same money is never recorded twice.")
    status = 409
    field = "reference"


class NoFundYet(DonateError):
    sentence = N_(
        "“%(campaign)s” is no campaign of this host with a fund to book into; a campaign gets one when it is filed."
    )
    field = "campaign"


class AgreementMissing(DonateError):
    """A large donation, by the rule pack, is taken under a written agreement."""

    sentence = N_(
        "From %(threshold)s on a donation has a written agreement; write where it is kept, such as its number."
    )
    field = "agreement"


class OwnEntry(DonateError):
    """Two roles of one person are still one person."""

    sentence = N_("You entered this yourself. Somebody else has to confirm it.")
    status = 409


class OwnReversal(DonateError):
    sentence = N_("You asked for this reversal yourself. Somebody else has to decide on it.")
    status = 409


class DecidedAlready(DonateError):
    sentence = N_("This was decided in the meantime. Please look at how it stands now.")
    status = 409


class DecidedAsBatch(DonateError):
    sentence = N_("This belongs to a batch, which is confirmed or declined as a whole.")
    status = 409


class DecisionReasonMissing(DonateError):
    sentence = N_("Say why; the reason stays with the record.")
    field = "reason"


class DecisionReasonTooLong(TextTooLong):
    field = "reason"


class NotBooked(DonateError):
    sentence = N_("Only what is booked can be reversed.")
    status = 409


class ReversalAsked(DonateError):
    sentence = N_("A reversal of this was asked for already.")
    status = 409


class PartSentBack(DonateError):
    """Reversed as well, the money would leave the fund twice."""

    sentence = N_("Money of this was sent back to its donor. Undo that first, if the whole was a mistake.")
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRecorded:
    """Money that arrived, as a form without errors gives it. `amount_minor` is in the book's currency."""

    channel: Channel
    source: str
    reference: str
    amount_minor: int
    received_on: date
    campaign_ref: str
    name: str | None = None
    name_is_public: bool = False
    agreement: str = ""  # where the written agreement is kept; large donations have one


def require_agreement(new: NewRecorded, currency: str) -> None:
    """Raises AgreementMissing for a large donation that names none."""
    if rules.is_large(new.amount_minor, currency) and not new.agreement:
        raise AgreementMissing(threshold=rules.large_from(currency))


def new_secret() -> str:
    """Opens one receipt page."""
    return secrets.token_urlsafe(24)


def enter(
    session: Session, *, book_id: int, by: int, new: NewRecorded, proof_sha256: bytes | None = None
) -> RecordedDonation:
    """Write down money that arrived; nothing is booked before another person confirms it.

    Raises NoFundYet, RecordedBefore, AgreementMissing.
    """
    if new.campaign_ref not in funded_campaigns(session, book_id):
        raise NoFundYet(campaign=new.campaign_ref)
    require_agreement(new, session.get_one(Book, book_id).currency)
    recorded_id = session.scalar(
        insert(RecordedDonation)
        .values(
            public_id=UUID(bytes=secrets.token_bytes(16), version=4),
            book_id=book_id,
            channel=new.channel.value,
            source=new.source,
            source_key=source_key_of(new.source),
            reference=new.reference,
            reference_key=key_of(new.reference),
            amount_minor=new.amount_minor,
            received_on=new.received_on,
            campaign_ref=new.campaign_ref,
            name_is_public=new.name_is_public and new.name is not None,
            proof_sha256=proof_sha256,
            secret=new_secret(),
            state=RecordedState.ENTERED.value,
            entered_by=by,
            entered_at=clock.now(),
            decline_reason="",
            agreement=new.agreement,
            other_money="",
        )
        .on_conflict_do_nothing()
        .returning(RecordedDonation.id)
    )
    if recorded_id is None:
        raise RecordedBefore
    if new.name:
        session.add(RecordedPrivate(recorded_id=recorded_id, name=new.name))
        session.flush()
    return session.get_one(RecordedDonation, recorded_id)


def funded_campaigns(session: Session, book_id: int) -> frozenset[str]:
    """References of the campaigns that have a fund in this book, whatever became of them since."""
    return frozenset(
        session.scalars(
            select(Campaign.ref)
            .join(Account, (Account.book_id == Campaign.book_id) & (Account.campaign == Campaign.ref))
            .where(Campaign.book_id == book_id)
        )
    )


def confirm(session: Session, recorded: RecordedDonation, *, by: int, other_money: str = "") -> None:
    """Book what another person entered. Confirmed twice, also at one moment, it is booked once.

    `other_money`: why it is not the money that stands under the same number, where some does.
    Raises OwnEntry, DecidedAlready (it was declined or reversed), DecidedAsBatch, OtherMoneyUnsaid, OtherMoneyTooLong.
    """
    lock(session, recorded)
    if recorded.batch_id is not None:
        raise DecidedAsBatch
    if recorded.entered_by == by:
        raise OwnEntry
    if recorded.state == RecordedState.CONFIRMED:
        return
    if recorded.state != RecordedState.ENTERED:
        raise DecidedAlready
    recorded.other_money = why_other(other_money, twins_of(session, recorded))
    (posted,) = journal.post(session, [entry_of(recorded, recorded.proof_sha256)])
    recorded.entry_id = posted.entry_id
    recorded.state = RecordedState.CONFIRMED.value
    recorded.decided_by, recorded.decided_at = by, clock.now()
    session.flush()
    # Bank transfers and cash are at the bank already: the fund may spend them at once.
    fund = fund_code(recorded.campaign_ref)
    release(session, book_id=recorded.book_id, entry_id=posted.entry_id, amounts={fund: recorded.amount_minor})
    lower_cover(session, recorded.book_id, _time_zone(session, recorded))


def entry_of(recorded: RecordedDonation, document_sha256: bytes | None) -> NewEntry:
    """Recorded donation: bank / fund. Its bank's reference stays out: it holds the moment in which somebody paid."""
    return NewEntry(
        book_id=recorded.book_id,
        reason=Reason.RECORDED_DONATION,
        idempotency_key=recorded.entry_key,
        effective_on=recorded.received_on,
        legs=(Leg(debit="bank", credit=fund_code(recorded.campaign_ref), amount_minor=recorded.amount_minor),),
        campaign=recorded.campaign_ref,
        document_sha256=document_sha256,
        private={"recorded": str(recorded.public_id)},
    )


def decline(session: Session, recorded: RecordedDonation, *, by: int, reason: str) -> None:
    """Put aside what was entered wrongly, also by who entered it. The same reference may then be entered anew.

    Raises DecisionReasonMissing, DecidedAlready, DecidedAsBatch.
    """
    lock(session, recorded)
    if recorded.batch_id is not None:
        raise DecidedAsBatch
    words = reason_of(reason)
    if recorded.state != RecordedState.ENTERED:
        raise DecidedAlready
    recorded.state, recorded.decline_reason = RecordedState.DECLINED.value, words
    recorded.decided_by, recorded.decided_at = by, clock.now()
    session.flush()


def reason_of(typed: str) -> str:
    """Why somebody decided so. Raises DecisionReasonMissing, DecisionReasonTooLong."""
    words = clean_text(typed, REASON_LENGTH, DecisionReasonTooLong)
    if not words:
        raise DecisionReasonMissing
    return words


def ask_reversal(session: Session, recorded: RecordedDonation, *, by: int, reason: str) -> RecordedReversal:
    """Say that a booked recording was a mistake.

    Raises DecisionReasonMissing, NotBooked, ReversalAsked, PartSentBack.
    """
    lock(session, recorded)
    words = reason_of(reason)
    if recorded.state != RecordedState.CONFIRMED:
        raise NotBooked
    if standing_reversal(session, recorded) is not None:
        raise ReversalAsked
    if _is_sent_back(session, recorded):
        raise PartSentBack
    reversal = RecordedReversal(recorded_id=recorded.id, reason=words, asked_by=by)
    session.add(reversal)
    session.flush()
    return reversal


def _is_sent_back(session: Session, recorded: RecordedDonation) -> bool:
    query = select(RecordedRefund.id).where(
        RecordedRefund.recorded_id == recorded.id, RecordedRefund.state.in_(STANDING)
    )
    return session.scalar(query.limit(1)) is not None


def standing_reversal(session: Session, recorded: RecordedDonation) -> RecordedReversal | None:
    """The reversal that was asked for and not refused."""
    return session.scalar(
        select(RecordedReversal).where(
            RecordedReversal.recorded_id == recorded.id, RecordedReversal.state != ReversalState.REFUSED
        )
    )


def book_reversal(session: Session, recorded: RecordedDonation, *, by: int) -> None:
    """Reverse by a new entry what another person called a mistake. Done twice, it is one entry.

    Raises OwnReversal, DecidedAlready (nothing was asked, or it was refused).
    """
    lock(session, recorded)
    reversal = standing_reversal(session, recorded)
    if reversal is None or recorded.entry_id is None:
        raise DecidedAlready
    if reversal.asked_by == by:
        raise OwnReversal
    if reversal.state == ReversalState.BOOKED:
        return
    time_zone = _time_zone(session, recorded)
    reverse_release(
        session,
        book_id=recorded.book_id,
        entry_id=recorded.entry_id,
        idempotency_key=f"recorded-reversal:{recorded.public_id}",
        effective_on=clock.today(time_zone),
        note=reversal.reason,
    )
    reversal.state = ReversalState.BOOKED.value
    reversal.decided_by, reversal.decided_at = by, clock.now()
    recorded.state = RecordedState.REVERSED.value
    session.flush()
    void_of_recorded(session, recorded.id, REVERSED)
    # What was spent of it meanwhile falls on the general fund, as after a refund, never on another campaign.
    level_cover(session, recorded.book_id, time_zone, [recorded.campaign_ref])


def _time_zone(session: Session, recorded: RecordedDonation) -> str:
    return session.scalars(select(Book.time_zone).where(Book.id == recorded.book_id)).one()


def refuse_reversal(session: Session, recorded: RecordedDonation, *, by: int) -> None:
    """What was booked was right after all; who asked may say so as well. Raises DecidedAlready."""
    lock(session, recorded)
    reversal = standing_reversal(session, recorded)
    if reversal is None or reversal.state != ReversalState.ASKED:
        raise DecidedAlready
    reversal.state = ReversalState.REFUSED.value
    reversal.decided_by, reversal.decided_at = by, clock.now()
    session.flush()


def lock(session: Session, recorded: RecordedDonation) -> None:
    """Hold the row, and see it as it stands now: of two who decide at once, the second sees what the first did."""
    session.refresh(recorded, with_for_update=True)


def recorded_by_public_id(session: Session, public_id: UUID) -> RecordedDonation:
    """Raises NotFound."""
    found = session.scalars(select(RecordedDonation).filter_by(public_id=public_id)).one_or_none()
    if found is None:
        raise NotFound
    return found
