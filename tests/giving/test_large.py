"""A large donation is asked for, accepted by two people of the host, and then paid once."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from werkzeug.test import TestResponse

from donate import clock
from donate.db import Database, Role, transaction
from donate.giving import large, rules
from donate.giving.large_agreement import hash_of
from donate.giving.large_models import AgreementText, LargeRequest, LargeRequestPrivate, LargeState
from donate.giving.payment import begin_payment
from donate.giving.recorded import DecidedAlready, DecisionReasonMissing
from donate.giving.retention import forget_large
from donate.settings import Settings
from tests.giving import factories as make
from tests.giving import large_factories as factory
from tests.giving import recorded_factories as recording

WHO = {"name": "陈大川", "contact": "0451 555 0101", "identity": "身份证末四位0019", "agree": "yes"}
ASK = "/en/give/yunxi/large"


def count_of(table: str) -> int:
    with transaction() as session:
        return session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def hidden(page: TestResponse, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return found[1]


def ask_form(client: FlaskClient, amount: str = "60000.00", **changes: str) -> dict[str, str]:
    page = client.get(f"{ASK}?own={amount}")
    form = {"token": hidden(page, "token"), "agreement": hidden(page, "agreement"), "own": amount, "method": "alipay"}
    return form | WHO | changes


def only_request() -> LargeRequest:
    with transaction() as session:
        return session.scalars(select(LargeRequest)).one()


def press(client: FlaskClient, request: LargeRequest, token: str, desk: str = "desk", **form: str) -> TestResponse:
    return client.post(f"/en/{desk}/large/{request.public_id}", data={"csrf_token": token, **form})


def test_below_the_threshold_a_donation_is_simply_taken(client: FlaskClient) -> None:
    make.raising()
    answer = client.post("/en/give/yunxi", data=make.fresh_form(client, own="49999.99"))
    assert (answer.status_code, make.only_checkout().amount_minor) == (303, 4_999_999)


@pytest.mark.parametrize("amount", ["50000.00", "50000.01", "999999.99"])
def test_from_the_threshold_on_the_form_leads_to_asking_and_charges_nothing(client: FlaskClient, amount: str) -> None:
    make.raising()
    page = client.post("/en/give/yunxi", data=make.fresh_form(client, own=amount, words="For the <new> stove"))
    assert (page.status_code, "Before a donation of this size" in page.text) == (200, True)
    assert f'value="{amount}"' in page.text
    assert "For the &lt;new&gt; stove" in page.text
    assert count_of("checkout") == 0


def test_more_than_a_payment_can_hold_is_refused(client: FlaskClient) -> None:
    make.raising()
    page = client.post("/en/give/yunxi", data=make.fresh_form(client, own="1000000.00"))
    assert (page.status_code, "The largest donation here is ¥999,999.99" in page.text) == (422, True)


def test_a_large_donation_is_not_promised_monthly(client: FlaskClient) -> None:
    make.raising()
    page = client.post("/en/give/yunxi", data=make.fresh_form(client, own="50000", rhythm="monthly", method="card"))
    assert (page.status_code, "so it cannot be monthly" in page.text) == (422, True)


def test_several_campaigns_in_one_payment_do_not_hide_a_large_donation(client: FlaskClient) -> None:
    make.raising()
    make.raising("datang", beside="yunxi")
    path = "/en/give/yunxi?c=datang"
    form = make.fresh_form(client, path, **{"own-1": "25000", "own-2": "25000"})
    page = client.post(path, data=form)
    assert (page.status_code, "give to them one by one" in page.text) == (422, True)
    assert count_of("checkout") == 0


def test_no_checkout_of_this_size_starts_without_acceptance(database: Database, settings: Settings) -> None:
    make.raising()
    with pytest.raises(rules.LargeNotAccepted):
        begin_payment(make.new_checkout(("yunxi", factory.THRESHOLD)), settings)
    assert count_of("checkout") == 0
    begin_payment(make.new_checkout(("yunxi", factory.THRESHOLD - 1)), settings)
    assert make.only_checkout().amount_minor == factory.THRESHOLD - 1


def test_a_donor_asks_is_accepted_by_two_and_pays_once(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    make.noise()
    form = ask_form(client, words="加油", email="chen@example.org")
    answer = client.post(ASK, data=form)
    own_page = make.path_of(answer.headers["Location"])
    assert make.path_of(client.post(ASK, data=form).headers["Location"]) == own_page  # a double click
    request = only_request()
    waiting = client.get(own_page)
    assert "Nothing has been charged" in waiting.text
    assert (waiting.headers["Cache-Control"], waiting.headers["X-Robots-Tag"]) == ("no-store", "noindex")
    assert client.post(own_page).status_code == 409
    press(client, request, recording.sign_in(client, "treasurer"), step="accept")
    assert client.post(own_page).status_code == 409
    token = recording.sign_in(client, "reviewer")
    assert press(client, request, token, "review", step="accept").status_code == 303
    paying = client.post(own_page)
    assert (paying.status_code, "/sandbox/" in paying.headers["Location"]) == (303, True)
    assert client.post(own_page).headers["Location"] == paying.headers["Location"]
    made = make.only_checkout()
    assert (made.amount_minor, made.method) == (6_000_000, "alipay")
    make.pay(made)
    make.deliver(client, settings)
    replayed = client.post(own_page)
    assert (replayed.status_code, make.path_of(replayed.headers["Location"])) == (303, f"/en/paid/{made.secret}")
    assert [entry.amount_minor for entry in make.booked()] == [6_000_000]
    assert f"/en/r/{made.secret}" in client.get(own_page).text
    assert "陈大川" not in client.get(own_page).text


def test_a_checkout_that_ran_out_is_followed_by_one_other(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    request = factory.accepted()
    path = f"/en/large/{request.secret}"
    first = client.post(path).headers["Location"]
    with clock.frozen_at(clock.now() + timedelta(hours=2)):
        make.deliver(client, settings)
        second = client.post(path)
        assert second.status_code == 303
        assert second.headers["Location"] != first
        assert client.post(path).headers["Location"] == second.headers["Location"]
    assert count_of("checkout") == 2


def test_an_accepted_donation_to_a_campaign_that_closed_is_not_taken(client: FlaskClient) -> None:
    make.raising()
    request = factory.accepted()
    with transaction(Role.OWNER) as session:
        session.execute(text("UPDATE campaign SET state = 'suspended' WHERE ref = 'yunxi'"))
    answer = client.post(f"/en/large/{request.secret}")
    assert answer.status_code >= 400
    assert count_of("checkout") == 0


def test_every_part_of_asking_is_wanted(client: FlaskClient) -> None:
    make.raising()
    form = ask_form(client, name="", contact=" ", identity="")
    del form["agree"]
    page = client.post(ASK, data=form)
    assert (page.status_code, "4 things to mend" in page.text) == (422, True)
    assert count_of("large_request") == 0


def test_who_changes_the_amount_agrees_anew(client: FlaskClient) -> None:
    make.raising()
    page = client.post(ASK, data=ask_form(client) | {"own": "70000"})
    assert (page.status_code, "names another amount" in page.text) == (422, True)
    assert "¥70,000.00 of their own" in page.text
    assert 'name="agree" value="yes" checked' not in page.text
    sent = {"token": hidden(page, "token"), "agreement": hidden(page, "agreement")}
    assert client.post(ASK, data=ask_form(client) | {"own": "70000"} | sent).status_code == 303
    assert only_request().amount_minor == 7_000_000


def test_the_agreement_is_kept_by_its_hash(client: FlaskClient) -> None:
    make.raising()
    client.post(ASK, data=ask_form(client))
    with transaction() as session:
        kept = session.get_one(AgreementText, only_request().agreement_sha256)
    assert hash_of(kept.words) == kept.sha256
    assert "¥60,000.00" in kept.words
    assert WHO["name"] not in kept.words


def test_a_small_amount_is_sent_to_the_usual_page(client: FlaskClient) -> None:
    make.raising()
    page = client.post(ASK, data=ask_form(client, "49999.99"))
    assert (page.status_code, "you need not ask first" in page.text) == (422, True)


def test_a_form_that_another_site_sent_is_refused(client: FlaskClient) -> None:
    make.raising()
    request = factory.accepted()
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert client.post(ASK, data=ask_form(client), headers=elsewhere).status_code == 403
    assert client.post(f"/en/large/{request.secret}", headers=elsewhere).status_code == 403
    assert count_of("checkout") == 0


def test_one_person_does_not_accept_twice(client: FlaskClient) -> None:
    make.raising()
    request = factory.asked()
    token = recording.sign_in(client, "owner", "treasurer", "reviewer")
    assert press(client, request, token, step="accept").status_code == 303
    answer = press(client, request, token, step="accept")
    assert (answer.status_code, "You have accepted this already" in answer.text) == (409, True)
    assert press(client, request, token, "review", step="accept").status_code == 409
    assert factory.again(request.public_id).state == LargeState.ACCEPTED_ONCE


def test_the_database_refuses_one_person_twice(database: Database) -> None:
    make.raising()
    request = factory.asked()
    with pytest.raises(IntegrityError, match="two_people"), transaction() as session:
        session.execute(
            text("UPDATE large_request SET state = 'accepted', first_by = 7, second_by = 7 WHERE id = :id"),
            {"id": request.id},
        )


def test_the_second_persons_click_again_changes_nothing_and_a_third_comes_too_late(database: Database) -> None:
    make.raising()
    request = factory.accepted(by=(801, 802))
    factory.accept(request.public_id, by=802)
    with pytest.raises(DecidedAlready):
        factory.accept(request.public_id, by=803)
    assert factory.again(request.public_id).second_by == 802


def test_declining_says_why_to_the_donor_and_is_final(client: FlaskClient) -> None:
    make.raising()
    request = factory.asked()
    token = recording.sign_in(client, "treasurer")
    assert press(client, request, token, step="decline", reason=" ").status_code == 422
    assert press(client, request, token, step="decline", reason="We could not learn who you are.").status_code == 303
    assert "We could not learn who you are." in client.get(f"/en/large/{request.secret}").text
    assert press(client, request, token, step="accept").status_code == 409
    assert client.post(f"/en/large/{request.secret}").status_code == 409


def test_accepting_wants_a_fresh_sign_in(client: FlaskClient) -> None:
    make.raising()
    request = factory.asked()
    token = recording.sign_in(client, "treasurer")
    with clock.frozen_at(clock.now() + timedelta(minutes=11)):
        answer = press(client, request, token, step="accept")
    assert "/sign-in" in answer.headers["Location"]
    assert factory.again(request.public_id).state == LargeState.ASKED


def test_only_people_of_the_host_see_and_decide(client: FlaskClient) -> None:
    make.raising()
    make.noise()
    request = factory.asked()
    path = f"/en/desk/large/{request.public_id}"
    for organisation in (recording.host_of("noise"), recording.partner_of()):
        token = recording.sign_in(client, "owner", organisation=organisation)
        assert client.get(path).status_code == 404
        assert press(client, request, token, step="accept").status_code == 404
        assert "陈大川" not in client.get("/en/desk/large").text
    token = recording.sign_in(client, "reviewer", organisation=recording.host_of("noise"))
    assert press(client, request, token, "review", step="accept").status_code == 404
    recording.sign_in(client, "treasurer")
    assert "陈大川" in client.get("/en/desk/large").text
    assert "身份证末四位0019" in client.get(path).text


def test_who_asked_is_forgotten_after_being_declined_and_not_before(database: Database) -> None:
    make.raising()
    standing, declined = factory.asked(), factory.asked()
    with transaction() as session:
        found = session.get_one(LargeRequest, declined.id)
        with pytest.raises(DecisionReasonMissing):
            large.decline(session, found, by=801, reason="")
        large.decline(session, found, by=801, reason="No.")
    with clock.frozen_at(clock.now() + timedelta(days=31)), transaction(Role.ERASER) as session:
        assert forget_large(session) == 1
    with transaction() as session:
        assert session.scalars(select(LargeRequestPrivate.request_id)).all() == [standing.id]
    with pytest.raises(DecidedAlready):
        factory.accept(declined.public_id, by=802)


def test_who_was_erased_cannot_be_accepted(database: Database) -> None:
    make.raising()
    request = factory.asked()
    with transaction(Role.ERASER) as session:
        session.execute(text("DELETE FROM large_request_private"))
    with pytest.raises(large.DonorErased):
        factory.accept(request.public_id, by=801)
