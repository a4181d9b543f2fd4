"""The parts of an installation, each in a process of its own: `donate web`, `donate worker`, `donate sequencer`."""

import signal
import threading

import click

from donate import sequencer as sequencer_part
from donate import worker as worker_part
from donate.cli import log_keys, opening
from donate.cli.given import pass_settings
from donate.settings import Settings


@click.command()
@pass_settings
def worker(settings: Settings) -> None:
    """Run the jobs: repeat failed provider messages, ask about stale checkouts, check the ledger."""
    with opening.opened(settings, pool_size=worker_part.CONCURRENCY) as database:
        worker_part.run_forever(database, settings)


@click.command()
@pass_settings
def sequencer(settings: Settings) -> None:
    """Run the sequencer, which numbers entries for the public log and keeps the totals.

    Run one for an installation; a second one waits for the first. Without it the site still takes donations.
    """
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with opening.opened(settings, pool_size=2) as database:
        sequencer_part.run_forever(database, settings, stop, log_keys.publisher_for(settings, database))
