"""Money that went back to a recorded donation's donor by bank transfer: said by one person, booked by another.

A refund leaves by where its money lies. What the provider paid goes back through the provider (fund / clearing);
a recorded donation lies in the bank, so its refund is fund / bank, under the reason `refund` like every other.
A transfer that the donor's bank turned back is `refund_failed` (bank / fund); one that never left is reversed.
"""

import secrets
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError, NotFound
from donate.giving import recorded as recording
from donate.giving.money_back import REFUNDED
from donate.giving.official import void_of_recorded
from donate.giving.recorded_models import RecordedDonation, RecordedState
from donate.giving.recorded_refund_models import STANDING, RecordedRefund, RecordedRefundNote, SentBackState, UndoWay
from donate.giving.reference_key import key_of
from donate.giving.shortfall import level_cover
from donate.ledger import journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import Book
from donate.ledger.release import release
from donate.money import Money


class MoreThanIsLeft(DonateError):
    """More than was given, with all that went back or is said to have; nothing was written down."""

    sentence = N_("At most %(most)s of this donation can still go back.")
    status = 422
    field = "amount"


class SentBackBefore(DonateError):
    sentence = N_("A transfer with this number was recorded before; the same transfer is never recorded twice.")
    status = 409
    field = "reference"


class SentBeforeItCame(DonateError):
    sentence = N_("It cannot have gone back before it arrived on %(arrived)s.")
    status = 422
    field = "sent_on"


class BackBeforeItWasSent(DonateError):
    sentence = N_("It cannot have come back before it was sent on %(sent)s.")
    status = 422
    field = "undo_on"


class NotSentBack(DonateError):
    sentence = N_("Only a transfer that is booked can be undone.")
    status = 409


class UndoAsked(DonateError):
    sentence = N_("Somebody said already that this does not stand.")
    status = 409


class OwnSentBack(DonateError):
    """Two roles of one person are still one person."""

    sentence = N_("You wrote this down yourself. Somebody else has to decide on it.")
    status = 409


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSentBack:
    """A transfer that left the bank, as a form without errors gives it. `amount_minor` is in the book's currency."""

    amount_minor: int
    sent_on: date
    reference: str
    note: str


