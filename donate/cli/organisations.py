"""`donate organisation`: a host with its licence, book and merchant account, the partners under it, what changes of them."""

import hashlib
import re
from datetime import date
from pathlib import Path
from zoneinfo import available_timezones

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.cli.agreements import agreement
from donate.cli.given import pass_settings
from donate.cli.licences import licence, revoke_licence
from donate.cli.opening import opened
from donate.cli.organisation_options import agreed, described, licensed, organisation_of, page_of
from donate.errors import N_, BadSetting, DonateError
from donate.ledger import books
from donate.ledger.models import Book, MerchantAccount
from donate.money import EXPONENTS
from donate.organisations import service
from donate.payments.merchants import SandboxClosed
from donate.payments.tariffs import TARIFFS
from donate.settings import Settings
from donate.tlog.leaf import BOOK


class BookReferenceNotUsable(DonateError):
    sentence = N_(
        "“%(ref)s” cannot name a book: use letters, figures, dots and hyphens, at most 32. Choose one with --book."
    )


def _known_zone(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if value not in available_timezones():
        raise click.BadParameter(f"{value!r} is no time zone; write it like Asia/Shanghai.")
    return value


@click.group()
def organisation() -> None:
    """Register hosts and partners, keep licences and agreements on file: what campaigns stand on."""


@organisation.command()
@described()
@click.option("--credit-code", required=True, help="Its unified social credit code, 18 characters.")
@licensed("--licence")
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
@described()
@click.option("--credit-code", help="Its unified social credit code, if it has one.")
@click.option("--host", "host_ref", required=True, metavar="REF", help="The host that it signed with.")
@agreed
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
    digest = hashlib.sha256(document.read_bytes()).digest() if document else None
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        under = organisation_of(session, host_ref)
        made = service.register_organisation(session, ref=ref, kind="partner", credit_code=credit_code, **facts)
        service.sign_agreement(
            session, host=under, partner=made, signed_on=signed_on, ends_on=ends_on, document_sha256=digest
        )
    if digest:
        click.echo(f"SHA-256 of the agreement: {digest.hex()}")
    _tell_registered(settings, ref)
    click.echo(f"  donate user create --organisation {ref} --membership editor --email … --name …")


@organisation.command()
@click.option("--ref", required=True, help="The organisation.")
@described(is_new=False)
@pass_settings
def edit(settings: Settings, /, *, ref: str, **facts: str | None) -> None:
    """Change what the page of an organisation says: name, description, address, telephone, e-mail.

    Only what is given changes; an empty text takes a fact away. Reference, kind and credit code stay for ever.
    """
    given = {name: text for name, text in facts.items() if text is not None}
    if not given:
        raise click.UsageError("Say what changes, such as --phone.")
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        service.edit_organisation(session, organisation_of(session, ref), **given)
    click.echo(f"Changed: {page_of(settings, ref)}")


def _require_mode(settings: Settings, *, live: bool, provider: str) -> None:
    """Whether the book's mode is that of the installation: of either kind there is no way back."""
    if live and not settings.is_production:
        raise BadSetting(name="DONATE_ENVIRONMENT", problem="--live moves real money and wants production")
    if settings.is_production and not live:
        raise BadSetting(name="DONATE_ENVIRONMENT", problem="production moves real money and wants --live")
    if provider == "sandbox" and not settings.is_sandbox and not live:
        raise SandboxClosed


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
    click.echo(f"Registered: {page_of(settings, ref)}")
    click.echo("Next:")


def _tell_keys(settings: Settings, merchant: str) -> None:
    name = f"DONATE_STRIPE_{merchant.upper().replace('-', '_')}"
    click.echo(f"  set {name}_KEY and {name}_WEBHOOK_SECRETS, then start the web and the worker anew")
    click.echo(f"  at Stripe, send webhooks to {settings.base_url}/webhooks/stripe/{merchant}")


for command in (agreement, licence, revoke_licence):
    organisation.add_command(command)
