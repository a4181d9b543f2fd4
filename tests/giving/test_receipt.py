"""What a donor sees after paying, and what the organiser and staff see."""

import re
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from donate import clock, sequencer
from donate.db import Database, Role, transaction
from donate.errors import DonateError
from donate.giving import queries
from donate.giving.fees import FeeInOtherCurrency
from donate.giving.models import Checkout
from donate.giving.sync import sync_checkout
from donate.ledger.journal import UnknownAccount
from donate.payments.gateway import ProviderUnavailable
from donate.qr import qr_code
from donate.settings import Settings
from tests.giving import factories as make


def paid(settings: Settings, **changes: object) -> Checkout:
    make.raising()
    made = make.paid_in_sandbox(settings, **changes)
    sync_checkout(made.public_id, settings)
    return made


def numbered(database: Database) -> None:
    sequencer.drain(database)


def test_before_it_is_numbered_a_receipt_says_so(client: FlaskClient, settings: Settings) -> None:
    made = paid(settings)
    page = client.get(f"/en/r/{made.secret}").text
    assert "The number follows within a minute." in page
    assert 'http-equiv="refresh"' in page
    assert 'class="seal"' not in page


def test_a_numbered_receipt_has_its_number_and_ledger_line(
    client: FlaskClient, settings: Settings, database: Database
) -> None:
    made = paid(settings)
    numbered(database)
    page = client.get(f"/en/r/{made.secret}").text
    assert f"No. {clock.now().year}-0000001" in page
    assert 'class="qr"' in page
    assert 'http-equiv="refresh"' not in page
    assert "In the public log" in page


def test_a_chinese_receipt_carries_the_amount_in_characters(client: FlaskClient, settings: Settings) -> None:
    made = paid(settings)
    page = client.get(f"/zh/r/{made.secret}").text
    assert "人民币壹拾伍元整" in page
    assert "5餐" in page


def test_a_receipt_names_campaign_host_and_licence(client: FlaskClient, settings: Settings) -> None:
    made = paid(settings, name="阿敏 <b>")
    page = client.get(f"/en/r/{made.secret}").text
    for words in (
        "Lunches for Yunxi School",
        "Foundation host",
        "53430000MJ0000000X",
        "阿敏 &lt;b&gt;",
        "(not public)",
    ):
        assert words in page


def test_the_fee_appears_once_it_is_known(client: FlaskClient, settings: Settings) -> None:
    made = paid(settings)
    assert "not known yet" in client.get(f"/en/r/{made.secret}").text
    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        sync_checkout(made.public_id, settings)
    assert "¥0.09, taken from the donation" in client.get(f"/en/r/{made.secret}").text


def test_a_receipt_outlives_the_erasing_of_its_name(client: FlaskClient, settings: Settings) -> None:
    made = paid(settings, name="阿敏")
    with transaction(Role.ERASER) as session:
        session.execute(text("DELETE FROM donation_private"))
    page = client.get(f"/en/r/{made.secret}")
    assert (page.status_code, "阿敏" in page.text, "No name given" in page.text) == (200, False, True)


def test_a_wrong_secret_is_not_found(client: FlaskClient, settings: Settings) -> None:
    made = paid(settings)
    for secret in (made.secret[:-1], made.public_id, "x", made.session_id):
        assert client.get(f"/en/r/{secret}").status_code == 404
        assert client.get(f"/en/paid/{secret}").status_code == 404


def test_the_confirming_page_claims_nothing_before_our_row_says_so(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    made = make.paid_in_sandbox(settings)

    def down(*_: object) -> None:
        raise ProviderUnavailable

    with monkeypatch.context() as patch:
        patch.setattr("donate.payments.stripe.StripeGateway.read_session", down)
        page = client.get(f"/en/paid/{made.secret}")
        assert (page.status_code, 'http-equiv="refresh"' in page.text) == (200, True)
        assert "you need not pay again" in page.text
        assert "othing has been paid yet" not in page.text
        assert str(made.session_url) not in page.text
        assert "Thank you" not in page.text
        assert client.get(f"/en/r/{made.secret}").status_code == 303
    assert client.get(f"/en/paid/{made.secret}").headers["Location"] == f"/en/r/{made.secret}"


@pytest.mark.parametrize("error", [ProviderUnavailable(), UnknownAccount(key="x"), FeeInOtherCurrency(currency="USD")])
def test_who_has_paid_meets_no_error_though_it_cannot_be_booked_yet(
    client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch, error: DonateError
) -> None:
    def fail(*_: object) -> None:
        raise error

    make.raising()
    made = make.paid_in_sandbox(settings)
    monkeypatch.setattr("donate.giving.sync.move_towards", fail)
    page = client.get(f"/en/paid/{made.secret}")
    assert page.status_code == 200
    assert "Nothing was charged" not in page.text


def test_an_unpaid_checkout_can_be_gone_on_with(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = make.opened(settings)
    page = client.get(f"/en/paid/{made.secret}").text
    assert "Nothing has been paid yet" in page
    assert str(made.session_url) in page
    assert make.booked() == []


def test_an_expired_checkout_says_that_nothing_was_charged(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = make.opened(settings)
    with clock.frozen_at(clock.now() + make.FEE_KNOWN * 1000):
        page = client.get(f"/en/paid/{made.secret}").text
    assert "Nothing was charged" in page
    assert "/en/give/yunxi" in page


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_no_page_of_a_donor_has_a_word_in_the_other_language_only(
    client: FlaskClient, settings: Settings, locale: str
) -> None:
    made = paid(settings)
    for path in (f"/{locale}/give/yunxi", f"/{locale}/r/{made.secret}"):
        page = client.get(path)
        assert page.status_code == 200
        main = re.sub(r"<[^>]+>|\s+", " ", page.text.split("<main", 1)[1].split("</main", 1)[0])
        if locale == "en":
            assert not re.search(r"[\u4e00-\u9fff]{2,}", main.replace("人民币壹拾伍元整", ""))
        else:
            assert not re.search(r"[A-Za-z]{4,} [A-Za-z]{2,} [A-Za-z]{2,}", main), main


def test_organisers_read_words_of_paid_donations_to_their_campaigns_only(
    database: Database, settings: Settings
) -> None:
    paid(settings, words="好好吃饭", name="阿敏")
    make.opened(settings, words="not paid")
    make.noise()
    with transaction() as session:
        partner = session.execute(
            text("SELECT o.ref FROM campaign c JOIN organisation o ON o.id = c.partner_id WHERE c.ref = 'yunxi'")
        ).scalar_one()
        (message,) = queries.messages(session, {partner})
        assert (message.words, message.name) == ("好好吃饭", "阿敏")
        assert queries.messages(session, {"somebody-else"}) == []
        assert queries.messages(session, set()) == []


def test_a_qr_code_draws_every_dark_module_once() -> None:
    code = qr_code("https://ledger.example/en/ledger/127655")
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-\3z", code.path)
    dark = {(int(x) + step, int(y)) for x, y, length in runs for step in range(int(length))}
    assert sum(int(length) for _, _, length in runs) == len(dark)
    # The three finder patterns, two modules inside the quiet zone.
    for left, top in ((2, 2), (code.size - 9, 2), (2, code.size - 9)):
        assert all((left + step, top) in dark for step in range(7))
    assert replace(code) == code
