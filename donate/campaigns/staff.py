"""The staff's desk: complaints with their clock, and the way to what other rooms report."""

from flask import g, redirect, render_template, request, url_for

from donate.campaigns.complaints import answer, answered_complaints, complaint_by_id, counts, open_complaints
from donate.campaigns.organiser import Page
from donate.campaigns.updates_organiser import ID
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound


def desk() -> str:
    with reading() as session:
        waiting, late = counts(session)
    return render_template("staff/desk.html", waiting=waiting, late=late)


def complaints() -> str:
    with reading() as session:
        waiting = open_complaints(session)
        answered = answered_complaints(session)
    return render_template("staff/complaints.html", waiting=waiting, answered=answered)


def complaint(complaint_id: int) -> Page:
    errors: dict[str, DonateError] = {}
    if request.method == "POST":
        try:
            with transaction() as session:
                answer(session, complaint_id=complaint_id, user_id=g.user.id, text=request.form.get("answer", ""))
            return redirect(url_for("staff.complaint", complaint_id=complaint_id), 303)
        except NotFound:
            raise
        except DonateError as error:
            errors = {error.field or "answer": error}
    with reading() as session:
        found = complaint_by_id(session, complaint_id)
    page = render_template("staff/complaint.html", complaint=found, typed=request.form, errors=errors)
    return (page, 422) if errors else page


ROUTES = [
    ("/staff", desk, ["GET"]),
    ("/staff/complaints", complaints, ["GET"]),
    (f"/staff/complaints/<{ID}:complaint_id>", complaint, ["GET", "POST"]),
]
