"""What the sandbox's payment page shows, and where it leads."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.errors import NotFound
from donate.payments.models import SandboxObject


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLine:
    name: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedPage:
    """One session as its donor sees it. Both addresses lead back to the site, by path where they are its own."""

    merchant: str
    session_id: str
    lines: tuple[PageLine, ...]
    amount_minor: int
    currency: str
    methods: tuple[str, ...]
    is_open: bool
    is_paid: bool
    is_monthly: bool
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
        is_open=body["status"] == "open" and body["expires_at"] > now.timestamp(),
        is_paid=body["payment_status"] == "paid",
        is_monthly=body["mode"] == "subscription",
        success_url=_own_path(body["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id), base_url),
        cancel_url=_own_path(body["cancel_url"], base_url) if body["cancel_url"] else None,
    )


def _own_path(url: str, base_url: str) -> str:
    """Only the path of an address of ours, so that a donor who came by another name of this host stays there."""
    return url.removeprefix(base_url) if url.startswith(f"{base_url}/") else url
