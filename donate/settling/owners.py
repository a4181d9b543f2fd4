"""Whose a balance line is, by what our rows and the keys of our entries say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from donate.giving.models import Checkout, UnbookedMoney
from donate.giving.refund_models import Dispute
from donate.ledger.models import Entry
from donate.settling.models import Met, ProviderLine

CHARGES = frozenset({"charge", "payment"})
REFUNDS = frozenset({"refund", "payment_refund"})
REFUND_RETURNS = frozenset({"refund_failure", "payment_failure_refund"})
PAYOUTS = frozenset({"payout", "payout_cancel", "payout_failure"})
# The provider books a dispute as an adjustment, with the dispute's id as its source.
DISPUTE_SOURCES = ("dp_", "du_")


@dataclass(frozen=True, slots=True)
class Owner:
    """What a line belongs to; of a charge its checkout, or the entry of one that stands in suspense without a checkout."""

    met: Met | None
    checkout_id: int | None = None
    entry_id: int | None = None


def may_be_ours(kind: str, source_id: str | None) -> bool:
    """Whether a message may still come that says whose this is."""
    known = kind in CHARGES | REFUNDS | REFUND_RETURNS
    return source_id is not None and (known or is_dispute(kind, source_id))


def is_dispute(kind: str, source_id: str | None) -> bool:
    return kind == "adjustment" and source_id is not None and source_id.startswith(DISPUTE_SOURCES)


def entry_prefixes(line: ProviderLine) -> tuple[str, ...]:
    """How the keys of the entries begin that a refund's or a dispute's line stands for."""
    source = line.source_id
    if line.kind in REFUNDS:
        return (f"refund:{source}:",)
    if line.kind in REFUND_RETURNS:
        return (f"refund-failed:{source}:",)
    if is_dispute(line.kind, source):
        if line.amount_minor == 0:  # of an appeal, or of an answer: moves a further fee, or one back, and nothing else
            return (f"dispute-fee{'-returned' if line.fee_minor < 0 else ''}:{source}",)
        return (f"dispute-{'opened' if line.amount_minor < 0 else 'won'}:{source}:",)
    return ()


def known(session: Session, merchant_id: int, book_id: int, lines: Sequence[ProviderLine]) -> dict[int, Owner]:
    """The owners that our own rows name, by the line's id: of charges their checkouts, of others their entries."""
    charges = [line for line in lines if line.kind in CHARGES and line.source_id is not None]
    checkouts = _checkouts(session, merchant_id, [line.source_id or "" for line in charges])
    found = {
        line.id: Owner(Met.CHARGE, checkouts[line.source_id])
        for line in charges
        if line.source_id is not None and line.source_id in checkouts
    }
    standing = _standing(session, merchant_id, [line.source_id or "" for line in charges if line.id not in found])
    found |= {line.id: standing[line.source_id] for line in charges if line.source_id in standing}
    booked = [line for line in lines if entry_prefixes(line)]
    keys = keys_beginning(session, book_id, [prefix for line in booked for prefix in entry_prefixes(line)[:1]])
    disputed = _disputed(session, [line.source_id or "" for line in booked if is_dispute(line.kind, line.source_id)])
    for line in booked:
        if not keys.get(entry_prefixes(line)[0]):
            continue
        if not is_dispute(line.kind, line.source_id):
            found[line.id] = Owner(Met.REFUND)
        elif line.amount_minor == 0 or abs(line.amount_minor) == disputed.get(line.source_id or ""):
            found[line.id] = Owner(Met.DISPUTE)  # of another amount than its entries it would never come out even
    return found


def _disputed(session: Session, disputes: Sequence[str]) -> dict[str, int]:
    if not disputes:
        return {}
    rows = session.execute(select(Dispute.dispute_id, Dispute.amount_minor).where(Dispute.dispute_id.in_(disputes)))
    return dict(rows.all())


def _checkouts(session: Session, merchant_id: int, charges: Iterable[str]) -> dict[str, int]:
    rows = session.execute(
        select(Checkout.charge_id, Checkout.id).where(
            Checkout.charge_id.in_(charges),
            Checkout.merchant_account_id == merchant_id,
            Checkout.booked_as.is_not(None),
        )
    )
    return {charge_id: checkout_id for charge_id, checkout_id in rows if charge_id is not None}


def _standing(session: Session, merchant_id: int, charges: Sequence[str]) -> dict[str, Owner]:
    """Payments booked against suspense that are not their checkout's own; once their fee is booked."""
    rows = session.execute(
        select(UnbookedMoney.charge_id, Entry.id)
        .join(Entry, Entry.idempotency_key == "suspense:" + UnbookedMoney.session_id)
        .where(
            UnbookedMoney.charge_id.in_(charges),
            UnbookedMoney.merchant_account_id == merchant_id,
            UnbookedMoney.is_in_suspense,
            UnbookedMoney.is_own.is_(False),
            UnbookedMoney.fee_minor.is_not(None),
        )
    )
    return {charge: Owner(Met.CHARGE, entry_id=entry_id) for charge, entry_id in rows if charge is not None}


def keys_beginning(session: Session, book_id: int, prefixes: Sequence[str]) -> dict[str, list[int]]:
    """Entries of the book whose keys begin with each prefix; by LIKE, which every collation reads alike."""
    found: dict[str, list[int]] = {prefix: [] for prefix in prefixes}
    for start in range(0, len(prefixes), 50):
        some = prefixes[start : start + 50]
        rows = session.execute(
            select(Entry.id, Entry.idempotency_key).where(
                Entry.book_id == book_id,
                or_(*(Entry.idempotency_key.startswith(prefix, autoescape=True) for prefix in some)),
            )
        )
        for entry_id, key in rows:
            for prefix in some:
                if key.startswith(prefix):
                    found[prefix].append(entry_id)
    return found
