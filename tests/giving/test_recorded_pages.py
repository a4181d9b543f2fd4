"""The host's members record money on their desk; strangers see nothing; the public sees it as what it is."""

import io
import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from donate import clock, sequencer
from donate.db import Database, Role, reading, transaction
from donate.giving import recorded
from donate.giving.recorded_models import Channel, RecordedDonation, RecordedState
from tests.files.factories import picture
from tests.giving import factories as make
from tests.giving import recorded_factories as factory

FORM = {
    "campaign": "yunxi",
    "channel": "bank_transfer",
    "source": "中国农业银行",
    "reference": "20261120-1",
    "amount": "300.00",
    "received_on": "2026-11-20",
    "name": "阿敏",
}


def post(client: FlaskClient, path: str, token: str, **form: object) -> TestResponse:
    return client.post(path, data={"csrf_token": token, **form})


def path_of(made: RecordedDonation) -> str:
    return f"/en/desk/recorded/{made.public_id}"


def numbered(database: Database) -> None:
    sequencer.drain(database)


def test_one_member_enters_and_another_confirms(client: FlaskClient, database: Database) -> None:
    factory.raising()
    token = factory.sign_in(client, "editor")
    answer = post(client, "/en/desk/recorded/new", token, **FORM, photo=(io.BytesIO(picture()), "slip.jpg"))
    page = client.get(answer.headers["Location"])
    assert "You entered this, so somebody else has to confirm it." in page.text
    assert make.booked() == []
    path = make.path_of(answer.headers["Location"])
    token = factory.sign_in(client, "treasurer")
    assert "20261120-1" in client.get("/en/desk/recorded").text
    assert client.get(f"{path}/proof.jpg").content_type == "image/jpeg"
    assert post(client, path, token, step="confirm").status_code == 303
    assert [entry.amount_minor for entry in make.booked()] == [30_000]
    secret = re.search(r"/en/recorded/([\w-]+)", client.get(path).text)
    assert secret is not None
    assert client.get(f"/en/recorded/{secret[1]}").status_code == 200


def test_an_editor_does_not_confirm(client: FlaskClient, database: Database) -> None:
    factory.raising()
    made = factory.entered()
    token = factory.sign_in(client, "editor")
    assert 'value="confirm"' not in client.get(path_of(made)).text
    assert post(client, path_of(made), token, step="confirm").status_code == 404
    assert make.booked() == []


def test_a_second_role_makes_no_second_person(client: FlaskClient, database: Database) -> None:
    factory.raising()
    token = factory.sign_in(client, "editor", "treasurer", "owner")
    path = make.path_of(post(client, "/en/desk/recorded/new", token, **FORM).headers["Location"])
    assert 'value="confirm"' not in client.get(path).text
    answer = post(client, path, token, step="confirm")
    assert (answer.status_code, "You entered this yourself" in answer.text) == (409, True)
    assert make.booked() == []


def test_confirming_wants_a_fresh_sign_in(client: FlaskClient, database: Database) -> None:
    factory.raising()
    made = factory.entered()
    token = factory.sign_in(client)
    with clock.frozen_at(clock.now() + timedelta(minutes=11)):
        answer = post(client, path_of(made), token, step="confirm")
    assert (answer.status_code, "/en/sign-in?next=" in answer.headers["Location"]) == (303, True)
    assert make.booked() == []


