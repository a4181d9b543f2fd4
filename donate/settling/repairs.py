"""What stands in suspense although its owner is known by now: named in every run, put right where that was asked for.

A repair takes back nothing that happened: the entry against suspense is reversed by a new one, and the line meets
its owner, whose own entries were booked by the message that came late. Where staff had explained the line before, the
entry of that is reversed as well, or the money would be in the books twice; their words stay with the line.
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate import clock
from donate.db import reading, transaction
from donate.giving.models import Checkout
from donate.ledger import journal
from donate.ledger.models import Entry
from donate.settling import late, owners, shares
from donate.settling.differences import Difference, Found
from donate.settling.lines import Home, book_fee_of, book_refund_fee
from donate.settling.models import Met, ProviderLine

NOTE = "The owner of this balance line became known after it was put in suspense."


def standing(home: Home, *, repair: bool) -> list[tuple[Found, bool]]:
    """The lines of an account that stand unexplained or are known by now, and of each whether it was repaired."""
    with reading() as session:
        lines = [*_standing(session, home), *_explained(session, home)]
        known = owners.known(session, home.merchant_id, home.book_id, lines)
    found = []
    for line in lines:
        is_known = line.id in known and line.met == Met.SUSPENSE
        if line.explained_at is not None and not is_known:
            continue
        difference = Found(
            merchant_id=home.merchant_id,
            kind=Difference.LINE_KNOWN_NOW if is_known else Difference.LINE_UNEXPLAINED,
            subject=line.line_id,
            ours_minor=None,
            theirs_minor=line.net_minor,
            currency=line.currency,
        )
        if is_known and repair:
            with transaction() as session:
                give_to_owner(session, home, line, known[line.id])
        found.append((difference, is_known and repair))
    return found


def _standing(session: Session, home: Home) -> Sequence[ProviderLine]:
    return session.scalars(
        select(ProviderLine)
        .where(
            ProviderLine.merchant_account_id == home.merchant_id,
            ProviderLine.met.in_((Met.SUSPENSE.value, Met.UNBOOKED.value)),
            ProviderLine.explained_at.is_(None),
        )
        .order_by(ProviderLine.id)
    ).all()


def _explained(session: Session, home: Home) -> Sequence[ProviderLine]:
    """What staff said something of; whose it is may have become known only after that."""
    return session.scalars(
        select(ProviderLine)
        .where(
            ProviderLine.merchant_account_id == home.merchant_id,
            ProviderLine.met == Met.SUSPENSE.value,
            ProviderLine.explained_by.is_not(None),
        )
        .order_by(ProviderLine.id)
    ).all()


def give_to_owner(session: Session, home: Home, line: ProviderLine, owner: owners.Owner) -> None:
    """Take a line out of suspense and let it meet the owner whose own entries were booked later.

    Where its settlement was handed out meanwhile, its share goes from suspense to its owner as well. Nothing is done
    where somebody explained it, or gave it to its owner, in this moment.
    """
    explained_at = line.explained_at  # as it was read; `line` may be the very row that is read anew
    row = session.get_one(ProviderLine, line.id, with_for_update=True, populate_existing=True)
    if row.met != Met.SUSPENSE or row.explained_at != explained_at:
        return
    shares.lock(session, home.book_id)
    cleared_id = session.scalar(
        select(Entry.id).where(Entry.book_id == home.book_id, Entry.idempotency_key == f"line-cleared:{row.line_id}")
    )
    if cleared_id is not None:
        _reverse(session, home, cleared_id, f"line-cleared-known:{row.line_id}")
    reversal_id = None
    if row.entry_id is not None:
        reversal_id = _reverse(session, home, row.entry_id, f"line-known:{row.line_id}")
    if owner.met is Met.CHARGE and owner.checkout_id is not None:
        book_fee_of(session, home, row, session.get_one(Checkout, owner.checkout_id, with_for_update=True))
    if owner.met is not None:
        book_refund_fee(session, home, row, owner.met)
    row.met = None if owner.met is None else owner.met.value
    row.checkout_id, row.entry_id = owner.checkout_id, owner.entry_id
    session.flush()
    if reversal_id is not None:
        late.hand_over(session, home.book_id, row, reversal_id)


def _reverse(session: Session, home: Home, entry_id: int, key: str) -> int:
    posted = journal.reverse(
        session,
        book_id=home.book_id,
        entry_id=entry_id,
        idempotency_key=key,
        effective_on=clock.today(home.time_zone),
        note=NOTE,
    )
    return posted.entry_id
