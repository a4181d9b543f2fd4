"""A campaign that takes donations, checkouts of it, and a donor's way through the pages."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from donate import clock
from donate.campaigns.models import Campaign
from donate.db import transaction
from donate.giving.forms import ChosenDonation, GiveForm
from donate.giving.models import Checkout
from donate.giving.payment import begin_payment
from donate.giving.rhythm import Rhythm
from donate.giving.service import NewCheckout
from donate.ledger import books
from donate.ledger.models import MerchantAccount
from donate.payments.gateway import ProviderCheckout
from donate.payments.sandbox import deliveries, outcomes
from donate.settings import Settings
from tests.campaigns import factories as campaigns
from tests.giving.remembered import made_once
from tests.organisations import factories as organisations

FEE_KNOWN = timedelta(seconds=5)
FORM = {"amount": "15.00", "method": "alipay"}
MERCHANT = "lunch"


def raising(ref: str = "yunxi", *, merchant: str | None = MERCHANT, beside: str | None = None, **plan: Any) -> str:
    """A campaign that raises today, in a book with a sandbox merchant account; `beside` shares another's host."""

    def make(session: Session) -> None:
        host = None
        if beside is not None:
            host = session.get_one(campaigns.Organisation, _campaign(session, beside).host_id)
        campaign = campaigns.raising(session, ref=ref, host=host, **plan)
        if merchant is not None and beside is None:
            open_merchant(session, campaign.book_id, merchant)

    if beside is None and not plan and _time_is_real():
        made_once((ref, merchant, campaigns.has_county()), make)
    else:
        with transaction() as session:
            make(session)
    return ref


def _time_is_real() -> bool:
    return abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=10)


def open_merchant(session: Session, book_id: int, ref: str, tariff: str = "mainland") -> MerchantAccount:
    return books.open_merchant_account(
        session, book_id=book_id, ref=ref, provider="sandbox", livemode=False, tariff=tariff
    )


def noise() -> None:
    """Another host with a campaign and a merchant account of its own."""
    raising("noise", merchant="noise")


def host(session: Session, **overrides: Any) -> Any:
    return organisations.host(session, **overrides)


def _campaign(session: Session, ref: str) -> Campaign:
    return session.scalars(select(Campaign).filter_by(ref=ref)).one()


def new_checkout(*lines: tuple[str, int], **changes: Any) -> NewCheckout:
    """A checkout about to be made: 15.00 to `yunxi` unless lines are given."""
    lines = lines or (("yunxi", 1500),)
    with transaction() as session:
        book_id = _campaign(session, lines[0][0]).book_id
        merchant_id = session.scalars(select(MerchantAccount.id).filter_by(book_id=book_id)).first()
    typed: dict[str, Any] = {"method": "alipay", "name": None, "name_is_public": False, "email": None, "words": None}
    typed |= {"rhythm": Rhythm()}
    typed |= {name: changes.pop(name) for name in list(changes) if name in typed}
    facts: dict[str, Any] = {
        "public_id": uuid4(),
        "book_id": book_id,
        "merchant_account_id": merchant_id,
        "currency": "CNY",
        "locale": "en",
        "form": GiveForm(lines=tuple(ChosenDonation(*line) for line in lines), **typed),
        "content_sha256": b"content",
    }
    return NewCheckout(**(facts | changes))


def opened(settings: Settings, *lines: tuple[str, int], **changes: Any) -> Checkout:
    """A checkout whose page is open at the sandbox."""
    new = new_checkout(*lines, **changes)
    begin_payment(new, settings)
    return checkout(new.public_id)


def paid_in_sandbox(settings: Settings, *lines: tuple[str, int], **changes: Any) -> Checkout:
    """A checkout that its donor has paid, and of which we have heard nothing yet."""
    made = opened(settings, *lines, **changes)
    pay(made)
    return made


def pay(made: Checkout, merchant: str = MERCHANT) -> None:
    with transaction() as session:
        outcomes.pay(session, merchant, made.session_id or "", made.method)


def deliver(client: FlaskClient, settings: Settings) -> list[int]:
    """Carry the sandbox's due messages to the webhook path; the answers' statuses."""
    statuses: list[int] = []

    def post(path: str, body: bytes, headers: Any) -> int:
        statuses.append(client.post(path, data=body, headers=dict(headers)).status_code)
        return statuses[-1]

    deliveries.deliver_due(settings.secret_key, post)
    return statuses


def seen(made: Checkout, **changes: Any) -> ProviderCheckout:
    """What the provider says of a checkout: paid as agreed, unless a test says otherwise."""
    facts: dict[str, Any] = {
        "session_id": made.session_id or "cs_test_1",
        "status": "paid",
        "amount_minor": made.amount_minor,
        "currency": made.currency,
        "charge_id": None,
        "fee_minor": None,
        "paid_at": clock.now(),
        "reference": made.public_id,
    }
    return ProviderCheckout(**(facts | changes))


def checkout(public_id: UUID) -> Checkout:
    with transaction() as session:
        return session.scalars(select(Checkout).filter_by(public_id=public_id)).one()


def only_checkout() -> Checkout:
    with transaction() as session:
        return session.scalars(select(Checkout)).one()


@dataclass(frozen=True)
class Booked:
    """An entry as tests compare it: reason, campaign and its one leg."""

    reason: str
    campaign: str | None
    debit: str
    credit: str
    amount_minor: int


def booked() -> list[Booked]:
    """All entries, in the order of their keys."""
    statement = """
        SELECT entry.reason, entry.campaign, debit.code, credit.code, transfer.amount_minor
        FROM entry JOIN transfer ON transfer.entry_id = entry.id
        JOIN account debit ON debit.id = transfer.debit_id JOIN account credit ON credit.id = transfer.credit_id
        ORDER BY entry.id, transfer.line
    """
    with transaction() as session:
        return [Booked(*row) for row in session.execute(text(statement))]


DONATION = Booked("donation", "yunxi", "clearing", "fund:yunxi", 1500)
FEE = Booked("processing_fee", "yunxi", "fund:yunxi", "clearing", 9)


def fresh_form(client: FlaskClient, path: str = "/en/give/yunxi", **changes: str) -> dict[str, str]:
    """The fields of a freshly loaded give page with something typed."""
    page = client.get(path)
    assert page.status_code == 200, page.text
    return {"token": token_in(page), **FORM, **changes}


def token_in(page: TestResponse) -> str:
    found = re.search(r'name="token" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


def path_of(url: str) -> str:
    return urlsplit(url).path
