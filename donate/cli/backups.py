"""`donate backup` and `donate restore`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from donate import backup as backups
from donate.cli import opening
from donate.cli.given import pass_settings
from donate.settings import Settings


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@pass_settings
def backup(settings: Settings, file: Path) -> None:
    """Write the database and the uploaded files to FILE (a tar).

    The site may go on meanwhile. FILE holds names and e-mail addresses, so it is made readable for you only; keep it
    encrypted. Secrets (keys, the instance's secret_key) are not in it; keep those elsewhere.
    """
    with opening.opened(settings, pool_size=1) as database, _steps() as progress:
        note = backups.make_backup(_plain(database.url), settings.instance / "files", file, progress)
    size = file.stat().st_size
    click.echo(f"{file}: {size:,} bytes, {note.entry_count:,} entries, revision {note.revision}.")


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Refused: a restore never overwrites (see above).")
@pass_settings
def restore(settings: Settings, file: Path, force: bool) -> None:
    """Fill an empty database and an empty instance folder from FILE.

    A restore never overwrites: entries newer than the backup were perhaps already shown to the public, and taking
    them back would make the public log contradict itself. Make a new database (or choose another DONATE_INSTANCE),
    restore into it, check it, and only then point the site at it.
    """
    if force:
        raise click.UsageError(
            "A restore never overwrites: entries newer than the backup were perhaps already shown to the public. "
            "Make a new, empty database, restore into it, and point DONATE_DATABASE_URL at it."
        )
    with opening.with_url(settings) as complete, opening.reachable(complete, pool_size=1) as database:
        with _steps() as progress:
            note = backups.restore_backup(_plain(database.url), settings.instance / "files", file, progress)
        newest = opening.newest_revision()
    click.echo(f"Restored {note.entry_count:,} entries as of {note.made_at}.")
    click.echo("Next: donate migrate" if note.revision != newest else "Next: donate check ledger")


@contextmanager
def _steps() -> Iterator[Callable[[str], None]]:
    """A spinner whose words change with each step."""
    with Console(stderr=True).status("Starting") as status:
        yield status.update


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)
