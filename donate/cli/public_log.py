"""`donate log`: the public log's keys, and the log as a folder of files."""

from pathlib import Path

import click
from rich.console import Console

from donate.cli import opening
from donate.cli.given import pass_settings
from donate.cli.log_keys import key
from donate.publiclog import mirror
from donate.settings import Settings


@click.group()
def log() -> None:
    """The public log: its keys, and all of it as files."""


log.add_command(key)


@log.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@pass_settings
def export(settings: Settings, folder: Path) -> None:
    """Write the whole published log to FOLDER, byte for byte as it is served; again later, only what is new.

    Any web server of static files makes a mirror of it. The checkpoint is written last, so that FOLDER is whole at
    every moment.
    """
    console = Console(stderr=True, highlight=False)
    with opening.opened(settings) as database, console.status("Writing the log") as status:
        size = mirror.export(database, folder, lambda done: status.update(f"Writing the log: {done:,} files"))
    click.echo(f"{folder}: the log up to {size} lines")
