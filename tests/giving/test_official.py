"""Official receipts: asked for by the donor, issued by the host with a number used once, voided with a reason."""

import io
import re
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from werkzeug.test import TestResponse

from donate import sequencer
from donate.db import Database, Role, bind, reading, transaction
from donate.errors import N_
from donate.giving import official, recorded
from donate.giving.models import Checkout, Donation
from donate.giving.official_models import OfficialReceipt, OfficialState
from donate.giving.recorded_models import RecordedDonation
from donate.giving.refund_models import Refund, RefundPart
from donate.giving.sync import sync_checkout
from donate.settings import Settings
from tests.giving import factories as make
from tests.giving import recorded_factories as factory

REFUNDED = N_("The host had recorded this donation by mistake and has reversed it.")
TO = official.MadeOutTo("北京某某有限公司", "91110000MA01234567", "kuaiji@example.org")


def paid(settings: Settings, *lines: tuple[str, int]) -> Checkout:
    made = make.paid_in_sandbox(settings, *lines)
    sync_checkout(made.public_id, settings)
    return make.checkout(made.public_id)


def asked(secret: str, to: official.MadeOutTo = TO) -> list[OfficialReceipt]:
    with transaction() as session:
        official.ask(session, official.donations_behind(session, secret), to)
        return list(session.scalars(select(OfficialReceipt).order_by(OfficialReceipt.id)))


def issue(receipt: OfficialReceipt, number: str, *, by: int = 902) -> None:
    with transaction() as session:
        official.issue(session, session.get_one(OfficialReceipt, receipt.id), number=number, by=by)


def again(receipt: OfficialReceipt) -> OfficialReceipt:
    with reading() as session:
        return session.get_one(OfficialReceipt, receipt.id)


def post(client: FlaskClient, path: str, token: str, **form: object) -> TestResponse:
    return client.post(path, data={"csrf_token": token, **form})


@pytest.fixture
def booked(database: Database) -> RecordedDonation:
    factory.raising()
    factory.confirmed(campaign_ref="noise")
    return factory.confirmed()


def test_asked_for_twice_it_is_one(booked: RecordedDonation) -> None:
    asked(booked.secret)
    with pytest.raises(official.NothingToAskFor):
        asked(booked.secret)


def test_two_who_ask_at_once_get_one(database: Database, booked: RecordedDonation) -> None:
    def ask(_: int) -> None:
        bind(database)
        try:
            asked(booked.secret)
        except official.NothingToAskFor:
            return

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(ask, range(6)))
    with reading() as session:
        assert session.scalar(text("SELECT count(*) FROM official_receipt")) == 1


def test_every_donation_of_a_payment_gets_its_own(database: Database, settings: Settings) -> None:
    make.raising()
    make.raising("second", beside="yunxi")
    made = paid(settings, ("yunxi", 1500), ("second", 700))
    assert [(one.amount_minor, one.host) for one in asked(made.secret)] == [
        (1500, factory.host_of()),
        (700, factory.host_of()),
    ]


