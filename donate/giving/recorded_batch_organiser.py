"""The host's door to batches of another platform: upload, look through, enter, confirm."""

from collections.abc import Mapping
from uuid import UUID

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from donate.campaigns.organiser import Errors, Page, user
from donate.db import Role, reading, transaction
from donate.errors import DonateError, NotFound
from donate.giving import recorded_batch as service
from donate.giving import recorded_queries as queries
from donate.giving.other_money import twins_of_batch
from donate.giving.recorded_batch import JudgedFile, Verdict
from donate.giving.recorded_forms import COLUMNS, NEEDED, SAMPLE, source_of
from donate.giving.recorded_models import RecordedBatch, RecordedState
from donate.giving.recorded_organiser import sign_in_again
from donate.giving.recorded_queries import MAY_CONFIRM, MAY_ENTER
from donate.giving.uploaded_table import MOST_BYTES, MOST_ROWS, write_table
from donate.ledger.models import Book
from donate.translations import plain_amount, sentence

SHOWN = 50  # rows of a kind on the page; the file of verdicts holds them all


def recorded_upload() -> Page:
    with reading() as session:
        books = queries.books_of(session, user(), *MAY_ENTER)
        campaigns = queries.campaigns_to_record(session, [book.id for book in books])
    if request.method == "GET":
        return _upload_page(books, campaigns, {}, {})
    if not books:
        raise NotFound
    errors: Errors = {}
    book = next((book for book in books if book.ref == request.form.get("book")), books[0])
    try:
        source = source_of(request.form.get("source", ""))
        sent = request.files.get("file")
        content = sent.stream.read(MOST_BYTES + 1) if sent is not None else b""
        with transaction() as session:
            batch = service.upload(session, book=book, source=source, content=content, by=user().id)
            public_id = batch.public_id
    except DonateError as error:
        errors[error.field or ""] = error
        return _upload_page(books, campaigns, request.form, errors), 422
    return redirect(url_for("organiser.recorded_batch", public_id=public_id), 303)


def _upload_page(
    books: list[Book], campaigns: list[queries.FundedCampaign], typed: Mapping[str, str], errors: Errors
) -> str:
    return render_template(
        "organiser/recorded_upload.html",
        books=books,
        campaigns=campaigns,
        columns=COLUMNS,
        needed=NEEDED,
        most_rows=MOST_ROWS,
        most_megabytes=MOST_BYTES // 1024 // 1024,
        typed=typed,
        errors=errors,
    )


def recorded_sample() -> Response:
    """A file to begin with; its campaign is one of the reader's own."""
    with reading() as session:
        books = queries.books_of(session, user(), *MAY_ENTER)
        campaigns = queries.campaigns_to_record(session, [book.id for book in books])
    campaign = campaigns[0].ref if campaigns else "campaign"
    rows = [[cell.format(campaign=campaign) for cell in row] for row in SAMPLE]
    return csv_download(write_table(rows), "recorded-donations-sample.csv")


def recorded_batch(public_id: UUID) -> Page:
    """A batch: before it is entered every row with its verdict, after that its donations."""
    if request.method == "GET":
        return _batch_page(public_id, {})
    step = request.form.get("step", "")
    if step not in STEPS:
        return _batch_page(public_id, {}), 422
    roles, take = STEPS[step]
    with reading() as session:
        queries.batch_of(session, user(), public_id, *roles)
    own_page = url_for("organiser.recorded_batch", public_id=public_id)
    if step == "confirm" and (again := sign_in_again(own_page)) is not None:
        return again
    try:
        with transaction() as session:
            take(session, queries.batch_of(session, user(), public_id, *roles))
    except NotFound:
        raise
    except DonateError as error:
        return _batch_page(public_id, {error.field or "": error}), error.status
    return redirect(own_page, 303)


def recorded_discard(public_id: UUID) -> Response:
    """Nothing of a file that was only looked through is needed: its names are erased with it."""
    with transaction() as session:
        batch = queries.batch_of(session, user(), public_id, *MAY_ENTER)
        service.discard(session, batch, by=user().id)
        batch_id = batch.id
    with transaction(Role.ERASER) as session:
        service.forget_file(session, batch_id)
    return redirect(url_for("organiser.recorded"), 303)


