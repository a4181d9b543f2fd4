"""Money on its way through the sandbox: paid, settled into the bank, and what the books say of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate import clock
from donate.db import Database, transaction
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout
from donate.ledger import checks
from donate.ledger.models import Book
from donate.ledger.provider_checks import PROVIDER_CHECKS
from donate.payments.facts import BalanceLine, PayoutSeen
from donate.payments.gateway import MerchantRef
from donate.payments.models import SandboxObject
from donate.payments.sandbox import payouts, ripening
from donate.payments.sandbox.faults import Fault as Fault
from donate.sequencer import drain
from donate.settings import Settings
from donate.settling import bank
from donate.settling.bank_forms import StatementRow
from donate.settling.bank_models import BankLine, BankStatement
from donate.settling.lines import home_of, store_lines
from donate.settling.models import ProviderLine, Settlement, SettlementShare
from donate.settling.reconcile import Report, reconcile
from donate.settling.run_models import ReconcileDifference, ReconcileRun
from donate.settling.settlements import keep_payout
from tests.giving import factories as giving
from tests.giving import recorded_factories as recording

_numbers = count(88_210_001)
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


def published(*found: str, **changes: Any) -> int:
    """A finished run that found these kinds of differences, each about `txn_<its place>`; its number."""
    facts: dict[str, Any] = {"started_by": "schedule", "with_repairs": False, "finished_at": clock.now()}
    with transaction() as session:
        merchant_id = home_of(session, MERCHANT).merchant_id
        run = ReconcileRun(**(facts | {"difference_count": len(found)} | changes))
        session.add(run)
        session.flush()
        session.add_all(
            ReconcileDifference(
                run_id=run.id,
                merchant_account_id=merchant_id,
                kind=kind,
                subject=f"txn_{place}",
                ours_minor=None,
                theirs_minor=-500,
                currency="CNY",
                was_repaired=False,
            )
            for place, kind in enumerate(found, start=1)
        )
        return run.id


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


def again(known: ProviderLine) -> BalanceLine:
    """A movement that we know, as the provider lists it once more."""
    return line(
        line_id=known.line_id,
        kind=known.kind,
        source_id=known.source_id,
        amount_minor=known.amount_minor,
        fee_minor=known.fee_minor,
    )


def share_codes() -> dict[str, int]:
    """What settlements brought to each account."""
    with transaction() as session:
        rows = session.execute(select(SettlementShare.code, SettlementShare.due_minor))
        return dict(rows.all())


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


def row(**changes: Any) -> StatementRow:
    """A line of the bank's statement: 14.91 came in today, its reference the settlement's."""
    facts: dict[str, Any] = {
        "booked_on": clock.now().date(),
        "amount_minor": 1491,
        "reference": "",
        "running_number": f"{next(_numbers)}",
        "words": "",
    }
    return StatementRow(**(facts | changes))


def upload(*rows: StatementRow, ref: str = "yunxi") -> BankStatement:
    """A statement of the campaign's host, as its treasurer uploads it."""
    book = recording.book_of(ref)
    with transaction() as session:
        return bank.upload(session, session.get_one(Book, book.id), rows, by=903, sha256=bytes(32))


def bank_lines() -> list[BankLine]:
    with transaction() as session:
        return list(session.scalars(select(BankLine).order_by(BankLine.id)))


def said() -> list[str | None]:
    """What each line of the bank was said to be, in order."""
    return [one.met for one in bank_lines()]


def failing(database: Database) -> list[str]:
    """The provider's and the bank's checks that are red, and the ledger's own."""
    drain(database)
    with database.reading() as session:
        results = checks.run_checks(session, (*checks.CHECKS, *PROVIDER_CHECKS))
        return [result.name for result in results if not result.is_ok]


def sent_to_bank(settings: Settings, **changes: Any) -> Settlement:
    """A settlement that reached the bank: of 14.91, which 15.00 brought, unless a test says otherwise."""
    give(settings)
    changes = {"arrives_on": clock.now().date(), **changes}
    with days_later(1):
        run(settings)
        charge = [one for one in lines() if one.checkout_id is not None][-1]
        paid_out = line(
            line_id=charge.line_id, kind=charge.kind, source_id=charge.source_id, amount_minor=1500, fee_minor=9
        )
        keep_payout(merchant(), payout(**changes), [paid_out], settings)
    with transaction() as session:
        return session.scalars(select(Settlement).order_by(Settlement.id.desc()).limit(1)).one()
