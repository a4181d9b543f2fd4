"""What a treasurer typed about money that was sent back to a donor, or that came back from there, read strictly."""

from collections.abc import Mapping
from datetime import date

from donate.errors import N_, DonateError
from donate.giving.recorded import REASON_LENGTH, DecisionReasonMissing
from donate.giving.recorded_forms import amount_of, day_of, kept, reference_of
from donate.giving.recorded_refund import NewSentBack
from donate.giving.recorded_refund_models import UndoWay
from donate.text import TextTooLong, clean_text


class NoteTooLong(TextTooLong):
    field = "note"


class NoteMissing(DonateError):
    sentence = N_("Write down why.")
    field = "note"


class UndoWayMissing(DecisionReasonMissing):
    sentence = N_("Choose what happened.")
    field = "way"


def read_sent_back(
    form: Mapping[str, str], currency: str, today: date
) -> tuple[NewSentBack | None, dict[str, DonateError]]:
    """A transfer as typed, or every error by its field."""
    errors: dict[str, DonateError] = {}
    amount = kept(errors, "amount", lambda: amount_of(form.get("amount", ""), currency))
    sent_on = kept(errors, "sent_on", lambda: day_of(form.get("sent_on", ""), today))
    reference = kept(errors, "reference", lambda: reference_of(form.get("reference", "")))
    note = kept(errors, "note", lambda: _note(form.get("note", "")))
    if errors or amount is None or sent_on is None or reference is None or note is None:
        return None, errors
    return NewSentBack(amount_minor=amount, sent_on=sent_on, reference=reference, note=note), errors


def read_undo(form: Mapping[str, str], today: date) -> tuple[UndoWay, date]:
    """What happened to a transfer that does not stand, and on which day; a mistake was found today.

    Raises UndoWayMissing, DayNotADate, DayNotYet, DayTooEarly.
    """
    way = form.get("way", "")
    if way not in list(UndoWay):
        raise UndoWayMissing
    if way == UndoWay.MISTAKE:
        return UndoWay.MISTAKE, today
    return UndoWay.RETURNED, day_of(form.get("undo_on", ""), today)


def _note(typed: str) -> str:
    note = clean_text(typed, REASON_LENGTH, NoteTooLong)
    if not note:
        raise NoteMissing
    return note
