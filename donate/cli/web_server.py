"""`donate web`: the web server alone, as `donate serve` starts it."""

import os

import click
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from donate.cli import opening
from donate.cli.given import pass_settings
from donate.cli.serving import environment_of, host_option, port_option, prepare, require_free_port
from donate.settings import Settings


@click.command(hidden=True)
@host_option
@port_option
@pass_settings
def web(settings: Settings, host: str, port: int) -> None:
    """Run the web server; its workers open the database themselves. The same as: donate serve --only web."""
    require_free_port(host, port)
    with opening.with_url(settings) as complete:
        prepare(settings, complete)
        os.environ.update(environment_of(complete))
        Granian(
            "donate.wsgi:app",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            workers=settings.workers,
            blocking_threads=settings.threads,
            http=HTTPModes.http1,
            websockets=False,
            respawn_failed_workers=True,
            workers_kill_timeout=8,
            log_level=LogLevels.warning,
        ).serve()
