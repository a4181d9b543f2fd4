"""The host's door to recorded donations: what waits, a new one, and one with its decisions.

Everyone here is a member of the host organisation; who may confirm is an owner or a treasurer of it, signed in freshly.
"""

from collections.abc import Mapping
from uuid import UUID

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from donate import clock
from donate.campaigns.organiser import Errors, Page, store, user
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.files.photo import Photo, read_photo
from donate.files.service import CONTENT_TYPES, keep_photo
from donate.giving import recorded as service
from donate.giving import recorded_queries as queries
from donate.giving import recorded_refund_queries as refunds
from donate.giving.recorded_forms import read_recorded
from donate.giving.recorded_models import Channel, RecordedDonation
from donate.giving.recorded_queries import MAY_CONFIRM, MAY_ENTER, FundedCampaign
from donate.ledger.models import Book
from donate.people import signin


def recorded() -> str:
    """What waits for a second person, and what was decided last."""
    with reading() as session:
        books = queries.books_of(session, user(), *MAY_ENTER)
        desk = queries.recorded_desk(session, [book.id for book in books])
        answers_for = [book.id for book in books if user().is_in(book.host, *MAY_CONFIRM)]
        sent_back = refunds.waiting(session, answers_for)
    return render_template("organiser/recorded.html", desk=desk, sent_back=sent_back, is_host=bool(books), me=user().id)


def recorded_new() -> Page:
    with reading() as session:
        books = {book.id: book for book in queries.books_of(session, user(), *MAY_ENTER)}
        campaigns = queries.campaigns_to_record(session, list(books))
        sources = queries.sources_of(session, list(books))
    if request.method == "GET":
        return _form_page(campaigns, sources, {"campaign": request.args.get("campaign", "")}, {})
    chosen = next((one for one in campaigns if one.ref == request.form.get("campaign")), None)
    book = books[chosen.book_id] if chosen is not None else next(iter(books.values()), None)
    if book is None:
        raise NotFound
    typed = request.form.to_dict() | ({} if chosen else {"campaign": ""})
    errors: Errors = {}
    proof = _proof(errors)
    try:
        public_id = _enter(book, typed, proof, errors)
    except DonateError as error:
        errors[error.field or ""] = error
        public_id = None
    if public_id is None:
        return _form_page(campaigns, sources, typed, errors), 422
    return redirect(url_for("organiser.recorded_one", public_id=public_id, saved="yes"), 303)


def _enter(book: Book, typed: Mapping[str, str], proof: Photo | None, errors: Errors) -> UUID | None:
    """The new row's public id; None with every error told."""
    new, found = read_recorded(typed, book.currency, clock.today(book.time_zone))
    errors |= found
    if new is None or errors:
        return None
    with transaction() as session:
        sha256 = keep_photo(session, store(), proof) if proof is not None else None
        entered = service.enter(session, book_id=book.id, by=user().id, new=new, proof_sha256=sha256)
        return entered.public_id


def _proof(errors: Errors) -> Photo | None:
    """The picture of the bank's slip, if one was sent."""
    sent = request.files.get("photo")
    content = sent.stream.read() if sent is not None else b""
    if not content:
        return None
    try:
        return read_photo(content)
    except DonateError as error:
        errors["photo"] = error
        return None


def _form_page(campaigns: list[FundedCampaign], sources: list[str], typed: Mapping[str, str], errors: Errors) -> str:
    return render_template(
        "organiser/recorded_new.html",
        campaigns=campaigns,
        channels=list(Channel),
        sources=sources,
        typed=typed,
        errors=errors,
    )


def recorded_one(public_id: UUID) -> Page:
    """One recorded donation; the button that was pressed says what its reader decides."""
    if request.method == "GET":
        return _one_page(public_id, {})
    step = request.form.get("step", "")
    if step not in STEPS:
        return _one_page(public_id, {}), 422
    roles, needs_fresh, take = STEPS[step]
    with reading() as session:
        queries.recorded_of(session, user(), public_id, *roles)
    own_page = url_for("organiser.recorded_one", public_id=public_id)
    if needs_fresh and (again := sign_in_again(own_page)) is not None:
        return again
    try:
        with transaction() as session:
            take(session, queries.recorded_of(session, user(), public_id, *roles))
    except NotFound:
        raise
    except DonateError as error:
        return _one_page(public_id, {error.field or "": error}), error.status
    return redirect(own_page, 303)


def sign_in_again(own_page: str) -> Response | None:
    """Whoever moves money gave their password lately; who did not is asked, and comes back to the page."""
    try:
        signin.require_fresh()
    except signin.FreshSignInNeeded:
        return redirect(url_for("session.sign_in", next=own_page), 303)
    return None


def _confirm(session: Session, found: RecordedDonation) -> None:
    service.confirm(session, found, by=user().id, other_money=request.form.get("other_money", ""))


def _decline(session: Session, found: RecordedDonation) -> None:
    service.decline(session, found, by=user().id, reason=request.form.get("reason", ""))


def _ask(session: Session, found: RecordedDonation) -> None:
    service.ask_reversal(session, found, by=user().id, reason=request.form.get("reason", ""))


def _reverse(session: Session, found: RecordedDonation) -> None:
    service.book_reversal(session, found, by=user().id)


def _keep(session: Session, found: RecordedDonation) -> None:
    service.refuse_reversal(session, found, by=user().id)


# What a button does: who may press it, and whether a fresh sign-in is wanted.
STEPS = {
    "confirm": (MAY_CONFIRM, True, _confirm),
    "decline": (MAY_ENTER, False, _decline),
    "ask": (MAY_ENTER, False, _ask),
    "reverse": (MAY_CONFIRM, True, _reverse),
    "keep": (MAY_CONFIRM, False, _keep),
}


def _one_page(public_id: UUID, errors: Errors) -> str:
    with reading() as session:
        found = queries.recorded_of(session, user(), public_id, *MAY_ENTER)
        file = queries.recorded_file(session, found)
        may_confirm = user().is_in(session.get_one(Book, found.book_id).host, *MAY_CONFIRM)
        sent_back = refunds.all_sent_back(session, found.id)
    return render_template(
        "organiser/recorded_one.html",
        file=file,
        line=file.line,
        may_confirm=may_confirm,
        sent_back=sent_back,
        me=user().id,
        typed=request.form,
        errors=errors,
    )


def recorded_proof(public_id: UUID) -> Response:
    """The picture of the bank's slip, for members of the host alone."""
    with reading() as session:
        found = queries.recorded_of(session, user(), public_id, *MAY_ENTER)
    if found.proof_sha256 is None:
        raise NotFound
    return Response(store().read(found.proof_sha256), content_type=CONTENT_TYPES["jpg"])


ROUTES = [
    ("/desk/recorded", recorded, ["GET"]),
    ("/desk/recorded/new", recorded_new, ["GET", "POST"]),
    ("/desk/recorded/<uuid:public_id>", recorded_one, ["GET", "POST"]),
    ("/desk/recorded/<uuid:public_id>/proof.jpg", recorded_proof, ["GET"]),
]
