"""The staff's door to movements of the provider's balance that nobody could explain."""

from flask import current_app, g, redirect, render_template, request, url_for

from donate.campaigns.organiser import Errors, Page
from donate.campaigns.updates_organiser import ID
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.settling import explaining as service
from donate.settling import staff_queries as queries
from donate.settling.asking import ask_first
from donate.settling.explaining import Outcome


def provider_lines() -> str:
    """What stands, and what was explained last."""
    with reading() as session:
        desk = queries.lines_desk(session)
    return render_template("staff/provider_lines.html", desk=desk)


def provider_line(line_id: int) -> Page:
    """One line, and what staff say of it."""
    if request.method == "GET":
        return _line_page(line_id, {})
    try:
        outcome = request.form.get("outcome", "")
        if outcome not in list(Outcome):
            raise service.OutcomeNotOpen
        ask_first(line_id, current_app.config["SETTINGS"])
        with transaction() as session:
            service.explain(session, line_id, Outcome(outcome), by=g.user.id, note=request.form.get("note", ""))
    except NotFound:
        raise
    except DonateError as error:
        return _line_page(line_id, {error.field or "": error}), 422 if error.field else error.status
    return redirect(url_for("staff.provider_line", line_id=line_id), 303)


def _line_page(line_id: int, errors: Errors) -> str:
    with reading() as session:
        file = queries.line_file(session, line_id)
    return render_template("staff/provider_line.html", file=file, line=file.line, typed=request.form, errors=errors)


ROUTES = [
    ("/staff/provider-lines", provider_lines, ["GET"]),
    (f"/staff/provider-lines/<{ID}:line_id>", provider_line, ["GET", "POST"]),
]