@pytest.mark.parametrize("organisation", ["partner", "noise"])
def test_strangers_see_nothing_of_it(client: FlaskClient, database: Database, organisation: str) -> None:
    factory.raising()
    made = factory.entered(reference="SECRET-REF")
    batch = factory.uploaded(factory.platform_file("7,15,2026-11-20,yunxi,,"))
    where = factory.partner_of() if organisation == "partner" else factory.host_of("noise")
    token = factory.sign_in(client, "owner", organisation=where)
    for path in (path_of(made), f"{path_of(made)}/proof.jpg", f"/en/desk/recorded/batch/{batch.public_id}"):
        assert client.get(path).status_code == 404
    assert post(client, path_of(made), token, step="confirm").status_code == 404
    assert "SECRET-REF" not in client.get("/en/desk/recorded").text
    answer = post(client, "/en/desk/recorded/new", token, **FORM)
    assert answer.status_code == (404 if organisation == "partner" else 422)
    assert factory.again(made).state == RecordedState.ENTERED


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("campaign", "", "Choose the campaign"),
        ("campaign", "noise", "Choose the campaign"),
        ("channel", "wire", "Choose how the money came"),
        ("source", "--", "Name the bank"),
        ("reference", " ", "Write the number"),
        ("amount", "", "Write the amount"),
        ("amount", "0.00", "Write the amount"),
        ("amount", "dreihundert", "is not an amount"),
        ("received_on", "2999-01-01", "has not come yet"),
        ("received_on", "yesterday", "is no date"),
        ("name", "长" * 61, "at most 60"),
    ],
)
def test_what_cannot_be_read_is_told_at_its_field_and_kept(
    client: FlaskClient, database: Database, field: str, typed: str, said: str
) -> None:
    factory.raising()
    token = factory.sign_in(client)
    answer = post(client, "/en/desk/recorded/new", token, **{**FORM, field: typed})
    assert (answer.status_code, said in answer.text, f'id="{field}-err"' in answer.text) == (422, True, True)
    assert 'value="20261120-1"' in answer.text or field == "reference"
    with reading() as session:
        assert session.scalar(text("SELECT count(*) FROM recorded_donation")) == 0


def test_the_same_reference_again_is_told_at_its_field(client: FlaskClient, database: Database) -> None:
    factory.raising()
    token = factory.sign_in(client)
    assert post(client, "/en/desk/recorded/new", token, **FORM).status_code == 303
    answer = post(client, "/en/desk/recorded/new", token, **FORM)
    assert (answer.status_code, 'id="reference-err"' in answer.text) == (422, True)


@pytest.mark.parametrize(
    ("locale", "warned", "asked"),
    [
        ("en", "The same number stands elsewhere", "Say why this is other money"),
        ("zh", "同一流水号另有记录", "请说明为什么这是另一笔钱"),
    ],
)
def test_whoever_confirms_sees_the_same_number_under_another_source_and_says_why(
    client: FlaskClient, database: Database, locale: str, warned: str, asked: str
) -> None:
    factory.raising()
    first = factory.confirmed(source="中国农业银行", reference="JZ20261123-7")
    again = factory.entered(source="云溪农商银行", reference="JZ20261123-7")
    path = f"/{locale}/desk/recorded/{again.public_id}"
    token = factory.sign_in(client)
    page = client.get(path).text
    assert (warned in page, str(first.public_id) in page, 'name="other_money"' in page) == (True, True, True)
    answer = post(client, path, token, step="confirm", other_money=" ")
    assert (answer.status_code, asked in answer.text, 'id="other_money-err"' in answer.text) == (422, True, True)
    assert len(make.booked()) == 1
    assert post(client, path, token, step="confirm", other_money="<b>Two slips</b>").status_code == 303
    assert "&lt;b&gt;Two slips&lt;/b&gt;" in client.get(path).text
    assert warned in client.get(f"/{locale}/desk/recorded/{first.public_id}").text
    assert len(make.booked()) == 2


def test_a_batch_with_numbers_of_another_source_says_so_before_it_is_confirmed(
    client: FlaskClient, database: Database
) -> None:
    factory.raising()
    first = factory.confirmed(reference="A-1")
    batch = factory.uploaded(factory.platform_file("A-1,15,2026-11-20,yunxi,,", "A-2,3,2026-11-20,yunxi,,"))
    path = f"/en/desk/recorded/batch/{batch.public_id}"
    token = factory.sign_in(client)
    assert "its number stands in the books under another source" in client.get(path).text
    factory.enter_batch(batch)
    page = client.get(path).text
    assert ("One number of this batch stands" in page, str(first.public_id) in page) == (True, True)
    assert post(client, path, token, step="confirm").status_code == 422
    assert post(client, path, token, step="confirm", other_money="order numbers").status_code == 303
    assert len(make.booked()) == 3


def test_banks_that_were_named_before_are_offered(client: FlaskClient, database: Database) -> None:
    factory.raising()
    factory.entered(source="云溪农商银行")
    factory.entered(source="别家的银行", campaign_ref="noise")
    factory.sign_in(client)
    page = client.get("/en/desk/recorded/new").text
    assert ('<option value="云溪农商银行">' in page, "别家的银行" in page) == (True, False)


