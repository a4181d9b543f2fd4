"""Money that goes back: what happens at the sandbox, and what the books say afterwards."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select, text

from donate import db
from donate.db import Database, transaction
from donate.errors import DonateError
from donate.giving.charges import payment_of_checkout
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout
from donate.giving.refund_models import Refund, RefundOrigin
from donate.giving.refunds import authorise_refund
from donate.giving.sync import sync_checkout
from donate.payments.merchants import gateway_for
from donate.payments.models import SandboxObject
from donate.settings import Settings
from tests.giving import factories as make


def paid(settings: Settings, *lines: tuple[str, int], **changes: object) -> Checkout:
    """A checkout that was paid and is booked, its charge known."""
    made = make.paid_in_sandbox(settings, *lines, **changes)
    sync_checkout(made.public_id, settings)
    return make.checkout(made.public_id)


def charge_of(made: Checkout) -> str:
    """The charge that a session was paid by, as the sandbox knows it."""
    with transaction() as session:
        found = session.scalars(
            select(SandboxObject.object_id).where(
                SandboxObject.kind == "charge",
                SandboxObject.body["metadata"]["checkout"].as_string() == str(made.public_id),
                SandboxObject.body["paid"].as_boolean(),
            )
        )
        return found.one()


def change_amount(made: Checkout, amount_minor: int) -> None:
    """The provider's page asks for another amount than was agreed."""
    with transaction() as session:
        row = session.scalars(select(SandboxObject).where(SandboxObject.object_id == made.session_id)).one()
        row.body = {**row.body, "amount_total": amount_minor, "amount_subtotal": amount_minor}


def asked_for(made: Checkout, amount_minor: int | None = None, **more: object) -> Refund:
    """A refund by the staff, written down and not sent yet."""
    with transaction() as session:
        payment = payment_of_checkout(session, made.id)
        assert payment is not None
        facts = {"origin": RefundOrigin.STAFF, "by": 1, "note": "asked by phone", **more}
        return authorise_refund(session, payment, amount_minor=amount_minor, **facts)


def refunds() -> list[tuple[str, int]]:
    with transaction() as session:
        return [(row.state, row.amount_minor) for row in session.scalars(select(Refund).order_by(Refund.id))]


def balances() -> dict[str, int]:
    """Debits less credits of every account that ever moved, all entries counted."""
    statement = """
        SELECT account.code, sum(CASE WHEN debit_id = account.id THEN amount_minor ELSE -amount_minor END)::bigint
        FROM account JOIN transfer ON account.id IN (debit_id, credit_id) GROUP BY account.id, account.code
    """
    with transaction() as session:
        return {code: balance for code, balance in session.execute(text(statement)) if balance}


def provider_balance(settings: Settings, merchant: str = make.MERCHANT) -> int:
    return sum(seen.total_minor for seen in gateway_for(merchant_of(merchant), settings).balance())


def charge_of_page(session_id: str) -> str:
    """The charge that paid one page, as the sandbox knows it."""
    statement = """
        SELECT intent.body->>'latest_charge'
        FROM sandbox_object page JOIN sandbox_object intent ON intent.object_id = page.body->>'payment_intent'
        WHERE page.object_id = :page
    """
    with transaction() as session:
        return str(session.execute(text(statement), {"page": session_id}).scalar_one())


def at_once(database: Database, *works: Callable[[], object]) -> list[str]:
    """Start all of them in the same moment, each in a thread of its own; "done" or the name of the error of each."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> str:
        db.bind(database)
        start.wait()
        try:
            work()
        except DonateError as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
