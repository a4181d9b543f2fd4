"""`donate serve`: all parts of an installation under one parent."""

import errno
import os
import socket
import sys

import click

from donate.cli import opening
from donate.cli.given import pass_settings
from donate.db.migrate import migrate
from donate.errors import N_, DonateError
from donate.giving.challenge import challenge_of
from donate.giving.merchants import require_usable_accounts
from donate.processes import Parent, Part
from donate.settings import Settings

PARTS = ("web", "worker", "sequencer")

host_option = click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
port_option = click.option(
    "--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="The port to listen on."
)


class PortTaken(DonateError):
    sentence = N_("Port %(port)s on %(host)s is taken by another program; choose another with --port.")


class AddressRefused(DonateError):
    sentence = N_("This machine cannot listen on %(host)s port %(port)s: %(reason)s.")


@click.command()
@host_option
@port_option
@click.option("--only", type=click.Choice(PARTS), multiple=True, help="Only this part; may be given more than once.")
@pass_settings
def serve(settings: Settings, host: str, port: int, only: tuple[str, ...]) -> None:
    """Run the web server, the worker and the sequencer under one parent.

    The parent starts a part again when it dies, and nothing stays behind when the parent ends, even by kill -9. On
    several machines run the web with --only web on each, and the sequencer once.
    """
    chosen = [name for name in PARTS if not only or name in only]
    parts = [part_named(name, host, port, is_vital=name == "web" or len(chosen) == 1) for name in chosen]
    if not only or "web" in only:
        require_free_port(host, port)
    with opening.with_url(settings) as complete:
        prepare(settings, complete)
        parent = Parent(parts, environment_of(complete), say=say)
        stayed_up = parent.run(lambda: say(f"Starting on http://{shown(host)}:{port} (Ctrl-C stops everything)."))
    if not stayed_up:
        raise SystemExit(1)


def part_named(name: str, host: str, port: int, *, is_vital: bool = True) -> Part:
    command = (sys.executable, "-m", "donate.cli", name)
    if name == "web":
        return Part(name="web server", command=(*command, "--host", host, "--port", str(port)), is_vital=is_vital)
    return Part(name=name, command=command, is_vital=is_vital)


def prepare(settings: Settings, complete: Settings) -> None:
    """A reachable and current database before anything is started; an embedded one is made current."""
    challenge_of(settings)
    with opening.reachable(complete, pool_size=1) as database:
        if settings.database_url is None:
            migrate(database)
        opening.require_newest(database)
        require_usable_accounts(settings)


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of the parts: ours, with the database and the instance folder that we found."""
    return {
        **os.environ,
        "DONATE_INSTANCE": str(settings.instance),
        "DONATE_DATABASE_URL": settings.database_url or "",
    }


def require_free_port(host: str, port: int) -> None:
    """The web server shares its port among its workers, so it would not notice a stranger on it. Raises PortTaken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(host=host, port=port) from None
        raise AddressRefused(host=host, port=port, reason=(error.strerror or str(error)).lower()) from None


def say(line: str) -> None:
    click.echo(line, err=True)


def shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host