def test_nothing_can_be_asked_for_what_is_not_booked(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    made = make.opened(settings)
    waiting = factory.entered()
    for secret in (made.secret, waiting.secret, "x"):
        assert client.get(f"/en/official/{secret}").status_code == 404


def test_a_number_is_used_once_in_a_host(booked: RecordedDonation) -> None:
    other = factory.confirmed()
    elsewhere = factory.confirmed(campaign_ref="noise")
    first, second, third = [asked(one.secret)[-1] for one in (booked, other, elsewhere)]
    issue(first, "0012-345")
    with pytest.raises(official.NumberTaken):
        issue(second, "0012 345")
    issue(third, "0012-345")  # another host's numbers are others
    assert (again(second).state, again(third).state) == (OfficialState.REQUESTED, OfficialState.ISSUED)


def test_two_treasurers_cannot_use_one_number_at_once(database: Database, booked: RecordedDonation) -> None:
    receipts = [asked(one.secret)[-1] for one in (booked, factory.confirmed(), factory.confirmed())]

    def take(receipt: OfficialReceipt) -> bool:
        bind(database)
        try:
            issue(receipt, "77")
        except official.NumberTaken:
            return False
        return True

    with ThreadPoolExecutor(3) as threads:
        assert sorted(threads.map(take, receipts)) == [False, False, True]


def test_issued_again_with_its_number_changes_nothing_with_another_is_refused(booked: RecordedDonation) -> None:
    (receipt,) = asked(booked.secret)
    issue(receipt, "0012")
    issue(receipt, " 0012 ")
    with pytest.raises(official.IssuedAlready):
        issue(receipt, "0013")
    with reading() as session:
        states = session.scalars(text("SELECT state FROM official_receipt_step ORDER BY id")).all()
    assert states == ["requested", "issued"]


def test_a_voided_one_keeps_its_number_and_another_may_be_asked_for(booked: RecordedDonation) -> None:
    (receipt,) = asked(booked.secret)
    issue(receipt, "0012")
    with transaction() as session:
        official.void(session, session.get_one(OfficialReceipt, receipt.id), reason="抬头写错", by=902)
    first, second = asked(booked.secret)
    assert (first.state, first.number, second.state) == (OfficialState.VOIDED, "0012", OfficialState.REQUESTED)
    with pytest.raises(official.NumberTaken):
        issue(second, "0012")
    with pytest.raises(official.VoidedAlready):
        issue(first, "0014")


def test_a_refund_voids_what_stands_for_its_donations_alone(database: Database, settings: Settings) -> None:
    make.raising()
    make.raising("second", beside="yunxi")
    first, second = asked(paid(settings, ("yunxi", 1500), ("second", 700)).secret)
    issue(first, "0012")
    with transaction() as session:
        given = session.scalars(select(Donation.id).where(Donation.campaign_ref == "yunxi")).all()
        assert official.void_official_receipts(session, given, REFUNDED) == 1
        assert official.void_official_receipts(session, given, REFUNDED) == 0
    assert (again(first).state, again(second).state) == (OfficialState.VOIDED, OfficialState.REQUESTED)


def test_of_a_donation_that_was_given_back_only_the_rest_is_receipted(database: Database, settings: Settings) -> None:
    make.raising()
    make.raising("second", beside="yunxi")
    made = paid(settings, ("yunxi", 1500), ("second", 700))
    with transaction() as session:
        parts = dict(session.execute(select(Donation.campaign_ref, Donation.id)).all())
        back = Refund(checkout_id=made.id, charge_id="ch_1", amount_minor=1200, origin="staff")
        refused = Refund(checkout_id=made.id, charge_id="ch_1", amount_minor=100, origin="staff", state="refused")
        session.add_all((back, refused))
        session.flush()
        for refund, donation, amount in ((back, "yunxi", 500), (back, "second", 700), (refused, "yunxi", 100)):
            session.add(RefundPart(refund_id=refund.id, donation_id=parts[donation], amount_minor=amount))
    assert [one.amount_minor for one in asked(made.secret)] == [1000]


def test_reversing_a_recorded_donation_voids_it(client: FlaskClient, booked: RecordedDonation) -> None:
    (receipt,) = asked(booked.secret)
    with transaction() as session:
        row = session.get_one(RecordedDonation, booked.id)
        recorded.ask_reversal(session, row, by=903, reason="x")
        recorded.book_reversal(session, row, by=901)
    assert again(receipt).state == OfficialState.VOIDED
    page = client.get(f"/zh/recorded/{booked.secret}").text
    assert "慈善组织误登了这笔捐赠，已经冲正。" in page
    assert "申请捐赠票据" not in page
    assert client.get(f"/zh/official/{booked.secret}").status_code == 303


@pytest.mark.parametrize(
    "statement", ["UPDATE official_receipt_step SET reason = 'y'", "DELETE FROM official_receipt_step"]
)
def test_its_history_is_never_changed(booked: RecordedDonation, statement: str) -> None:
    asked(booked.secret)
    for role in (Role.WEB, Role.OWNER):
        with pytest.raises(Exception, match=r"permission denied|is refused"), transaction(role) as session:
            session.execute(text(statement))


def test_the_donor_asks_on_the_receipts_page_and_reads_the_number_there(
    client: FlaskClient, database: Database, settings: Settings
) -> None:
    make.raising()
    made = paid(settings)
    sequencer.drain(database)
    assert f"/en/official/{made.secret}" in client.get(f"/en/r/{made.secret}").text
    bad = client.post(f"/en/official/{made.secret}", data={"title": " ", "tax_id": "!", "email": "x@"})
    assert (bad.status_code, bad.text.count('class="err"')) == (422, 3)
    answer = client.post(f"/en/official/{made.secret}", data={"title": TO.title, "tax_id": "9111 0000", "email": ""})
    assert answer.headers["Location"] == f"/en/r/{made.secret}#official"
    token = factory.sign_in(client)
    desk = client.get("/en/desk/official").text
    assert (TO.title in desk, "2026-0000001" in desk) == (True, True)
    path = re.search(r"/en/desk/official/[0-9a-f-]{36}", desk)
    assert path is not None
    assert "91110000" in client.get(path[0]).text
    assert post(client, path[0], token, step="issue", number="").status_code == 422
    assert post(client, path[0], token, step="issue", number="0012345").status_code == 303
    page = client.get(f"/en/r/{made.secret}").text
    assert "0012345" in page
    assert f"/en/official/{made.secret}" not in page


def test_a_form_that_another_site_sends_is_refused(client: FlaskClient, booked: RecordedDonation) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = client.post(f"/en/official/{booked.secret}", data={"title": "x"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("who", ["editor", "elsewhere"])
def test_only_the_hosts_treasurers_and_owners_see_who_asked(
    client: FlaskClient, booked: RecordedDonation, who: str
) -> None:
    (receipt,) = asked(booked.secret)
    where, role = (factory.host_of(), "editor") if who == "editor" else (factory.host_of("noise"), "owner")
    token = factory.sign_in(client, role, organisation=where)
    assert TO.title not in client.get("/en/desk/official").text
    assert TO.title not in client.get("/en/desk/official/requests.csv").get_data().decode()
    assert client.get(f"/en/desk/official/{receipt.public_id}").status_code == 404
    assert post(client, f"/en/desk/official/{receipt.public_id}", token, number="1").status_code == 404
    rows = f"receipt,number\n{receipt.public_id},1\n"
    post(client, "/en/desk/official/batch", token, rows=rows)
    assert again(receipt).state == OfficialState.REQUESTED


def test_a_file_of_numbers_is_judged_row_by_row_and_then_issued(
    client: FlaskClient, database: Database, booked: RecordedDonation
) -> None:
    receipts = [asked(one.secret)[-1] for one in (booked, *(factory.confirmed() for _ in range(5)))]
    sequencer.drain(database)
    issue(receipts[1], "B-1")
    issue(receipts[2], "B-2")
    with transaction() as session:
        official.void(session, session.get_one(OfficialReceipt, receipts[3].id), reason="x", by=902)
        numbers: dict[int, str] = dict(
            session.execute(
                text(
                    """
                    SELECT official_receipt.id, year || '-' || lpad(number::text, 7, '0') FROM official_receipt
                    JOIN recorded_donation recorded ON recorded.id = recorded_id
                    JOIN receipt_number receipt ON receipt.entry_id = recorded.entry_id
                    """.replace("|| lpad(number", "|| lpad(receipt.number")
                )
            ).all()
        )
        public_ids: dict[int | None, UUID] = dict(
            session.execute(text("SELECT id, public_id FROM recorded_donation")).all()
        )
    rows = [
        (str(receipts[0].public_id), "C-1"),  # to be issued, by the request's own number
        (numbers[receipts[4].id], "C-2"),  # to be issued, by our receipt's number
        (str(public_ids[receipts[5].recorded_id]), "C-3"),  # to be issued, by the donation's reference
        (str(receipts[1].public_id), "b1"),  # issued with this number before
        (str(receipts[2].public_id), "C-4"),  # issued with another
        (str(receipts[3].public_id), "C-5"),  # voided
        ("2026-9999999", "C-6"),
        ("=1+1", "C-7"),
        (str(receipts[0].public_id), "C-8"),  # its receipt stands in the file twice
        (numbers[receipts[4].id], ""),
    ]
    content = "\n".join(["number,receipt", *(f"{number},{receipt}" for receipt, number in rows)]).encode()
    token = factory.sign_in(client)
    page = post(client, "/en/desk/official/batch", token, file=(io.BytesIO(content), "numbers.csv"))
    assert page.status_code == 200
    counted = re.findall(
        r"<span>(To be issued|Issued with this number before|Cannot be issued)</span><span>(\d+)", page.text
    )
    assert dict(counted) == {"To be issued": "3", "Issued with this number before": "1", "Cannot be issued": "6"}
    assert [again(one).number for one in receipts] == [None, "B-1", "B-2", None, None, None]  # nothing issued yet
    carried = re.search(r'name="rows" value="([^"]+)"', page.text)
    assert carried is not None
    assert post(client, "/en/desk/official/batch", token, rows=carried[1]).status_code == 303
    assert [again(one).number for one in receipts] == ["C-1", "B-1", "B-2", None, "C-2", "C-3"]
    assert post(client, "/en/desk/official/batch", token, rows=carried[1]).status_code == 303  # again: nothing
    with reading() as session:
        assert session.scalar(text("SELECT count(*) FROM official_receipt_step WHERE state = 'issued'")) == 5


def test_the_file_of_requests_runs_nowhere(client: FlaskClient, booked: RecordedDonation) -> None:
    asked(booked.secret, official.MadeOutTo('=HYPERLINK("http://x")', None, None))
    factory.sign_in(client)
    content = client.get("/en/desk/official/requests.csv").get_data().decode("utf-8-sig")
    assert "\"'=HYPERLINK(" in content


def test_what_was_typed_can_be_erased_and_the_receipt_stays(client: FlaskClient, booked: RecordedDonation) -> None:
    (receipt,) = asked(booked.secret)
    issue(receipt, "0012")
    with transaction(Role.ERASER) as session:
        session.execute(text("DELETE FROM official_receipt_private"))
    factory.sign_in(client)
    page = client.get(f"/en/desk/official/{receipt.public_id}").text
    assert ("Name erased" in page, TO.title in page, "0012" in page) == (True, False, True)
