"""`donate migrate` as the README's Deployment has it: a login that owns the database and is no superuser."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import make_url

from donate import backup
from donate.cli import opening
from donate.cli.commands import donate
from donate.db import Database, Role, embedded
from donate.db.migrate import migrate
from donate.db.roles import ROLES, RolesNotGranted
from tests.cli.factories import clean_environment, folder_for_every_uid, run_donate

GRANTED = f"GRANT {', '.join(ROLES)} TO owning"
MADE = [f"CREATE ROLE {role}" for role in ROLES]


@pytest.fixture(scope="module")
def new_server() -> Iterator[str]:
    """A server of its own: the roles belong to a server, and the one that all tests share has them."""
    with folder_for_every_uid() as base, embedded.running(base / "instance", fsync=False) as url:
        yield url


@pytest.fixture
def server(new_server: str) -> str:
    """The superuser's URL of a server that has a database `mine`, its owner `owning`, and none of our roles."""
    tell(
        new_server,
        *(f"DROP DATABASE IF EXISTS {name}" for name in ("mine", "second")),
        *(f"DROP ROLE IF EXISTS {role}" for role in ("owning", "other", *ROLES)),
        "CREATE ROLE owning LOGIN",
        "CREATE DATABASE mine OWNER owning",
    )
    return new_server


def tell(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def seen_by(login: str, server: str, name: str = "mine") -> str:
    return make_url(server).set(username=login, database=name).render_as_string(hide_password=False)


@pytest.fixture
def migrated(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """What `donate migrate` answers to a login of the server."""

    def run(login: str = "owning") -> Result:
        for name, value in clean_environment(DONATE_DATABASE_URL=seen_by(login, server)).items():
            monkeypatch.setenv(name, value)
        return CliRunner().invoke(donate, ["migrate"])

    return run


def assert_every_part_has_its_role(url: str) -> None:
    database = Database(url)
    for role in (Role.WEB, Role.SEQUENCER, Role.ERASER):
        with database.reading(role) as session:
            assert session.connection().exec_driver_sql("SELECT current_user").scalar() == f"donate_{role}"
    database.dispose()


def test_an_owner_that_may_make_roles_makes_them_and_tells_of_each_revision(
    server: str, migrated: Callable[..., Result]
) -> None:
    tell(server, "ALTER ROLE owning CREATEROLE")
    done = migrated()
    first, *_, last = done.stdout.splitlines()
    assert (done.exit_code, done.stderr) == (0, "")
    assert first == "r01_roles: Create the restricted roles and the function that refuses changes to what happened."
    assert last == f"The database went from empty to {opening.newest_revision()}."
    assert len(done.stdout.splitlines()) > 20
    assert_every_part_has_its_role(seen_by("owning", server))
    again = migrated()
    assert again.stdout == f"The database is at the newest revision already: {opening.newest_revision()}.\n"


def test_an_owner_that_may_make_none_uses_those_that_a_superuser_made_and_granted(
    server: str, migrated: Callable[..., Result]
) -> None:
    tell(server, *MADE, GRANTED)
    done = migrated()
    assert (done.exit_code, done.stderr) == (0, "")
    assert_every_part_has_its_role(seen_by("owning", server))


def test_without_either_one_line_says_what_to_run_and_running_it_is_enough(
    server: str, migrated: Callable[..., Result]
) -> None:
    refused = run_donate("migrate", DONATE_DATABASE_URL=seen_by("owning", server))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: The database login owning lacks the roles of the program’s parts.")
    assert len(refused.stderr.splitlines()) == 1
    _, _, statements = refused.stderr.strip().partition("then try again: ")
    tell(server, *statements.split(";"))
    assert migrated().exit_code == 0
    assert_every_part_has_its_role(seen_by("owning", server))


def test_roles_that_another_login_made_must_be_granted(server: str, migrated: Callable[..., Result]) -> None:
    tell(server, "CREATE ROLE other LOGIN CREATEROLE", "ALTER ROLE owning CREATEROLE")
    tell(seen_by("other", server, "postgres"), MADE[0])
    refused = migrated()
    assert refused.exit_code == 1
    assert refused.stderr.strip().endswith("then try again: GRANT donate_web TO owning;")
    tell(seen_by("other", server, "postgres"), "GRANT donate_web TO owning")
    assert migrated().exit_code == 0
    assert_every_part_has_its_role(seen_by("owning", server))


def test_a_login_that_does_not_own_the_database_is_told_so_in_one_line(
    server: str, migrated: Callable[..., Result]
) -> None:
    tell(server, *MADE, "CREATE ROLE other LOGIN", GRANTED.replace("owning", "other"))
    refused = migrated("other")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert len(refused.stderr.splitlines()) == 1
    assert refused.stderr.startswith(
        "Error: The database refuses a revision, so nothing was changed: permission denied"
    )
    assert "must own the database" in refused.stderr


def test_a_backup_is_restored_on_a_server_without_the_roles_by_the_same_rules(server: str, tmp_path: Path) -> None:
    tell(server, "ALTER ROLE owning CREATEROLE")
    owned = seen_by("owning", server)
    database = Database(owned)
    migrate(database)
    database.dispose()
    files, file = tmp_path / "files", tmp_path / "b.tar"
    backup.make_backup(owned, files, file, lambda _: None)
    tell(server, "DROP DATABASE mine", *(f"DROP ROLE {role}" for role in ROLES))
    tell(server, "CREATE DATABASE second OWNER owning", "ALTER ROLE owning NOCREATEROLE")
    elsewhere = seen_by("owning", server, "second")
    with pytest.raises(RolesNotGranted, match="CREATE ROLE donate_web"):
        backup.restore_backup(elsewhere, files, file, lambda _: None)
    tell(server, *MADE, GRANTED)
    backup.restore_backup(elsewhere, files, file, lambda _: None)
    assert_every_part_has_its_role(elsewhere)
