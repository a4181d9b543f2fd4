"""The donor's door to receipts that hang on no checkout: of recorded donations, and official ones.

The secret link in the address is what its holder may see and ask for by; a form that another site made a browser
send is refused.
"""

from contextlib import suppress

from flask import current_app, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from donate.db import reading, transaction
from donate.giving import official, official_queries
from donate.giving.donor import private_answer
from donate.giving.official_forms import read_made_out_to
from donate.giving.recorded_receipt import recorded_receipt_page
from donate.qr import qr_code
from donate.same_site import require_same_site
from donate.settings import Settings


def recorded_receipt(secret: str) -> Answer:
    """The receipt of one recorded donation."""
    settings: Settings = current_app.config["SETTINGS"]
    with reading() as session:
        receipt = recorded_receipt_page(session, secret)
        behind = official.donations_behind(session, secret)
        shown = official_queries.shown_to_donor(session, behind)
    code = None
    if receipt.log_index is not None:
        code = qr_code(f"{settings.base_url}/{g.locale}/ledger/{receipt.log_index}")
    page = render_template(
        "donor/recorded_receipt.html",
        receipt=receipt,
        code=code,
        official=shown,
        may_ask=official_queries.may_ask(shown, behind),
    )
    return private_answer(page)


def official_request(secret: str) -> Answer:
    """The form that asks the host for official receipts of all that is behind the link."""
    with reading() as session:
        behind = official.donations_behind(session, secret)
        may_ask = official_queries.may_ask(official_queries.shown_to_donor(session, behind), behind)
    receipt_page = url_for("donor.recorded_receipt" if behind.is_recorded else "donor.receipt", secret=secret)
    if not may_ask:
        return redirect(f"{receipt_page}#official", 303)
    if request.method == "GET":
        page = render_template("donor/official_request.html", back=receipt_page, behind=behind, typed={}, errors={})
        return private_answer(page)
    require_same_site()
    to, errors = read_made_out_to(request.form)
    if to is None:
        page = render_template(
            "donor/official_request.html", back=receipt_page, behind=behind, typed=request.form, errors=errors
        )
        return make_response(private_answer(page), 422)
    # Asked by the same click before: the receipt's page shows it.
    with suppress(official.NothingToAskFor), transaction() as session:
        official.ask(session, official.donations_behind(session, secret), to)
    return redirect(f"{receipt_page}#official", 303)


ROUTES = [
    ("/recorded/<secret>", recorded_receipt, ["GET"]),
    ("/official/<secret>", official_request, ["GET", "POST"]),
]
