"""`donate check`: whether what must hold, holds."""

import click
from rich.console import Console

from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.giving.checks import ALL_CHECKS
from donate.ledger import checks
from donate.settings import Settings


@click.group()
def check() -> None:
    """Check that what must hold, holds."""


@check.command()
@pass_settings
def ledger(settings: Settings) -> None:
    """Run every check of the ledger over one snapshot, print each, and keep the result, which is public.

    Exit code 0: all hold. 1: one does not; its line is followed by what offends.
    """
    console = Console(highlight=False, soft_wrap=True)
    with opened(settings, pool_size=1) as database:
        with Console(stderr=True).status("Checking the ledger"), database.reading() as session:
            results = checks.run_checks(session, ALL_CHECKS, merge_delay_seconds=settings.merge_delay_seconds)
            as_of = checks.newest_as_of(session)
        with database.transaction() as session:
            checks.store_result(session, results, as_of)
    for result in results:
        mark = "[green]ok  [/]" if result.is_ok else "[red]FAIL[/]"
        console.print(f"{mark} {result.name}: {result.sentence}")
        for offender in result.offending:
            console.print(f"       {offender}", markup=False)
    failed = sum(not result.is_ok for result in results)
    console.print(
        f"{len(results) - failed} of {len(results)} hold, as of {'an empty log' if as_of is None else as_of}."
    )
    if failed:
        raise SystemExit(1)
