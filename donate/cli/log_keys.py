"""The public log's key: made, changed and taken out of use by a person; in development it makes itself."""

from pathlib import Path
from urllib.parse import urlsplit

import click

from donate.cli.given import pass_settings
from donate.db import Database
from donate.publiclog.keys import JOINT_DAYS, RETIRED, KeyFolder, NoLogKey
from donate.publiclog.publishing import Publisher, has_signed, publisher_of
from donate.settings import Settings


@click.group()
def key() -> None:
    """Make, change and retire the key under which the public log signs. How and when: .github/LOG.md."""


@key.command()
@click.option("--origin", help="The log's name for itself, for ever.  [default: the public address and /log]")
@pass_settings
def new(settings: Settings, origin: str | None) -> None:
    """Make the log's first key. Do this once, and keep a copy of the key's file where no fire reaches both."""
    folder = KeyFolder(settings.log_folder)
    made = folder.make(origin or origin_of(settings))
    click.echo(made)
    _say(f"The secret key is in {settings.log_folder}. Copy it now to a place apart, and publish the line above.")


@key.command()
@pass_settings
def change(settings: Settings) -> None:
    """Add a second key, which signs beside the first; start the sequencer again for it to count."""
    click.echo(KeyFolder(settings.log_folder).change())
    _say(f"Both keys sign from the sequencer's next start on. Publish the line above, and after {JOINT_DAYS} days run:")
    _say("donate log key retire")


@key.command()
@pass_settings
def retire(settings: Settings) -> None:
    """Take the older of two keys out of use; start the sequencer again for it to count."""
    click.echo(KeyFolder(settings.log_folder).retire())
    _say(f"This key signs no longer from the sequencer's next start on. It lies in {settings.log_folder / RETIRED}.")


def publisher_for(settings: Settings, database: Database) -> Publisher:
    """Who signs for this installation. Raises NoLogKey, LogKeysDiffer, KeyWrong.

    Where no real money moves and nothing was ever signed, a missing key is made.
    """
    folder: Path = settings.log_folder
    try:
        return publisher_of(folder)
    except NoLogKey:
        if settings.is_production or has_signed(database):
            raise
        KeyFolder(folder).make(origin_of(settings))
        return publisher_of(folder)


def origin_of(settings: Settings) -> str:
    """What a log calls itself where nobody says otherwise: its address without the scheme."""
    return f"{urlsplit(settings.base_url).netloc}/log"


def _say(line: str) -> None:
    click.echo(line, err=True)
