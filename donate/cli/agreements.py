"""`donate organisation agreement`: the next written agreement of a host with a partner."""

import hashlib
from datetime import date
from pathlib import Path

import click

from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.cli.organisation_options import agreed, organisation_of, page_of
from donate.organisations import service
from donate.settings import Settings


@click.command()
@click.option("--host", "host_ref", required=True, metavar="REF", help="The host.")
@click.option("--partner", "partner_ref", required=True, metavar="REF", help="The partner, registered already.")
@agreed
@pass_settings
def agreement(
    settings: Settings,
    /,
    *,
    host_ref: str,
    partner_ref: str,
    signed_on: date,
    ends_on: date | None,
    document: Path | None,
) -> None:
    """Put the next agreement of a host with a partner on file; earlier ones stay.

    Also for a partner that works under a second host.
    """
    digest = hashlib.sha256(document.read_bytes()).digest() if document else None
    with opened(settings, pool_size=1) as database, database.transaction() as session:
        service.sign_agreement(
            session,
            host=organisation_of(session, host_ref),
            partner=organisation_of(session, partner_ref),
            signed_on=signed_on,
            ends_on=ends_on,
            document_sha256=digest,
        )
    if digest:
        click.echo(f"SHA-256 of the agreement: {digest.hex()}")
    click.echo(
        f"The agreement counts from {signed_on}{f' to {ends_on}' if ends_on else ' on'}: {page_of(settings, partner_ref)}"
    )
