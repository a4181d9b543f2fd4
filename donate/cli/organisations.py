"""`donate organisation`: a host with its licence, book and merchant account, the partners under it, a renewed licence."""

import hashlib
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from zoneinfo import available_timezones

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.errors import N_, BadSetting, DonateError
from donate.ledger import books
from donate.ledger.models import Book, MerchantAccount
from donate.money import EXPONENTS
from donate.organisations import service
from donate.organisations.models import Organisation
from donate.payments.merchants import SandboxClosed
from donate.payments.tariffs import TARIFFS
from donate.settings import Settings
from donate.tlog.leaf import BOOK


class NoSuchOrganisation(DonateError):
    sentence = N_("There is no organisation with the reference “%(ref)s”.")
    status = 404


class BookReferenceNotUsable(DonateError):
    sentence = N_(
        "“%(ref)s” cannot name a book: use letters, figures, dots and hyphens, at most 32. Choose one with --book."
    )


def _day(_ctx: click.Context, _param: click.Parameter, value: str | None) -> date | None:
    """A date as YYYY-MM-DD and in no other spelling."""
    if value is None:
        return None
    try:
        day = date.fromisoformat(value)
    except ValueError:
        day = None
    if day is None or day.isoformat() != value:
        raise click.BadParameter(f"{value!r} is no day; write it like 2026-01-31.")
    return day


