"""The host's door to its bank statement and its settlements, for owners and treasurers, who answer for the money."""

from collections.abc import Callable, Mapping
from hashlib import sha256

from flask import redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from donate.campaigns.organiser import Errors, Page, user
from donate.campaigns.updates_organiser import ID
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.giving.recorded_batch_organiser import csv_download
from donate.giving.recorded_organiser import sign_in_again
from donate.giving.recorded_queries import MAY_CONFIRM, books_of
from donate.giving.uploaded_table import MOST_BYTES, MOST_ROWS
from donate.ledger.models import Book
from donate.settling import bank as service
from donate.settling import bank_queries as queries
from donate.settling import settlement_queries as settled
from donate.settling.bank_forms import COLUMNS, read_statement, sample
from donate.settling.bank_models import BankLine, BankMatch


def bank() -> str:
    """What waits to be said of the bank's lines, and what was said."""
    with reading() as session:
        books = books_of(session, user(), *MAY_CONFIRM)
        book = _chosen(books, request.args.get("book"))
        desk = None if book is None else queries.bank_desk(session, book, request.args.get("before", type=int))
    return render_template("organiser/bank.html", books=books, book=book, desk=desk)


def bank_upload() -> Page:
    with reading() as session:
        books = books_of(session, user(), *MAY_CONFIRM)
    if request.method == "GET":
        return _upload_page(books, {}, {})
    book = _chosen(books, request.form.get("book"))
    if book is None:
        raise NotFound
    sent = request.files.get("file")
    content = sent.stream.read(MOST_BYTES + 1) if sent is not None else b""
    try:
        rows = read_statement(content, book.currency)
        with transaction() as session:
            kept = service.upload(session, book, rows, by=user().id, sha256=sha256(content).digest())
            new = kept.new_count
    except DonateError as error:
        return _upload_page(books, request.form, {error.field or "": error}), 422
    return redirect(url_for("organiser.bank", book=book.ref, new=new, of=len(rows)), 303)


def _chosen(books: list[Book], ref: str | None) -> Book | None:
    return next((book for book in books if book.ref == ref), books[0] if books else None)


def _upload_page(books: list[Book], typed: Mapping[str, str], errors: Errors) -> str:
    return render_template(
        "organiser/bank_upload.html",
        books=books,
        columns=COLUMNS,
        most_rows=MOST_ROWS,
        most_megabytes=MOST_BYTES // 1024 // 1024,
        typed=typed,
        errors=errors,
    )


def bank_sample() -> Response:
    """A small statement to begin with."""
    return csv_download(sample(), "bank-statement-sample.csv")


def bank_line(line_id: int) -> Page:
    """One line; the button that was pressed says what its reader says of it."""
    with reading() as session:
        queries.line_of(session, user(), line_id)
    if request.method == "GET":
        return _line_page(line_id, {})
    take = STEPS.get(request.form.get("step", ""))
    if take is None:
        return _line_page(line_id, {}), 422
    own_page = url_for("organiser.bank_line", line_id=line_id)
    if (again := sign_in_again(own_page)) is not None:
        return again
    try:
        with transaction() as session:
            take(session, queries.line_of(session, user(), line_id))
    except NotFound:
        raise
    except DonateError as error:
        return _line_page(line_id, {error.field or "": error}), 422 if error.field else error.status
    return redirect(own_page, 303)


def _line_page(line_id: int, errors: Errors) -> str:
    with reading() as session:
        file = queries.line_file(session, queries.line_of(session, user(), line_id))
    return render_template("organiser/bank_line.html", file=file, line=file.line, typed=request.form, errors=errors)


def _match(session: Session, line: BankLine) -> None:
    form = request.form
    service.match_by_hand(session, line, form.get("subject", ""), by=user().id, note=form.get("note", ""))


def _say(what: BankMatch) -> Callable[[Session, BankLine], None]:
    def take(session: Session, line: BankLine) -> None:
        service.say(session, line, what, by=user().id, note=request.form.get("note", ""))

    return take


def _take_back(session: Session, line: BankLine) -> None:
    service.take_back(session, line, by=user().id, note=request.form.get("note", ""))


STEPS: dict[str, Callable[[Session, BankLine], None]] = {
    "match": _match,
    "bank_charge": _say(BankMatch.BANK_CHARGE),
    "interest": _say(BankMatch.INTEREST),
    "explained": _say(BankMatch.EXPLAINED),
    "take_back": _take_back,
}


def settlements() -> str:
    """The newest settlements of the reader's hosts, and what differs in each."""
    with reading() as session:
        books = books_of(session, user(), *MAY_CONFIRM)
        listed = settled.settlements(session, [book.id for book in books])
    return render_template("organiser/settlements.html", is_treasurer=bool(books), listed=listed)


def settlement(settlement_id: int) -> str:
    """One settlement with its lines, what it brought to whom, and its line of the bank."""
    with reading() as session:
        found = settled.settlement_of(session, user(), settlement_id)
        file = settled.settlement_file(session, found)
    return render_template("organiser/settlement.html", file=file, one=file.shown)


ROUTES = [
    ("/desk/bank", bank, ["GET"]),
    ("/desk/bank/upload", bank_upload, ["GET", "POST"]),
    ("/desk/bank/sample.csv", bank_sample, ["GET"]),
    (f"/desk/bank/<{ID}:line_id>", bank_line, ["GET", "POST"]),
    ("/desk/settlements", settlements, ["GET"]),
    (f"/desk/settlements/<{ID}:settlement_id>", settlement, ["GET"]),
]
