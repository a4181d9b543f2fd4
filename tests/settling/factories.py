"""Money on its way through the sandbox: paid, settled into the bank, and what the books say of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate import clock
from donate.db import transaction
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout
from donate.payments.facts import BalanceLine, PayoutSeen
from donate.payments.gateway import MerchantRef
from donate.payments.models import SandboxObject
from donate.payments.sandbox import payouts, ripening
from donate.payments.sandbox.faults import Fault as Fault
from donate.settings import Settings
from donate.settling.lines import home_of, store_lines
from donate.settling.models import ProviderLine, Settlement
from donate.settling.reconcile import Report, reconcile
from tests.giving import factories as giving

MERCHANT = giving.MERCHANT
MONDAY = datetime(2026, 11, 2, 4, tzinfo=UTC)


def merchant() -> MerchantRef:
    return merchant_of(MERCHANT)


@contextmanager
def days_later(days: int | float) -> Iterator[None]:
    """Some days after now; time has passed at the provider, too."""
    with clock.frozen_at(clock.now() + timedelta(days=days)):
        pass_time()
        yield


def pass_time() -> None:
    """Let everything at the provider happen that time alone brings about."""
    while True:
        with transaction() as session:
            if not ripening.ripen(session, clock.now()):
                return


def give(settings: Settings, *lines: tuple[str, int], **changes: Any) -> Checkout:
    """A checkout that its donor paid, of which no message arrived; its fee is known at the provider."""
    paid = giving.paid_in_sandbox(settings, *lines, **changes)
    with clock.frozen_at(clock.now() + giving.FEE_KNOWN):
        pass_time()
    return paid


def pay_out() -> str:
    """The automatic payout of this moment, or the newest that was made by itself before; its id."""
    newest = select(SandboxObject.object_id).filter_by(kind="payout", merchant=MERCHANT)
    with transaction() as session:
        payouts.pay_out_now(session, MERCHANT)
        return session.scalars(newest.order_by(SandboxObject.number.desc())).first() or ""


def run(settings: Settings, **options: Any) -> Report:
    return reconcile(settings, **options)


def kinds(report: Report) -> list[str]:
    return [f"{found.kind.value} {found.ours_minor} {found.theirs_minor}" for found, _ in report.found]


def lines() -> list[ProviderLine]:
    with transaction() as session:
        return list(session.scalars(select(ProviderLine).order_by(ProviderLine.id)))


def settlement() -> Settlement:
    with transaction() as session:
        return session.scalars(select(Settlement)).one()


def balance_of(code: str) -> int:
    """Debits less credits of one account of the first book, over all entries."""
    statement = """
        SELECT coalesce(sum(CASE WHEN debit_id = account.id THEN amount_minor ELSE -amount_minor END), 0)
        FROM account JOIN transfer ON account.id IN (debit_id, credit_id)
        WHERE account.code = :code
    """
    with transaction() as session:
        return int(session.execute(text(statement), {"code": code}).scalar_one())


def available(campaign: str = "yunxi") -> int:
    """What the campaign may disburse."""
    statement = "SELECT available_minor FROM fund_stock JOIN account ON account.id = account_id WHERE code = :code"
    with transaction() as session:
        return int(session.execute(text(statement), {"code": f"fund:{campaign}"}).scalar_one())


def line(**changes: Any) -> BalanceLine:
    """A movement of the balance that the provider made by itself: a fee of 5.00 unless a test says otherwise."""
    facts: dict[str, Any] = {
        "line_id": "txn_1",
        "kind": "stripe_fee",
        "source_id": None,
        "amount_minor": -500,
        "fee_minor": 0,
        "currency": "CNY",
        "created_at": clock.now(),
        "available_at": clock.now(),
    }
    facts |= changes
    return BalanceLine(**facts, net_minor=facts["amount_minor"] - facts["fee_minor"])


def payout(**changes: Any) -> PayoutSeen:
    """A payout of 14.91, on its way to the bank."""
    facts: dict[str, Any] = {
        "payout_id": "po_1",
        "amount_minor": 1491,
        "currency": "CNY",
        "status": "paid",
        "arrives_on": clock.now().date(),
        "created_at": clock.now(),
        "bank_reference": "SBX1",
        "is_automatic": True,
    }
    return PayoutSeen(**(facts | changes))


def store(session: Session, *given: BalanceLine) -> None:
    """Write down movements as a run does."""
    store_lines(session, home_of(session, MERCHANT), given)
