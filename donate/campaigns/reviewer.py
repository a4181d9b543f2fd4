"""The host's review desk: read the whole plan, then take one step with it."""

from collections.abc import Callable

from flask import g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from donate import clock
from donate.campaigns import desk as desks
from donate.campaigns import photos, review
from donate.campaigns.complaints import TIME_ZONE
from donate.campaigns.lifecycle import ActorKind, Move
from donate.campaigns.loading import Access, campaign_of, reviewer
from donate.campaigns.models import Campaign
from donate.campaigns.organiser import PHOTO, Page, store
from donate.campaigns.plan import PLAN, TEXTS
from donate.campaigns.service import cancel
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.files.service import CONTENT_TYPES
from donate.people import signin
from donate.people.queries import SignedIn

# What each step takes from the form beside the campaign and who acts.
Step = Callable[[Session, Campaign, SignedIn, str], object]
STEPS: dict[Move, Step] = {
    Move.ASK_CHANGES: lambda session, campaign, user, reason: review.ask_changes(
        session, campaign, reviewer(user), reason
    ),
    Move.REJECT: lambda session, campaign, user, reason: review.reject(session, campaign, reviewer(user), reason),
    Move.OPEN: lambda session, campaign, user, _: review.open_raising(session, campaign, reviewer(user)),
    Move.END_RAISING: lambda session, campaign, user, reason: review.end_raising(
        session, campaign, reviewer(user), reason
    ),
    Move.SUSPEND: lambda session, campaign, user, reason: review.suspend(session, campaign, reviewer(user), reason),
    Move.RESUME: lambda session, campaign, user, reason: review.resume(session, campaign, reviewer(user), reason),
    Move.START_CLOSING: lambda session, campaign, user, _: review.start_closing(session, campaign, reviewer(user)),
    Move.CLOSE: lambda session, campaign, user, _: review.close(session, campaign, reviewer(user)),
    Move.CANCEL: lambda session, campaign, user, reason: cancel(session, campaign, reviewer(user), reason),
    Move.ACCEPT: lambda session, campaign, user, _: review.accept(
        session, campaign, reviewer(user), request.form.get("filing_number", "").strip() or None
    ),
    Move.FILE: lambda session, campaign, user, _: review.file(
        session, campaign, reviewer(user), request.form.get("filing_number", "")
    ),
}

# What lets money in, or ends a campaign for good, wants a password that was given lately.
NEEDS_FRESH = frozenset({Move.ACCEPT, Move.FILE, Move.OPEN, Move.RESUME, Move.CLOSE, Move.CANCEL})


def desk() -> str:
    user: SignedIn = g.user
    with reading() as session:
        lines = desks.reviewer_lines(session, user)
        warnings = desks.licence_warnings(session, user, clock.today(TIME_ZONE))
    return render_template("reviewer/desk.html", lines=lines, warnings=warnings)


def campaign(ref: str) -> Page:
    if request.method == "GET":
        return _page(ref, {})
    if request.form.get("step", "") in NEEDS_FRESH:
        with reading() as session:  # a stranger is told nothing but that there is no such page
            campaign_of(session, g.user, ref, Access.REVIEW)
        try:
            signin.require_fresh()
        except signin.FreshSignInNeeded:
            return redirect(url_for("session.sign_in", next=url_for("reviewer.campaign", ref=ref)), 303)
    try:
        _take_step(ref)
    except NotFound:
        raise
    except DonateError as error:
        return _page(ref, {error.field or "": error}), error.status
    return redirect(url_for("reviewer.campaign", ref=ref), 303)


def _take_step(ref: str) -> None:
    step = request.form.get("step", "")
    with transaction() as session:
        found = campaign_of(session, g.user, ref, Access.REVIEW, lock=True)
        if step not in set(Move) or Move(step) not in STEPS:
            raise desks.StepNotChosen
        STEPS[Move(step)](session, found, g.user, request.form.get("reason", ""))


def _page(ref: str, errors: dict[str, DonateError]) -> str:
    with reading() as session:
        found = campaign_of(session, g.user, ref, Access.REVIEW)
        shown = desks.campaign_file(session, found, ActorKind.REVIEWER)
    return render_template(
        "reviewer/campaign.html",
        file=shown,
        texts=TEXTS,
        plan=PLAN,
        errors=errors,
        typed=request.form if request.method == "POST" else {},
    )


def file(sha256: str, extension: str) -> Response:
    """A photo of something that the user reviews, public or not."""
    digest = photos.digest_of(sha256, extension)
    with reading() as session:
        if not photos.may_see(session, g.user, digest, Access.REVIEW):
            raise NotFound
    return Response(store().read(digest), content_type=CONTENT_TYPES[extension])


ROUTES = [
    ("/review", desk, ["GET"]),
    ("/review/c/<ref>", campaign, ["GET", "POST"]),
    (f"/review/files{PHOTO}", file, ["GET"]),
]
