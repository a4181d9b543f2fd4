"""The group of all commands, and how an error becomes one line."""

from importlib import import_module
from typing import Any

import click
from sqlalchemy.exc import OperationalError
from typing_extensions import override

from donate import processes
from donate.errors import DonateError

# Each command's module is imported when it is asked for: a worker needs no web server in its memory.
COMMANDS = {
    "demo": "donate.cli.demo",
    "trickle": "donate.cli.demo",
    "serve": "donate.cli.serving",
    "web": "donate.cli.web_server",
    "worker": "donate.cli.parts",
    "sequencer": "donate.cli.parts",
    "migrate": "donate.cli.database",
    "organisation": "donate.cli.organisations",
    "user": "donate.cli.users",
    "cover": "donate.cli.covering",
    "stripe": "donate.cli.provider",
    "sandbox": "donate.cli.sandbox",
    "check": "donate.cli.checking",
    "reconcile": "donate.cli.reconciling",
    "export": "donate.cli.exporting",
    "erase": "donate.cli.erasing",
    "log": "donate.cli.public_log",
    "verify": "donate.cli.verifying",
    "backup": "donate.cli.backups",
    "restore": "donate.cli.backups",
}


class Commands(click.Group):
    """Loads commands when they are needed, and shows every error that we know as one line on standard error."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DonateError as error:
            raise click.ClickException(str(error)) from None
        except OperationalError as error:
            raise click.ClickException(f"The database does not answer: {_first_line(error)}") from None
        except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
            if error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}") from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="donate", message="%(prog)s %(version)s")
def donate() -> None:
    """Very small donations for concrete needs, from a phone to a public ledger that anyone can check.

    Settings come from the environment (DONATE_…; the README lists them). Without DONATE_DATABASE_URL a PostgreSQL
    of its own runs below the instance folder.

    \b
    To look around:   donate demo
    To run for real:  donate migrate && donate organisation host … && donate serve
    """
    processes.follow_lifeline()


def _first_line(error: OperationalError) -> str:
    return str(error.orig).strip().split("\n", 1)[0]
