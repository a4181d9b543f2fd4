"""The treasurer's pages of the bank statement and of settlements: who sees them, what they say, what they take."""

import io
import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from donate import clock
from donate.giving.uploaded_table import write_table
from donate.settling.bank_forms import SAMPLE
from tests.giving import factories as giving
from tests.giving import recorded_factories as recording
from tests.settling import factories as make

HEADER = "day,amount,reference,number,words"


@pytest.fixture(autouse=True)
def _raising(database):
    giving.raising()
    giving.noise()


def upload(client: FlaskClient, token: str, content: bytes) -> TestResponse:
    form = {"csrf_token": token, "file": (io.BytesIO(content), "statement.csv")}
    return client.post("/en/desk/bank/upload", data=form)


def post(client: FlaskClient, token: str, line_id: int, **form: str) -> TestResponse:
    return client.post(f"/en/desk/bank/{line_id}", data={"csrf_token": token, **form})


def test_a_treasurer_uploads_a_statement_and_sees_what_waits_first(client, settings):
    make.sent_to_bank(settings)
    token = recording.sign_in(client, "treasurer")
    today = clock.now().date().isoformat()
    content = f"{HEADER}\n{today},14.91,SBX1,1,Payout\n{today},-12.00,,2,Account fee\n".encode()
    answer = upload(client, token, content)
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"]).text
    assert "2 new lines of 2 in the file" in page
    assert page.index("Account fee") < page.index("Explained lines") < page.index("Settlement of the payment provider")
    assert "One line waits" in page
    again = client.get(upload(client, token, content).headers["Location"]).text
    assert "0 new lines of 2 in the file" in again


def test_the_sample_can_be_uploaded(client):
    token = recording.sign_in(client, "owner")
    sample = client.get("/en/desk/bank/sample.csv")
    assert sample.data == write_table(SAMPLE)
    assert upload(client, token, sample.data).status_code == 303
    assert make.said() == [None, None, None]


def test_a_file_that_cannot_be_read_is_told_with_its_line_and_keeps_nothing(client):
    token = recording.sign_in(client, "treasurer")
    answer = upload(client, token, f"{HEADER}\n2026-11-03,1.00,,,\n2026-02-31,1.00,,,\n".encode())
    assert answer.status_code == 422
    assert "Line 3: “2026-02-31” is no day" in answer.text
    assert 'role="alert" tabindex="-1" autofocus' in answer.text
    assert make.said() == []


@pytest.mark.parametrize("role", ["editor", "reviewer"])
def test_other_members_of_the_host_see_nothing_of_it(client, settings, role):
    make.sent_to_bank(settings)
    make.upload(make.row(words="Zhang San"))
    line_id = make.bank_lines()[0].id
    token = recording.sign_in(client, role, "editor")
    assert "Zhang San" not in client.get("/en/desk/bank").text
    assert "po_1" not in client.get("/en/desk/settlements").text
    assert client.get(f"/en/desk/bank/{line_id}").status_code == 404
    assert client.get(f"/en/desk/settlements/{make.settlement().id}").status_code == 404
    assert post(client, token, line_id, step="explained", note="mine").status_code == 404
    assert upload(client, token, b"day,amount\n").status_code == 404


def test_a_line_is_matched_by_hand_with_a_note(client, settings):
    make.sent_to_bank(settings)
    make.upload(make.row(), make.row())
    line_id = make.bank_lines()[0].id
    token = recording.sign_in(client, "treasurer")
    page = client.get(f"/en/desk/bank/{line_id}").text
    choice = re.search(r'<option value="(settlement po_1)"', page)
    assert choice is not None
    refused = post(client, token, line_id, step="match", subject=choice[1], note="")
    assert (refused.status_code, "Say in a few words what this is." in refused.text) == (422, True)
    assert post(client, token, line_id, step="match", subject=choice[1], note="by its slip").status_code == 303
    page = client.get(f"/en/desk/bank/{line_id}").text
    assert "by its slip" in page
    assert "Settlement po_1" in page


def test_a_line_with_a_settlements_reference_and_another_amount_says_so_and_refuses_it(client, settings):
    make.sent_to_bank(settings, bank_reference="SBX000000000042")
    make.upload(make.row(amount_minor=1490, reference="SBX000000000042"))
    line_id = make.bank_lines()[0].id
    token = recording.sign_in(client, "treasurer")
    page = client.get(f"/en/desk/bank/{line_id}").text
    assert "another amount, so it cannot be the line" in page
    answer = post(client, token, line_id, step="match", subject="settlement po_1", note="nearly")
    assert (answer.status_code, "the amounts must be equal" in answer.text) == (422, True)
    assert "nearly" in answer.text
    assert make.said() == [None]


@pytest.mark.parametrize(
    ("locale", "words"), [("en", "None of these bears the line’s reference"), ("zh", "都没有这笔流水的凭证号")]
)
def test_what_has_the_amount_alone_is_offered_with_a_warning(client, settings, locale, words):
    make.sent_to_bank(settings, bank_reference="SBX000000000042")
    make.upload(make.row(reference="ZZ99999999-1"))
    recording.sign_in(client, "treasurer")
    page = client.get(f"/{locale}/desk/bank/{make.bank_lines()[0].id}").text
    assert words in page
    assert 'value="settlement po_1"' in page


@pytest.mark.parametrize(
    ("step", "reason", "minor"), [("bank_charge", "bank_charge", -1200), ("interest", "interest", 33)]
)
def test_a_bank_charge_and_interest_are_booked_from_the_page(client, step, reason, minor):
    make.upload(make.row(amount_minor=minor))
    line_id = make.bank_lines()[0].id
    token = recording.sign_in(client, "treasurer")
    assert post(client, token, line_id, step=step).status_code == 303
    assert [(entry.reason, entry.amount_minor) for entry in giving.booked()] == [(reason, abs(minor))]
    assert post(client, token, line_id, step=step).status_code == 409
    assert post(client, token, line_id, step="take_back", note="it was rent").status_code == 303
    assert "it was rent" in client.get(f"/en/desk/bank/{line_id}").text
    assert make.said() == [None]


def test_it_wants_a_fresh_sign_in(client):
    make.upload(make.row())
    token = recording.sign_in(client, "treasurer")
    with client.session_transaction() as kept:
        kept["_fresh"] = False
    answer = post(client, token, make.bank_lines()[0].id, step="interest")
    assert (answer.status_code, "sign-in" in answer.headers.get("Location", "")) == (303, True)
    assert make.said() == [None]


def test_settlements_are_listed_with_their_lines_and_what_differs(client, settings):
    make.sent_to_bank(settings)
    recording.sign_in(client, "owner")
    page = client.get("/en/desk/settlements").text
    assert page.count("14.91") == 2
    assert "None" in page
    page = client.get(f"/en/desk/settlements/{make.settlement().id}").text
    assert "fund:yunxi" in page
    assert make.lines()[0].line_id in page


def test_a_settlement_whose_lines_do_not_sum_says_so(client, settings):
    make.sent_to_bank(settings, amount_minor=1400)
    with make.days_later(9):
        recording.sign_in(client, "treasurer")
        page = client.get("/zh/desk/settlements").text
        assert "某笔结算的流水之和与其金额不符。" in page
        assert "银行流水里没有这一笔" in page
        assert "0.91" in client.get(f"/zh/desk/settlements/{make.settlement().id}").text
