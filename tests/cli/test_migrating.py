"""`donate migrate` as the README's Deployment has it, by its own SQL: the owner of the database is no superuser."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import make_url, text

from donate import backup
from donate.cli import opening
from donate.cli.commands import donate
from donate.db import Database, Role, embedded
from donate.db.migrate import migrate
from donate.db.roles import ROLES, RolesNotGranted
from tests.cli.factories import clean_environment, folder_for_every_uid, run_donate
from tests.laws.source import ROOT

# The README's SQL: a database with an owner that may make roles, the parts' logins, and the roles made beforehand.
OWNER, LOGINS, ROLES_GRANTED = re.findall(
    r"```sql\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
)
PLAIN_OWNER = OWNER.replace(" CREATEROLE", "")
PARTS = (Role.WEB, Role.SEQUENCER, Role.ERASER)


@pytest.fixture(scope="module")
def new_server() -> Iterator[str]:
    """A server of its own: the roles belong to a server, and the one that all tests share has them."""
    with folder_for_every_uid() as base, embedded.running(base / "instance", fsync=False) as url:
        yield seen_by("postgres", url, "postgres")


@pytest.fixture
def server(new_server: str) -> str:
    """The superuser's URL of a server without our roles, the parts' logins and a database."""
    tell(
        new_server,
        *(f"DROP DATABASE IF EXISTS {name}" for name in ("donate", "second")),
        *(f"DROP ROLE IF EXISTS {part}_login" for part in PARTS),
        *(f"DROP ROLE IF EXISTS {role}" for role in ("donate", "other", *ROLES)),
    )
    return new_server


def tell(url: str, *statements: str) -> None:
    """Each statement by itself, as psql sends them: a database is made outside of transactions."""
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in ";".join(statements).split(";"):
            if statement.strip():
                connection.execute(statement)


def seen_by(login: str, server: str, name: str = "donate") -> str:
    return make_url(server).set(username=login, database=name).render_as_string(hide_password=False)


@pytest.fixture
def migrated(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """What `donate migrate` answers to a login of the server."""

    def run(login: str = "donate") -> Result:
        for name, value in clean_environment(DONATE_DATABASE_URL=seen_by(login, server)).items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(donate, ["migrate"])

    return run


def assert_every_part_has_its_role(server: str, name: str = "donate") -> None:
    """By the owner's address, and by logins of their own."""
    logins = {part: seen_by(f"{part}_login", server, name) for part in PARTS}
    for urls in ({}, logins):
        database = Database(seen_by("donate", server, name), urls=urls)
        for part in PARTS:
            with database.reading(part) as session:
                found = session.execute(
                    text("SELECT current_user, pg_has_role(:role, 'USAGE')"), {"role": f"donate_{part}"}
                )
                assert tuple(found.one()) == (f"{part}_login" if urls else f"donate_{part}", True)
        database.dispose()


def test_an_owner_that_may_make_roles_makes_them_and_tells_of_each_revision(
    server: str, migrated: Callable[..., Result]
) -> None:
    tell(server, OWNER)
    done = migrated()
    first, *_, last = done.stdout.splitlines()
    assert (done.exit_code, done.stderr) == (0, "")
    assert first == "r01_roles: Create the restricted roles and the function that refuses changes to what happened."
    assert last == f"The database went from empty to {opening.newest_revision()}."
    assert len(done.stdout.splitlines()) > 20
    tell(seen_by("donate", server), LOGINS)
    assert_every_part_has_its_role(server)
    again = migrated()
    assert again.stdout == f"The database is at the newest revision already: {opening.newest_revision()}.\n"


def test_an_owner_that_may_make_none_uses_those_that_a_superuser_made_and_granted(
    server: str, migrated: Callable[..., Result]
) -> None:
    tell(server, PLAIN_OWNER, ROLES_GRANTED)
    done = migrated()
    assert (done.exit_code, done.stderr) == (0, "")
    tell(server, LOGINS)
    assert_every_part_has_its_role(server)


def test_without_either_one_line_says_what_to_run_and_running_it_is_enough(
    server: str, migrated: Callable[..., Result]
) -> None:
    tell(server, PLAIN_OWNER)
    refused = run_donate("migrate", DONATE_DATABASE_URL=seen_by("donate", server))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: The database login donate lacks the roles of the program’s parts.")
    assert len(refused.stderr.splitlines()) == 1
    _, _, statements = refused.stderr.strip().partition("then try again: ")
    tell(server, statements)
    assert migrated().exit_code == 0
    tell(server, LOGINS)
    assert_every_part_has_its_role(server)


def test_roles_that_another_login_made_must_be_granted(server: str, migrated: Callable[..., Result]) -> None:
    tell(server, OWNER, "CREATE ROLE other LOGIN CREATEROLE")
    tell(seen_by("other", server, "postgres"), "CREATE ROLE donate_web")
    refused = migrated()
    assert refused.exit_code == 1
    assert refused.stderr.strip().endswith("then try again: GRANT donate_web TO donate;")
    tell(seen_by("other", server, "postgres"), "GRANT donate_web TO donate")
    assert migrated().exit_code == 0
    tell(server, LOGINS)
    assert_every_part_has_its_role(server)


def test_a_login_that_does_not_own_the_database_is_told_so_in_one_line(
    server: str, migrated: Callable[..., Result]
) -> None:
    tell(server, PLAIN_OWNER, "CREATE ROLE other LOGIN", ROLES_GRANTED.replace("TO donate", "TO other"))
    refused = migrated("other")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stderr.startswith(
        "Error: The database refuses a revision, so nothing was changed: permission denied"
    )
    assert "must own the database" in refused.stderr


def test_a_backup_is_restored_on_a_server_without_the_roles_by_the_same_rules(server: str, tmp_path: Path) -> None:
    tell(server, OWNER)
    owned = seen_by("donate", server)
    database = Database(owned)
    migrate(database)
    database.dispose()
    files, file = tmp_path / "files", tmp_path / "b.tar"
    backup.make_backup(owned, files, file, lambda _: None)
    tell(server, "DROP DATABASE donate", *(f"DROP ROLE {role}" for role in ROLES))
    tell(server, "CREATE DATABASE second OWNER donate", "ALTER ROLE donate NOCREATEROLE")
    elsewhere = seen_by("donate", server, "second")
    with pytest.raises(RolesNotGranted, match="CREATE ROLE donate_web"):
        backup.restore_backup(elsewhere, files, file, lambda _: None)
    tell(server, ROLES_GRANTED, LOGINS)
    backup.restore_backup(elsewhere, files, file, lambda _: None)
    assert_every_part_has_its_role(server, "second")
