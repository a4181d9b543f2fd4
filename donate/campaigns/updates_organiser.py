"""The organiser's desk, updates: the text first, then one photo after the other."""

from uuid import uuid4

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from donate.campaigns import forms, updates
from donate.campaigns.loading import Access, campaign_of, organiser
from donate.campaigns.models import Campaign, CampaignUpdate
from donate.campaigns.organiser import Errors, Page, store, uploaded_photo, user
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound


def update_new(ref: str) -> Page:
    with reading() as session:
        campaign = campaign_of(session, user(), ref, Access.WRITE)
    if request.method == "GET":
        return _text_page(campaign, None, {"token": str(uuid4())}, {})
    errors: Errors = {}
    text = forms.read_update(request.form, errors)
    if text is None:
        return _text_page(campaign, None, dict(request.form), errors), 422
    with transaction() as session:
        update = updates.post_update(
            session,
            campaign_of(session, user(), ref, Access.WRITE, lock=True),
            organiser(user()),
            text,
            token=forms.read_token(request.form.get("token")),
            publish="publish" in request.form,
        )
        update_id = update.id
    return redirect(url_for("organiser.update_photos", ref=ref, update_id=update_id, saved="yes"), 303)


def update_edit(ref: str, update_id: int) -> Page:
    with reading() as session:
        campaign = campaign_of(session, user(), ref, Access.WRITE)
        update = updates.update_of(session, campaign, update_id)
    if request.method == "GET":
        return _text_page(campaign, update, forms.typed_update(update), {})
    errors: Errors = {}
    text = forms.read_update(request.form, errors)
    if text is None:
        return _text_page(campaign, update, dict(request.form), errors), 422
    with transaction() as session:
        campaign = campaign_of(session, user(), ref, Access.WRITE, lock=True)
        update = updates.update_of(session, campaign, update_id)
        updates.edit_update(session, campaign, update, text, publish="publish" in request.form)
    return redirect(url_for("organiser.update_photos", ref=ref, update_id=update_id, saved="yes"), 303)


def _text_page(campaign: Campaign, update: CampaignUpdate | None, typed: dict[str, str], errors: Errors) -> str:
    return render_template("organiser/update_edit.html", campaign=campaign, update=update, typed=typed, errors=errors)


def update_photos(ref: str, update_id: int) -> Page:
    if request.method == "GET":
        return _photos_page(ref, update_id, {}, {})
    errors: Errors = {}
    with reading() as session:  # a stranger's photo is not even decoded
        updates.update_of(session, campaign_of(session, user(), ref, Access.WRITE), update_id)
    photo, declaration = uploaded_photo(errors), forms.read_declaration(request.form, errors)
    if photo is None or declaration is None or errors:
        return _photos_page(ref, update_id, dict(request.form), errors), 422
    try:
        with transaction() as session:
            campaign = campaign_of(session, user(), ref, Access.WRITE, lock=True)
            updates.add_photo(
                session,
                store(),
                campaign,
                updates.update_of(session, campaign, update_id),
                organiser(user()),
                photo,
                declaration,
                token=forms.read_token(request.form.get("token")),
            )
    except NotFound:
        raise
    except DonateError as error:
        return _photos_page(ref, update_id, dict(request.form), {error.field or "": error}), error.status
    return redirect(url_for("organiser.update_photos", ref=ref, update_id=update_id, added="yes"), 303)


def _photos_page(ref: str, update_id: int, typed: dict[str, str], errors: Errors) -> str:
    with reading() as session:
        campaign = campaign_of(session, user(), ref, Access.WRITE)
        update = updates.update_of(session, campaign, update_id)
        photos = updates.photos_of(session, update_id)
    return render_template(
        "organiser/update_photos.html",
        campaign=campaign,
        update=update,
        photos=photos,
        most=updates.MOST_PHOTOS,
        typed={"token": str(uuid4())} | typed,
        errors=errors,
    )


def photo_remove(ref: str, update_id: int, photo_id: int) -> Response:
    with transaction() as session:
        campaign = campaign_of(session, user(), ref, Access.WRITE, lock=True)
        updates.remove_photo(session, campaign, updates.update_of(session, campaign, update_id), photo_id)
    return redirect(url_for("organiser.update_photos", ref=ref, update_id=update_id), 303)


# A number beyond a bigint is no address of ours; the database would refuse it loudly.
ID = "int(max=9223372036854775807)"
ROUTES = [
    ("/desk/c/<ref>/updates/new", update_new, ["GET", "POST"]),
    (f"/desk/c/<ref>/updates/<{ID}:update_id>", update_edit, ["GET", "POST"]),
    (f"/desk/c/<ref>/updates/<{ID}:update_id>/photos", update_photos, ["GET", "POST"]),
    (f"/desk/c/<ref>/updates/<{ID}:update_id>/photos/<{ID}:photo_id>/remove", photo_remove, ["POST"]),
]