def test_a_mistake_is_undone_on_its_page_by_two(client: FlaskClient, database: Database) -> None:
    factory.raising()
    made = factory.confirmed()
    token = factory.sign_in(client, "editor")
    assert post(client, path_of(made), token, step="ask").status_code == 422
    assert post(client, path_of(made), token, step="ask", reason="重复").status_code == 303
    token = factory.sign_in(client, "owner")
    assert "重复" in client.get(path_of(made)).text
    assert post(client, path_of(made), token, step="reverse").status_code == 303
    numbered(database)
    receipt = client.get(f"/en/recorded/{made.secret}").text
    assert "This receipt counts no more." in receipt
    assert "重复" not in receipt
    assert [entry.reason for entry in make.booked()] == ["recorded_donation", "reversal"]


def test_a_batch_goes_from_file_to_books_by_two_people(client: FlaskClient, database: Database) -> None:
    factory.raising()
    token = factory.sign_in(client, "editor")
    content = factory.platform_file(
        "A-1,15,2026-11-20,yunxi,=cmd|calc,no", "A-2,x,2026-11-20,yunxi,,", "A-3,3,2026-11-20,yunxi,<b>李</b>,yes"
    )
    form = {"source": "腾讯公益", "file": (io.BytesIO(content), "list.csv")}
    answer = post(client, "/en/desk/recorded/upload", token, **form)
    path = make.path_of(answer.headers["Location"])
    page = client.get(path).text
    assert "Enter 2 donations" in page
    assert "is not an amount" in page
    verdicts = client.get(f"{path}/verdicts.csv").get_data().decode("utf-8-sig")
    assert ",'=cmd|calc," in verdicts
    assert verdicts.count("\r\n") == 4
    assert post(client, path, token, step="enter").status_code == 303
    token = factory.sign_in(client)
    assert client.get(f"{path}/file.csv").get_data() == content
    assert "Book 2 donations, ¥18.00" in client.get(path).text
    assert post(client, path, token, step="confirm").status_code == 303
    assert sorted(entry.amount_minor for entry in make.booked()) == [300, 1500]
    numbered(database)
    public = client.get("/en/c/yunxi").text
    assert "&lt;b&gt;李&lt;/b&gt;" in public
    assert "=cmd" not in public


def test_a_file_given_up_is_erased(client: FlaskClient, database: Database) -> None:
    factory.raising()
    batch = factory.uploaded(factory.platform_file("7,15,2026-11-20,yunxi,张三,"))
    token = factory.sign_in(client)
    assert post(client, f"/en/desk/recorded/batch/{batch.public_id}/discard", token).status_code == 303
    with reading() as session:
        assert session.scalar(text("SELECT count(*) FROM recorded_file")) == 0
    assert client.get(f"/en/desk/recorded/batch/{batch.public_id}").status_code == 200


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "Choose a file"), (b"a,b\n1,2\n", "is missing"), (b"\x80\xff", "no CSV file")]
)
def test_a_file_that_is_none_is_told_at_its_field(
    client: FlaskClient, database: Database, content: bytes, said: str
) -> None:
    factory.raising()
    token = factory.sign_in(client)
    form = {"source": "腾讯公益", "file": (io.BytesIO(content), "list.csv")}
    answer = post(client, "/en/desk/recorded/upload", token, **form)
    assert (answer.status_code, said in answer.text, 'id="file-err"' in answer.text) == (422, True, True)


