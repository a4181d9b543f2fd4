"""What a settlement brings to each fund: its share, which the fund may spend from then on.

A fund's share is added to its stock, or taken from it where refunds and disputes were more than what came in. What is
taken and not there any more, since it was approved for disbursement, the fund owes: its next shares pay that first.
Shares only add up, so it does not matter in which order settlements, reversals and refunds become known; no fund ever
gets more than came in for it, and none pays for another.

While a dispute is open its money is the provider's: the fund's share falls when it is withdrawn and rises when it is
won; when it is lost nothing moves again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from donate.giving.models import Booked, Checkout, Donation, UnbookedMoney
from donate.ledger.release import release
from donate.settling import owners
from donate.settling.models import Met, ProviderLine, Settlement, SettlementLine, SettlementShare

Shares = dict[str, int]


def shares_of(session: Session, book_id: int, lines: Sequence[ProviderLine]) -> Shares:
    """What these lines bring to each account, signed; for lines that all met something they sum to the lines' net."""
    shares: Shares = defaultdict(int)
    keys = _charge_keys(session, [line.checkout_id for line in lines if line.checkout_id is not None])
    ours = [line for line in lines if line.met not in (Met.SUSPENSE, Met.OPENING)]
    prefixes = [prefix for line in ours for prefix in owners.entry_prefixes(line) if line.amount_minor != 0]
    entries = [entry for found in owners.keys_beginning(session, book_id, prefixes).values() for entry in found]
    entries += [line.entry_id for line in lines if line.entry_id is not None]
    legs = session.execute(_LEGS, {"book_id": book_id, "keys": keys, "entries": entries})
    for debit, credit, amount_minor, held in cast("Sequence[tuple[str, str, int, str | None]]", legs.all()):
        for code, signed in ((debit, -amount_minor), (credit, amount_minor)):
            if code == "disputed":
                _add(shares, held, signed)
            elif code != "clearing":
                shares[code] += signed
    for line in lines:
        if line.met == Met.OPENING:
            shares["opening"] += line.net_minor
        elif line.met in (Met.DISPUTE, Met.REFUND):
            # By the line and not by an entry: of several fees of one dispute each line brings its own.
            shares["general"] -= line.fee_minor
        elif line.met == Met.CHARGE and line.checkout_id is None:
            shares["suspense"] -= line.fee_minor  # its entry is the whole payment, without the fee's
        else:
            _add_failed(session, book_id, line, shares)
    return {code: share for code, share in sorted(shares.items()) if share}


def _add(shares: Shares, campaign: str | None, signed: int) -> None:
    """A dispute holds back the money of the campaign that its entry names; of an unexplained payment, suspense."""
    shares["suspense" if campaign is None else f"fund:{campaign}"] += signed


def _charge_keys(session: Session, checkout_ids: Iterable[int]) -> list[str]:
    """The keys of all entries that a paid checkout has at the provider: donations, fees, what covers them.

    One that was cleared has those of its time in suspense as well; together they bring nothing to suspense.
    """
    ids = list(checkout_ids)
    keys = []
    rows = session.execute(
        select(Checkout.public_id, Checkout.booked_as, UnbookedMoney.session_id, Donation.public_id)
        .join(Donation, Donation.checkout_id == Checkout.id)
        .outerjoin(UnbookedMoney, (UnbookedMoney.checkout_id == Checkout.id) & UnbookedMoney.is_own)
        .where(Checkout.id.in_(ids))
    )
    for checkout, booked_as, session_id, donation in rows:
        if booked_as != Booked.DONATIONS:
            keys += [f"suspense:{session_id}", f"fee:{checkout}:whole"]
        if booked_as in (Booked.DONATIONS, Booked.CLEARED):
            name = "donation" if booked_as == Booked.DONATIONS else "cleared"
            keys += [f"{name}:{donation}", f"fee:{checkout}:{donation}", f"cover:{checkout}:{donation}"]
    return sorted(set(keys))


def _add_failed(session: Session, book_id: int, line: ProviderLine, shares: Shares) -> None:
    """The bank turned a settlement back: its money is at the provider again, with the shares that it had."""
    failed = failed_by(session, line)
    if failed is not None:
        for code, share in shares_of(session, book_id, lines_of(session, failed.id)).items():
            shares[code] += share


def failed_by(session: Session, line: ProviderLine) -> Settlement | None:
    """The settlement whose money this line brings back to the provider's balance, if it is such a line."""
    if line.kind not in owners.PAYOUTS or line.net_minor <= 0:
        return None
    return session.scalars(
        select(Settlement).where(
            Settlement.merchant_account_id == line.merchant_account_id, Settlement.payout_id == line.source_id
        )
    ).one_or_none()


