"""`donate migrate`."""

import click

from donate.cli import opening
from donate.cli.given import pass_settings
from donate.db.migrate import migrate as bring_to_newest
from donate.settings import Settings


@click.command()
@pass_settings
def migrate(settings: Settings) -> None:
    """Bring the database to the newest revision.

    Run it once after installation and after every upgrade, before the parts are started. Running it twice, or from
    two machines at once, is harmless. It connects as the owner (DONATE_DATABASE_URL), who may make roles on the server
    or was granted them (the README's section Deployment).
    """
    with opening.with_url(settings) as complete, opening.reachable(complete) as database:
        before = opening.revision_of(database)
        bring_to_newest(database, click.echo)
        after = opening.revision_of(database)
    if before == after:
        click.echo(f"The database is at the newest revision already: {after}.")
    else:
        click.echo(f"The database went from {before or 'empty'} to {after}.")
