"""The donor's door to asking for a large donation: what the give form leads to from the rule pack's threshold on."""

from collections.abc import Mapping
from datetime import timedelta

from flask import current_app, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from donate.db import reading, transaction
from donate.errors import DonateError
from donate.giving import forms, large, large_agreement, token
from donate.giving.forms import GiveForm
from donate.giving.large_forms import AgreementChanged, LargeForm, read_large
from donate.giving.queries import GivePage, give_page
from donate.giving.service import FormAlreadyUsed
from donate.money import Money, parse_amount
from donate.people import limits
from donate.same_site import require_same_site
from donate.settings import Settings

# Requests that one network may write within the hour; a host's people read every one of them.
MOST_ASKED = 20


def explain(page: GivePage, form: GiveForm, sent: str) -> Answer:
    """The page that stands in for the provider's: why nothing was charged, and what to do instead."""
    typed = request.form.to_dict() | {"own": Money(form.amount_minor, page.terms.currency).plain}
    return _ask_page(page, typed, {}, sent)


def large_ask(ref: str) -> Answer:
    """The form of a large donation to one campaign, `?own=` its amount, and what is sent from it."""
    with reading() as session:
        page = give_page(session, (ref,))
    if page.campaign.closed_reason is not None:
        reason = page.campaign.closed_reason
        return make_response(render_template("donor/closed.html", page=page, reason=reason), reason.status)
    if request.method == "GET":
        return _ask_page(page, {"own": request.args.get("own", "")[:20]}, {}, None)
    require_same_site()
    settings: Settings = current_app.config["SETTINGS"]
    sent = request.form.get("token", "")
    errors: dict[str, DonateError] = {}
    form_token = None
    try:
        form_token = token.read(settings.secret_key, sent, page.refs)
    except DonateError as error:
        errors[""] = error
    try:
        form = read_large(request.form, page.refs, page.terms)
        words = large_agreement.agreement_words(page.campaign, form.give.amount_minor)
        if form.agreed_to != large_agreement.hash_of(words).hex():
            errors["agree"] = AgreementChanged()
    except forms.BadForm as bad:
        errors |= bad.errors
    if errors or form_token is None:
        return _ask_page(page, request.form, errors, sent if form_token else None)
    try:
        secret = _keep(page, form, words, form_token)
    except (FormAlreadyUsed, limits.TooManyAttempts) as error:
        return _ask_page(page, request.form, {"": error}, None)
    return redirect(url_for("donor.large", secret=secret), 303)


def _keep(page: GivePage, form: LargeForm, words: str, form_token: token.FormToken) -> str:
    """Write the request down; its secret. Raises TooManyAttempts, FormAlreadyUsed."""
    settings: Settings = current_app.config["SETTINGS"]
    network = limits.network_of(request.remote_addr or "")
    with transaction() as session:
        may = limits.allow(
            session, scope="large donation by network", key=network, most=MOST_ASKED, within=timedelta(hours=1)
        )
    if not may:
        raise limits.TooManyAttempts(minutes=60)
    with transaction() as session:
        asked = large.ask(
            session,
            large.NewLarge(
                public_id=form_token.checkout,
                book_id=page.campaign.book_id,
                merchant_account_id=page.merchant_account_id,
                currency=page.terms.currency,
                locale=g.locale,
                give=form.give,
                name=form.name,
                contact=form.contact,
                identity=form.identity,
                agreement=words,
                content_sha256=token.content_hash(settings.secret_key, form.content),
            ),
        )
        return asked.secret


def _ask_page(page: GivePage, typed: Mapping[str, str], errors: dict[str, DonateError], kept: str | None) -> Answer:
    settings: Settings = current_app.config["SETTINGS"]
    amount_minor = _amount(page, typed)
    words = large_agreement.agreement_words(page.campaign, amount_minor)
    # Ticked once more where the words changed: nobody agrees to what they have not seen.
    shown = {**typed, "agree": "" if "agree" in errors else typed.get("agree", "")}
    html = render_template(
        "donor/large_ask.html",
        page=page,
        fees=page.fees(amount_minor),
        typed=shown,
        errors=errors,
        threshold=page.terms.large_from,
        agreement=words,
        agreement_sha256=large_agreement.hash_of(words).hex(),
        token=kept or token.issue(settings.secret_key, page.refs),
    )
    return make_response(html, max((error.status for error in errors.values()), default=200))


def _amount(page: GivePage, typed: Mapping[str, str]) -> int:
    """The amount that the agreement names: what was typed, or the threshold where nothing large was."""
    threshold = page.terms.large_from.minor
    try:
        return max(parse_amount(typed.get("own", ""), page.terms.currency).minor, threshold)
    except DonateError:
        return threshold


ROUTES = [("/give/<ref>/large", large_ask, ["GET", "POST"])]
