"""The host's door to large donations: who asks, under which agreement, and accepting by two people.

Hung at two desks with the same views: owners and treasurers come from the organiser's, reviewers from the review desk.
"""

from typing import Any
from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from donate.campaigns.organiser import Errors, Page, user
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.giving import large as service
from donate.giving import large_queries as queries
from donate.giving.large_queries import MAY_ACCEPT
from donate.giving.recorded_organiser import sign_in_again


def _at(view: str, **values: Any) -> str:
    """The address of a view at the desk that its reader came to."""
    return url_for(f"{request.blueprint}.{view}", **values)


def large() -> str:
    """What waits for somebody of the host, and what was decided."""
    hosts = user().organisations(*MAY_ACCEPT)
    with reading() as session:
        waiting = queries.large_lines(session, hosts, waiting=True)
        decided = queries.large_lines(session, hosts, waiting=False)
    return render_template("organiser/large.html", waiting=waiting, decided=decided, at=_at)


def large_one(public_id: UUID) -> Page:
    """One request; the button that was pressed says what its reader decides."""
    if request.method == "GET":
        return _one_page(public_id, {})
    with reading() as session:
        queries.large_of(session, user(), public_id)
    own_page = _at("large_one", public_id=public_id)
    step = request.form.get("step", "")
    again: Response | None = sign_in_again(own_page) if step == "accept" else None
    if again is not None:
        return again
    try:
        with transaction() as session:
            found = queries.large_of(session, user(), public_id)
            if step == "accept":
                service.accept(session, found, by=user().id)
            elif step == "decline":
                service.decline(session, found, by=user().id, reason=request.form.get("reason", ""))
            else:
                return _one_page(public_id, {}), 422
    except NotFound:
        raise
    except DonateError as error:
        return _one_page(public_id, {error.field or "": error}), error.status
    return redirect(own_page, 303)


def _one_page(public_id: UUID, errors: Errors) -> str:
    with reading() as session:
        file = queries.large_file(session, queries.large_of(session, user(), public_id))
    return render_template(
        "organiser/large_one.html", file=file, line=file.line, me=user().id, typed=request.form, errors=errors, at=_at
    )


ROUTES = [
    ("/desk/large", large, ["GET"]),
    ("/desk/large/<uuid:public_id>", large_one, ["GET", "POST"]),
]
