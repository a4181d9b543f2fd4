"""The `donate` command. `main` stands alone here so that Windows gets a sentence and not a traceback."""

import sys


def main() -> None:
    """Entry point of the `donate` command."""
    if sys.platform == "win32":
        sys.exit("donate needs a POSIX system (Linux or macOS). On Windows it runs inside WSL.")
    from donate.cli.commands import donate  # only now: it needs modules that Windows has not

    donate(prog_name="donate")
