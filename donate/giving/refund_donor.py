"""The donor's door to money back: asked for from the receipt's page, by its secret link."""

from uuid import UUID, uuid4

from flask import current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from donate.db import reading, transaction
from donate.errors import N_, DonateError, NotFound
from donate.giving import wish_queries, wishes
from donate.giving.donor import private_answer
from donate.same_site import require_same_site
from donate.settings import Settings

ALL = "all"


class NothingAskedFor(DonateError):
    sentence = N_("Choose what you want back.")
    status = 422
    field = "what"


def money_back(secret: str) -> Answer:
    """The form that asks the charity for money back, of one donation or of all."""
    settings: Settings = current_app.config["SETTINGS"]
    with reading() as session:
        page = wish_queries.money_back_of(session, secret, settings.refund_days)
    receipt = f"{url_for('donor.receipt', secret=secret)}#money-back"
    if request.method == "GET":
        return _form(secret, page, {}) if page.may_ask else redirect(receipt, 303)
    require_same_site()
    try:
        with transaction() as session:
            wishes.ask(
                session,
                secret,
                donation=_chosen(),
                words=request.form.get("words", ""),
                wish_id=_uuid(request.form.get("wish", "")),
                days=settings.refund_days,
            )
    except NotFound:
        raise
    except DonateError as error:
        return make_response(_form(secret, page, {error.field or "": error}), error.status)
    return redirect(receipt, 303)


def _chosen() -> UUID | None:
    """The donation that was chosen; None for all of the payment. Raises NothingAskedFor."""
    given = request.form.get("what", "")
    chosen = _uuid(given)
    if chosen is None and given != ALL:
        raise NothingAskedFor
    return chosen


def _uuid(given: str) -> UUID | None:
    try:
        return UUID(given)
    except ValueError:
        return None


def _form(secret: str, page: wish_queries.MoneyBack, errors: dict[str, DonateError]) -> Answer:
    html = render_template(
        "donor/money_back.html",
        secret=secret,
        page=page,
        wish=_uuid(request.form.get("wish", "")) or uuid4(),
        typed=request.form,
        errors=errors,
    )
    return private_answer(html)


ROUTES = [("/r/<secret>/money-back", money_back, ["GET", "POST"])]
