"""A small world of the sandbox in which everything happens once, as its API shows it afterwards."""

import json
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select

from donate import clock
from donate.db import transaction
from donate.payments.models import SandboxObject
from donate.payments.sandbox import (
    api,
    disputes,
    keys,
    movements,
    outcomes,
    payouts,
    refunds,
    ripening,
    trouble,
    wallets,
)
from donate.payments.sandbox.wallets import Answer
from donate.payments.sandbox.wsgi import call
from donate.settings import Settings
from tests.payments import factories as make

Body = dict[str, Any]

_MADE_UP = (
    "/v1/account",
    "/v1/balance",
    "/v1/payment_method_configurations",
    "/v1/webhook_endpoints",
    "/v1/checkout/sessions/{session}/line_items",
)
_OURS = (movements.SCHEDULE, trouble.TROUBLE, wallets.ATTEMPT)  # rows of the sandbox that no route shows


def pass_time(*days: int) -> None:
    """Let everything happen that is due by those days from now."""
    for day in days:
        with make.later(days=day), transaction() as own:
            for _ in range(10):
                if not ripening.ripen(own, clock.now()):
                    break


def everything(settings: Settings) -> list[Body]:
    """Every object and event of a small world in which everything happens once."""
    for method in ("alipay", "wechat_pay", "card"):
        _, session, _ = make.opened(settings, email="donor@example.org")
        with transaction() as own:
            outcomes.decline(own, "lunch", session.session_id)
        with transaction() as own:
            outcomes.pay(own, "lunch", session.session_id, method)
    wallets_and_delays(settings)
    make.opened(settings)
    failing, waiting, won, lost, asked, warned = (make.paid_charge(settings) for _ in range(6))
    wallet = make.paid_charge(settings, method="alipay")
    with transaction() as own:
        refunds.fail_refund(own, "lunch", refunds.refund_in_dashboard(own, "lunch", failing, 300).object_id)
        refund = refunds.refund_in_dashboard(own, "lunch", waiting, 300, awaits_receiver=True).object_id
        refunds.refund_in_dashboard(own, "lunch", waiting, 100, awaits_receiver=True)
        refunds.cancel_refund(own, "lunch", refund)
        refunds.refund_in_dashboard(own, "lunch", wallet)
        disputes.close_dispute(own, "lunch", disputes.open_dispute(own, "lunch", won).object_id, won=True)
        disputes.close_dispute(own, "lunch", disputes.open_dispute(own, "lunch", lost).object_id, won=False)
        inquiry = disputes.open_dispute(own, "lunch", asked, is_inquiry=True).object_id
        disputes.answer_dispute(own, "lunch", inquiry)
        disputes.escalate_dispute(own, "lunch", inquiry)
        disputes.warn_of_fraud(own, "lunch", warned)
        refunds.refund_in_dashboard(own, "lunch", warned, reason="fraudulent")
    subscribe(settings)
    # The dispute's fees are more than all that was given: a few large donations, so that there is something to pay out.
    for _ in range(3):
        make.paid_charge(settings, 4_000_000)
    pass_time(1, 9, 10, 11, 14, 40)
    with make.later(days=41), transaction() as own:
        paid = own.scalars(select(SandboxObject).where(SandboxObject.kind == "payout")).first()
        assert paid is not None
        payouts.fail_payout(own, "lunch", paid.object_id)
    with transaction() as own:
        rows = [dict(row.body) for row in own.scalars(select(SandboxObject)) if row.kind not in _OURS]
    return rows + made_up(settings, next(body["id"] for body in rows if body["object"] == "checkout.session"))


def made_up(settings: Settings, session_id: str) -> list[Body]:
    """What no row holds: objects that a route makes up when it is asked."""
    found: list[Body] = []
    for path in _MADE_UP:
        status, answer = asked(settings, "GET", path.format(session=session_id), {})
        assert status == 200, answer
        found += answer["data"] if answer["object"] == "list" else [answer]
    return found


def asked(settings: Settings, method: str, path: str, params: dict[str, Any]) -> tuple[int, Body]:
    encoded = urlencode(params)
    headers = {"Authorization": f"Bearer {keys.api_key(settings.secret_key, make.merchant())}"}
    url = path if method == "POST" or not encoded else f"{path}?{encoded}"
    body = encoded.encode() if method == "POST" else b""
    status, _, content = call(api.SandboxApi(settings.secret_key, make.BASE_URL), method, url, headers, body)
    return status, json.loads(content)


def wallets_and_delays(settings: Settings) -> None:
    """A wallet that is waited for, by code and by redirect, and every answer of one; a page that nobody paid."""
    made = [make.opened(settings)[1].session_id for _ in (*Answer, "alipay", "wechat_pay")]
    with transaction() as own:
        codes = [wallets.begin(own, "lunch", session, "alipay") for session in made[:-1]]
        wallets.begin(own, "lunch", made[-1], "wechat_pay")
        for code, given in zip(codes, Answer, strict=False):
            wallets.answer(own, code, given)


def subscribe(settings: Settings) -> None:
    """Three promises: paid at once, paid after a refusal, and refused for good."""
    for refusals, is_paid in ((0, True), (1, True), (1, False)):
        session = monthly_session(settings)
        with transaction() as own:
            for _ in range(refusals):
                outcomes.decline(own, "lunch", session)
            if is_paid:
                outcomes.pay(own, "lunch", session, "card")


def monthly_session(settings: Settings) -> str:
    params = make.sdk_params(mode="subscription")
    params["line_items"][0]["price_data"]["recurring"] = {"interval": "month"}
    return make.sdk(settings).v1.checkout.sessions.create(params).id
