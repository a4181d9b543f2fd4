"""The donor's door: give, confirming, receipt. No session and no cookie; what is private hangs on a secret link."""

from collections.abc import Mapping

import structlog
from flask import Response, current_app, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as Answer

from donate import clock
from donate.db import reading
from donate.errors import DonateError
from donate.giving import forms, large_form_donor, official, official_queries, rules, token, tries
from donate.giving.admission import ChallengeNeeded, MethodPaused, TooMuchUnpaid, require_admitted
from donate.giving.challenge import Question, challenge_of
from donate.giving.payment import begin_payment
from donate.giving.queries import GivePage, give_page
from donate.giving.receipts import progress_of, receipt_page
from donate.giving.recurring_page import promise_behind
from donate.giving.rhythm import SEVERAL, MonthlyBelowCard, SeveralMonths, SeveralMonthsInstead
from donate.giving.service import CheckoutOver, FormAlreadyUsed, NewCheckout
from donate.giving.sync import ask_about
from donate.giving.wish_queries import money_back_of
from donate.money import Money, parse_amount
from donate.payments.gateway import ProviderRefused, ProviderUnavailable
from donate.qr import qr_code
from donate.same_site import require_same_site
from donate.settings import Settings

log = structlog.get_logger("donate.giving")

# Answers to which the same token may be sent again: nothing was started, or going on is wanted.
_KEEPS_TOKEN = (ProviderUnavailable, MethodPaused, TooMuchUnpaid)


def give(ref: str) -> Answer:
    """The form, and what is sent from it. `?c=<ref>&amount=` adds further campaigns of the same host."""
    with reading() as session:
        page = give_page(session, (ref, *request.args.getlist("c")))
    closed = next((campaign.closed_reason for campaign in page.campaigns if campaign.closed_reason), None)
    if closed is not None:
        return make_response(render_template("donor/closed.html", page=page, reason=closed), closed.status)
    if request.method == "GET":
        return _form(page, _asked_for(page), {}, None)
    require_same_site()
    return _send(page)


def _send(page: GivePage) -> Answer:
    settings: Settings = current_app.config["SETTINGS"]
    sent = request.form.get("token", "")
    errors: dict[str, DonateError] = {}
    form_token = None
    try:
        form_token = token.read(settings.secret_key, sent, page.refs)
    except DonateError as error:
        errors[""] = error
    try:
        form = forms.read_give_form(request.form, page.refs, page.terms)
    except forms.BadForm as bad:
        errors |= bad.errors
    if errors or form_token is None:
        return _form(page, forms.as_meant(request.form), errors, sent if form_token else None)
    if rules.is_large(form.amount_minor, page.terms.currency):
        return large_form_donor.explain(page, form, sent)
    new = NewCheckout(
        public_id=form_token.checkout,
        book_id=page.campaign.book_id,
        merchant_account_id=page.merchant_account_id,
        currency=page.terms.currency,
        locale=g.locale,
        form=form,
        content_sha256=token.content_hash(settings.secret_key, form.content),
        asker=tries.asker(request.remote_addr or "", request.headers.get("User-Agent", "")),
    )
    try:
        require_admitted(new, challenge=challenge_of(settings), typed=request.form)
        begun = begin_payment(new, settings)
    except ChallengeNeeded as needed:
        asked = needed.question
        return _form(page, forms.as_meant(request.form), {asked.error.field or "": asked.error}, sent, asked)
    except (*_KEEPS_TOKEN, FormAlreadyUsed, CheckoutOver, ProviderRefused) as error:
        kept = sent if isinstance(error, _KEEPS_TOKEN) else None
        return _form(page, forms.as_meant(request.form), {_place(error, page): error}, kept)
    return redirect(begun.provider_url or url_for("donor.confirming", secret=begun.secret), 303)


def _place(error: DonateError, page: GivePage) -> str:
    """The field that an answer of the provider belongs to."""
    if error.field == "amount":
        return forms.amount_field(0, len(page.campaigns))
    return "method" if error.field == "method" else ""


def _form(
    page: GivePage,
    typed: Mapping[str, str],
    errors: dict[str, DonateError],
    kept: str | None,
    asked: Question | None = None,
) -> Answer:
    """The give page. A kept token belongs to the same checkout; without one a fresh token starts another."""
    settings: Settings = current_app.config["SETTINGS"]
    fees = page.fees(_amount_typed(page, typed))
    html = render_template(
        "donor/give.html",
        page=page,
        fees=fees,
        is_fee_covered=page.is_fee_covered(fees),
        typed=typed,
        amount_fields=[forms.amount_field(index, len(page.campaigns)) for index in range(len(page.campaigns))],
        errors=errors,
        asked=asked,
        several=_several(page, typed, errors),
        month_minor=_amount_typed(page, typed),
        is_sent_before=any(isinstance(error, FormAlreadyUsed) for error in errors.values()),
        token=kept or token.issue(settings.secret_key, page.refs),
    )
    return make_response(html, max((error.status for error in errors.values()), default=200))


