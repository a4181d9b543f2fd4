"""What a merchant account held before it was connected: brought into the books once, as one opening entry.

All movements before that day are fetched, so that a settlement of later may pay them out and every sum is exact. They
belong to nobody here and raise no campaign: clearing / opening. A payout that is under way on that day is not among
them: it is a settlement like all others.
"""

from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.errors import N_, DonateError
from donate.giving.merchants import merchant_of
from donate.giving.models import Checkout, CheckoutState
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import Entry, MerchantAccount
from donate.payments.merchants import gateway_for
from donate.settings import Settings
from donate.settling import owners
from donate.settling.lines import Home, home_of, store_lines
from donate.settling.models import Met, ProviderLine, Settlement
from donate.settling.pulling import blocks
from donate.settling.settlements import take_payout

# The provider did not exist before.
BEGINNING = datetime(2011, 1, 1, tzinfo=UTC)
# No payout is longer on its way.
UNDER_WAY_FOR = timedelta(days=30)
OTHER_CURRENCY = "Held before the account was connected, in another currency than the book's."

# Held until the commit; the namespace 4124 is ours for openings.
_LOCK = text("SELECT pg_advisory_xact_lock(4124, CAST(:merchant_id % 2147483647 AS integer))")

log = structlog.get_logger("donate.settling")


class OpenedAlready(DonateError):
    sentence = N_("The opening balance of the merchant account %(merchant)s was booked already.")
    status = 409


class TooLateToOpen(DonateError):
    """A fund would have to give back what a settlement brought it together with money of before."""

    sentence = N_("A donation of the merchant account %(merchant)s was settled already, so it is too late to open it.")
    status = 409


def open_with_balance(settings: Settings, merchant: str) -> int:
    """Book what the account held; how much, in minor units, negative where it owed.

    Raises NotFound for an unknown `merchant`, OpenedAlready, TooLateToOpen. Asks the provider: outside transactions.
    """
    account = merchant_of(merchant)
    with reading() as session:
        home = home_of(session, merchant)
        _require_unopened(session, home)
        opened_at = session.scalars(
            select(MerchantAccount.opened_at).where(MerchantAccount.id == home.merchant_id)
        ).one()
    gateway = gateway_for(account, settings)
    for seen in list(gateway.payouts_since(opened_at - UNDER_WAY_FOR)):
        if seen.created_at < opened_at and seen.status in ("pending", "in_transit"):
            take_payout(account, seen.payout_id, settings)
    for block in blocks(gateway.balance_lines_since(BEGINNING)):
        with transaction() as session:
            store_lines(session, home, [line for line in block if line.created_at < opened_at])
    with transaction() as session:
        # Two administrators at once: the second waits here, and finds it done.
        session.execute(_LOCK, {"merchant_id": home.merchant_id})
        _require_unopened(session, home)
        return _book(session, home, opened_at)


def _require_unopened(session: Session, home: Home) -> None:
    if session.scalar(select(Entry.id).where(Entry.book_id == home.book_id, Entry.idempotency_key == _key(home))):
        raise OpenedAlready(merchant=home.merchant)
    settled = select(func.count()).where(
        Checkout.merchant_account_id == home.merchant_id,
        Checkout.state == CheckoutState.SETTLED.value,
        Checkout.charge_id.is_not(None),
    )
    if session.scalars(settled).one():
        raise TooLateToOpen(merchant=home.merchant)


def _key(home: Home) -> str:
    return f"opening:{home.merchant}"


def _book(session: Session, home: Home, opened_at: datetime) -> int:
    lines = session.scalars(
        select(ProviderLine)
        .where(
            ProviderLine.merchant_account_id == home.merchant_id,
            ProviderLine.occurred_at < opened_at,
            (ProviderLine.met.is_(None))
            | (ProviderLine.met.in_((Met.SUSPENSE.value, Met.SETTLEMENT.value, Met.UNBOOKED.value))),
            ProviderLine.explained_at.is_(None),
        )
        .order_by(ProviderLine.id)
        .with_for_update()
    ).all()
    ours = owners.known(session, home.merchant_id, home.book_id, lines)
    settled = set(session.scalars(select(Settlement.payout_id).filter_by(merchant_account_id=home.merchant_id)))
    amount_minor = 0
    for line in lines:
        is_settlement = line.kind in owners.PAYOUTS and line.source_id in settled
        if line.id in ours or is_settlement:
            continue
        if line.currency != home.currency:
            line.met, line.explained_at, line.explanation = Met.UNBOOKED.value, clock.now(), OTHER_CURRENCY
            continue
        amount_minor += line.net_minor
        _take_over(session, home, line)
    _post(session, home, amount_minor, opened_at)
    log.info("opened_with_balance", merchant=home.merchant, amount_minor=amount_minor, lines=len(lines))
    return amount_minor


def _take_over(session: Session, home: Home, line: ProviderLine) -> None:
    if line.entry_id is not None:
        journal.reverse(
            session,
            book_id=home.book_id,
            entry_id=line.entry_id,
            idempotency_key=f"line-opening:{line.line_id}",
            effective_on=clock.today(home.time_zone),
            note="",
        )
    session.execute(update(ProviderLine).where(ProviderLine.id == line.id).values(met=Met.OPENING.value, entry_id=None))


def _post(session: Session, home: Home, amount_minor: int, opened_at: datetime) -> None:
    if amount_minor == 0:
        return
    debit, credit = ("clearing", "opening") if amount_minor > 0 else ("opening", "clearing")
    entry = NewEntry(
        book_id=home.book_id,
        reason=Reason.OPENING,
        idempotency_key=_key(home),
        effective_on=clock.day_of(opened_at, home.time_zone),
        legs=(Leg(debit=debit, credit=credit, amount_minor=abs(amount_minor)),),
    )
    journal.post(session, [entry])
