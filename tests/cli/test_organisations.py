"""An installation without the demo is set up by commands: a host, its partner, the next licence."""

import hashlib
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy import func, select

from donate.cli.commands import donate
from donate.db import Database, Role, bind
from donate.ledger.models import Account, Book, MerchantAccount
from donate.organisations.models import Agreement, Licence, Organisation
from tests.campaigns import factories as campaigns

CREDIT_CODE = "53430000MJ0000000C"
KEYS = {"DONATE_STRIPE_YUNXI_KEY": "sk_live_1", "DONATE_STRIPE_YUNXI_WEBHOOK_SECRETS": "whsec_1"}
PRODUCTION = KEYS | {"DONATE_ENVIRONMENT": "production", "DONATE_BASE_URL": "https://donate.example"}
TABLES = (Organisation, Licence, Agreement, Book, Account, MerchantAccount)


@pytest.fixture(autouse=True)
def installation(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DONATE_DATABASE_URL", database.url)
    monkeypatch.setenv("DONATE_INSTANCE", str(tmp_path))


def run(database: Database, command: str, options: dict[str, str], *flags: str) -> Result:
    pairs = [word for name, value in options.items() for word in (f"--{name}", value)]
    result = CliRunner().invoke(donate, ["organisation", command, *pairs, *flags])
    bind(database)  # the command has closed its own
    return result


def host(database: Database, *flags: str, **other: str) -> Result:
    options = {"ref": "yunxi", "name-zh": "云溪基金会", "name-en": "Yunxi Foundation", "credit-code": CREDIT_CODE}
    options |= {"licence": "53430000MJ0000000C", "valid-from": "2026-01-01", "valid-to": "2099-12-31"}
    options |= {"merchant": "yunxi"}
    return run(database, "host", options | {name.replace("_", "-"): value for name, value in other.items()}, *flags)


def partner(database: Database, **other: str) -> Result:
    options = {"ref": "lunch-group", "name-zh": "午餐服务队", "name-en": "Lunch Group", "host": "yunxi"}
    options |= {"signed-on": "2026-01-05"}
    return run(database, "partner", options | {name.replace("_", "-"): value for name, value in other.items()})


def licence(database: Database, **other: str) -> Result:
    options = {"host": "yunxi", "number": "53430000MJ0000000C", "valid-from": "2100-01-01", "valid-to": "2104-12-31"}
    return run(database, "licence", options | {name.replace("_", "-"): value for name, value in other.items()})


def row_counts(database: Database) -> list[int]:
    with database.reading(Role.OWNER) as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in TABLES]


def assert_refused(result: Result, said: str) -> None:
    assert result.exit_code in (1, 2), result.output
    assert result.output.count("Error: ") == 1, result.output
    assert said in result.output.splitlines()[-1]


def test_a_host_has_its_page_and_says_who_comes_next(database: Database, client: FlaskClient) -> None:
    result = host(database, address_zh="城北路1号")
    assert result.exit_code == 0, result.output
    assert "donate user create --organisation yunxi --membership reviewer" in result.output
    answer = client.get("/zh/o/yunxi")
    assert answer.status_code == 200
    assert all(words in answer.text for words in ("云溪基金会", "53430000MJ0000000C", "城北路1号"))
    with database.reading() as session:
        book = session.scalars(select(Book)).one()
        merchant = session.scalars(select(MerchantAccount)).one()
        assert (book.ref, book.host, book.currency, book.mode) == ("yunxi", "yunxi", "CNY", "sandbox")
        assert (merchant.book_id, merchant.ref, merchant.provider, merchant.livemode) == (
            book.id, "yunxi", "sandbox", False,
        )  # fmt: skip


def test_a_campaign_of_a_partner_can_be_accepted_and_filed(database: Database, client: FlaskClient) -> None:
    host(database)
    result = partner(database)
    assert result.exit_code == 0, result.output
    assert "--organisation lunch-group --membership editor" in result.output
    assert client.get("/en/o/lunch-group").status_code == 200
    with database.transaction() as session:
        rows = {row.ref: row for row in session.scalars(select(Organisation))}
        campaign = campaigns.filed(session, host=rows["yunxi"], partner=rows["lunch-group"])
        assert campaign.state == "filed"


