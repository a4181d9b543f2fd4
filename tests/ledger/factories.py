"""Books, funds and entries for tests, with overrides by keyword."""

from datetime import date
from itertools import count
from typing import Any

from sqlalchemy.orm import Session

from donate.ledger import books, journal
from donate.ledger.chart import Reason, fund_code
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.release import release

_numbers = count(1)


def open_book(session: Session, **overrides: Any) -> int:
    """The id of a book with two funds, `fund:rice` and `fund:soup`."""
    facts = {
        "ref": f"book-{next(_numbers)}",
        "host": "host",
        "currency": "CNY",
        "mode": "sandbox",
        "time_zone": "Asia/Shanghai",
    }
    book_id: int = books.open_book(session, **(facts | overrides)).id
    for campaign in ("rice", "soup"):
        books.open_fund(session, book_id=book_id, campaign=campaign)
    return book_id


def donation(book_id: int, **overrides: Any) -> NewEntry:
    """A donation of 15.00 to the fund `rice`."""
    facts: dict[str, Any] = {
        "book_id": book_id,
        "reason": Reason.DONATION,
        "idempotency_key": f"donation:{next(_numbers)}",
        "effective_on": date(2026, 11, 23),
        "legs": (Leg(debit="clearing", credit=fund_code("rice"), amount_minor=1500),),
        "campaign": "rice",
    }
    return NewEntry(**(facts | overrides))


def settled_fund(session: Session, book_id: int, amount_minor: int) -> None:
    """Bring `amount_minor` of the fund `rice` from a donation to the bank and release it for spending."""
    journal.post(
        session, [donation(book_id, legs=(Leg(debit="clearing", credit="fund:rice", amount_minor=amount_minor),))]
    )
    (posted,) = journal.post(
        session,
        [
            donation(
                book_id,
                reason=Reason.SETTLEMENT,
                campaign=None,
                legs=(Leg(debit="bank", credit="clearing", amount_minor=amount_minor),),
            )
        ],
    )
    release(session, book_id=book_id, entry_id=posted.entry_id, amounts={"fund:rice": amount_minor})


def disbursement(book_id: int, amount_minor: int, **overrides: Any) -> NewEntry:
    """An approved disbursement from the fund `rice` to the payee `school`."""
    facts: dict[str, Any] = {
        "reason": Reason.DISBURSEMENT_APPROVED,
        "legs": (Leg(debit="fund:rice", credit="payable:school", amount_minor=amount_minor),),
    }
    return donation(book_id, **(facts | overrides))
