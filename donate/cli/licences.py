"""`donate organisation licence` and `revoke-licence`: a host's right to raise money in public."""

from datetime import date

import click

from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.cli.organisation_options import day, filled, licensed, organisation_of, page_of
from donate.organisations import service
from donate.settings import Settings


@click.command()
@click.option("--host", "host_ref", required=True, metavar="REF", help="The host that holds the licence.")
@licensed("--number")
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
            organisation=organisation_of(session, host_ref),
            number=number,
            valid_from_on=valid_from,
            valid_to_on=valid_to,
            issued_by_zh=issued_by_zh,
            issued_by_en=issued_by_en,
        )
    click.echo(f"The licence counts from {valid_from} to {valid_to}: {page_of(settings, host_ref)}")


@click.command("revoke-licence")
@click.option("--host", "host_ref", required=True, metavar="REF", help="The host that holds the licence.")
@click.option("--number", required=True, callback=filled, help="Number of the fundraising licence.")
@click.option(
    "--on", callback=day, metavar="YYYY-MM-DD", required=True, help="The first day on which it no longer counts."
)
@pass_settings
def revoke_licence(settings: Settings, /, *, host_ref: str, number: str, on: date) -> None:
    """Say that an authority has taken a licence back.

    From that day on the host's campaigns take no donations, unless another licence counts. The licence stays on its page.
    """
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        found = service.licence_to_revoke(session, organisation_of(session, host_ref), number, on)
        service.revoke_licence(session, licence=found, on=on)
    click.echo(f"The licence counts no longer from {on} on: {page_of(settings, host_ref)}")