def test_the_agreement_is_known_by_its_hash(database: Database, tmp_path: Path) -> None:
    (tmp_path / "signed.pdf").write_bytes(b"signed and sealed")
    digest = hashlib.sha256(b"signed and sealed")
    host(database)
    result = partner(database, document=str(tmp_path / "signed.pdf"), ends_on="2030-12-31")
    assert digest.hexdigest() in result.output
    with database.reading() as session:
        agreement = session.scalars(select(Agreement)).one()
        assert (agreement.document_sha256, agreement.ends_on) == (digest.digest(), date(2030, 12, 31))


def test_a_renewed_licence_stands_beside_the_first(database: Database, client: FlaskClient) -> None:
    host(database)
    result = licence(database)
    assert result.exit_code == 0, result.output
    with database.reading() as session:
        days = session.scalars(select(Licence.valid_to_on).order_by(Licence.id)).all()
    assert days == [date(2099, 12, 31), date(2104, 12, 31)]


def test_real_money_wants_production_and_production_real_money(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_refused(host(database, "--live"), "--live moves real money and wants production")
    for name, value in PRODUCTION.items():
        monkeypatch.setenv(name, value)
    assert_refused(host(database), "production moves real money and wants --live")
    assert_refused(host(database, "--live", provider="sandbox"), "moves no money belongs to a sandbox book")
    assert sum(row_counts(database)) == 0
    result = host(database, "--live")
    assert result.exit_code == 0, result.output
    assert "https://donate.example/webhooks/stripe/yunxi" in result.output
    with database.reading() as session:
        merchant = session.scalars(select(MerchantAccount)).one()
        assert (session.scalars(select(Book.mode)).one(), merchant.provider, merchant.livemode) == (
            "live", "stripe", True,
        )  # fmt: skip


def test_the_sandbox_is_not_opened_beside_the_keys_of_a_provider(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DONATE_STRIPE_YUNXI_KEY", "sk_test_1")
    assert_refused(host(database), "here a key of a payment provider is set")
    assert host(database, provider="stripe").exit_code == 0


def test_the_same_call_again_is_refused_and_writes_nothing(database: Database) -> None:
    for command in (host, partner, licence):
        assert command(database).exit_code == 0
    before = row_counts(database)
    assert_refused(host(database), "The reference “yunxi” is in use already.")
    assert_refused(partner(database), "The reference “lunch-group” is in use already.")
    assert_refused(licence(database), "is on file for these days already.")
    # Refused by the last of its steps: what the steps before it wrote is gone as well.
    assert_refused(host(database, ref="other"), "The reference “yunxi” is in use already.")
    assert_refused(host(database, ref="other", book="yunxi", merchant="other"), "“yunxi” is in use already.")
    assert row_counts(database) == before


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"ref": "Yun Xi"}, "“Yun Xi” cannot be a reference"),
        ({"merchant": "yun_xi"}, "“yun_xi” cannot be a reference"),
        ({"ref": "a" * 33}, "cannot name a book"),
        ({"credit_code": "53430000MJ0000000X"}, "is not a unified social credit code"),
        ({"name_en": " "}, "must not be empty"),
        ({"licence": ""}, "must not be empty"),
        ({"valid_to": "2026-13-01"}, "'2026-13-01' is no day; write it like 2026-01-31."),
        ({"valid_to": "20260101"}, "is no day"),
        ({"valid_to": "2025-12-31"}, "A licence cannot end before it begins."),
        ({"currency": "XXX"}, "'XXX' is not one of"),
        ({"time_zone": "Asia/Peking"}, "'Asia/Peking' is no time zone"),
    ],
)
def test_a_host_that_cannot_be_is_refused_whole(database: Database, other: dict[str, str], said: str) -> None:
    assert_refused(host(database, **other), said)
    assert sum(row_counts(database)) == 0


def test_a_host_that_is_not_there_or_is_none_is_named(database: Database) -> None:
    host(database)
    partner(database)
    before = row_counts(database)
    assert_refused(partner(database, ref="new", host="nobody"), "There is no organisation with the reference “nobody”.")
    assert_refused(partner(database, ref="new", host="lunch-group"), "An agreement is signed between a host")
    assert_refused(partner(database, ref="new", ends_on="2025-01-01"), "An agreement cannot end before it is signed.")
    assert_refused(licence(database, host="nobody"), "There is no organisation with the reference “nobody”.")
    assert_refused(licence(database, host="lunch-group"), "Only a host holds a licence; lunch-group is a partner.")
    assert row_counts(database) == before
