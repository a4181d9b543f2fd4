"""The provider's balance lines: each stored once, then told what it is.

A line is plain recording and never fails: a charge of ours meets its checkout (whose fee is booked from the line, if
no message brought it), a refund and a dispute meet their rows, a payout its settlement. What is none of ours is booked
against suspense, and a person explains it. A line whose owner may only be late waits an hour and a run before that.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.giving.fees import book_fee
from donate.giving.models import Booked, Checkout
from donate.giving.sync import sync_checkout
from donate.giving.unexplained import learn_unexplained
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import Book, MerchantAccount
from donate.payments.facts import BalanceLine
from donate.payments.gateway import ChargeFee, Gateway, MerchantRef, ProviderRefused
from donate.payments.merchants import gateway_for
from donate.settings import Settings
from donate.settling import owners
from donate.settling.models import Met, ProviderLine

# How long a line may wait for the message that says whose it is.
GRACE = timedelta(hours=1)
CHUNK = 200
MOST_UNEXPLAINED = 500

log = structlog.get_logger("donate.settling")


@dataclass(frozen=True, slots=True)
class Home:
    """Where a merchant account's money is booked."""

    merchant_id: int
    merchant: str
    book_id: int
    currency: str
    time_zone: str


def home_of(session: Session, merchant: str) -> Home:
    merchant_id, book_id, currency, time_zone = session.execute(
        select(MerchantAccount.id, Book.id, Book.currency, Book.time_zone)
        .join(Book, Book.id == MerchantAccount.book_id)
        .where(MerchantAccount.ref == merchant)
    ).one()
    return Home(merchant_id, merchant, book_id, currency, time_zone)


def store_lines(session: Session, home: Home, lines: Iterable[BalanceLine]) -> int:
    """Write down what was not there yet; how many."""
    rows = [_row(home, line) for line in lines]
    if not rows:
        return 0
    written = session.scalars(
        insert(ProviderLine)
        .values(rows)
        .on_conflict_do_nothing(index_elements=["merchant_account_id", "line_id"])
        .returning(ProviderLine.id)
    )
    return len(written.all())


def _row(home: Home, line: BalanceLine) -> dict[str, object]:
    return {
        "merchant_account_id": home.merchant_id,
        "line_id": line.line_id,
        "kind": line.kind,
        "source_id": line.source_id,
        "amount_minor": line.amount_minor,
        "fee_minor": line.fee_minor,
        "net_minor": line.net_minor,
        "currency": line.currency,
        "occurred_at": line.created_at,
        "available_at": line.available_at,
        "seen_at": clock.now(),
    }


def meet_waiting(merchant: MerchantRef, settings: Settings, *, has_messages: bool = False) -> int:
    """Tell every line that still waits what it is, as far as that is known; how many were told.

    `has_messages`: those of an hour ago were fetched before, so that a line which nothing explains by now is none of
    ours. Else it waits for the next run: a message that comes later would book the same money again.
    """
    with reading() as session:
        home = home_of(session, merchant.ref)
    gateway = gateway_for(merchant, settings)
    after, told, has_learnt = 0, 0, False
    while True:
        with reading() as session:
            batch = _waiting(session, home, after)
            found = owners.known(session, home.merchant_id, home.book_id, batch)
        if not batch:
            return told
        if not has_learnt and any(line.kind in owners.CHARGES and line.id not in found for line in batch):
            has_learnt = True
            learn_unexplained(merchant, settings, MOST_UNEXPLAINED)
            with reading() as session:
                found = owners.known(session, home.merchant_id, home.book_id, batch)
        asked = {line.id: owner for line in batch if (owner := _ask(gateway, home, line, found, settings)) is not None}
        with transaction() as session:
            for line in batch:
                owner = found.get(line.id) or asked.get(line.id)
                told += _meet(session, home, line.id, owner, has_messages=has_messages)
        after = batch[-1].id


def _waiting(session: Session, home: Home, after: int) -> Sequence[ProviderLine]:
    return session.scalars(
        select(ProviderLine)
        .where(
            ProviderLine.merchant_account_id == home.merchant_id, ProviderLine.met.is_(None), ProviderLine.id > after
        )
        .order_by(ProviderLine.id)
        .limit(CHUNK)
    ).all()


def _ask(
    gateway: Gateway, home: Home, line: ProviderLine, found: dict[int, owners.Owner], settings: Settings
) -> owners.Owner | None:
    """Whose charge it is, where no row of ours names it: the charge itself says so. With no transaction open."""
    if line.id in found or line.kind not in owners.CHARGES or line.source_id is None or line.currency != home.currency:
        return None
    try:
        charge = gateway.read_charge(line.source_id)
    except ProviderRefused:
        return None
    if charge.reference is None:
        return None
    with reading() as session:
        checkout = _checkout(session, home, charge.reference)
    if checkout is None:
        return None
    if checkout.charge_id is None or checkout.booked_as is None:
        sync_checkout(charge.reference, settings)
        with reading() as session:
            checkout = _checkout(session, home, charge.reference)
    # A checkout that was paid on two pages has one charge of its own; the other only bears its reference.
    is_its_own = checkout is not None and checkout.charge_id == line.source_id
    return owners.Owner(Met.CHARGE, checkout.id) if checkout is not None and is_its_own else None


