"""Making users and deciding what they may do."""

import pytest

from donate.db import Database, reading, transaction
from donate.errors import NotFound
from donate.people import passwords, queries, service
from tests.people.factories import PASSWORD, user


@pytest.fixture(autouse=True)
def noise(database: Database) -> None:
    """Another user with roles elsewhere: a query without its condition would find them."""
    with transaction() as session:
        user(session, email="noise@example.org", role="admin", memberships=(("elsewhere", "owner"),))


def test_an_email_is_stored_in_lower_case_and_found_so(database: Database) -> None:
    with transaction() as session:
        user(session, email="  Li.Na@Example.ORG ")
    with reading() as session:
        found = queries.by_email(session, "li.na@example.org")
    assert found is not None
    assert found.memberships == frozenset()


def test_the_same_email_is_refused_twice(database: Database) -> None:
    with pytest.raises(service.EmailTaken), transaction() as session:
        user(session, email="NOISE@example.org")


@pytest.mark.parametrize(
    "email", ["", "li", "li@", "@example.org", "li na@example.org", "li@a@b", "l\u202ei@x.org", "li@x.org\n", "x" * 255]
)
def test_what_is_no_email_is_refused(database: Database, email: str) -> None:
    if email.endswith("\n"):  # white space around is forgiven
        assert service.normal_email(email) == "li@x.org"
        return
    with pytest.raises(service.NotAnEmail):
        service.normal_email(email)


def test_a_name_loses_control_and_turning_marks(database: Database) -> None:
    with transaction() as session:
        made = user(session, name=" 𠮷野\u202e\x00 家 ")
    assert made.name == "𠮷野 家"


def test_a_name_of_nothing_is_refused(database: Database) -> None:
    with pytest.raises(service.NameMissing), transaction() as session:
        user(session, name="\u200b \u202e")


@pytest.mark.parametrize(
    ("password", "error"),
    [
        ("short", passwords.PasswordTooShort),
        ("x" * 1001, passwords.PasswordTooLong),
        ("someone@example.org", passwords.PasswordIsTheEmail),
    ],
)
def test_a_weak_password_is_refused(database: Database, password: str, error: type[Exception]) -> None:
    with pytest.raises(error), transaction() as session:
        user(session, email="someone@example.org", password=password)


def test_an_unknown_role_is_refused(database: Database) -> None:
    with pytest.raises(service.UnknownRole), transaction() as session:
        user(session, role="owner")
    with pytest.raises(service.UnknownRole), transaction() as session:
        user(session, memberships=(("host", "admin"),))


def test_memberships_say_where_a_user_has_which_role(database: Database) -> None:
    with transaction() as session:
        made = user(session, memberships=(("host", "reviewer"), ("partner", "editor"), ("partner", "editor")))
        found = queries.by_email(session, made.email)
    assert found is not None
    assert found.organisations(service.MembershipRole.EDITOR) == {"partner"}
    assert found.is_in("host", service.MembershipRole.REVIEWER)
    assert not found.is_in("host", service.MembershipRole.EDITOR)


def test_a_membership_can_be_taken_back(database: Database) -> None:
    with transaction() as session:
        made = user(session, memberships=(("host", "owner"), ("partner", "editor")))
        service.remove_membership(session, user_id=made.id, organisation="host", role="owner")
        found = queries.by_email(session, made.email)
    assert found is not None
    assert found.memberships == {("partner", "editor")}


def test_a_new_password_ends_every_session(database: Database) -> None:
    with transaction() as session:
        made = user(session)
        before = f"{made.public_id}.{made.session_version}"
        assert queries.by_session_id(session, before) is not None
        service.set_password(session, user_id=made.id, password="another long password")
        assert queries.by_session_id(session, before) is None


def test_a_deactivated_user_is_found_by_nothing(database: Database) -> None:
    with transaction() as session:
        made = user(session)
        service.deactivate(session, user_id=made.id)
    with reading() as session:
        assert queries.by_email(session, made.email) is None
        assert queries.password_hash_of(session, made.email) is None
        assert queries.by_session_id(session, f"{made.public_id}.{made.session_version}") is None


@pytest.mark.parametrize("session_id", ["", ".", "x.1", "00000000-0000-0000-0000-000000000000.x", "\x00"])
def test_a_made_up_session_id_is_nobody(database: Database, session_id: str) -> None:
    with reading() as session:
        assert queries.by_session_id(session, session_id) is None


def test_changing_nobody_says_so(database: Database) -> None:
    with pytest.raises(NotFound), transaction() as session:
        service.deactivate(session, user_id=10**12)


def test_the_password_is_stored_as_argon2_only(database: Database) -> None:
    with transaction() as session:
        made = user(session)
    assert made.password_hash is not None
    assert made.password_hash.startswith("$argon2id$")
    assert PASSWORD not in made.password_hash
