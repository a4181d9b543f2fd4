"""Who may sign in is decided by commands: made, given a new password, closed."""

import re

import pytest
from click.testing import CliRunner, Result

from donate.cli.commands import donate
from donate.db import Database, bind
from donate.people import entrance, queries
from donate.people.entrance import WrongEmailOrPassword
from tests.organisations import factories as organisations

EMAIL = "li@example.org"


@pytest.fixture(autouse=True)
def installation(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("DONATE_DATABASE_URL", database.url)
    monkeypatch.setenv("DONATE_INSTANCE", str(tmp_path))
    with database.transaction() as session:
        organisations.host(session, ref="host")


def run(database: Database, *arguments: str, typed: str | None = None) -> Result:
    result = CliRunner().invoke(donate, ["user", *arguments], input=typed)
    bind(database)  # the command has closed its own
    return result


def create(database: Database, *more: str, typed: str | None = None) -> Result:
    return run(database, "create", "--email", "Li@Example.org", "--name", "李娜", *more, typed=typed)


def password_in(result: Result) -> str:
    found = re.search(r"^Password: (\S+)$", result.output, re.MULTILINE)
    assert found, result.output
    return found[1]


def enter(password: str) -> queries.SignedIn:
    return entrance.enter(email=EMAIL, password=password, network="192.0.2.0/24")


def test_a_new_user_signs_in_with_the_printed_password_and_has_the_membership(database: Database) -> None:
    result = create(database, "--organisation", "host", "--membership", "reviewer")
    assert result.exit_code == 0, result.output
    user = enter(password_in(result))
    assert (user.name, user.role, user.memberships) == ("李娜", None, frozenset({("host", "reviewer")}))


def test_a_password_may_be_typed_and_is_not_repeated(database: Database) -> None:
    result = create(database, "--role", "admin", "--prompt", typed="many small bowls\nmany small bowls\n")
    assert result.exit_code == 0, result.output
    assert "many small bowls" not in result.output
    assert enter("many small bowls").is_admin


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--organisation", "host"), "belong together"),
        (("--organisation", "nobody", "--membership", "owner"), "no organisation with the reference nobody"),
        (("--role", "emperor"), "'emperor' is not one of"),
    ],
)
def test_a_user_that_cannot_be_is_not_made(database: Database, more: tuple[str, ...], said: str) -> None:
    result = create(database, *more)
    assert result.exit_code == 2
    assert said in result.output
    with database.reading() as session:
        assert queries.by_email(session, EMAIL) is None


def test_the_same_address_twice_is_told_in_one_line(database: Database) -> None:
    create(database)
    result = create(database)
    assert result.exit_code == 1
    assert result.output == "Error: A user with this e-mail address exists already.\n"


def test_a_new_password_replaces_the_old_one(database: Database) -> None:
    old = password_in(create(database))
    new = password_in(run(database, "password", "--email", EMAIL))
    assert enter(new).session_version == 2
    with pytest.raises(WrongEmailOrPassword):
        enter(old)


def test_whoever_left_cannot_sign_in_any_more(database: Database) -> None:
    password = password_in(create(database))
    session_id = enter(password).get_id()
    assert run(database, "deactivate", "--email", EMAIL).exit_code == 0
    with pytest.raises(WrongEmailOrPassword):
        enter(password)
    with database.reading() as session:
        assert queries.by_session_id(session, session_id) is None
    assert run(database, "deactivate", "--email", "nobody@example.org").exit_code == 1