def test_the_sample_file_is_taken_as_it_is(client: FlaskClient, database: Database) -> None:
    factory.raising()
    token = factory.sign_in(client)
    content = client.get("/en/desk/recorded/sample.csv").get_data()
    form = {"source": "腾讯公益", "file": (io.BytesIO(content), "sample.csv")}
    with clock.frozen_at(clock.now()):
        answer = post(client, "/en/desk/recorded/upload", token, **form)
    assert "Enter 3 donations" in client.get(answer.headers["Location"]).text


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_campaign_page_and_the_ledger_say_what_it_is(client: FlaskClient, database: Database, locale: str) -> None:
    factory.raising()
    today = clock.today("Asia/Shanghai")
    factory.confirmed(name="阿敏", name_is_public=True, received_on=today)
    factory.confirmed(name="王不说", received_on=today, channel=Channel.CASH)
    factory.confirmed(received_on=today, campaign_ref="noise", channel=Channel.PLATFORM)
    numbered(database)
    page = re.sub(r"\s+", " ", client.get(f"/{locale}/c/yunxi").text)
    words = ("登记捐赠", "银行转账", "现金（已存入银行）") if locale == "zh" else (
        "recorded donation", "Bank transfer", "Cash paid in at the bank",
    )  # fmt: skip
    assert "阿敏" in page
    assert "王不说" not in page
    assert page.count(f"{words[0]} · {words[1]}") == 1  # the named one
    assert page.count(f"{words[0]} · {words[2]}") == 1  # and the day's other
    assert ("其他平台" if locale == "zh" else "Another platform") not in page
    ledger = client.get(f"/{locale}/ledger?campaign=yunxi").text
    assert ledger.count(f"· {words[1]}") == 1
    assert ledger.count(f"· {words[2]}") == 1
    with reading() as session:
        query = "SELECT log_index FROM log_leaf WHERE reason = 'recorded_donation' AND campaign = 'noise'"
        index = session.scalars(text(query)).one()
    entry = client.get(f"/{locale}/ledger/{index}").text
    assert ("其他平台" if locale == "zh" else "Another platform") in entry


def test_a_receipt_is_the_holders_of_its_link_alone(client: FlaskClient, database: Database) -> None:
    factory.raising()
    made = factory.confirmed(name="阿敏")
    waiting = factory.entered()
    before = client.get(f"/en/recorded/{made.secret}")
    assert "The number follows within a minute." in before.text
    numbered(database)
    page = client.get(f"/en/recorded/{made.secret}")
    assert "2026-0000001" in page.text
    assert "Recorded donation · Bank transfer" in page.text
    assert "阿敏" in page.text
    assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    for secret in (waiting.secret, made.secret[:-1], made.public_id, "x%00"):
        assert client.get(f"/en/recorded/{secret}").status_code == 404


def test_a_receipt_outlives_the_erasing_of_its_name(client: FlaskClient, database: Database) -> None:
    factory.raising()
    made = factory.confirmed(name="阿敏", name_is_public=True)
    with transaction(Role.ERASER) as session:
        session.execute(text("DELETE FROM recorded_private"))
    numbered(database)
    for path in (f"/en/recorded/{made.secret}", "/en/c/yunxi"):
        page = client.get(path)
        assert (page.status_code, "阿敏" in page.text) == (200, False)


def test_a_reversed_donation_leaves_the_campaign_page(client: FlaskClient, database: Database) -> None:
    factory.raising()
    made = factory.confirmed(name="阿敏", name_is_public=True, received_on=clock.today("Asia/Shanghai"))
    with transaction() as session:
        row = session.get_one(RecordedDonation, made.id)
        recorded.ask_reversal(session, row, by=903, reason="x")
        recorded.book_reversal(session, row, by=901)
    numbered(database)
    page = client.get("/en/c/yunxi").text
    assert "阿敏" not in page
    assert "recorded donation" not in page


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_no_desk_page_has_a_word_in_the_other_language_only(
    client: FlaskClient, database: Database, locale: str
) -> None:
    factory.raising()
    made = factory.confirmed(source="ABC", name="Amin")
    batch = factory.uploaded(factory.platform_file("7,15,2026-11-20,yunxi,,"), source="ABC")
    factory.sign_in(client)
    paths = ("", "/new", "/upload", f"/{made.public_id}", f"/batch/{batch.public_id}")
    for path in paths:
        page = client.get(f"/{locale}/desk/recorded{path}")
        assert page.status_code == 200, path
        main = re.sub(r"<[^>]+>|\s+", " ", page.text.split("<main", 1)[1].split("</main", 1)[0])
        if locale == "zh":
            assert not re.search(r"[A-Za-z]{4,} [A-Za-z]{2,} [A-Za-z]{2,}", main), (path, main)
        else:
            rest = re.sub(
                r"流水号|订单号|交易号|捐赠金额|金额|到账日期|日期|项目编号|项目|姓名|捐赠人|公开姓名|协议编号|协议|、",
                "",
                main,
            )
            assert not re.search(r"[\u4e00-\u9fff]{2,}", rest.replace("王秀兰", "")), (path, rest)