def _checkout(session: Session, home: Home, reference: UUID) -> Checkout | None:
    return session.scalars(
        select(Checkout).where(Checkout.public_id == reference, Checkout.merchant_account_id == home.merchant_id)
    ).one_or_none()


def _meet(session: Session, home: Home, line_id: int, owner: owners.Owner | None, *, has_messages: bool) -> bool:
    """Tell one line what it is; False when it has to wait."""
    line = session.scalars(
        select(ProviderLine).where(ProviderLine.id == line_id, ProviderLine.met.is_(None)).with_for_update()
    ).one_or_none()
    if line is None:
        return False
    if line.currency != home.currency:
        _tell(session, line, Met.UNBOOKED)
        log.warning("line_unbooked", merchant=home.merchant, line=line.line_id)
    elif owner is not None and owner.met is Met.CHARGE:
        return _meet_charge(session, home, line, owner)
    elif owner is not None and owner.met is not None:
        book_refund_fee(session, home, line, owner.met)
        _tell(session, line, owner.met)
    elif line.kind in owners.PAYOUTS:
        _tell(session, line, Met.SETTLEMENT)
    elif not owners.may_be_ours(line.kind, line.source_id) or (has_messages and _is_overdue(line.occurred_at)):
        put_in_suspense(session, home, line)
    else:
        return False
    return True


def _meet_charge(session: Session, home: Home, line: ProviderLine, owner: owners.Owner) -> bool:
    if owner.checkout_id is None:
        _tell(session, line, Met.CHARGE, entry_id=owner.entry_id)
        return True
    checkout = session.get_one(Checkout, owner.checkout_id, with_for_update=True)
    if checkout.booked_as is None:
        return False
    book_fee_of(session, home, line, checkout)
    _tell(session, line, Met.CHARGE, checkout_id=checkout.id)
    return True


def book_fee_of(session: Session, home: Home, line: ProviderLine, checkout: Checkout) -> None:
    """Book a payment's fee from its line, if no message brought it. The checkout is locked."""
    if checkout.booked_as != Booked.UNBOOKED and checkout.fee_booked_at is None:
        fee = ChargeFee(
            charge_id=line.source_id or "",
            reference=checkout.public_id,
            amount_minor=line.amount_minor,
            currency=line.currency,
            fee_minor=line.fee_minor,
            fee_currency=line.currency,
        )
        book_fee(session, home.merchant, checkout.public_id, fee)


def book_refund_fee(session: Session, home: Home, line: ProviderLine, met: Met) -> None:
    """Book what the provider takes for sending money back, or gives back with it: general / clearing, once a line.

    Only the line says it. The general fund bears it, as it does a dispute's: the price of sending back is no fee of a
    donation, whose fund gave up the whole of it already, and no other donation's business. So nothing is shared out,
    and the fee-cover fund, which is there so that donations arrive whole, pays nothing of it.
    """
    if met is not Met.REFUND or line.fee_minor == 0:
        return
    debit, credit = ("general", "clearing") if line.fee_minor > 0 else ("clearing", "general")
    entry = NewEntry(
        book_id=home.book_id,
        reason=Reason.PROCESSING_FEE,
        idempotency_key=f"refund-fee:{line.line_id}",
        effective_on=clock.today(home.time_zone),
        legs=(Leg(debit=debit, credit=credit, amount_minor=abs(line.fee_minor)),),
    )
    journal.post(session, [entry])


def _is_overdue(occurred_at: datetime) -> bool:
    return occurred_at < clock.now() - GRACE


def put_in_suspense(session: Session, home: Home, line: ProviderLine) -> None:
    """Book a line that is none of ours: clearing / suspense where money came, suspense / clearing where it went."""
    if line.net_minor == 0:
        _tell(session, line, Met.SUSPENSE, explained_at=clock.now(), explanation="nothing moved")
        return
    debit, credit = ("clearing", "suspense") if line.net_minor > 0 else ("suspense", "clearing")
    entry = NewEntry(
        book_id=home.book_id,
        reason=Reason.PROVIDER_ADJUSTMENT,
        idempotency_key=f"line:{line.line_id}",
        effective_on=clock.day_of(line.occurred_at, home.time_zone),
        legs=(Leg(debit=debit, credit=credit, amount_minor=abs(line.net_minor)),),
    )
    (posted,) = journal.post(session, [entry])
    _tell(session, line, Met.SUSPENSE, entry_id=posted.entry_id)
    log.warning("line_in_suspense", merchant=home.merchant, line=line.line_id, kind=line.kind)


def _tell(session: Session, line: ProviderLine, met: Met, **more: object) -> None:
    session.execute(update(ProviderLine).where(ProviderLine.id == line.id).values(met=met.value, **more))
