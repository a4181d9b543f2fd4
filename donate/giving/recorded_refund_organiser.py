"""The host's door to money that was sent back from its bank: written down by one treasurer or owner, booked by another.

All of it is for owners and treasurers of the host alone, who answer for its bank account, signed in freshly.
"""

from collections.abc import Callable
from uuid import UUID

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from donate import clock
from donate.campaigns.organiser import Errors, Page, user
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.giving import recorded_queries as recordings
from donate.giving import recorded_refund as service
from donate.giving import recorded_refund_queries as queries
from donate.giving.recorded_organiser import sign_in_again
from donate.giving.recorded_queries import MAY_CONFIRM
from donate.giving.recorded_refund_forms import read_sent_back, read_undo
from donate.giving.recorded_refund_models import RecordedRefund, UndoWay
from donate.ledger.models import Book


def recorded_refund_new(public_id: UUID) -> Page:
    """The form that writes down a transfer back to the donor."""
    with reading() as session:
        recorded = recordings.recorded_of(session, user(), public_id, *MAY_CONFIRM)
        book = session.get_one(Book, recorded.book_id)
    if request.method == "GET":
        return _form_page(public_id, {})
    if (again := sign_in_again(url_for("organiser.recorded_refund_new", public_id=public_id))) is not None:
        return again
    new, errors = read_sent_back(request.form, book.currency, clock.today(book.time_zone))
    if new is None:
        return _form_page(public_id, errors), 422
    try:
        with transaction() as session:
            found = recordings.recorded_of(session, user(), public_id, *MAY_CONFIRM)
            written = service.ask(session, found, by=user().id, new=new).public_id
    except NotFound:
        raise
    except DonateError as error:
        return _form_page(public_id, {error.field or "": error}), error.status
    return redirect(url_for("organiser.recorded_refund", public_id=written), 303)


def _form_page(public_id: UUID, errors: Errors) -> str:
    with reading() as session:
        recorded = recordings.recorded_of(session, user(), public_id, *MAY_CONFIRM)
        file = recordings.recorded_file(session, recorded)
        left = service.left_of(session, recorded)
    return render_template(
        "organiser/recorded_refund_new.html",
        file=file,
        line=file.line,
        left_minor=left,
        typed=request.form,
        errors=errors,
    )


def recorded_refund(public_id: UUID) -> Page:
    """One transfer; the button that was pressed says what its reader decides."""
    with reading() as session:
        queries.refund_of(session, user(), public_id)
    if request.method == "GET":
        return _one_page(public_id, {})
    take = STEPS.get(request.form.get("step", ""))
    if take is None:
        return _one_page(public_id, {}), 422
    own_page = url_for("organiser.recorded_refund", public_id=public_id)
    if (again := sign_in_again(own_page)) is not None:
        return again
    try:
        with transaction() as session:
            take(session, queries.refund_of(session, user(), public_id))
    except NotFound:
        raise
    except DonateError as error:
        return _one_page(public_id, {error.field or "": error}), 422 if error.field else error.status
    return redirect(own_page, 303)


def _one_page(public_id: UUID, errors: Errors) -> str:
    with reading() as session:
        one = queries.sent_back(session, queries.refund_of(session, user(), public_id))
    return render_template(
        "organiser/recorded_refund.html", one=one, ways=list(UndoWay), me=user().id, typed=request.form, errors=errors
    )


def _confirm(session: Session, refund: RecordedRefund) -> None:
    service.confirm(session, refund, by=user().id)


def _decline(session: Session, refund: RecordedRefund) -> None:
    service.decline(session, refund, by=user().id, reason=request.form.get("reason", ""))


def _ask_undo(session: Session, refund: RecordedRefund) -> None:
    way, on = read_undo(request.form, clock.today(session.get_one(Book, refund.book_id).time_zone))
    service.ask_undo(session, refund, by=user().id, way=way, on=on, reason=request.form.get("reason", ""))


def _undo(session: Session, refund: RecordedRefund) -> None:
    service.undo(session, refund, by=user().id)


def _keep(session: Session, refund: RecordedRefund) -> None:
    service.keep(session, refund)


STEPS: dict[str, Callable[[Session, RecordedRefund], None]] = {
    "confirm": _confirm,
    "decline": _decline,
    "ask_undo": _ask_undo,
    "undo": _undo,
    "keep": _keep,
}

ROUTES = [
    ("/desk/recorded/<uuid:public_id>/refund", recorded_refund_new, ["GET", "POST"]),
    ("/desk/recorded/refunds/<uuid:public_id>", recorded_refund, ["GET", "POST"]),
]
