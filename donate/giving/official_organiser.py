"""The treasurer's door to official receipts: what donors asked for, issuing with the authority's number, voiding."""

from uuid import UUID

from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from donate.campaigns.organiser import Errors, Page, user
from donate.db import reading, transaction
from donate.errors import DonateError, NotFound
from donate.giving import official as service
from donate.giving import official_batch as batches
from donate.giving import official_queries as queries
from donate.giving.official_batch import IssueVerdict, JudgedNumbers
from donate.giving.official_models import OfficialState
from donate.giving.official_queries import MAY_ISSUE, MOST_WAITING, RECENT
from donate.giving.recorded_batch_organiser import csv_download
from donate.giving.uploaded_table import MOST_BYTES, write_table
from donate.translations import plain_amount

SHOWN = 100  # rows of a file on the page; all of them are issued


def hosts() -> frozenset[str]:
    """Where the user is owner or treasurer."""
    return user().organisations(*MAY_ISSUE)


def official() -> str:
    with reading() as session:
        waiting = queries.official_lines(session, hosts(), OfficialState.REQUESTED, RECENT)
        issued = queries.official_lines(session, hosts(), OfficialState.ISSUED, RECENT)
        voided = queries.official_lines(session, hosts(), OfficialState.VOIDED, RECENT)
        waiting_count = queries.waiting_count(session, hosts())
    return render_template(
        "organiser/official.html",
        waiting=waiting,
        waiting_count=waiting_count,
        issued=issued,
        voided=voided,
        may_issue=bool(hosts()),
    )


def official_csv() -> Response:
    """What waits, for the authority's own system; its first column comes back with the numbers."""
    with reading() as session:
        lines = queries.official_lines(session, hosts(), OfficialState.REQUESTED, MOST_WAITING)
    rows = [
        ["receipt", "number", "title", "tax_id", "email", "amount", "currency", "given_on", "our_receipt", "campaign"]
    ]
    rows += [
        [
            str(line.public_id),
            "",
            line.made_out_to or "",
            line.tax_id or "",
            line.email or "",
            plain_amount(line.amount_minor, line.currency),
            line.currency,
            line.given_on.isoformat() if line.given_on else "",
            line.receipt_number or "",
            line.title_zh or line.title_en,
        ]
        for line in lines
    ]
    return csv_download(write_table(rows), "official-receipts.csv")


def official_one(public_id: UUID) -> Page:
    """One official receipt: issue it, or void it with a reason."""
    if request.method == "GET":
        return _one_page(public_id, {})
    try:
        with transaction() as session:
            receipt = queries.receipt_of(session, user(), public_id)
            if request.form.get("step") == "void":
                service.void(session, receipt, reason=request.form.get("reason", ""), by=user().id)
            else:
                service.issue(session, receipt, number=request.form.get("number", ""), by=user().id)
    except NotFound:
        raise
    except DonateError as error:
        return _one_page(public_id, {error.field or "": error}), error.status
    return redirect(url_for("organiser.official_one", public_id=public_id), 303)


def _one_page(public_id: UUID, errors: Errors) -> str:
    with reading() as session:
        receipt = queries.receipt_of(session, user(), public_id)
        line = queries.official_line(session, receipt)
        steps = queries.steps_of(session, receipt)
    return render_template("organiser/official_one.html", line=line, steps=steps, typed=request.form, errors=errors)


def official_batch() -> Page:
    """A file of numbers: first every row with its verdict, then, once more agreed to, all issued together."""
    if request.method == "GET":
        return _batch_page(None, {})
    try:
        carried = request.form.get("rows", "")
        sent = request.files.get("file")
        content = carried.encode() if carried else sent.stream.read(MOST_BYTES + 1) if sent is not None else b""
        rows = batches.read_numbers(content)
        if carried:
            with transaction() as session:
                batches.issue_batch(session, hosts(), rows, by=user().id)
            return redirect(url_for("organiser.official"), 303)
        with reading() as session:
            judged = batches.judge_numbers(session, hosts(), rows)
    except DonateError as error:
        return _batch_page(None, {"file": error}), 422
    return _batch_page(judged, {})


def _batch_page(judged: JudgedNumbers | None, errors: Errors) -> str:
    return render_template(
        "organiser/official_batch.html",
        judged=judged,
        verdicts=list(IssueVerdict),
        shown=SHOWN,
        most_rows=batches.MOST_ROWS,
        errors=errors,
    )


ROUTES = [
    ("/desk/official", official, ["GET"]),
    ("/desk/official/requests.csv", official_csv, ["GET"]),
    ("/desk/official/batch", official_batch, ["GET", "POST"]),
    ("/desk/official/<uuid:public_id>", official_one, ["GET", "POST"]),
]