def _filled(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("must not be empty.")
    return value


def _known_zone(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if value not in available_timezones():
        raise click.BadParameter(f"{value!r} is no time zone; write it like Asia/Shanghai.")
    return value


def _described(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every organisation. What is public stands on its page."""
    for option in reversed(
        (
            click.option("--ref", required=True, help="Its reference in addresses and in the ledger, for ever."),
            click.option("--name-zh", required=True, callback=_filled, help="Its name in Chinese."),
            click.option("--name-en", required=True, callback=_filled, help="Its name in English."),
            click.option("--about-zh", default="", help="What it is, in Chinese (public)."),
            click.option("--about-en", default="", help="What it is, in English (public)."),
            click.option("--address-zh", default="", help="Its address in Chinese (public)."),
            click.option("--address-en", default="", help="Its address in English (public)."),
            click.option("--phone", default="", help="Its telephone number (public)."),
            click.option("--email", default="", help="Its e-mail address (public)."),
        )
    ):
        command = option(command)
    return command


def _licensed(number_option: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of a licence."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(
            (
                click.option(
                    number_option, "number", required=True, callback=_filled, help="Number of the fundraising licence."
                ),
                click.option(
                    "--valid-from",
                    callback=_day,
                    metavar="YYYY-MM-DD",
                    required=True,
                    help="The first day on which it counts.",
                ),
                click.option(
                    "--valid-to",
                    callback=_day,
                    metavar="YYYY-MM-DD",
                    required=True,
                    help="The last day on which it counts.",
                ),
                click.option("--issued-by-zh", default="", help="The authority that gave it, in Chinese."),
                click.option("--issued-by-en", default="", help="The authority that gave it, in English."),
            )
        ):
            command = option(command)
        return command

    return decorate


@click.group()
def organisation() -> None:
    """Register hosts and partners, renew licences: what an installation needs before its first campaign."""


@organisation.command()
@_described
@click.option("--credit-code", required=True, help="Its unified social credit code, 18 characters.")
@_licensed("--licence")
@click.option("--book", "book_ref", metavar="REF", help="Name of its book in the public log.  [default: that of --ref]")
@click.option("--currency", type=click.Choice(list(EXPONENTS)), default="CNY", show_default=True)
@click.option(
    "--time-zone", default="Asia/Shanghai", show_default=True, callback=_known_zone, help="Of the book's days."
)
@click.option(
    "--live", is_flag=True, help="Real money, for ever. Without it a sandbox book is opened, for ever as well."
)
@click.option("--merchant", required=True, metavar="REF", help="Name of its merchant account, as the settings have it.")
@click.option(
    "--provider", type=click.Choice(["stripe", "sandbox"]), help="[default: stripe with --live, otherwise sandbox]"
)
@click.option("--tariff", type=click.Choice(TARIFFS), default="mainland", show_default=True, help="The fees shown.")
@pass_settings
def host(
    settings: Settings,
    /,
    *,
    ref: str,
    credit_code: str,
    number: str,
    valid_from: date,
    valid_to: date,
    issued_by_zh: str,
    issued_by_en: str,
    book_ref: str | None,
    currency: str,
    time_zone: str,
    live: bool,
    merchant: str,
    provider: str | None,
    tariff: str,
    **facts: str,
) -> None:
    """Register a host, its licence, book and merchant account.

    All of them are registered or nothing is. Currency, time zone and mode of a book stand in the public log and
    cannot be changed later.
    """
    provider = provider or ("stripe" if live else "sandbox")
    _require_mode(settings, live=live, provider=provider)
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        made = service.register_organisation(session, ref=ref, kind="host", credit_code=credit_code, **facts)
        service.renew_licence(
            session,
            organisation=made,
            number=number,
            valid_from_on=valid_from,
            valid_to_on=valid_to,
            issued_by_zh=issued_by_zh,
            issued_by_en=issued_by_en,
        )
        book = books.open_book(
            session,
            ref=_free_book_ref(session, book_ref or ref),
            host=ref,
            currency=currency,
            mode="live" if live else "sandbox",
            time_zone=time_zone,
        )
        _require_free_merchant(session, merchant)
        books.open_merchant_account(
            session, book_id=book.id, ref=merchant, provider=provider, livemode=live, tariff=tariff
        )
    _tell_registered(settings, ref)
    if provider == "stripe":
        _tell_keys(settings, merchant)
    click.echo(f"  donate user create --organisation {ref} --membership reviewer --email … --name …")
    click.echo(f"  donate organisation partner --host {ref} --ref … --name-zh … --name-en … --signed-on …")


@organisation.command()
@_described
@click.option("--credit-code", help="Its unified social credit code, if it has one.")
@click.option("--host", "host_ref", required=True, metavar="REF", help="The host that it signed with.")
@click.option(
    "--signed-on", callback=_day, metavar="YYYY-MM-DD", required=True, help="The day of their written agreement."
)
@click.option("--ends-on", callback=_day, metavar="YYYY-MM-DD", help="The last day of the agreement, if it has one.")
@click.option(
    "--document",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The signed agreement; its SHA-256 is kept, the file stays with you.",
)
@pass_settings
def partner(
    settings: Settings,
    /,
    *,
    ref: str,
    credit_code: str | None,
    host_ref: str,
    signed_on: date,
    ends_on: date | None,
    document: Path | None,
    **facts: str,
) -> None:
    """Register a partner and put its agreement with a host on file."""
    if ends_on is not None and ends_on < signed_on:
        raise click.UsageError("--ends-on is before --signed-on.")
    digest = hashlib.sha256(document.read_bytes()).digest() if document else None
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        under = _organisation(session, host_ref)
        made = service.register_organisation(session, ref=ref, kind="partner", credit_code=credit_code, **facts)
        service.sign_agreement(
            session, host=under, partner=made, signed_on=signed_on, ends_on=ends_on, document_sha256=digest
        )
    if digest:
        click.echo(f"SHA-256 of the agreement: {digest.hex()}")
    _tell_registered(settings, ref)
    click.echo(f"  donate user create --organisation {ref} --membership editor --email … --name …")


@organisation.command()
@click.option("--host", "host_ref", required=True, metavar="REF", help="The host that holds the licence.")
@_licensed("--number")
@pass_settings
def licence(
    settings: Settings,
    /,
    *,
    host_ref: str,
    number: str,
    valid_from: date,
    valid_to: date,
    issued_by_zh: str,
    issued_by_en: str,
) -> None:
    """Put a host's next licence on file; earlier ones stay on its page."""
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        service.renew_licence(
            session,
            organisation=_organisation(session, host_ref),
            number=number,
            valid_from_on=valid_from,
            valid_to_on=valid_to,
            issued_by_zh=issued_by_zh,
            issued_by_en=issued_by_en,
        )
    click.echo(f"The licence counts from {valid_from} to {valid_to}: {_page(settings, host_ref)}")


def _require_mode(settings: Settings, *, live: bool, provider: str) -> None:
    """Whether the book's mode is that of the installation: of either kind there is no way back."""
    if live and not settings.is_production:
        raise BadSetting(name="DONATE_ENVIRONMENT", problem="--live moves real money and wants production")
    if settings.is_production and not live:
        raise BadSetting(name="DONATE_ENVIRONMENT", problem="production moves real money and wants --live")
    if provider == "sandbox" and not settings.is_sandbox and not live:
        raise SandboxClosed


def _organisation(session: Session, ref: str) -> Organisation:
    found = session.scalar(select(Organisation).filter_by(ref=ref)) if service.is_ref(ref) else None
    if found is None:
        raise NoSuchOrganisation(ref=ref[:60])
    return found


def _free_book_ref(session: Session, ref: str) -> str:
    if re.fullmatch(BOOK, ref) is None:
        raise BookReferenceNotUsable(ref=ref[:60])
    if session.scalar(select(Book.id).filter_by(ref=ref)) is not None:
        raise service.ReferenceTaken(ref=ref)
    return ref


def _require_free_merchant(session: Session, ref: str) -> None:
    service.check_ref(ref)
    if session.scalar(select(MerchantAccount.id).filter_by(ref=ref)) is not None:
        raise service.ReferenceTaken(ref=ref)


def _tell_registered(settings: Settings, ref: str) -> None:
    click.echo(f"Registered: {_page(settings, ref)}")
    click.echo("Next:")


def _tell_keys(settings: Settings, merchant: str) -> None:
    name = f"DONATE_STRIPE_{merchant.upper().replace('-', '_')}"
    click.echo(f"  set {name}_KEY and {name}_WEBHOOK_SECRETS, then start the web and the worker anew")
    click.echo(f"  at Stripe, send webhooks to {settings.base_url}/webhooks/stripe/{merchant}")


def _page(settings: Settings, ref: str) -> str:
    return f"{settings.base_url}/zh/o/{ref}"
