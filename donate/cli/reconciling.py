"""`donate reconcile`."""

from datetime import UTC, datetime

import click
from rich.console import Console

from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.settings import Settings
from donate.settling import opening
from donate.settling.reconcile import Report
from donate.settling.reconcile import reconcile as run


@click.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Read again from this day (UTC) on.")
@click.option("--repair", is_flag=True, help="Put right what can be put right by new entries; else it is only named.")
@click.option("--merchant", metavar="REF", help="One merchant account only.")
@click.option("--open-with-balance", is_flag=True, help="First book what the account held before it was connected.")
@pass_settings
def reconcile(
    settings: Settings, since: datetime | None, repair: bool, merchant: str | None, open_with_balance: bool
) -> None:
    """Fetch everything that the payment provider would have told us, and publish what then still differs.

    Goes on where the last run got to. Messages, balance lines and settlements that are new are booked, as if they had
    been delivered. Only --repair reverses an entry of ours: a balance line that was put in suspense and whose owner
    became known since. A merchant account that was in use before, and holds money of that time, is opened once by
    --open-with-balance, in its first days: one entry from the opening balance, refused later. Exit code 0: nothing
    differs. 1: something does; each difference is printed and published.
    """
    if open_with_balance and merchant is None:
        raise click.UsageError("--open-with-balance needs --merchant: one account is opened at a time.")
    begin = None if since is None else since.replace(tzinfo=UTC)
    with opened(settings, pool_size=2):
        if open_with_balance and merchant is not None:
            _open(settings, merchant)
        report = run(settings, since=begin, repair=repair, merchant=merchant, by_hand=True)
    _print(report)
    if report.difference_count:
        raise SystemExit(1)


def _open(settings: Settings, merchant: str) -> None:
    try:
        amount_minor = opening.open_with_balance(settings, merchant)
    except (opening.OpenedAlready, opening.TooLateToOpen) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"Opening balance of {merchant}: {amount_minor} (minor units).")


def _print(report: Report) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"Run {report.run_id}: {report.event_count} messages fetched, {report.line_count} balance lines, "
        f"{report.settlement_count} settlements, {report.checkout_count} checkouts asked about."
    )
    for difference, was_repaired in report.found:
        mark = "repaired" if was_repaired else "differs "
        figures = f"ours {difference.ours_minor}, theirs {difference.theirs_minor} {difference.currency}"
        console.print(f"{mark} {difference.kind.value} {difference.subject}: {figures}", markup=False)
        console.print(f"         {difference.kind.sentence}", markup=False)
    console.print(f"{report.difference_count} differences stand.")
