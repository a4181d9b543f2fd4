"""What the sandbox's payment page shows, and where it leads."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.errors import NotFound
from donate.payments.models import SandboxObject
from donate.payments.sandbox import wallets
from donate.payments.sandbox.wallets import Answer, Attempt

PageState = Literal["open", "worked_on", "paid", "failed", "over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLine:
    name: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedPage:
    """One session as its donor sees it. Both addresses lead back to the site, by path where they are its own.

    `waits_for` is the wallet's code that is alive, `was_refused` whether the last one was answered with no.
    """

    merchant: str
    session_id: str
    lines: tuple[PageLine, ...]
    amount_minor: int
    currency: str
    methods: tuple[str, ...]
    state: PageState
    is_monthly: bool
    waits_for: Attempt | None
    was_refused: bool
    success_url: str
    cancel_url: str | None


def hosted_page(session: Session, session_id: str, now: datetime, base_url: str) -> HostedPage:
    """The page of a session, by an id that nobody can guess. Raises NotFound."""
    row = session.scalar(
        select(SandboxObject).where(SandboxObject.object_id == session_id, SandboxObject.kind == "checkout.session")
    )
    if row is None:
        raise NotFound
    body = row.body
    return HostedPage(
        merchant=row.merchant,
        session_id=session_id,
        lines=tuple(
            PageLine(name=line["description"], amount_minor=line["amount_total"]) for line in row.private["lines"]
        ),
        amount_minor=body["amount_total"],
        currency=body["currency"].upper(),
        methods=tuple(body["payment_method_types"]),
        state=_state(row, now),
        is_monthly=body["mode"] == "subscription",
        waits_for=wallets.alive_of(session, row, now),
        was_refused=row.private.get("last_answer") == Answer.NO,
        success_url=_own_path(body["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id), base_url),
        cancel_url=_own_path(body["cancel_url"], base_url) if body["cancel_url"] else None,
    )


def _state(row: SandboxObject, now: datetime) -> PageState:
    body = row.body
    if body["status"] == "open":
        return "open" if body["expires_at"] > now.timestamp() else "over"
    if body["status"] == "complete" and body["payment_status"] != "paid":
        return "worked_on" if row.private["is_worked_on"] else "failed"
    return "paid" if body["status"] == "complete" else "over"


def _own_path(url: str, base_url: str) -> str:
    """Only the path of an address of ours, so that a donor who came by another name of this host stays there."""
    return url.removeprefix(base_url) if url.startswith(f"{base_url}/") else url