def _enter(session: Session, batch: RecordedBatch) -> None:
    service.enter_batch(session, batch, by=user().id)


def _confirm(session: Session, batch: RecordedBatch) -> None:
    service.confirm_batch(session, batch, by=user().id, other_money=request.form.get("other_money", ""))


def _decline(session: Session, batch: RecordedBatch) -> None:
    service.decline_batch(session, batch, by=user().id, reason=request.form.get("reason", ""))


STEPS = {"enter": (MAY_ENTER, _enter), "confirm": (MAY_CONFIRM, _confirm), "decline": (MAY_ENTER, _decline)}


def _batch_page(public_id: UUID, errors: Errors) -> str:
    after = request.args.get("after", 0, type=int)
    with reading() as session:
        batch = queries.batch_of(session, user(), public_id, *MAY_ENTER)
        book = session.get_one(Book, batch.book_id)
        is_checked = batch.state == RecordedState.CHECKED
        judged = service.judge(session, batch) if is_checked else JudgedFile(())
        lines = () if is_checked else queries.batch_lines(session, batch, max(0, min(after, 10**9)))
        shares = [] if is_checked else queries.batch_shares(session, batch)
        twins = twins_of_batch(session, batch) if batch.state == RecordedState.ENTERED else []
        names = queries.user_names(session, [batch.uploaded_by, batch.decided_by])
    return render_template(
        "organiser/recorded_batch.html",
        batch=batch,
        state=RecordedState(batch.state),
        book=book,
        judged=judged,
        verdicts=list(Verdict),
        shown=SHOWN,
        lines=lines,
        after=max(0, after),
        page_size=queries.BATCH_PAGE,
        shares=shares,
        twins=twins,
        uploaded_by=names.get(batch.uploaded_by),
        decided_by=names.get(batch.decided_by or 0),
        may_confirm=user().is_in(book.host, *MAY_CONFIRM),
        me=user().id,
        typed=request.form,
        errors=errors,
    )


def recorded_verdicts(public_id: UUID) -> Response:
    """Every row of the file with its verdict, as a table."""
    with reading() as session:
        batch = queries.batch_of(session, user(), public_id, *MAY_ENTER)
        judged = service.judge(session, batch)
        currency = session.get_one(Book, batch.book_id).currency
    rows = [["line", *COLUMNS, "verdict", "why", "amount_before", "received_on_before", "campaign_before"]]
    for one in judged.rows:
        before = ["", "", ""]
        if one.before is not None:
            amount_minor, received_on, campaign = one.before
            before = [plain_amount(amount_minor, currency), received_on.isoformat(), campaign]
        cells = [one.row.cells.get(name, "") for name in COLUMNS]
        why = sentence(one.error) if one.error is not None else ""
        rows.append([str(one.row.line), *cells, sentence(one.verdict), why, *before])
    return csv_download(write_table(rows), f"verdicts-{public_id}.csv")


def recorded_csv(public_id: UUID) -> Response:
    """The file as it was uploaded, for who confirms it."""
    with reading() as session:
        content = service.file_of(session, queries.batch_of(session, user(), public_id, *MAY_ENTER))
    return csv_download(content, f"batch-{public_id}.csv")


def csv_download(content: bytes, name: str) -> Response:
    """A table to keep, never shown in the browser."""
    response = Response(content, content_type="text/csv; charset=utf-8; header=present")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


ROUTES = [
    ("/desk/recorded/upload", recorded_upload, ["GET", "POST"]),
    ("/desk/recorded/sample.csv", recorded_sample, ["GET"]),
    ("/desk/recorded/batch/<uuid:public_id>", recorded_batch, ["GET", "POST"]),
    ("/desk/recorded/batch/<uuid:public_id>/discard", recorded_discard, ["POST"]),
    ("/desk/recorded/batch/<uuid:public_id>/verdicts.csv", recorded_verdicts, ["GET"]),
    ("/desk/recorded/batch/<uuid:public_id>/file.csv", recorded_csv, ["GET"]),
]
