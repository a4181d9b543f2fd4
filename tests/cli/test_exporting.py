"""`donate export` writes the bytes that the site's download has."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from donate.cli.commands import donate
from donate.db import Database, bind
from donate.ledger import journal
from donate.sequencer import drain
from tests.campaigns import factories as campaigns
from tests.ledger.factories import donation


@pytest.fixture(autouse=True)
def ledger(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two campaigns with one donation each."""
    monkeypatch.setenv("DONATE_DATABASE_URL", database.url)
    monkeypatch.setenv("DONATE_INSTANCE", str(tmp_path))
    with database.transaction() as session:
        for ref in ("yunxi", "qingshi"):
            campaign = campaigns.raising(session, ref=ref)
            leg = journal.Leg(debit="clearing", credit=f"fund:{ref}", amount_minor=1500)
            journal.post(session, [donation(campaign.book_id, campaign=ref, legs=(leg,))])
    drain(database)


def export(database: Database, *arguments: str) -> bytes:
    result = CliRunner().invoke(donate, ["export", *arguments])
    bind(database)  # the command has closed its own
    assert result.exit_code == 0, result.output
    return result.stdout_bytes


@pytest.mark.parametrize(("arguments", "path"), [((), "/ledger.csv"), (("--campaign", "yunxi"), "/c/yunxi/ledger.csv")])
def test_standard_output_has_the_bytes_of_the_download(
    database: Database, client: FlaskClient, arguments: tuple[str, ...], path: str
) -> None:
    downloaded = client.get(path).data
    assert downloaded.count(b"\n") == 2 + (path == "/ledger.csv")
    assert export(database, *arguments) == downloaded


def test_a_file_is_written_and_its_end_is_told(database: Database, client: FlaskClient, tmp_path: Path) -> None:
    result = CliRunner().invoke(donate, ["export", "--out", str(tmp_path / "ledger.csv")])
    bind(database)
    assert (tmp_path / "ledger.csv").read_bytes() == client.get("/ledger.csv").data
    assert "the log up to number" in result.stderr


def test_an_unknown_campaign_is_a_usage_error(database: Database) -> None:
    result = CliRunner().invoke(donate, ["export", "--campaign", "nobody"])
    bind(database)
    assert result.exit_code == 2
    assert "There is no campaign with the reference nobody." in result.stderr
