"""Paying with a wallet: a page shows a code, a phone opens it in the wallet's app, and there its owner says yes or no.

The code may be scanned by another device or opened on the one that shows it. Whoever holds it need not be the one who
looks at the page: a payment counts whether that page is open or was closed long ago. One code is alive at a time for a
session; it dies with the answer, when the donor turns to another way, and when the session's time is over.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import segno
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import NotFound
from donate.payments import tariffs
from donate.payments.models import SandboxObject
from donate.payments.sandbox import delayed, objects, outcomes, store
from donate.payments.sandbox.outcomes import SessionOver

WALLETS = ("alipay", "wechat_pay")
ATTEMPT = "wallet_attempt"  # a row of the sandbox that no route shows


class Answer(StrEnum):
    """What the wallet's owner says."""

    YES = "yes"
    NO = "no"
    # Such as no wallet of ours does: the provider works on it first.
    LATER_YES = "later_yes"
    LATER_NO = "later_no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A code and what became of it: `answer` is None while nobody has answered, `is_alive` while somebody may."""

    code: str
    merchant: str
    session_id: str
    method: str
    answer: Answer | None
    is_alive: bool


def begin(session: Session, merchant: str, session_id: str, method: str) -> str:
    """Show a code for this wallet; the one that is alive for it already, where there is one.

    Raises SessionOver, tariffs.NoTariff for a wallet that the session does not offer.
    """
    now = clock.now()
    row = outcomes.open_session(session, merchant, session_id, now)
    outcomes.require_offered(row, method)
    if method not in WALLETS:
        raise tariffs.NoTariff(method=method, currency=row.body["currency"].upper())
    alive = alive_of(session, row, now)
    if alive is not None and alive.method == method:
        return alive.code
    code = secrets.token_urlsafe(18)
    intent = outcomes.intent_of(session, row, now)
    store.change(intent, status="requires_action", next_action=_next_action(row, method, code))
    store.emit(session, merchant, "payment_intent.requires_action", intent.body, now)
    body = {"id": code, "object": ATTEMPT}
    store.add(session, merchant, body, now, private={"session": session_id, "method": method, "answer": None})
    row.private = {**row.private, "attempt": code, "last_answer": None}
    return code


def answer(session: Session, code: str, given: Answer) -> Attempt:
    """The wallet's owner answers, once. Raises NotFound, SessionOver for a code that is not alive any more."""
    now = clock.now()
    found = _row(session, code)
    row = outcomes.open_session(session, found.merchant, found.private["session"], now)  # held from here on
    if row.private.get("attempt") != code:
        raise SessionOver
    method = found.private["method"]
    row.private = {**row.private, "attempt": None, "last_answer": given.value}
    found.private = {**found.private, "answer": given.value}
    if given is Answer.YES:
        outcomes.pay(session, row.merchant, row.object_id, method)
    elif given is Answer.NO:
        outcomes.decline(session, row.merchant, row.object_id, method)
    else:
        succeeds = given is Answer.LATER_YES
        delayed.begin(session, row.merchant, row.object_id, method, succeeds=succeeds)
    return _attempt(found, row, now)


def turn_back(session: Session, merchant: str, session_id: str) -> None:
    """The donor, before the page with the code, chooses another way; the code is dead. Raises SessionOver."""
    row = outcomes.open_session(session, merchant, session_id, clock.now())
    if row.private.get("attempt") is not None:
        outcomes.turn_back(outcomes.intent_of(session, row, clock.now()))
        row.private = {**row.private, "attempt": None, "last_answer": None}


def attempt_of(session: Session, code: str, now: datetime) -> Attempt:
    """The code as it stands now. Raises NotFound."""
    found = _row(session, code)
    row = store.find(session, found.merchant, "checkout.session", found.private["session"])
    assert row is not None
    return _attempt(found, row, now)


def alive_of(session: Session, row: SandboxObject, now: datetime) -> Attempt | None:
    """The code that a session waits for, if it waits for one."""
    code = row.private.get("attempt")
    found = store.find(session, row.merchant, ATTEMPT, code) if code is not None else None
    attempt = _attempt(found, row, now) if found is not None else None
    return attempt if attempt is not None and attempt.is_alive else None


def _attempt(found: SandboxObject, row: SandboxObject, now: datetime) -> Attempt:
    is_open = row.body["status"] == "open" and row.body["expires_at"] > now.timestamp()
    given = found.private["answer"]
    return Attempt(
        code=found.object_id,
        merchant=found.merchant,
        session_id=row.object_id,
        method=found.private["method"],
        answer=Answer(given) if given is not None else None,
        is_alive=is_open and row.private.get("attempt") == found.object_id,
    )


def _row(session: Session, code: str) -> SandboxObject:
    row = session.scalar(select(SandboxObject).where(SandboxObject.object_id == code, SandboxObject.kind == ATTEMPT))
    if row is None:
        raise NotFound
    return row


def _next_action(row: SandboxObject, method: str, code: str) -> objects.Body:
    """Where the wallet is asked, in the words of the API."""
    before_page, _, _ = row.body["url"].rpartition("/pay/")
    url = f"{before_page}/wallet/{code}"
    if method == "alipay":
        redirect = {"native_data": None, "native_url": None, "return_url": row.body["success_url"], "url": url}
        return {"type": "alipay_handle_redirect", "alipay_handle_redirect": redirect}
    drawn = segno.make(url, error="m", micro=False)
    shown = {
        "data": url,
        "hosted_instructions_url": row.body["url"],
        "image_data_url": drawn.png_data_uri(scale=4),
        "image_url_png": drawn.png_data_uri(scale=4),
        "image_url_svg": drawn.svg_data_uri(),
    }
    return {"type": "wechat_pay_display_qr_code", "wechat_pay_display_qr_code": shown}
