"""`donate demo`: the sample world, with all parts running, in a folder of its own."""

import http.client
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import click
import psycopg
from rich.console import Console
from sqlalchemy import make_url

from donate.cli import opening
from donate.cli.given import pass_settings
from donate.cli.serving import PARTS, host_option, part_named, port_option, require_free_port, say, shown
from donate.db import embedded
from donate.db.migrate import migrate
from donate.demo.life import trickle as give_now_and_then
from donate.demo.logins import Login
from donate.demo.world import WorldHalfBuilt, build_world, stands_already
from donate.errors import N_, DonateError
from donate.processes import Parent
from donate.settings import Settings, read_settings

# What belongs to a real installation and never to the sample world.
LEFT_OUT = ("DONATE_DATABASE_URL", "DONATE_STRIPE_", "DONATE_ENVIRONMENT", "DONATE_SECRET_KEY")
# Visitors of the sample world wait for their number in the ledger, so it comes soon.
SEQUENCER_SECONDS = 2
PATIENT_SECONDS = 60
ANY_ADDRESS = ("", "0", "::", str(IPv4Address(0)))

Progress = Callable[[str], None]


class WorldInUse(DonateError):
    sentence = N_("Another demo is running in %(folder)s; stop it before you start afresh.")


@click.command()
@host_option
@port_option
@click.option("--fresh", is_flag=True, help="Throw the sample world away and build a new one.")
@pass_settings
def demo(settings: Settings, host: str, port: int, fresh: bool) -> None:
    """Show everything at work: a sample world on a database of its own, with payments that move no money.

    It lives in instance/demo, whatever the other settings say. Sign-ins are printed when it is ready; a slow trickle
    of sample donations keeps the pages moving. Ctrl-C ends everything, and the next start goes on from there.
    """
    began_at = time.monotonic()
    require_free_port(host, port)
    environ = environment_of_demo(settings.instance / "demo", host, port)
    console = Console(stderr=True, highlight=False)
    with console.status("Starting the database") as status, embedded.running(Path(environ["DONATE_INSTANCE"])) as url:
        environ["DONATE_DATABASE_URL"] = url
        own_settings = read_settings(environ)
        _make_room(own_settings, fresh, status.update)
        _log(own_settings).unlink(missing_ok=True)
        web, *others = (part_named(name, host, port, is_vital=name == "web") for name in (*PARTS, "trickle"))
        parent = Parent([web], environ, say=say, log=_log(own_settings))
        faults: list[Exception] = []

        def build() -> None:
            """The web server takes seconds to start: it does so beside this, and whoever works waits until the end."""
            try:
                with opening.reachable(own_settings) as database:
                    logins = build_world(database, own_settings, status.update)
            except Exception as error:  # told by the thread that started us
                if not parent.is_stopping:  # else the database was taken from us because somebody pressed Ctrl-C
                    faults.append(error)
                parent.stop()
                return
            parent.add(*others)
            status.update("Starting the web server")
            if _is_ready(parent, host, port, _log(own_settings)):
                status.stop()
                _print_world(own_settings, logins, time.monotonic() - began_at)

        stayed_up = parent.run(lambda: threading.Thread(target=build, name="build", daemon=True).start())
    if faults:
        raise faults[0]
    if not stayed_up:
        raise SystemExit(1)


@click.command(hidden=True)
@pass_settings
def trickle(settings: Settings) -> None:
    """Give a sample donation now and then through the real pages, as one part of `donate demo`."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with opening.opened(settings, pool_size=2) as database:
        give_now_and_then(database, settings, stop)


def environment_of_demo(instance: Path, host: str, port: int) -> dict[str, str]:
    """Our environment without what belongs to a real installation."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}
    own = {
        "DONATE_SEQUENCER_SECONDS": str(SEQUENCER_SECONDS),
        "DONATE_WORKERS": "1",  # a second one starts for whoever waits, and serves nobody
        "DONATE_BASE_URL": f"http://{_reachable(host)}:{port}",
    }
    return own | kept | {"DONATE_INSTANCE": str(instance), "DONATE_LOG_FOLDER": str(instance / "log")}


def _make_room(settings: Settings, fresh: bool, progress: Progress) -> None:
    """A migrated database with a whole world or none. Half a one, left by a start that was broken off, is forgotten."""
    if fresh:
        _forget(settings)
    try:
        _migrated(settings, progress)
    except WorldHalfBuilt:
        _forget(settings)
        _migrated(settings, progress)


def _migrated(settings: Settings, progress: Progress) -> None:
    with opening.reachable(settings) as database:
        progress("Making the tables")
        migrate(database)
        stands_already(database, settings)


def _forget(settings: Settings) -> None:
    """An empty database, no files and a log that never signed anything. Raises WorldInUse."""
    url = make_url(settings.database_url or "")
    with psycopg.connect(
        url.set(database="postgres").render_as_string(hide_password=False), autocommit=True
    ) as connection:
        try:
            connection.execute(f'DROP DATABASE IF EXISTS "{url.database}"')
        except psycopg.errors.ObjectInUse:
            raise WorldInUse(folder=settings.instance) from None
        connection.execute(f'CREATE DATABASE "{url.database}"')
    shutil.rmtree(settings.instance / "files", ignore_errors=True)
    shutil.rmtree(settings.instance / "log", ignore_errors=True)


def _is_ready(parent: Parent, host: str, port: int, log: Path) -> bool:
    """Wait until the web server answers, and say so when that takes long. False when all is ended before."""
    say_so_at = time.monotonic() + PATIENT_SECONDS
    while not parent.is_stopping:
        if time.monotonic() >= say_so_at:
            say(f"The web server has not answered for {PATIENT_SECONDS} seconds; still waiting. See {log}")
            say_so_at = float("inf")
        connection = http.client.HTTPConnection(_reachable(host).strip("[]"), port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status < 500:
                return True
        except OSError:
            pass  # not yet
        finally:
            connection.close()
        time.sleep(0.1)
    return False


def _print_world(settings: Settings, logins: list[Login], seconds: float) -> None:
    address = settings.base_url
    say(f"\nReady after {seconds:.0f} seconds: {click.style(address + '/', bold=True)}")
    say("A sample world: the people and schools are invented, and no money moves.\n")
    widest = max(len(login.email) for login in logins)
    for login in logins:
        say(f"  {login.role:10} {login.email:{widest}}  {login.password}  {address}{login.path}")
    say(f"\nCtrl-C ends everything; `donate demo --fresh` begins anew. What happens is written to {_log(settings)}")


def _log(settings: Settings) -> Path:
    return settings.instance / "demo.log"


def _reachable(host: str) -> str:
    """Where a visitor on this machine finds what listens on `host`."""
    return "127.0.0.1" if host in ANY_ADDRESS else shown(host)
