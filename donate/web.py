"""The hallway: audience blueprints with their guards, and every door hung in them on one screen.

A door is a file of a room named for its audience (`public.py`, `donor.py`, `organiser.py`, …). It exposes

    ROUTES = [("/c/<ref>", campaign, ["GET"]), ("/complain", complain, ["GET", "POST"])]
    BARE_ROUTES = [("/ledger.csv", ledger_csv, ["GET"])]

each a rule, a view and its methods. ROUTES stand under the locale (`/zh/c/<ref>`, `/en/c/<ref>`), BARE_ROUTES do not.
The endpoint is `<audience>.<name of the view>`, the template `templates/<audience>/<name of the view>.html`. The
locale never reaches a view: it is `g.locale`, and `url_for` puts it back.

Who may enter is decided here, by where a door hangs; whose object it is, by the loader of the room.
"""

from collections.abc import Callable, Sequence
from typing import Any

from flask import Blueprint, Flask, g, redirect
from werkzeug.wrappers import Response

from donate import db, web_guards, webhooks
from donate.auditing import auditor as auditing_auditor
from donate.auditing import public as auditing_public
from donate.campaigns import complaints_public, files_public, updates_organiser
from donate.campaigns import organiser as campaigns_organiser
from donate.campaigns import public as campaigns_public
from donate.campaigns import reviewer as campaigns_reviewer
from donate.campaigns import staff as campaigns_staff
from donate.downloads import public as downloads_public
from donate.giving import donor as giving_donor
from donate.giving import (
    large_donor,
    large_form_donor,
    large_organiser,
    large_reviewer,
    official_organiser,
    proof_donor,
    recorded_batch_organiser,
    recorded_donor,
    recorded_organiser,
    recorded_refund_organiser,
    recurring_donor,
    recurring_organiser,
    recurring_staff,
    refund_donor,
    refund_organiser,
    refund_staff,
    splits_staff,
)
from donate.giving import organiser as giving_organiser
from donate.giving import public as giving_public
from donate.giving import staff as giving_staff
from donate.payments import donor as sandbox_donor
from donate.payments import staff as payments_staff
from donate.people import session, signin, user
from donate.publiclog import public as publiclog_public
from donate.settings import Settings
from donate.settling import organiser as settling_organiser
from donate.settling import public as settling_public
from donate.settling import staff as settling_staff

# A view is any function: doors list views of different parameters, whose common type is no more than that.
Route = tuple[str, Any, list[str]]
Guard = Callable[[], Response | None]


def hang_doors(app: Flask, settings: Settings, take_message: webhooks.Take) -> None:
    signin.install(app, settings)
    web_guards.install(app)
    hang(app, "site", bare=[("/", root, ["GET"]), ("/healthz", health, ["GET"])])
    hang(
        app,
        "public",
        campaigns_public.ROUTES,
        complaints_public.ROUTES,
        giving_public.ROUTES,
        auditing_public.ROUTES,
        downloads_public.ROUTES,
        settling_public.ROUTES,
        bare=[
            *files_public.BARE_ROUTES,
            *auditing_public.BARE_ROUTES,
            *downloads_public.BARE_ROUTES,
            *publiclog_public.BARE_ROUTES,
            *proof_donor.BARE_ROUTES,
        ],
    )
    hang(
        app,
        "donor",
        giving_donor.ROUTES,
        recorded_donor.ROUTES,
        recurring_donor.ROUTES,
        large_form_donor.ROUTES,
        large_donor.ROUTES,
        refund_donor.ROUTES,
        proof_donor.ROUTES,
        sandbox_donor.ROUTES if settings.is_sandbox else (),
    )
    hang(app, "session", session.ROUTES)
    hang(app, "user", user.ROUTES, guard=web_guards.signed_in)
    hang(
        app,
        "organiser",
        campaigns_organiser.ROUTES,
        updates_organiser.ROUTES,
        giving_organiser.ROUTES,
        recorded_organiser.ROUTES,
        recorded_batch_organiser.ROUTES,
        recorded_refund_organiser.ROUTES,
        official_organiser.ROUTES,
        large_organiser.ROUTES,
        recurring_organiser.ROUTES,
        refund_organiser.ROUTES,
        settling_organiser.ROUTES,
        guard=web_guards.organiser,
    )
    hang(app, "reviewer", campaigns_reviewer.ROUTES, large_reviewer.ROUTES, guard=web_guards.reviewer)
    hang(
        app,
        "staff",
        campaigns_staff.ROUTES,
        giving_staff.ROUTES,
        recurring_staff.ROUTES,
        refund_staff.ROUTES,
        splits_staff.ROUTES,
        payments_staff.ROUTES,
        settling_staff.ROUTES,
        guard=web_guards.admin,
    )
    hang(app, "auditor", auditing_auditor.ROUTES, guard=web_guards.auditor)
    hang(app, "webhooks", bare=webhooks.bare_routes(take_message))


def hang(
    app: Flask,
    audience: str,
    *pages: Sequence[Route],
    bare: Sequence[Route] = (),
    guard: Guard | None = None,
) -> None:
    """Make the blueprint of an audience, put its guard before every view, and hang its doors."""
    blueprint = Blueprint(audience, __name__)
    if guard is not None:
        blueprint.before_request(guard)
    for door in pages:
        for rule, view, methods in door:
            blueprint.add_url_rule(f"/<any(zh, en):locale>{rule}", view_func=view, methods=methods)
    for rule, view, methods in bare:
        blueprint.add_url_rule(rule, view_func=view, methods=methods)
    app.register_blueprint(blueprint)


def root() -> Response:
    """To the language that the reader's browser asks for, Chinese when it asks for neither."""
    answer = redirect(f"/{g.locale}/", 302)
    answer.vary.add("Accept-Language")
    return answer


def health() -> tuple[dict[str, str], int, dict[str, str]]:
    """For a load balancer: 200 while the database answers; what fails on the way is answered with 503 as everywhere."""
    db.current().is_reachable()
    return {"status": "ok"}, 200, {"Cache-Control": "no-store"}
