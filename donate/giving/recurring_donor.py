"""The donor's door to a standing promise: how it goes, its receipts, and one step that ends it. By a secret link."""

from collections.abc import Callable

import structlog
from flask import current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from donate.db import reading
from donate.errors import DonateError
from donate.giving.donor import private_answer
from donate.giving.recurring_models import RecurringState, StopReason
from donate.giving.recurring_page import RecurringPage, recurring_page
from donate.giving.recurring_sync import stop_recurring, sync_recurring
from donate.same_site import require_same_site

log = structlog.get_logger("donate.giving")


def monthly(secret: str) -> Answer:
    """The promise; a form that is sent here stops it. Whoever holds the link needs nothing else."""
    page = _page(secret)
    if request.method == "POST":
        require_same_site()
        # Where the provider does not answer, the wish is written down and the job goes on with it: the page says so.
        _try(page, lambda: stop_recurring(page.public_id, StopReason.DONOR, current_app.config["SETTINGS"]))
        return redirect(url_for("donor.monthly", secret=secret), 303)
    if page.state is RecurringState.PENDING:
        _try(page, lambda: sync_recurring(page.public_id, current_app.config["SETTINGS"]))
        page = _page(secret)
    return private_answer(render_template("donor/monthly.html", page=page))


def _page(secret: str) -> RecurringPage:
    with reading() as session:
        return recurring_page(session, secret)


def _try(page: RecurringPage, ask: Callable[[], None]) -> None:
    try:
        ask()
    except DonateError as error:
        log.warning("recurring_sync_failed", recurring=str(page.public_id), error=type(error).__name__)


ROUTES = [("/monthly/<secret>", monthly, ["GET", "POST"])]
