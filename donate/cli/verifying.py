"""`donate verify`: the stranger's program, from inside. It opens no database and reads no setting."""

import click

from donate.tlog.verify_command import main


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def verify(arguments: tuple[str, ...]) -> None:
    """Check a public log, anybody's: signatures, every tile and leaf, every sum, and the CSV."""
    raise SystemExit(main(arguments, name="donate verify"))