def ask(session: Session, recorded: RecordedDonation, *, by: int, new: NewSentBack) -> RecordedRefund:
    """Write down that money was sent back; nothing is booked before another person confirms it.

    Raises NotBooked, ReversalAsked, MoreThanIsLeft, SentBeforeItCame, SentBackBefore.
    """
    recording.lock(session, recorded)
    if recorded.state != RecordedState.CONFIRMED:
        raise recording.NotBooked
    if recording.standing_reversal(session, recorded) is not None:
        raise recording.ReversalAsked
    left = left_of(session, recorded)
    if not 0 < new.amount_minor <= left:
        money = Money(left, session.get_one(Book, recorded.book_id).currency)
        raise MoreThanIsLeft(most=f"{money.plain} {money.currency}")
    if new.sent_on < recorded.received_on:
        raise SentBeforeItCame(arrived=recorded.received_on.isoformat())
    refund_id = session.scalar(
        insert(RecordedRefund)
        .values(
            public_id=UUID(bytes=secrets.token_bytes(16), version=4),
            recorded_id=recorded.id,
            book_id=recorded.book_id,
            amount_minor=new.amount_minor,
            sent_on=new.sent_on,
            reference=new.reference,
            reference_key=key_of(new.reference),
            state=SentBackState.ASKED.value,
            asked_by=by,
            asked_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(RecordedRefund.id)
    )
    if refund_id is None:
        raise SentBackBefore
    session.add(RecordedRefundNote(refund_id=refund_id, note=new.note))
    session.flush()
    return session.get_one(RecordedRefund, refund_id)


def left_of(session: Session, recorded: RecordedDonation) -> int:
    """What was given less what went back, or is said to have."""
    query = select(func.sum(RecordedRefund.amount_minor)).where(
        RecordedRefund.recorded_id == recorded.id, RecordedRefund.state.in_(STANDING)
    )
    return recorded.amount_minor - int(session.scalar(query) or 0)


def confirm(session: Session, refund: RecordedRefund, *, by: int) -> None:
    """Book what another person wrote down. Confirmed twice, also at one moment, it is booked once.

    The fund may spend that much less at once; what it had spent of it falls on the general fund, as after every
    refund. Raises OwnSentBack, DecidedAlready.
    """
    recorded = _lock(session, refund)
    if refund.asked_by == by:
        raise OwnSentBack
    if refund.state == SentBackState.BOOKED:
        return
    if refund.state != SentBackState.ASKED:
        raise recording.DecidedAlready
    (posted,) = journal.post(session, [_entry(recorded, refund, Reason.REFUND, "recorded-refund", refund.sent_on)])
    refund.entry_id, refund.state = posted.entry_id, SentBackState.BOOKED.value
    refund.decided_by, refund.decided_at = by, clock.now()
    session.flush()
    void_of_recorded(session, recorded.id, REFUNDED)
    amounts = {fund_code(recorded.campaign_ref): -refund.amount_minor}
    release(session, book_id=recorded.book_id, entry_id=posted.entry_id, amounts=amounts)
    level_cover(session, recorded.book_id, _time_zone(session, recorded), [recorded.campaign_ref])


def decline(session: Session, refund: RecordedRefund, *, by: int, reason: str) -> None:
    """Put aside what was written down wrongly, also by who wrote it. Raises DecisionReasonMissing, DecidedAlready."""
    _lock(session, refund)
    words = recording.reason_of(reason)
    if refund.state != SentBackState.ASKED:
        raise recording.DecidedAlready
    refund.state = SentBackState.DECLINED.value
    refund.decided_by, refund.decided_at = by, clock.now()
    _keep_undo_note(session, refund, words)


def ask_undo(
    session: Session, refund: RecordedRefund, *, by: int, way: UndoWay, on: date | None = None, reason: str
) -> None:
    """Say that a booked refund does not stand: its transfer came back `on` a day, or never left.

    Raises NotSentBack, UndoAsked, DecisionReasonMissing, BackBeforeItWasSent.
    """
    recorded = _lock(session, refund)
    words = recording.reason_of(reason)
    if refund.state != SentBackState.BOOKED:
        raise NotSentBack
    if refund.undo_way is not None:
        raise UndoAsked
    day = on or clock.today(_time_zone(session, recorded))
    if day < refund.sent_on:
        raise BackBeforeItWasSent(sent=refund.sent_on.isoformat())
    refund.undo_way, refund.undo_on, refund.undo_asked_by = way.value, day, by
    _keep_undo_note(session, refund, words)


def undo(session: Session, refund: RecordedRefund, *, by: int) -> None:
    """Book what another person said of a refund that does not stand. Done twice, it is one entry.

    The money is in the bank and the fund's again. Raises OwnSentBack, DecidedAlready (nothing was said).
    """
    recorded = _lock(session, refund)
    if refund.undo_way is None or refund.undo_on is None or refund.entry_id is None:
        raise recording.DecidedAlready
    if refund.undo_asked_by == by:
        raise OwnSentBack
    if refund.undo_entry_id is not None:
        return
    if refund.undo_way == UndoWay.RETURNED:
        key, state = "recorded-refund-returned", SentBackState.RETURNED
        (posted,) = journal.post(session, [_entry(recorded, refund, Reason.REFUND_FAILED, key, refund.undo_on)])
    else:
        state = SentBackState.REVERSED
        posted = journal.reverse(
            session,
            book_id=recorded.book_id,
            entry_id=refund.entry_id,
            idempotency_key=f"recorded-refund-reversed:{refund.public_id}",
            effective_on=refund.undo_on,
            note="",
        )
    refund.undo_entry_id, refund.state = posted.entry_id, state.value
    refund.undone_by, refund.undone_at = by, clock.now()
    session.flush()
    amounts = {fund_code(recorded.campaign_ref): refund.amount_minor}
    release(session, book_id=recorded.book_id, entry_id=posted.entry_id, amounts=amounts)
    level_cover(session, recorded.book_id, _time_zone(session, recorded), [recorded.campaign_ref])


def keep(session: Session, refund: RecordedRefund) -> None:
    """It stands after all; who said otherwise may say so as well. Raises DecidedAlready."""
    _lock(session, refund)
    if refund.state != SentBackState.BOOKED or refund.undo_way is None:
        raise recording.DecidedAlready
    refund.undo_way = refund.undo_on = refund.undo_asked_by = None
    session.flush()


def refund_by_public_id(session: Session, public_id: UUID) -> RecordedRefund:
    """Raises NotFound."""
    found = session.scalars(select(RecordedRefund).filter_by(public_id=public_id)).one_or_none()
    if found is None:
        raise NotFound
    return found


def _entry(recorded: RecordedDonation, refund: RecordedRefund, reason: Reason, key: str, on: date) -> NewEntry:
    """The bank's number stays out, as for the donation itself: it holds the moment in which somebody was paid."""
    fund = fund_code(recorded.campaign_ref)
    debit, credit = (fund, "bank") if reason is Reason.REFUND else ("bank", fund)
    return NewEntry(
        book_id=recorded.book_id,
        reason=reason,
        idempotency_key=f"{key}:{refund.public_id}",
        effective_on=on,
        legs=(Leg(debit=debit, credit=credit, amount_minor=refund.amount_minor),),
        campaign=recorded.campaign_ref,
        private={"recorded": str(recorded.public_id)},
    )


def _lock(session: Session, refund: RecordedRefund) -> RecordedDonation:
    """Hold the donation's row, as all do who move its money, and see both as they stand now."""
    recorded = session.get_one(RecordedDonation, refund.recorded_id)
    recording.lock(session, recorded)
    session.refresh(refund, with_for_update=True)
    return recorded


def _time_zone(session: Session, recorded: RecordedDonation) -> str:
    return session.scalars(select(Book.time_zone).where(Book.id == recorded.book_id)).one()


def _keep_undo_note(session: Session, refund: RecordedRefund, words: str) -> None:
    note = session.get(RecordedRefundNote, refund.id)
    if note is None:  # erased meanwhile
        session.add(RecordedRefundNote(refund_id=refund.id, note="", undo_note=words))
    else:
        note.undo_note = words
    session.flush()
