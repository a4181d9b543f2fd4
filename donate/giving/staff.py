"""The staff's door to money that is not as agreed, and the ways out of it."""

from uuid import UUID

from flask import current_app, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from donate.campaigns.organiser import Errors, Page, user
from donate.campaigns.updates_organiser import ID
from donate.db import reading, transaction
from donate.errors import N_, DonateError, NotFound
from donate.giving import queries, unexplained
from donate.giving.recorded_organiser import sign_in_again
from donate.giving.refunding import send_now


class NoWayChosen(DonateError):
    sentence = N_("Choose one of the ways.")
    status = 422


def unbooked_money() -> str:
    """What the provider holds and nobody has explained yet, and what was explained last."""
    with reading() as session:
        standing = queries.standing_money(session)
        explained = queries.explained_money(session)
    return render_template("staff/unbooked_money.html", standing=standing, explained=explained)


def unbooked_one(unbooked_id: int) -> Page:
    """One sum; the button that was pressed says what a person makes of it, the note why."""
    if request.method == "GET":
        return _one_page(unbooked_id, {})
    own_page = url_for("staff.unbooked_one", unbooked_id=unbooked_id)
    if (again := sign_in_again(own_page)) is not None:
        return again
    try:
        with transaction() as session:
            refund = _explain(session, unbooked_id, request.form.get("step", ""), request.form.get("note", ""))
    except NotFound:
        raise
    except DonateError as error:
        return _one_page(unbooked_id, {error.field or "": error}), error.status
    if refund is not None:
        send_now(refund, current_app.config["SETTINGS"])
    return redirect(own_page, 303)


def _explain(session: Session, unbooked_id: int, step: str, note: str) -> UUID | None:
    """The refund that is to be sent, where money goes back."""
    by = user().id
    if step == unexplained.Way.REFUND:
        return unexplained.refund_unexplained(session, unbooked_id, by=by, note=note).public_id
    if step == unexplained.Way.CLEAR:
        unexplained.clear_to_donations(session, unbooked_id, by=by, note=note)
    elif step == unexplained.Way.GENERAL:
        unexplained.keep_in_general(session, unbooked_id, by=by, note=note)
    elif step == unexplained.Way.NOTE:
        unexplained.note_unbooked(session, unbooked_id, by=by, note=note)
    else:
        raise NoWayChosen
    return None


def _one_page(unbooked_id: int, errors: Errors) -> str:
    with reading() as session:
        money = queries.money_by_id(session, unbooked_id)
        refunds = queries.refunds_of_money(session, unbooked_id)
        ways = unexplained.ways_out(session, unbooked_id)
    return render_template(
        "staff/unbooked_one.html", money=money, refunds=refunds, ways=ways, typed=request.form, errors=errors
    )


ROUTES = [
    ("/staff/unbooked-money", unbooked_money, ["GET"]),
    (f"/staff/unbooked-money/<{ID}:unbooked_id>", unbooked_one, ["GET", "POST"]),
]
