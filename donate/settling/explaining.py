"""What staff say of a movement of the provider's balance that nobody could explain: where it belongs, and why.

Money of unknown origin goes to the charity's general fund, and what the provider takes for itself is a fee; a
campaign never bears or gets it. Where the owner is known by now, the entry against suspense is reversed and the line
meets its owner. Of another currency than the book's nothing is booked, so a note says what became of it.
"""

from enum import StrEnum

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError, NotFound
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import MerchantAccount
from donate.settling import owners, repairs
from donate.settling.asking import refuse_while_a_message_waits
from donate.settling.lines import Home, home_of
from donate.settling.models import Met, ProviderLine
from donate.text import TextTooLong, clean_text

NOTE_LENGTH = 500

log = structlog.get_logger("donate.settling")


class Outcome(StrEnum):
    """Where a line belongs. `sentence` stands on the button."""

    GENERAL = "general"
    FEE = "processing_fees"
    OWNER = "owner"
    NOTED = "noted"

    @property
    def sentence(self) -> str:
        return _SENTENCES[self]


_SENTENCES = {
    Outcome.GENERAL: N_("To the general fund"),
    Outcome.FEE: N_("A fee of the provider, or a fee that it gave back"),
    Outcome.OWNER: N_("To the payment that it belongs to, which is known by now"),
    Outcome.NOTED: N_("Only note what became of it: it is in no book"),
}


class LineExplainedAlready(DonateError):
    sentence = N_("Somebody explained this balance line already.")
    status = 409


class ExplanationMissing(DonateError):
    sentence = N_("Say in a few words what this is and how you know.")
    field = "note"


class ExplanationTooLong(TextTooLong):
    field = "note"


class OutcomeNotOpen(DonateError):
    sentence = N_("This balance line cannot be explained so.")
    field = "outcome"


class OwnerIsKnown(OutcomeNotOpen):
    sentence = N_("By now it is known which payment of ours this balance line belongs to: it can only go there.")


def outcomes_of(session: Session, line: ProviderLine) -> tuple[Outcome, ...]:
    """How this line may be explained; none once it is."""
    if line.explained_at is not None or line.met not in (Met.SUSPENSE, Met.UNBOOKED):
        return ()
    if line.met == Met.UNBOOKED:
        return (Outcome.NOTED,)
    if _owner(session, _home(session, line), line) is not None:
        return (Outcome.OWNER,)
    return (Outcome.FEE, Outcome.GENERAL) if line.kind not in owners.CHARGES else (Outcome.GENERAL,)


def explain(session: Session, line_id: int, outcome: Outcome, *, by: int, note: str) -> None:
    """Book what staff say of a line, once. The note is staff's own and stays with the line, outside the public log.

    The door asks the provider before: see asking.ask_first.
    Raises NotFound, LineExplainedAlready, OutcomeNotOpen, MessageWaits, ExplanationMissing, ExplanationTooLong.
    """
    words = clean_text(note, NOTE_LENGTH, ExplanationTooLong)
    if not words:
        raise ExplanationMissing
    line = session.scalars(select(ProviderLine).where(ProviderLine.id == line_id).with_for_update()).one_or_none()
    if line is None or line.met is None:
        raise NotFound
    if line.explained_at is not None or line.met not in (Met.SUSPENSE, Met.UNBOOKED):
        raise LineExplainedAlready
    open_outcomes = outcomes_of(session, line)
    if outcome not in open_outcomes:
        raise OwnerIsKnown if Outcome.OWNER in open_outcomes else OutcomeNotOpen
    home = _home(session, line)
    if outcome in (Outcome.GENERAL, Outcome.FEE):
        refuse_while_a_message_waits(session, home.merchant, line)
    owner = _owner(session, home, line) if outcome is Outcome.OWNER else None
    if owner is not None:
        repairs.give_to_owner(session, home, line, owner)
    elif outcome in (Outcome.GENERAL, Outcome.FEE):
        _clear(session, home, line, outcome.value)
    line.explained_at, line.explained_by, line.explanation = clock.now(), by, words
    session.flush()
    log.info("line_explained", line=line.line_id, outcome=outcome.value, by=by)


def _clear(session: Session, home: Home, line: ProviderLine, code: str) -> None:
    """Out of suspense: what came to where it belongs, what went from there."""
    debit, credit = ("suspense", code) if line.net_minor > 0 else (code, "suspense")
    entry = NewEntry(
        book_id=home.book_id,
        reason=Reason.SUSPENSE_CLEARED,
        idempotency_key=f"line-cleared:{line.line_id}",
        effective_on=clock.today(home.time_zone),
        legs=(Leg(debit=debit, credit=credit, amount_minor=abs(line.net_minor)),),
    )
    journal.post(session, [entry])


def _home(session: Session, line: ProviderLine) -> Home:
    return home_of(session, session.get_one(MerchantAccount, line.merchant_account_id).ref)


def _owner(session: Session, home: Home, line: ProviderLine) -> owners.Owner | None:
    return owners.known(session, home.merchant_id, home.book_id, [line]).get(line.id)
