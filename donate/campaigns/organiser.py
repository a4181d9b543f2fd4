"""The organiser's desk: campaigns from the first line of a draft until the host takes over."""

from flask import current_app, g, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from donate import clock
from donate.campaigns import desk as desks
from donate.campaigns import forms, photos, prices, saving, service
from donate.campaigns.complaints import TIME_ZONE
from donate.campaigns.lifecycle import ActorKind
from donate.campaigns.loading import Access, campaign_of, may, organiser, today_of
from donate.campaigns.plan import PLAN, TEXTS, PlanIncomplete
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.files.photo import Photo, PhotoMissing, read_photo
from donate.files.service import CONTENT_TYPES
from donate.files.store import Store
from donate.money import parse_amount
from donate.organisations.models import Organisation
from donate.organisations.queries import OrganisationFacts, hosts_of, organisations_named
from donate.people.queries import SignedIn
from donate.translations import spoken

Page = str | tuple[str, int] | Response
Errors = dict[str, DonateError]


def store() -> Store:
    """Where this installation keeps files."""
    return Store(current_app.config["SETTINGS"].instance / "files")


def user() -> SignedIn:
    signed_in: SignedIn = g.user
    return signed_in


def desk() -> str:
    with reading() as session:
        lines = desks.organiser_lines(session, user())
    tasks = desks.tasks_of(lines, clock.today(TIME_ZONE))
    may_write = bool(user().organisations(*Access.WRITE.value))
    return render_template("organiser/desk.html", lines=lines, tasks=tasks, may_write=may_write)


def campaign_new() -> Page:
    with reading() as session:
        pairs = _pairs(session)
    if request.method == "GET":
        return render_template("organiser/campaign_new.html", pairs=pairs, typed={}, errors={})
    try:
        ref = _begin(pairs)
    except DonateError as error:
        errors = {"pair" if error.field == "host" else error.field or "": error}
        return render_template("organiser/campaign_new.html", pairs=pairs, typed=request.form, errors=errors), 422
    return redirect(url_for("organiser.campaign_edit", ref=ref), 303)


def _pairs(session: Session) -> dict[str, tuple[OrganisationFacts, OrganisationFacts]]:
    """For whom the user may begin a campaign, and under which host."""
    own = organisations_named(session, user().organisations(*Access.WRITE.value))
    today = clock.today(TIME_ZONE)
    return {f"{runs.ref} {host.ref}": (runs, host) for runs in own for host in hosts_of(session, runs.id, today)}


def _begin(pairs: dict[str, tuple[OrganisationFacts, OrganisationFacts]]) -> str:
    chosen = pairs.get(request.form.get("pair", ""))
    if chosen is None:
        raise service.HostNotAvailable
    runs, host = chosen
    with transaction() as session:
        return service.create_campaign(
            session,
            host=session.get_one(Organisation, host.id),
            partner=session.get_one(Organisation, runs.id),
            actor=organiser(user()),
            title_zh=request.form.get("title_zh", ""),
            title_en=request.form.get("title_en", ""),
        ).ref


def campaign(ref: str) -> str:
    with reading() as session:
        file = _file(session, ref, Access.SEE)
        may_write = may(session, user(), ref, Access.WRITE)
    return render_template("organiser/campaign.html", file=file, may_write=may_write)


def _file(session: Session, ref: str, access: Access) -> desks.CampaignFile:
    return desks.campaign_file(session, campaign_of(session, user(), ref, access), ActorKind.ORGANISER)


def campaign_edit(ref: str) -> Page:
    if request.method == "GET":
        return _edit_page(ref, {}, {})
    try:
        with transaction() as session:
            found = campaign_of(session, user(), ref, Access.WRITE, lock=True)
            saving.save_plan(session, found, organiser(user()), forms.read_plan(request.form, found))
    except saving.PlanNotSaved as refused:
        return _edit_page(ref, dict(request.form), refused.errors), 422
    return redirect(url_for("organiser.campaign", ref=ref, saved="yes"), 303)


def _edit_page(ref: str, typed: dict[str, str], errors: Errors) -> str:
    with reading() as session:
        file = _file(session, ref, Access.WRITE)
    filled = forms.typed_of(file.campaign, file.county, file.price, list(file.schools), zh=spoken() == "zh")
    return render_template(
        "organiser/campaign_edit.html",
        file=file,
        typed=filled | typed,
        errors=errors,
        texts=TEXTS,
        plan=PLAN,
        may_edit=lambda column: service.may_edit(file.state, column),
        unclear=saving.candidates(errors),
    )


