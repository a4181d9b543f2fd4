"""The staff's door to alerts about splitting around the threshold of large donations."""

from flask import g, redirect, render_template, request, url_for

from donate.campaigns.organiser import Errors, Page
from donate.campaigns.updates_organiser import ID
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.giving import splits_queries as queries
from donate.giving.splits import close


def split_alerts() -> str:
    with reading() as session:
        standing = queries.alert_lines(session, is_open=True)
        closed = queries.alert_lines(session, is_open=False)
    return render_template("staff/split_alerts.html", standing=standing, closed=closed)


def split_alert(alert_id: int) -> Page:
    """One alert with its payments, and closing it with a note."""
    errors: Errors = {}
    if request.method == "POST":
        try:
            with transaction() as session:
                close(session, alert_id, note=request.form.get("note", ""), by=g.user.id)
            return redirect(url_for("staff.split_alert", alert_id=alert_id), 303)
        except NotFound:
            raise
        except DonateError as error:
            errors = {error.field or "": error}
    with reading() as session:
        alert, parts = queries.alert_with_parts(session, alert_id)
    page = render_template("staff/split_alert.html", alert=alert, parts=parts, typed=request.form, errors=errors)
    return (page, max(error.status for error in errors.values())) if errors else page


ROUTES = [
    ("/staff/split-alerts", split_alerts, ["GET"]),
    (f"/staff/split-alerts/<{ID}:alert_id>", split_alert, ["GET", "POST"]),
]
