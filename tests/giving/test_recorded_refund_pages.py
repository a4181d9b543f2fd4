"""The host's treasurers write down what they sent back; strangers see nothing; the donor and the public see it gone."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from donate import clock, sequencer
from donate.db import Database, reading
from donate.giving.recorded_models import RecordedDonation
from donate.giving.recorded_refund_models import RecordedRefund
from tests.giving import factories as make
from tests.giving import recorded_factories as factory

FORM = {"amount": "100.00", "sent_on": "2026-11-23", "reference": "TK-1", "note": "给多了"}


@pytest.fixture
def made(database: Database) -> RecordedDonation:
    factory.raising()
    return factory.confirmed(name="阿敏")


def post(client: FlaskClient, path: str, token: str, **form: object) -> TestResponse:
    return client.post(path, data={"csrf_token": token, **form})


def new_path(made: RecordedDonation, locale: str = "en") -> str:
    return f"/{locale}/desk/recorded/{made.public_id}/refund"


def path_of(refund: RecordedRefund, locale: str = "en") -> str:
    return f"/{locale}/desk/recorded/refunds/{refund.public_id}"


def test_one_treasurer_writes_it_down_and_another_confirms(client: FlaskClient, made: RecordedDonation) -> None:
    token = factory.sign_in(client, "treasurer")
    assert new_path(made) in client.get(f"/en/desk/recorded/{made.public_id}").text
    answer = post(client, new_path(made), token, **FORM)
    path = make.path_of(answer.headers["Location"])
    page = client.get(path).text
    assert ("somebody else has to confirm it" in page, 'value="confirm"' in page) == (True, False)
    refused = post(client, path, token, step="confirm")
    assert (refused.status_code, "You wrote this down yourself" in refused.text) == (409, True)
    token = factory.sign_in(client, "owner")
    assert path in client.get("/en/desk/recorded").text
    assert post(client, path, token, step="confirm").status_code == 303
    assert [entry.reason for entry in make.booked()] == ["recorded_donation", "refund"]
    assert "Sent back to the donor" in client.get(f"/en/desk/recorded/{made.public_id}").text
    assert path not in client.get("/en/desk/recorded").text


def test_what_does_not_stand_is_undone_on_its_page_by_two(client: FlaskClient, made: RecordedDonation) -> None:
    refund = factory.went_back(made)
    token = factory.sign_in(client)
    assert post(client, path_of(refund), token, step="ask_undo", reason="x").status_code == 422
    bad = post(client, path_of(refund), token, step="ask_undo", way="returned", reason="x")
    assert (bad.status_code, "is no date" in bad.text) == (422, True)
    form = {"step": "ask_undo", "way": "returned", "undo_on": "2026-11-25", "reason": "户名不符"}
    assert post(client, path_of(refund), token, **form).status_code == 303
    page = client.get(path_of(refund)).text
    assert ("户名不符" in page, 'value="undo"' in page, 'value="keep"' in page) == (True, False, True)
    token = factory.sign_in(client)
    assert path_of(refund) in client.get("/en/desk/recorded").text
    assert post(client, path_of(refund), token, step="undo").status_code == 303
    assert make.booked()[-1].reason == "refund_failed"
    assert "returned by the receiving bank" in client.get(path_of(refund)).text


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("amount", "", "Write the amount"),
        ("amount", "0", "Write the amount"),
        ("amount", "300.01", "At most 300.00 CNY"),
        ("sent_on", "2026-11-19", "before it arrived on 2026-11-20"),
        ("sent_on", "2999-01-01", "has not come yet"),
        ("sent_on", "soon", "is no date"),
        ("reference", "-", "Write the number"),
        ("note", " ", "Write down why"),
        ("note", "长" * 501, "at most 500"),
    ],
)
def test_what_cannot_be_is_told_at_its_field_and_kept(
    client: FlaskClient, made: RecordedDonation, field: str, typed: str, said: str
) -> None:
    token = factory.sign_in(client)
    answer = post(client, new_path(made), token, **{**FORM, field: typed})
    assert (answer.status_code, said in answer.text, f'id="{field}-err"' in answer.text) == (422, True, True)
    assert 'value="TK-1"' in answer.text or field == "reference"
    with reading() as session:
        assert session.scalar(text("SELECT count(*) FROM recorded_refund")) == 0


def test_the_same_transfer_again_is_told_at_its_field(client: FlaskClient, made: RecordedDonation) -> None:
    token = factory.sign_in(client)
    assert post(client, new_path(made), token, **FORM).status_code == 303
    answer = post(client, new_path(made), token, **FORM)
    assert (answer.status_code, 'id="reference-err"' in answer.text) == (409, True)


def test_both_steps_want_a_fresh_sign_in(client: FlaskClient, made: RecordedDonation) -> None:
    refund = factory.asked_back(made)
    token = factory.sign_in(client)
    with clock.frozen_at(clock.now() + timedelta(minutes=11)):
        for path, form in ((new_path(made), FORM), (path_of(refund), {"step": "confirm"})):
            answer = post(client, path, token, **form)
            assert (answer.status_code, "/en/sign-in?next=" in answer.headers["Location"]) == (303, True)
    assert len(make.booked()) == 1


@pytest.mark.parametrize("who", ["editor of the host", "owner of the partner", "owner elsewhere"])
def test_nobody_but_the_hosts_treasurers_and_owners_sees_it(
    client: FlaskClient, made: RecordedDonation, who: str
) -> None:
    refund = factory.asked_back(made, reference="SECRET-REF")
    where = {"owner of the partner": factory.partner_of(), "owner elsewhere": factory.host_of("noise")}
    token = factory.sign_in(client, who.split()[0], organisation=where.get(who, factory.host_of()))
    for path, form in ((new_path(made), FORM), (path_of(refund), {"step": "confirm"})):
        assert client.get(path).status_code == 404
        assert post(client, path, token, **form).status_code == 404
    assert "SECRET-REF" not in client.get("/en/desk/recorded").text
    if who == "editor of the host":
        page = client.get(f"/en/desk/recorded/{made.public_id}")
        assert (page.status_code, "SECRET-REF" in page.text) == (200, False)
    assert len(make.booked()) == 1


@pytest.mark.parametrize(
    ("locale", "part", "went"),
    [
        ("en", "¥100.00 came back to you; ¥200.00 remains given.", "went back to you by bank transfer"),
        ("zh", "200.00元", "已通过银行转账退给您"),
    ],
)
def test_the_donors_receipt_shows_what_went_back(
    client: FlaskClient, database: Database, made: RecordedDonation, locale: str, part: str, went: str
) -> None:
    receipt = f"/{locale}/recorded/{made.secret}"
    factory.asked_back(made, amount_minor=1)
    assert went not in client.get(receipt).text  # one person said so, and nobody confirmed it
    factory.went_back(made)
    sequencer.drain(database)
    with reading() as session:
        index = session.scalar(text("SELECT log_index FROM log_leaf WHERE reason = 'refund'"))
    page = client.get(receipt).text
    assert (went in page, part in page, f"/{locale}/ledger/{index}" in page) == (True, True, True)
    assert "给多了" not in page
    factory.went_back(made, amount_minor=5_000)
    assert client.get(receipt).text.count(went) == 2


def test_of_what_went_back_whole_the_receipt_counts_no_more(client: FlaskClient, made: RecordedDonation) -> None:
    factory.went_back(made, amount_minor=30_000)
    page = client.get(f"/en/recorded/{made.secret}").text
    assert ("The receipt counts no more" in page, "Ask for an official receipt" in page) == (True, False)


def test_the_campaigns_page_shows_it_as_given_no_more(client: FlaskClient, database: Database) -> None:
    factory.raising()
    today = clock.today("Asia/Shanghai")
    stays = factory.confirmed(name="留下的人", name_is_public=True, received_on=today, amount_minor=6300)
    gone = factory.confirmed(name="拿回的人", name_is_public=True, received_on=today, amount_minor=4200)
    quiet = factory.confirmed(received_on=today, amount_minor=8400)
    sequencer.drain(database)
    before = client.get("/en/c/yunxi").text
    assert ("拿回的人" in before, "¥84.00" in before) == (True, True)
    factory.went_back(gone, amount_minor=4200, sent_on=today)
    factory.went_back(quiet, amount_minor=8400, sent_on=today)
    factory.went_back(stays, amount_minor=2000, sent_on=today)
    sequencer.drain(database)
    page = client.get("/en/c/yunxi?again").text
    assert ("留下的人" in page, "¥43.00" in page) == (True, True)
    assert ("拿回的人" in page, "¥84.00" in page) == (False, False)
    assert "¥146.00 back to donors" in page


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_no_page_of_it_has_a_word_in_the_other_language_only(
    client: FlaskClient, database: Database, locale: str
) -> None:
    factory.raising()
    made = factory.confirmed(source="ABC", name="Amin")
    asked, booked, said = (factory.asked_back(made, amount_minor=9, note="Twice") for _ in range(3))
    for one in (booked, said):
        with database.transaction() as session:
            factory.recorded_refund.confirm(session, session.get_one(RecordedRefund, one.id), by=905)
    with database.transaction() as session:
        row = session.get_one(RecordedRefund, said.id)
        way = factory.recorded_refund.UndoWay.RETURNED
        factory.recorded_refund.ask_undo(session, row, by=905, way=way, on=row.sent_on, reason="Back")
    factory.sign_in(client)
    for path in (new_path(made, locale), *(path_of(one, locale) for one in (asked, booked, said))):
        page = client.get(path)
        assert page.status_code == 200, path
        main = re.sub(r"<[^>]+>|\s+", " ", page.text.split("<main", 1)[1].split("</main", 1)[0])
        if locale == "zh":
            assert not re.search(r"[A-Za-z]{4,} [A-Za-z]{2,} [A-Za-z]{2,}", main), (path, main)
        else:
            assert not re.search(r"[\u4e00-\u9fff]{2,}", main.replace("王秀兰", "")), (path, main)
