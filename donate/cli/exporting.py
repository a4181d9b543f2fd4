"""`donate export`: the public ledger as a file."""

import sys
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.progress import DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TransferSpeedColumn
from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.campaigns.models import Campaign
from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.ledger.checks import newest_as_of
from donate.publiclog.export import stream_csv
from donate.settings import Settings


@click.command()
@click.option("--campaign", metavar="REF", help="Only the entries of one campaign.")
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; standard output without it."
)
@pass_settings
def export(settings: Settings, campaign: str | None, out: Path | None) -> None:
    """Write the public ledger as CSV, the same bytes that the site's download has.

    It holds every entry that has its number in the public log, and needs little memory however long that is.
    """
    with opened(settings, pool_size=1) as database, database.reading() as session, ExitStack() as stack:
        _require_campaign(session, campaign)
        as_of = newest_as_of(session)
        file = stack.enter_context(out.open("wb")) if out else sys.stdout.buffer
        progress = stack.enter_context(_progress(is_shown=out is not None))
        task = progress.add_task("Writing the ledger", total=None)
        for block in stream_csv(session.connection(), as_of=-1 if as_of is None else as_of, campaign=campaign):
            file.write(block)
            progress.advance(task, len(block))
        file.flush()
    if out is not None:
        said = "nothing yet" if as_of is None else f"the log up to number {as_of}"
        click.echo(f"{out}: {out.stat().st_size:,} bytes, {said}.", err=True)


def _progress(*, is_shown: bool) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), disable=not is_shown)


def _require_campaign(session: Session, ref: str | None) -> None:
    if ref is not None and session.scalar(select(Campaign.id).where(Campaign.ref == ref)) is None:
        raise click.UsageError(f"There is no campaign with the reference {ref}.")
