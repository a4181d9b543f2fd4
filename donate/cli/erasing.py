"""`donate erase`: a donor asks that we forget them."""

import sys

import click

from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.db import Database, Role
from donate.erasing import service
from donate.erasing.finding import Donor, UnknownDonor, find
from donate.erasing.open_cases import running_promises
from donate.erasing.provider import AtProvider, at_provider
from donate.erasing.service import CasesOpen, Report
from donate.errors import N_, DonateError, NotFound
from donate.files.store import Store
from donate.giving.recurring_models import StopReason
from donate.giving.recurring_sync import stop_recurring
from donate.people.models import GlobalRole, User
from donate.people.service import NotAnEmail, user_id_of
from donate.settings import Settings


class Unknown(click.ClickException):
    exit_code = 3


class UnderWay(click.ClickException):
    exit_code = 4


class NotAnAdmin(DonateError):
    sentence = N_(
        "--by names an administrator of this installation who can sign in; the record of the erasure keeps who it was."
    )


@click.command()
@click.option("--receipt", metavar="NUMBER", help="The number of one of the donor's receipts, such as 2026-0000123.")
@click.option("--book", metavar="REF", help="Whose receipt it is, where several books have its number.")
@click.option(
    "--link", metavar="LINK", help="The link of a receipt page, or the secret in it; `-` reads it from the input."
)
@click.option("--email", metavar="ADDRESS", help="The donor's e-mail address; `-` reads it from the input.")
@click.option("--only-this", is_flag=True, help="Only what this receipt or link opens, not what else the donor gave.")
@click.option("--end-monthly", is_flag=True, help="End the donor's monthly donations at the provider first.")
@click.option("--by", metavar="ADDRESS", help="The administrator who erases; wanted with --yes.")
@click.option("--yes", is_flag=True, help="Erase. Without it the command only says what it would erase.")
@pass_settings
def erase(
    settings: Settings,
    receipt: str | None,
    book: str | None,
    link: str | None,
    email: str | None,
    only_this: bool,
    end_monthly: bool,
    by: str | None,
    yes: bool,
) -> None:
    """Erase who a donor is, in two steps.

    At once goes everything that no law keeps: names, messages, e-mail addresses, words about refunds, messages of the payment
    provider. What a law keeps gets the day on which it goes; the nightly job erases it then. Amounts, days and the public
    log stay, and name nobody. A proof file that the donor saved before still opens; offer it to them first.

    \b
    Exit codes: 0 done (or listed), 1 an error, 2 wrong usage, 3 no such donor,
    4 something is under way (a refund, a dispute, a monthly donation …); nothing was erased then.
    """
    if sum(given is not None for given in (receipt, link, email)) != 1:
        raise click.UsageError("Name the donor by exactly one of --receipt, --link and --email.")
    if yes and by is None:
        raise click.UsageError("--yes wants --by.")
    donor = Donor(receipt=receipt, book=book, link=_given(link), email=_given(email), is_alone=only_this)
    try:
        with opened(settings, pool_size=2) as database:
            _run(database, settings, donor, by=by if yes else None, end_monthly=end_monthly)
    except UnknownDonor as error:
        raise Unknown(str(error)) from None
    except CasesOpen as error:
        raise UnderWay(str(error)) from None


def _given(option: str | None) -> str | None:
    """An address on the command line stays in the shell's history, and every user of the machine sees it meanwhile."""
    return sys.stdin.readline().strip() if option == "-" else option


def _run(database: Database, settings: Settings, donor: Donor, *, by: str | None, end_monthly: bool) -> None:
    if donor.email is not None:
        _say_if_user(database, donor.email)
    if by is None:
        with database.reading(Role.ERASER) as session:
            _tell(service.look(session, donor), is_done=False)
        click.echo("Nothing was erased. To erase: the same with --yes --by ADDRESS")
        return
    user_id = _admin(database, by)
    if end_monthly:
        _end_monthly(database, settings, donor)
    with database.transaction(Role.ERASER) as session:
        report = service.erase(session, Store(settings.instance / "files"), donor, by=user_id)
        elsewhere = at_provider(session, report.subjects)
    _tell(report, is_done=True)
    _tell_elsewhere(elsewhere)


def _admin(database: Database, email: str) -> int:
    with database.reading() as session:
        try:
            user = session.get_one(User, user_id_of(session, email=email))
        except (NotFound, NotAnEmail):
            raise NotAnAdmin from None
        if user.role != GlobalRole.ADMIN or not user.active:
            raise NotAnAdmin
        return user.id


def _say_if_user(database: Database, email: str) -> None:
    try:
        with database.reading() as session:
            user_id_of(session, email=email)
    except (NotFound, NotAnEmail):
        return
    click.echo("Somebody signs in with this address, which this command leaves alone: donate user deactivate")


def _end_monthly(database: Database, settings: Settings, donor: Donor) -> None:
    """At the provider, with no transaction open; written down first, so that it is ended in any case."""
    with database.reading(Role.ERASER) as session:
        running = running_promises(session, find(session, donor))
    for public_id in running:
        stop_recurring(public_id, StopReason.DONOR, settings)
    if running:
        click.echo(f"Ended at the provider: monthly donations ({len(running)})")


def _tell(report: Report, *, is_done: bool) -> None:
    found = report.subjects
    click.echo(
        f"Of this donor: payments {len(found.checkouts)}, recorded donations {len(found.recorded)}, "
        f"large donations {len(found.large)}, complaints {len(found.complaints)}"
    )
    click.echo(f"Erased: {report.erased_count}" if is_done else f"Would be erased now: {report.erased_count}")
    for one in report.places:
        if one.now_count:
            click.echo(f"  {one.now_count:>5}  {one.place.sentence}")
    _tell_kept(report)
    if report.cases:
        click.echo("Under way, and to be ended first:")
        for case in report.cases:
            click.echo(f"         {case.sentence}")
    if report.erasure_id is not None:
        click.echo(f"Record of the erasure: {report.erasure_id}")


def _tell_kept(report: Report) -> None:
    kept = [one for one in report.places if one.kept]
    if kept:
        click.echo("Kept until its day, then erased by the nightly job:")
    for one in kept:
        rule = one.place.rule.sentence if one.place.rule else ""
        for day, count in one.kept:
            click.echo(f"  {count:>5}  {one.place.sentence}, until {day}: {rule}")
    waiting = [one for one in report.places if one.waiting_count]
    if waiting:
        click.echo("Needed by what is under way, and erased by the nightly job after it:")
    for one in waiting:
        click.echo(f"  {one.waiting_count:>5}  {one.place.sentence}")


def _tell_elsewhere(elsewhere: list[AtProvider]) -> None:
    real = [one for one in elsewhere if one.provider != "sandbox"]
    if real:
        click.echo(
            "The payment provider keeps what the donor typed on its page, under duties of its own. Ask its support to redact "
            "these payments, and delete the customers of these monthly donations in its dashboard:"
        )
    for one in real:
        click.echo(f"  {one.merchant}: {', '.join((*one.payments, *one.promises))}")
