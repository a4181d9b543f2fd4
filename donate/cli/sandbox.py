"""`donate sandbox serve`: the built-in sandbox for a program outside this one."""

import signal
import threading

import click
from sqlalchemy import select

from donate.cli.given import pass_settings
from donate.cli.opening import opened
from donate.cli.serving import require_free_port
from donate.db import Database
from donate.errors import N_, DonateError
from donate.giving.service import merchant_ref
from donate.ledger.models import MerchantAccount
from donate.payments.gateway import MerchantRef
from donate.payments.sandbox import keys
from donate.payments.sandbox.server import HOST, serving
from donate.settings import Settings

THREADS = 4  # connections to the database; a further call waits for one


class SandboxBesideKeys(DonateError):
    """Whoever reads its answers must not take them for the provider's."""

    sentence = N_("The sandbox does not run in production or where keys of a provider are set: it moves no money.")
    status = 409


@click.group()
def sandbox() -> None:
    """Use the built-in payment sandbox from outside."""


@sandbox.command()
@click.option("--port", type=click.IntRange(1, 65535), default=12111, show_default=True, help="The port on 127.0.0.1.")
@pass_settings
def serve(settings: Settings, port: int) -> None:
    """Answer as the payment provider does, on this machine only, until Ctrl-C.

    For trying a client or an SDK against the same sandbox that `donate serve` pays with when no key is set: point it at the
    printed address with the printed key. Its messages are delivered by `donate worker`. Refused in production.
    """
    if settings.is_production or not settings.is_sandbox:
        raise SandboxBesideKeys
    require_free_port(HOST, port)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with (
        opened(settings, pool_size=THREADS) as database,
        serving(database, settings.secret_key, settings.base_url, port) as address,
    ):
        click.echo(f"The sandbox answers on {address} (Ctrl-C stops it). No money moves.")
        for merchant in _merchants(database):
            click.echo(f"{merchant.ref}: {keys.api_key(settings.secret_key, merchant)}")
        stop.wait()


def _merchants(database: Database) -> list[MerchantRef]:
    with database.reading() as session:
        query = select(MerchantAccount).where(MerchantAccount.provider == "sandbox").order_by(MerchantAccount.id)
        return [merchant_ref(merchant) for merchant in session.scalars(query)]
