"""The options that commands about organisations share, and how an organisation is found by its reference."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.errors import N_, DonateError
from donate.organisations import service
from donate.organisations.models import Organisation
from donate.settings import Settings


class NoSuchOrganisation(DonateError):
    sentence = N_("There is no organisation with the reference “%(ref)s”.")
    status = 404


def day(_ctx: click.Context, _param: click.Parameter, value: str | None) -> date | None:
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


def filled(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("must not be empty.")
    return value


def described(*, is_new: bool = True) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of what stands on an organisation's page; of a new one its reference and names must be given."""
    default = "" if is_new else None

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(
            (
                click.option("--name-zh", required=is_new, callback=filled, help="Its name in Chinese."),
                click.option("--name-en", required=is_new, callback=filled, help="Its name in English."),
                click.option("--about-zh", default=default, help="What it is, in Chinese (public)."),
                click.option("--about-en", default=default, help="What it is, in English (public)."),
                click.option("--address-zh", default=default, help="Its address in Chinese (public)."),
                click.option("--address-en", default=default, help="Its address in English (public)."),
                click.option("--phone", default=default, help="Its telephone number (public)."),
                click.option("--email", default=default, help="Its e-mail address (public)."),
            )
        ):
            command = option(command)
        if is_new:
            command = click.option(
                "--ref", required=True, help="Its reference in addresses and in the ledger, for ever."
            )(command)
        return command

    return decorate


def agreed(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a written agreement."""
    for option in reversed(
        (
            click.option(
                "--signed-on",
                callback=day,
                metavar="YYYY-MM-DD",
                required=True,
                help="The day of their written agreement.",
            ),
            click.option(
                "--ends-on", callback=day, metavar="YYYY-MM-DD", help="The last day of the agreement, if it has one."
            ),
            click.option(
                "--document",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                help="The signed agreement; its SHA-256 is kept, the file stays with you.",
            ),
        )
    ):
        command = option(command)
    return command


def licensed(number_option: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options of a licence."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(
            (
                click.option(
                    number_option, "number", required=True, callback=filled, help="Number of the fundraising licence."
                ),
                click.option(
                    "--valid-from",
                    callback=day,
                    metavar="YYYY-MM-DD",
                    required=True,
                    help="The first day on which it counts.",
                ),
                click.option(
                    "--valid-to",
                    callback=day,
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


def organisation_of(session: Session, ref: str) -> Organisation:
    found = session.scalar(select(Organisation).filter_by(ref=ref)) if service.is_ref(ref) else None
    if found is None:
        raise NoSuchOrganisation(ref=ref[:60])
    return found


def page_of(settings: Settings, ref: str) -> str:
    return f"{settings.base_url}/zh/o/{ref}"