def campaign_submit(ref: str) -> Page:
    try:
        with transaction() as session:
            found = campaign_of(session, user(), ref, Access.WRITE, lock=True)
            service.submit(session, found, organiser(user()))
    except PlanIncomplete as incomplete:
        return _edit_page(ref, {}, incomplete.missing), 422
    return redirect(url_for("organiser.campaign", ref=ref), 303)


def campaign_withdraw(ref: str) -> Response:
    with transaction() as session:
        service.withdraw(session, campaign_of(session, user(), ref, Access.WRITE, lock=True), organiser(user()))
    return redirect(url_for("organiser.campaign", ref=ref), 303)


def campaign_cancel(ref: str) -> Response:
    with transaction() as session:
        service.cancel(session, campaign_of(session, user(), ref, Access.WRITE, lock=True), organiser(user()))
    return redirect(url_for("organiser.desk"), 303)


def campaign_photo(ref: str) -> Page:
    with reading() as session:
        found = campaign_of(session, user(), ref, Access.WRITE)
    if request.method == "GET":
        typed = {"alt_zh": found.photo_alt_zh, "alt_en": found.photo_alt_en}
        return render_template("organiser/campaign_photo.html", campaign=found, typed=typed, errors={})
    errors: Errors = {}
    photo, declaration = uploaded_photo(errors), forms.read_declaration(request.form, errors)
    if photo is None or declaration is None or errors:
        page = render_template("organiser/campaign_photo.html", campaign=found, typed=request.form, errors=errors)
        return page, 422
    with transaction() as session:
        found = campaign_of(session, user(), ref, Access.WRITE, lock=True)
        photos.set_cover(session, store(), found, organiser(user()), photo, declaration)
    return redirect(url_for("organiser.campaign", ref=ref, saved="yes"), 303)


def uploaded_photo(errors: Errors) -> Photo | None:
    """The photo of the form, read outside any transaction; None with its error told."""
    sent = request.files.get("photo")
    try:
        if sent is None:
            raise PhotoMissing
        return read_photo(sent.stream.read())
    except DonateError as error:
        errors["photo"] = error
        return None


def campaign_price(ref: str) -> Page:
    with reading() as session:
        file = _file(session, ref, Access.WRITE)
    if request.method == "GET":
        typed = {"price_from": file.today.isoformat()}
        return render_template("organiser/campaign_price.html", file=file, typed=typed, errors={})
    try:
        _set_price(ref)
    except NotFound:
        raise
    except DonateError as error:
        errors = {error.field or "price": error}
        return render_template("organiser/campaign_price.html", file=file, typed=request.form, errors=errors), 422
    return redirect(url_for("organiser.campaign", ref=ref, saved="yes"), 303)


def _set_price(ref: str) -> None:
    with transaction() as session:
        found = campaign_of(session, user(), ref, Access.WRITE, lock=True)
        today = today_of(session, found)
        prices.set_price(
            session,
            found,
            amount_minor=parse_amount(request.form.get("price", ""), found.currency).minor,
            source_zh=request.form.get("source_zh", ""),
            source_en=request.form.get("source_en", ""),
            effective_on=forms.read_price_day(request.form.get("price_from", "")) or today,
            today=today,
        )


def file(sha256: str, extension: str) -> Response:
    """A photo of something that the user writes, public or not."""
    digest = photos.digest_of(sha256, extension)
    with reading() as session:
        if not photos.may_see(session, user(), digest, Access.SEE):
            raise NotFound
    return Response(store().read(digest), content_type=CONTENT_TYPES[extension])


PHOTO = "/<string(length=64):sha256>.<extension>"
ROUTES = [
    ("/desk", desk, ["GET"]),
    ("/desk/new", campaign_new, ["GET", "POST"]),
    (f"/desk/files{PHOTO}", file, ["GET"]),
    ("/desk/c/<ref>", campaign, ["GET"]),
    ("/desk/c/<ref>/edit", campaign_edit, ["GET", "POST"]),
    ("/desk/c/<ref>/submit", campaign_submit, ["POST"]),
    ("/desk/c/<ref>/withdraw", campaign_withdraw, ["POST"]),
    ("/desk/c/<ref>/cancel", campaign_cancel, ["POST"]),
    ("/desk/c/<ref>/photo", campaign_photo, ["GET", "POST"]),
    ("/desk/c/<ref>/price", campaign_price, ["GET", "POST"]),
]