def _several(page: GivePage, typed: Mapping[str, str], errors: dict[str, DonateError]) -> tuple[SeveralMonths, ...]:
    """Several months in one payment: offered where one month is less than can be paid or the way of paying cannot
    charge every month by itself, and kept once chosen.
    """
    amount = _amount_typed(page, typed)
    is_needed = isinstance(errors.get(forms.OWN), MonthlyBelowCard | forms.AmountBelowCard | forms.AmountTooSmall)
    is_needed |= isinstance(errors.get("method"), SeveralMonthsInstead)
    if amount is None or not (is_needed or typed.get("rhythm", "").startswith(SEVERAL)):
        return ()
    return page.terms.several_months(Money(amount, page.terms.currency))


def _asked_for(page: GivePage) -> dict[str, str]:
    """What a link or the campaign page's form asks for, as if it had been typed here."""
    amounts = request.args.getlist("amount")
    if len(page.campaigns) > 1:
        return {
            forms.amount_field(index, len(page.campaigns)): amount[:20]
            for index, amount in enumerate(amounts[: len(page.campaigns)])
        }
    asked = {"own": request.args.get("own", "")[:20], "amount": amounts[0][:20] if amounts else ""}
    try:
        asked["amount"] = parse_amount(asked["amount"], page.terms.currency).plain
    except DonateError:
        return asked
    offered = {count * page.campaign.unit_price_minor for count in page.meal_counts}
    if not asked["own"] and parse_amount(asked["amount"], page.terms.currency).minor not in offered:
        asked["own"] = asked["amount"]
    return asked


def _amount_typed(page: GivePage, typed: Mapping[str, str]) -> int | None:
    """The amount that the fee is shown for: what was chosen so far, if it is one."""
    if len(page.campaigns) > 1:
        return None
    try:
        return parse_amount(typed.get("own") or typed.get("amount") or "", page.terms.currency).minor or None
    except DonateError:
        return None


def confirming(secret: str) -> Answer:
    """Back from the provider: asks it, and claims nothing before our own row says so."""
    with reading() as session:
        progress = progress_of(session, secret)
    is_asked, awaits_donor = True, False
    if progress.is_waiting:
        # Where the provider does not answer, or what it says cannot be booked yet, the page goes on saying that it is
        # being confirmed, which is true; an error, or "nothing has been paid", would make who has paid pay again.
        try:
            awaits_donor = ask_about(progress.public_id, current_app.config["SETTINGS"]).awaits_donor
        except DonateError as error:
            is_asked = False
            log.warning("sync_failed", checkout=str(progress.public_id), error=type(error).__name__)
        with reading() as session:
            progress = progress_of(session, secret)
    if progress.is_booked:
        return redirect(url_for("donor.receipt", secret=secret), 303)
    html = render_template(
        "donor/confirming.html",
        progress=progress,
        is_asked=is_asked,
        awaits_donor=awaits_donor and progress.can_pay,
        is_still=request.args.get("still") == "yes",
    )
    return private_answer(html)


def receipt(secret: str) -> Answer:
    """One receipt for each donation of a paid checkout."""
    settings: Settings = current_app.config["SETTINGS"]
    with reading() as session:
        page = receipt_page(session, secret)
        if page is None:
            return redirect(url_for("donor.confirming", secret=secret), 303)
        behind = official.donations_behind(session, secret)
        shown = official_queries.shown_to_donor(session, behind)
        monthly = promise_behind(session, secret)
        money_back = money_back_of(session, secret, settings.refund_days)
    codes = {
        receipt.log_index: qr_code(f"{settings.base_url}/{g.locale}/ledger/{receipt.log_index}")
        for receipt in page.receipts
        if receipt.log_index is not None
    }
    html = render_template(
        "donor/receipt.html",
        page=page,
        codes=codes,
        now=clock.now(),
        official=shown,
        may_ask=official_queries.may_ask(shown, behind),
        monthly=monthly,
        money_back=money_back,
    )
    return private_answer(html)


def private_answer(html: str) -> Response:
    """A page behind a secret link: kept by nobody, found by no search engine, its address passed on to nobody."""
    answer = make_response(html)
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["X-Robots-Tag"] = "noindex"
    return answer


ROUTES = [
    ("/give/<ref>", give, ["GET", "POST"]),
    ("/paid/<secret>", confirming, ["GET"]),
    ("/r/<secret>", receipt, ["GET"]),
]
