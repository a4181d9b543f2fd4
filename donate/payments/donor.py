"""The door of the sandbox's payment page. It stands in for the provider's own, asks for nothing and moves no money.

Hung among the donors' doors, and only where the sandbox is the provider. A wallet has two pages: one with a code, which
waits, and the one that the code leads to, which stands in for the wallet's app on this phone or on another.
"""

from flask import current_app, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from donate import clock
from donate.db import reading, transaction
from donate.errors import N_, DonateError
from donate.payments.sandbox import delayed, deliveries, outcomes, wallets
from donate.payments.sandbox.hosted import HostedPage, hosted_page
from donate.payments.sandbox.wallets import Answer, Attempt
from donate.qr import qr_code
from donate.same_site import require_same_site
from donate.settings import Settings

Errors = dict[str, DonateError]

WALLETS = {f"pay_{method}": method for method in wallets.WALLETS}
CARD = "card"


class NothingChosen(DonateError):
    """The form came without one of the outcomes that the page offers."""

    sentence = N_("Please choose one of the ways on the page.")
    field = "outcome"


def pay(session_id: str) -> Response:
    """The page: a wallet goes on to its code, a card's outcome comes about at once."""
    page = _page(session_id)
    if request.method == "GET":
        if page.waits_for is not None:
            return redirect(url_for("donor.waiting", session_id=session_id), 303)
        return _pay_shown(page)
    require_same_site()
    outcome = request.form.get("outcome", "")
    if outcome == "cancel" and page.cancel_url:
        return redirect(page.cancel_url, 303)
    try:
        answer = _bring_about(page, outcome)
    except DonateError as error:
        return _pay_shown(_page(session_id), {"outcome": error})
    return _deliver_after(answer, page.merchant)


def _bring_about(page: HostedPage, outcome: str) -> Response:
    """Raises NothingChosen, and what the sandbox refuses."""
    with transaction() as session:
        if outcome in WALLETS:
            wallets.begin(session, page.merchant, page.session_id, WALLETS[outcome])
            return redirect(url_for("donor.waiting", session_id=page.session_id), 303)
        if outcome in ("pay_card", "pay_and_leave"):
            outcomes.pay(session, page.merchant, page.session_id, CARD)
        elif outcome == "decline":
            outcomes.decline(session, page.merchant, page.session_id, CARD)
        elif outcome in ("later_yes", "later_no"):
            succeeds = outcome == "later_yes"
            delayed.begin(session, page.merchant, page.session_id, CARD, succeeds=succeeds)
        else:
            raise NothingChosen
    if outcome == "decline":
        return _pay_shown(_page(page.session_id), was_declined=True)
    if outcome == "pay_and_leave":
        return _pay_shown(_page(page.session_id), has_left=True)
    return redirect(page.success_url, 303)


def _pay_shown(
    page: HostedPage, errors: Errors | None = None, *, was_declined: bool = False, has_left: bool = False
) -> Response:
    return _shown("sandbox/pay.html", errors, page=page, was_declined=was_declined, has_left=has_left)


def waiting(session_id: str) -> Response:
    """The page with the wallet's code. It looks again by itself, and goes on once the wallet has answered."""
    page = _page(session_id)
    if request.method == "POST":
        require_same_site()
        try:
            with transaction() as session:
                wallets.turn_back(session, page.merchant, session_id)
        except outcomes.SessionOver:
            page = _page(session_id)
        else:
            return redirect(url_for("donor.pay", session_id=session_id), 303)
    if page.waits_for is None:
        is_done = page.state in ("paid", "worked_on", "failed")
        return redirect(page.success_url if is_done else url_for("donor.pay", session_id=session_id), 303)
    # Under the name of this host by which the donor came: whoever scans must be able to reach it.
    link = url_for("donor.wallet", code=page.waits_for.code, _external=True)
    is_still = request.args.get("still") == "yes"
    return _shown("sandbox/waiting.html", page=page, link=link, code=qr_code(link), is_still=is_still)


def wallet(code: str) -> Response:
    """The wallet's app. `?here=yes`: opened on the phone that shows the payment page, so it leads back there."""
    attempt, page = _attempt(code)
    is_here = request.args.get("here") == "yes"
    if request.method == "GET":
        return _wallet_shown(attempt, page, is_here)
    require_same_site()
    chosen = request.form.get("outcome", "")
    stays = chosen == "yes_leave"
    given = Answer.YES.value if stays else chosen
    try:
        if given not in list(Answer):
            raise NothingChosen
        with transaction() as session:
            wallets.answer(session, code, Answer(given))
    except DonateError as error:
        return _wallet_shown(*_attempt(code), is_here, {"outcome": error})
    own_page = url_for("donor.wallet", code=code, here="left" if is_here else None)
    back = url_for("donor.pay", session_id=page.session_id) if given == Answer.NO else page.success_url
    return _deliver_after(redirect(back if is_here and not stays else own_page, 303), page.merchant)


def _wallet_shown(attempt: Attempt, page: HostedPage, is_here: bool, errors: Errors | None = None) -> Response:
    return _shown("sandbox/wallet.html", errors, attempt=attempt, page=page, is_here=is_here)


def _attempt(code: str) -> tuple[Attempt, HostedPage]:
    with reading() as session:
        attempt = wallets.attempt_of(session, code, clock.now())
        return attempt, hosted_page(session, attempt.session_id, clock.now(), _settings().base_url)


def _page(session_id: str) -> HostedPage:
    with reading() as session:
        return hosted_page(session, session_id, clock.now(), _settings().base_url)


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _shown(template: str, errors: Errors | None = None, **facts: object) -> Response:
    status = max((error.status for error in (errors or {}).values()), default=200)
    answer = make_response(render_template(template, errors=errors or {}, **facts), status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _deliver_after(answer: Response, merchant: str) -> Response:
    """Send the message once the donor has the answer, so that a web process without a worker hears of it, too."""
    post = deliveries.post_in_process(current_app.wsgi_app)
    secret_key = _settings().secret_key
    answer.call_on_close(lambda: deliveries.deliver_due(secret_key, post, merchant=merchant, most=10))
    return answer


ROUTES = [
    ("/sandbox/pay/<session_id>", pay, ["GET", "POST"]),
    ("/sandbox/pay/<session_id>/waiting", waiting, ["GET", "POST"]),
    ("/sandbox/wallet/<code>", wallet, ["GET", "POST"]),
]
