"""The door of the sandbox's payment page. It stands in for the provider's own, asks for nothing and moves no money.

Hung among the donors' doors, and only where the sandbox is the provider.
"""

from flask import current_app, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from donate import clock
from donate.db import reading, transaction
from donate.errors import N_, DonateError
from donate.payments.sandbox import deliveries, outcomes
from donate.payments.sandbox.hosted import HostedPage, hosted_page
from donate.same_site import require_same_site
from donate.settings import Settings

PAYING = {"pay_alipay": "alipay", "pay_wechat_pay": "wechat_pay", "pay_card": "card"}


class NothingChosen(DonateError):
    """The form came without one of the outcomes that the page offers."""

    sentence = N_("Please choose one of the ways on the page.")
    field = "outcome"


def pay(session_id: str) -> Response:
    page = _page(session_id)
    if request.method == "GET":
        return _shown(page)
    require_same_site()
    outcome = request.form.get("outcome", "")
    if outcome == "cancel" and page.cancel_url:
        return redirect(page.cancel_url, 303)
    try:
        state = _bring_about(page, outcome)
    except DonateError as error:
        return _shown(_page(session_id), errors={"outcome": error}, status=error.status)
    answer = redirect(page.success_url, 303) if state == "paid" else _shown(_page(session_id), state=state)
    _deliver_after(answer, page.merchant)
    return answer


def _bring_about(page: HostedPage, outcome: str) -> str:
    if outcome == "decline":
        with transaction() as session:
            outcomes.decline(session, page.merchant, page.session_id)
        return "declined"
    method = page.methods[0] if outcome == "pay_and_leave" else PAYING.get(outcome)
    if method is None:
        raise NothingChosen
    with transaction() as session:
        outcomes.pay(session, page.merchant, page.session_id, method)
    return "left" if outcome == "pay_and_leave" else "paid"


def _page(session_id: str) -> HostedPage:
    settings: Settings = current_app.config["SETTINGS"]
    with reading() as session:
        return hosted_page(session, session_id, clock.now(), settings.base_url)


def _shown(
    page: HostedPage, *, state: str = "", errors: dict[str, DonateError] | None = None, status: int = 200
) -> Response:
    answer = make_response(render_template("sandbox/pay.html", page=page, state=state, errors=errors or {}), status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _deliver_after(answer: Response, merchant: str) -> None:
    """Send the message once the donor has the answer, so that a web process without a worker hears of it, too."""
    settings: Settings = current_app.config["SETTINGS"]
    post = deliveries.post_in_process(current_app.wsgi_app)
    answer.call_on_close(lambda: deliveries.deliver_due(settings.secret_key, post, merchant=merchant, most=10))


ROUTES = [("/sandbox/pay/<session_id>", pay, ["GET", "POST"])]
