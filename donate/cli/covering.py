"""`donate cover fill`: money for the fund that pays processing fees."""

from datetime import date

import click
from sqlalchemy import select

from donate import clock
from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.cli.organisation_options import day, filled
from donate.errors import N_, DonateError
from donate.ledger.chart import Reason
from donate.ledger.cover import CODE, key_of
from donate.ledger.cover import fill as fill_cover
from donate.ledger.journal import Leg, NewEntry
from donate.ledger.models import Book
from donate.money import parse_amount
from donate.settings import Settings


class NoSuchBook(DonateError):
    sentence = N_("There is no book “%(ref)s” here.")
    status = 404


class NothingToFill(DonateError):
    sentence = N_("The fee-cover fund is filled with an amount above zero.")


class NotArrivedYet(DonateError):
    sentence = N_("%(on)s lies ahead; money is recorded when it has arrived.")


@click.group()
def cover() -> None:
    """Look after the fee-cover fund, which pays processing fees so that small donations arrive whole."""


@cover.command()
@click.option("--book", "ref", required=True, metavar="REF", help="The book whose fund it is.")
@click.option("--amount", required=True, help="How much, in the book's currency, such as 500.00.")
@click.option("--reference", required=True, callback=filled, help="The bank's reference; it is never booked twice.")
@click.option("--received-on", "on", callback=day, metavar="YYYY-MM-DD", required=True, help="When the bank had it.")
@click.option("--opening", is_flag=True, help="The money was there when the book was opened, and is no donation now.")
@pass_settings
def fill(settings: Settings, ref: str, amount: str, reference: str, on: date, opening: bool) -> None:
    """Record money in the charity's bank account that was given to pay fees.

    Who gave it bears the fees: the entry is public, the reference stays private. The same reference with the same content
    changes nothing; with other content it is refused.
    """
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        book = session.scalar(select(Book).filter_by(ref=ref)) if ref.isprintable() else None
        if book is None:
            raise NoSuchBook(ref=ref[:60])
        money = parse_amount(amount, book.currency)
        if not money.minor:
            raise NothingToFill
        if on > clock.today(book.time_zone):
            raise NotArrivedYet(on=on)
        posted = fill_cover(
            session,
            NewEntry(
                book_id=book.id,
                reason=Reason.OPENING if opening else Reason.RECORDED_DONATION,
                idempotency_key=key_of(reference),
                effective_on=on,
                legs=(Leg(debit="bank", credit=CODE, amount_minor=money.minor),),
                private={"reference": reference},
            ),
        )
    said = "The fee-cover fund holds" if posted.is_new else "This was recorded before; nothing changed. It was"
    click.echo(f"{said} {money.plain} {money.currency}{' more' if posted.is_new else ''}: entry {posted.entry_id}")