def lines_of(session: Session, settlement_id: int) -> Sequence[ProviderLine]:
    return session.scalars(
        select(ProviderLine)
        .join(SettlementLine, SettlementLine.line_id == ProviderLine.id)
        .where(SettlementLine.settlement_id == settlement_id)
        .order_by(ProviderLine.id)
    ).all()


def lock(session: Session, book_id: int) -> None:
    """One settlement or repair of a book at a time, until the commit: each sees what the others brought to whom."""
    session.execute(_LOCK, {"book_id": book_id})


def hand_out(
    session: Session, book_id: int, settlement_id: int, entry_id: int, due: Mapping[str, int], *, is_return: bool
) -> None:
    """Give each fund its share, or take it; written down share by share. The book is locked."""
    given = of_funds(due)
    release(session, book_id=book_id, entry_id=entry_id, amounts=given)
    session.add_all(
        SettlementShare(
            settlement_id=settlement_id,
            is_return=is_return,
            code=code,
            book_id=book_id,
            due_minor=due[code],
            released_minor=given.get(code, 0),
        )
        for code in sorted(due)
    )
    session.flush()


def of_funds(due: Mapping[str, int]) -> Shares:
    """The shares of funds, which alone have a stock."""
    return {code: minor for code, minor in sorted(due.items()) if code.startswith("fund:")}


def release_cleared(session: Session, merchant_id: int, book_id: int) -> int:
    """Make available what was cleared out of suspense after its settlement had reached the bank; how many donations.

    The settlement's own shares stay as they were: it brought this money to suspense.
    """
    lock(session, book_id)
    rows = cast(
        "Sequence[tuple[int, str, int]]",
        session.execute(_CLEARED_LATE, {"merchant_id": merchant_id, "book_id": book_id}).all(),
    )
    for entry_id, code, amount_minor in rows:
        release(session, book_id=book_id, entry_id=entry_id, amounts={code: int(amount_minor)})
    return len(rows)


# Held until the commit; the namespace 4122 is ours for settlements.
_LOCK = text("SELECT pg_advisory_xact_lock(4122, CAST(:book_id % 2147483647 AS integer))")

# Of each donation the entry by which it left suspense, its fund, and what it brought: less its part of the fee, as far
# as that was not covered.
_CLEARED_LATE = text(
    """
    SELECT cleared.id, fund.code, leg.amount_minor - coalesce(fee.minor, 0)
    FROM checkout
    JOIN donation ON donation.checkout_id = checkout.id
    JOIN provider_line line ON line.checkout_id = checkout.id
    JOIN settlement_line paid_out ON paid_out.line_id = line.id
    JOIN settlement ON settlement.id = paid_out.settlement_id
    JOIN entry cleared ON cleared.book_id = checkout.book_id
      AND cleared.idempotency_key = 'cleared:' || donation.public_id
    JOIN transfer leg ON leg.entry_id = cleared.id
    JOIN account fund ON fund.id = leg.credit_id
    LEFT JOIN LATERAL (
      SELECT sum(CASE WHEN transfer.debit_id = fund.id THEN transfer.amount_minor ELSE -transfer.amount_minor END) AS minor
      FROM entry JOIN transfer ON transfer.entry_id = entry.id
      WHERE entry.book_id = checkout.book_id AND entry.idempotency_key IN
        ('fee:' || checkout.public_id || ':' || donation.public_id,
         'cover:' || checkout.public_id || ':' || donation.public_id)) AS fee ON true
    WHERE checkout.merchant_account_id = :merchant_id AND checkout.book_id = :book_id
      AND checkout.booked_as = 'cleared'
      AND settlement.released_at IS NOT NULL AND settlement.returned_entry_id IS NULL
      AND settlement.released_at < cleared.recorded_at
      AND leg.amount_minor > coalesce(fee.minor, 0)
      AND NOT EXISTS (SELECT FROM fund_release WHERE fund_release.entry_id = cleared.id)
    ORDER BY cleared.id
    """
)

# A fee has one leg against clearing, its cover one between the fee-cover fund and the fund.
_LEGS = text(
    """
    SELECT debit.code, credit.code, transfer.amount_minor, entry.campaign
    FROM entry
    JOIN transfer ON transfer.entry_id = entry.id
    JOIN account debit ON debit.id = transfer.debit_id
    JOIN account credit ON credit.id = transfer.credit_id
    WHERE entry.book_id = :book_id
      AND (entry.idempotency_key = ANY (CAST(:keys AS text[])) OR entry.id = ANY (CAST(:entries AS bigint[])))
    """
)
