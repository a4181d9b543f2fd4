"""Anyone's door to complain, without a session, and the secret page on which they follow it."""

from uuid import UUID, uuid4

from flask import current_app, g, make_response, redirect, render_template, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from donate.campaigns import complaints
from donate.campaigns.queries import CampaignName, public_campaign_name
from donate.db import reading, transaction
from donate.errors import N_, DonateError, NotFound
from donate.people.limits import network_of
from donate.same_site import require_same_site

LIFETIME_SECONDS = 24 * 60 * 60


class FormTooOld(DonateError):
    sentence = N_("This page was open for more than a day. Please look it over and send it again.")


def complain() -> Response:
    ref = request.values.get("campaign", "").strip()
    campaign = _campaign(ref)
    if request.method == "GET":
        return _form(campaign, {}, {}, 200)
    require_same_site()
    typed = dict(request.form)
    try:
        secret = _receive(campaign)
    except NotFound:
        raise
    except DonateError as error:
        return _form(campaign, typed, {error.field or "": error}, error.status)
    return _private(redirect(url_for("public.complaint", secret=secret), 303))


def _campaign(ref: str) -> CampaignName | None:
    """The campaign that the complaint is about; none for the platform itself. Raises NotFound."""
    if not ref:
        return None
    with reading() as session:
        return public_campaign_name(session, ref)


def _receive(campaign: CampaignName | None) -> str:
    token = _read_token(request.form.get("token", ""))
    complaints.checked_message(request.form.get("message", ""))
    with transaction() as session:
        has_room = complaints.count_one(session, network_of(request.remote_addr or ""))
    if not has_room:
        raise complaints.TooManyComplaints
    with transaction() as session:
        return complaints.receive(
            session,
            token=token,
            message=request.form.get("message", ""),
            contact=request.form.get("contact", ""),
            campaign_ref=campaign.ref if campaign else None,
            locale=g.locale,
        )


def complaint(secret: str) -> Response:
    with reading() as session:
        found = complaints.complaint_by_secret(session, secret)
    return _private(make_response(render_template("public/complaint.html", complaint=found)))


def _form(
    campaign: CampaignName | None, typed: dict[str, str], errors: dict[str, DonateError], status: int
) -> Response:
    page = render_template("public/complain.html", campaign=campaign, token=_token(), typed=typed, errors=errors)
    return _private(make_response(page, status))


def _private(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SETTINGS"].secret_key, salt="complaint")


def _token() -> str:
    """A fresh one, or the one that was sent as long as it is ours: a redrawn form is still the same complaint."""
    sent = request.form.get("token", "")
    try:
        _read_token(sent)
    except FormTooOld:
        return str(_serializer().dumps(uuid4().hex))
    return sent


def _read_token(token: str) -> UUID:
    try:
        return UUID(hex=_serializer().loads(token, max_age=LIFETIME_SECONDS))
    except (BadData, ValueError, TypeError, AttributeError):
        raise FormTooOld from None


ROUTES = [
    ("/complain", complain, ["GET", "POST"]),
    ("/complain/<secret>", complaint, ["GET"]),
]
