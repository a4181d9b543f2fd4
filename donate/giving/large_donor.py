"""The donor's own page of a large donation, behind its secret link: how it stands, and paying it once it was accepted."""

from flask import current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from donate.db import reading
from donate.errors import DonateError, NotFound
from donate.giving import large_queries
from donate.giving.donor import private_answer
from donate.giving.large_payment import pay_large
from donate.same_site import require_same_site


def large(secret: str) -> Answer:
    """Pressing the button again, or coming back later, leads to the same checkout; after paying, to its receipt."""
    if request.method == "GET":
        return private_answer(_page(secret, {}))
    require_same_site()
    try:
        begun = pay_large(secret, current_app.config["SETTINGS"])
    except NotFound:
        raise
    except DonateError as error:
        return make_response(private_answer(_page(secret, {"": error})), error.status)
    return redirect(begun.provider_url or url_for("donor.confirming", secret=begun.secret), 303)


def _page(secret: str, errors: dict[str, DonateError]) -> str:
    with reading() as session:
        shown = large_queries.shown_to_donor(session, secret)
    return render_template("donor/large.html", page=shown, errors=errors)


ROUTES = [("/large/<secret>", large, ["GET", "POST"])]
