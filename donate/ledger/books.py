"""Opening books, merchant accounts and ledger accounts."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from donate import clock
from donate.errors import N_, DonateError
from donate.ledger import chart
from donate.ledger.cover_models import CoverStock
from donate.ledger.models import Account, Book, FundStock, MerchantAccount
from donate.tlog import leaf


class BookOfOtherMode(DonateError):
    """Play money would stand in real books, or real money in those of the sandbox; neither can ever be undone."""

    sentence = N_("A merchant account that moves no money belongs to a sandbox book, and one that does to a live book.")
    status = 409


@dataclass(frozen=True, slots=True)
class BookFacts:
    """What other rooms need to know of a book."""

    id: int
    ref: str
    host: str
    currency: str
    mode: str
    time_zone: str


def open_book(session: Session, *, ref: str, host: str, currency: str, mode: str, time_zone: str) -> Book:
    """A new book with the standard accounts of the chart.

    Raises NotCanonical for what the public log, which names the book in every line, could not spell.
    """
    opened_on = clock.today(time_zone)
    leaf.encode(leaf.OpenBook(seq=0, book=ref, day=opened_on, host=host, cur=currency, mode=mode, zone=time_zone))
    book = Book(ref=ref, host=host, currency=currency, mode=mode, time_zone=time_zone, opened_at=clock.now())
    session.add(book)
    session.flush()
    session.execute(
        insert(Account),
        [
            {
                "book_id": book.id,
                "code": code,
                "account_class": chart.kind_of(code).account_class,
                "opened_at": book.opened_at,
            }
            for code in chart.STANDARD_CODES
        ],
    )
    cover_id = open_account(session, book_id=book.id, code="fee_cover")
    session.add(CoverStock(account_id=cover_id, book_id=book.id, available_minor=0))
    session.flush()
    return book


def open_account(session: Session, *, book_id: int, code: str, campaign: str | None = None) -> int:
    """The id of the account with this code, opened if it was not there. Raises KeyError for an unknown kind."""
    account_class = chart.kind_of(code).account_class
    session.execute(
        insert(Account)
        .values(book_id=book_id, code=code, account_class=account_class, campaign=campaign, opened_at=clock.now())
        .on_conflict_do_nothing()
    )
    account_id: int = session.scalars(select(Account.id).filter_by(book_id=book_id, code=code)).one()
    return account_id


def open_fund(session: Session, *, book_id: int, campaign: str) -> int:
    """The id of a campaign's fund, opened with an empty stock row if it was not there."""
    account_id = open_account(session, book_id=book_id, code=chart.fund_code(campaign), campaign=campaign)
    session.execute(
        insert(FundStock).values(account_id=account_id, book_id=book_id, available_minor=0).on_conflict_do_nothing()
    )
    return account_id


def open_merchant_account(
    session: Session, *, book_id: int, ref: str, provider: str, livemode: bool, tariff: str
) -> MerchantAccount:
    """The book's account at a provider. Raises BookOfOtherMode."""
    if livemode != (session.get_one(Book, book_id).mode == "live") or (livemode and provider == "sandbox"):
        raise BookOfOtherMode
    merchant = MerchantAccount(
        book_id=book_id, ref=ref, provider=provider, livemode=livemode, tariff=tariff, opened_at=clock.now()
    )
    session.add(merchant)
    session.flush()
    return merchant


def account_ids(session: Session, book_id: int) -> dict[str, int]:
    """Account ids of a book by code."""
    rows = session.execute(select(Account.code, Account.id).where(Account.book_id == book_id))
    return dict(rows.all())


def book_facts(session: Session, book_id: int) -> BookFacts:
    """The facts of one book."""
    book = session.get_one(Book, book_id)
    return BookFacts(book.id, book.ref, book.host, book.currency, book.mode, book.time_zone)
