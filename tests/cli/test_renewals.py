"""What changes of an organisation over the years: agreements, licences, what its page says, who is a member."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy import select

from donate import clock
from donate.cli.commands import donate
from donate.db import Database, bind, transaction
from donate.organisations import queries
from donate.organisations.models import Agreement, Licence, Organisation
from donate.people.models import Membership
from tests.organisations import factories as make

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def installation(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DONATE_DATABASE_URL", database.url)
    monkeypatch.setenv("DONATE_INSTANCE", str(tmp_path))
    with transaction() as session:
        for ref in ("yunxi", "noise"):
            make.host(session, ref=ref)
        make.partner(session, ref="lunch-group")


def run(database: Database, words: str, **options: str) -> Result:
    pairs = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    result = CliRunner().invoke(donate, [*words.split(), *pairs])
    bind(database)  # the command has closed its own
    return result


def assert_refused(result: Result, said: str) -> None:
    assert result.exit_code in (1, 2), result.output
    assert result.output.count("Error: ") == 1, result.output
    assert said in result.output.splitlines()[-1]


def id_of(ref: str) -> int:
    with transaction() as session:
        return session.scalars(select(Organisation.id).filter_by(ref=ref)).one()


def test_a_renewed_agreement_counts_beside_the_earlier_ones(database: Database, tmp_path: Path) -> None:
    (tmp_path / "signed.pdf").write_bytes(b"signed")
    given = {"host": "yunxi", "partner": "lunch-group", "signed_on": "2031-01-01", "ends_on": "2034-12-31"}
    result = run(database, "organisation agreement", **given, document=str(tmp_path / "signed.pdf"))
    assert (result.exit_code, "SHA-256 of the agreement" in result.output) == (0, True), result.output
    host, partner = id_of("yunxi"), id_of("lunch-group")
    with transaction() as session:
        for on, counts in ((date(2031, 1, 1), True), (date(2034, 12, 31), True), (date(2035, 1, 1), False)):
            assert queries.has_agreement(session, host_id=host, partner_id=partner, on=on) == counts
    assert_refused(run(database, "organisation agreement", **given), "is on file already")


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"ends_on": "2025-01-01"}, "An agreement cannot end before it is signed."),
        ({"partner": "nobody"}, "no organisation with the reference “nobody”"),
        ({"host": "lunch-group", "partner": "yunxi"}, "An agreement is signed between a host"),
        ({"partner": "yunxi"}, "An agreement is signed between a host"),
        ({"signed_on": "today"}, "'today' is no day"),
    ],
)
def test_an_agreement_that_cannot_be_is_refused(database: Database, other: dict[str, str], said: str) -> None:
    given = {"host": "yunxi", "partner": "lunch-group", "signed_on": "2031-01-01"}
    assert_refused(run(database, "organisation agreement", **(given | other)), said)
    with transaction() as session:
        assert session.scalars(select(Agreement).filter_by(signed_on=date(2031, 1, 1))).all() == []


def test_a_revoked_licence_counts_up_to_the_day_before_and_stays_on_the_page(
    database: Database, client: FlaskClient
) -> None:
    host, today = id_of("yunxi"), clock.today("Asia/Shanghai")
    with transaction() as session:
        number = session.scalars(select(Licence.number).filter_by(organisation_id=host)).one()
    result = run(database, "organisation revoke-licence", host="yunxi", number=number, on=today.isoformat())
    assert result.exit_code == 0, result.output
    with transaction() as session:
        assert queries.has_valid_licence(session, host, today - DAY)
        assert not queries.has_valid_licence(session, host, today)
        assert queries.has_valid_licence(session, id_of("noise"), today)
    assert number in client.get("/en/o/yunxi").text
    again = run(database, "organisation revoke-licence", host="yunxi", number=number, on=today.isoformat())
    assert_refused(again, "that could be revoked")


def test_a_licence_is_revoked_within_its_days_and_under_its_own_number(database: Database) -> None:
    with transaction() as session:
        number = session.scalars(select(Licence.number).filter_by(organisation_id=id_of("yunxi"))).one()
    revoke = "organisation revoke-licence"
    assert_refused(run(database, revoke, host="yunxi", number=number, on="1999-01-01"), "it cannot be revoked from")
    assert_refused(run(database, revoke, host="yunxi", number="7", on="2026-11-24"), "has no licence 7")
    assert_refused(run(database, revoke, host="lunch-group", number=number, on="2026-11-24"), "lunch-group has no")


def test_only_what_is_given_changes_and_the_page_shows_it(database: Database, client: FlaskClient) -> None:
    run(database, "organisation edit", ref="yunxi", address_en="1 North Road", email="old@example.org")
    result = run(database, "organisation edit", ref="yunxi", name_en="Yunxi Children", email="", phone="0731 5")
    assert result.exit_code == 0, result.output
    page = client.get("/en/o/yunxi").text
    assert "old@example.org" not in page
    assert all(words in page for words in ("Yunxi Children", "0731 5", "1 North Road"))
    assert "Yunxi Children" not in client.get("/en/o/noise").text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"ref": "yunxi"}, "Say what changes"),
        ({"ref": "yunxi", "name_zh": " "}, "must not be empty"),
        ({"ref": "nobody", "phone": "1"}, "no organisation with the reference “nobody”"),
        ({"ref": "yunxi", "kind": "partner"}, "No such option"),
    ],
)
def test_what_cannot_be_edited_is_refused(database: Database, options: dict[str, str], said: str) -> None:
    assert_refused(run(database, "organisation edit", **options), said)


def test_a_membership_is_given_and_withdrawn_by_itself(database: Database) -> None:
    email = "li@example.org"
    run(database, "user create", email=email, name="Li", organisation="yunxi", membership="editor")
    assert run(database, "user join", email=email, organisation="yunxi", membership="treasurer").exit_code == 0
    assert run(database, "user join", email=email, organisation="noise", membership="editor").exit_code == 0
    result = run(database, "user withdraw", email=email, organisation="yunxi", membership="editor")
    assert result.exit_code == 0, result.output
    with transaction() as session:
        held = session.execute(select(Membership.organisation, Membership.role)).all()
    assert {(where, role) for where, role in held} == {("yunxi", "treasurer"), ("noise", "editor")}
    again = run(database, "user withdraw", email=email, organisation="yunxi", membership="editor")
    assert_refused(again, "This user is no editor of yunxi.")
    assert_refused(
        run(database, "user join", email=email, organisation="nobody", membership="editor"), "There is no organisation"
    )
