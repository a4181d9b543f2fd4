"""The give page over the app: what is refused, said plainly, and kept as it was typed."""

from datetime import date, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from donate import clock
from donate.campaigns import review
from donate.campaigns.models import Campaign
from donate.db import Database, Role, transaction
from donate.giving import token, tries
from donate.ledger import cover, journal
from donate.ledger.chart import Reason
from donate.payments import merchants
from donate.payments.gateway import AmountRefused, ProviderRefused, ProviderUnavailable
from donate.sequencer import drain
from donate.settings import Settings
from tests.campaigns import factories as campaigns
from tests.giving import factories as make
from tests.ledger.factories import donation


def count_of(table: str) -> int:
    with transaction() as session:
        return session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_a_fresh_form_chooses_nothing_for_the_donor_but_once(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    page = client.get("/en/give/yunxi")
    assert page.text.count(" checked") == 1
    assert 'name="rhythm" value="once" checked' in page.text


def test_a_link_may_choose_an_amount(client: FlaskClient) -> None:
    make.raising()
    assert 'value="15.00" checked' in client.get("/en/give/yunxi?amount=15").text
    assert 'value="7.50"' in client.get("/en/give/yunxi?amount=7.5").text
    assert 'value="12.505"' in client.get("/en/give/yunxi?amount=own&own=12.505").text


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_fee_is_shown_before_paying_in_money_and_meals(client: FlaskClient, locale: str) -> None:
    make.raising()
    page = client.get(f"/{locale}/give/yunxi?amount=15").text
    assert ("0.09元" if locale == "zh" else "¥0.09, 0.03 of a meal") in page
    assert ("0.74元" if locale == "zh" else "¥0.74, 0.24 of a meal") in page


@pytest.mark.parametrize(("held_minor", "is_covered"), [(74, True), (73, False)])
def test_the_page_promises_the_fee_fund_only_where_it_holds_the_dearest_fee(
    client: FlaskClient, database: Database, held_minor: int, is_covered: bool
) -> None:
    make.raising()
    with transaction() as session:
        leg = journal.Leg(debit="bank", credit="fee_cover", amount_minor=held_minor)
        book_id = session.scalars(select(Campaign.book_id)).one()
        cover.fill(session, donation(book_id, reason=Reason.OPENING, campaign=None, legs=(leg,)))
    promise = "The host’s fee fund pays it"
    assert promise not in client.get("/en/give/yunxi?amount=15").text  # not numbered yet, so not in the public books
    drain(database)
    assert (promise in client.get("/en/give/yunxi?amount=15").text) == is_covered


def test_a_bad_form_is_redrawn_with_what_was_typed(client: FlaskClient) -> None:
    make.raising()
    form = make.fresh_form(client, own="12.505", email="tomasz.example.org", name="Tomasz & <b>", words="hot")
    page = client.post("/en/give/yunxi", data=form)
    assert page.status_code == 422
    for typed in ('value="12.505"', 'value="tomasz.example.org"', "Tomasz &amp; &lt;b&gt;", "\nhot</textarea>"):
        assert typed in page.text
    assert "2 things to mend" in page.text
    assert count_of("checkout") == 0


def test_who_leaves_a_written_amount_for_an_offered_one_gives_the_offered_one(client: FlaskClient) -> None:
    make.raising()
    address = "/en/give/yunxi?amount=1000"
    assert '<input type="hidden" name="own-before" value="1000.00">' in client.get(address).text
    sent = {"amount": "15.00", "own": "1000.00", "own-before": "1000.00"}
    redrawn = client.post(address, data=make.fresh_form(client, address, **sent, email="nobody"))
    assert 'value="15.00" checked' in redrawn.text
    assert 'value="1000.00"' not in redrawn.text
    assert client.post(address, data=make.fresh_form(client, address, **sent)).status_code == 303
    assert make.only_checkout().amount_minor == 1500


def test_a_redrawn_form_can_be_sent(client: FlaskClient) -> None:
    make.raising()
    page = client.post("/en/give/yunxi", data=make.fresh_form(client, own="x"))
    sent = client.post("/en/give/yunxi", data={**make.FORM, "token": make.token_in(page)})
    assert sent.status_code == 303


def test_a_double_click_meets_the_same_checkout(client: FlaskClient) -> None:
    make.raising()
    form = make.fresh_form(client)
    first, second = client.post("/en/give/yunxi", data=form), client.post("/en/give/yunxi", data=form)
    assert first.headers["Location"] == second.headers["Location"]
    assert (count_of("checkout"), count_of("donation")) == (1, 1)


@pytest.mark.parametrize("change", [{"amount": "60.00"}, {"name": "Bo"}, {"method": "card"}, {"words": "x"}])
def test_a_form_sent_again_with_other_content_is_told_so(client: FlaskClient, change: dict[str, str]) -> None:
    make.raising()
    form = make.fresh_form(client)
    client.post("/en/give/yunxi", data=form)
    again = client.post("/en/give/yunxi", data=form | change)
    assert again.status_code == 409
    assert "sent before with other details" in again.text
    assert make.only_checkout().amount_minor == 1500
    fresh = client.post("/en/give/yunxi", data=form | change | {"token": make.token_in(again)})
    assert fresh.status_code == 303


def test_the_same_form_after_paying_leads_to_the_receipt(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    form = make.fresh_form(client)
    client.post("/en/give/yunxi", data=form)
    checkout = make.only_checkout()
    make.pay(checkout)
    make.deliver(client, settings)
    again = client.post("/en/give/yunxi", data=form)
    assert (again.status_code, make.path_of(again.headers["Location"])) == (303, f"/en/paid/{checkout.secret}")
    assert len(make.booked()) == 1


def test_the_same_form_after_its_time_starts_afresh(client: FlaskClient) -> None:
    make.raising()
    form = make.fresh_form(client)
    client.post("/en/give/yunxi", data=form)
    with clock.frozen_at(clock.now() + timedelta(hours=1)):
        again = client.post("/en/give/yunxi", data=form)
        assert (again.status_code, "The time to pay ran out" in again.text) == (409, True)
        assert client.post("/en/give/yunxi", data=form | {"token": make.token_in(again)}).status_code == 303


def test_a_form_of_another_campaign_is_refused(client: FlaskClient) -> None:
    make.raising()
    make.raising("datang", beside="yunxi")
    form = make.fresh_form(client, "/en/give/datang")
    page = client.post("/en/give/yunxi", data=form)
    assert (page.status_code, "made for another campaign" in page.text) == (422, True)
    assert count_of("checkout") == 0


@pytest.mark.parametrize("forged", ["", "forged", "a.b.c"])
def test_a_forged_form_is_refused_and_a_fresh_token_given(client: FlaskClient, forged: str) -> None:
    make.raising()
    page = client.post("/en/give/yunxi", data={**make.FORM, "token": forged, "name": "Bo"})
    assert (page.status_code, 'value="Bo"' in page.text) == (422, True)
    assert client.post("/en/give/yunxi", data={**make.FORM, "token": make.token_in(page)}).status_code == 303


def test_an_old_form_is_redrawn_with_a_fresh_token(client: FlaskClient) -> None:
    make.raising()
    form = make.fresh_form(client, name="Bo")
    with clock.frozen_at(clock.now() + timedelta(hours=3)):
        page = client.post("/en/give/yunxi", data=form)
        assert (page.status_code, 'value="Bo"' in page.text) == (422, True)
        assert client.post("/en/give/yunxi", data={**form, "token": make.token_in(page)}).status_code == 303


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
def test_a_form_sent_from_another_site_is_refused(client: FlaskClient, headers: dict[str, str]) -> None:
    make.raising()
    answer = client.post("/en/give/yunxi", data=make.fresh_form(client), headers=headers)
    assert answer.status_code == 403
    assert count_of("checkout") == 0


def test_too_many_checkouts_from_one_browser_are_stopped(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    make.raising()
    monkeypatch.setattr(tries, "BROWSER", tries.Bounds(ask=2, refuse=2))
    statuses = [client.post("/en/give/yunxi", data=make.fresh_form(client)).status_code for _ in range(3)]
    assert statuses == [303, 303, 429]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/en/give/nowhere", "/en/give/yunxi?c=nowhere", "/en/give/draft"])
def test_a_campaign_unknown_or_still_a_draft_is_not_found(client: FlaskClient, method: str, path: str) -> None:
    make.raising()
    with transaction() as session:
        campaigns.draft(session, ref="draft")
    page = client.open(path, method=method, data=make.fresh_form(client))
    assert (page.status_code, "There is nothing here under this address" in page.text) == (404, True)
    assert count_of("checkout") == 0


def form_with_its_own_token(settings: Settings, *refs: str) -> dict[str, str]:
    """A form that nothing is wrong with but its campaign: a page that takes no donations gives no token."""
    return {**make.FORM, "token": token.issue(settings.secret_key, refs)}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_campaign_not_yet_open_says_so(client: FlaskClient, settings: Settings, method: str) -> None:
    with transaction() as session:
        campaign = campaigns.filed(session, ref="soon")
        make.open_merchant(session, campaign.book_id, "soon")
    page = client.open("/en/give/soon", method=method, data=form_with_its_own_token(settings, "soon"))
    assert (page.status_code, "is not open for donations yet" in page.text) == (409, True)
    assert count_of("checkout") == 0


def test_a_campaign_takes_donations_from_its_first_day_on(client: FlaskClient, settings: Settings) -> None:
    tomorrow = clock.today("Asia/Shanghai") + timedelta(days=1)
    make.raising(starts_on=tomorrow, ends_on=tomorrow)
    page = client.post("/en/give/yunxi", data=form_with_its_own_token(settings, "yunxi"))
    assert (page.status_code, "is not open for donations yet" in page.text) == (409, True)
    assert count_of("checkout") == 0
    with clock.frozen_at(clock.now() + timedelta(days=1)):
        sent = client.post("/en/give/yunxi", data=form_with_its_own_token(settings, "yunxi"))
    assert (sent.status_code, count_of("checkout")) == (303, 1)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_closed_campaign_says_so(client: FlaskClient, method: str) -> None:
    make.raising()
    form = make.fresh_form(client)
    with transaction() as session:
        review.end_raising(session, session.query(Campaign).filter_by(ref="yunxi").one(), campaigns.REVIEWER)
    page = client.open("/en/give/yunxi", method=method.upper(), data=form)
    assert (page.status_code, "takes no donations any more" in page.text) == (409, True)
    assert count_of("checkout") == 0


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_expired_licence_stops_donations_and_says_so(client: FlaskClient, settings: Settings, method: str) -> None:
    make.raising(ends_on=date(2029, 1, 1))
    with clock.frozen_at(clock.now() + timedelta(days=700)):
        page = client.open("/en/give/yunxi", method=method, data=form_with_its_own_token(settings, "yunxi"))
    assert (page.status_code, "The fundraising licence of" in page.text) == (409, True)
    assert "is not valid today, so no donation can be taken" in page.text
    assert count_of("checkout") == 0


def test_a_campaign_whose_host_has_no_merchant_account_says_so(client: FlaskClient) -> None:
    make.raising(merchant=None)
    page = client.get("/en/give/yunxi")
    assert (page.status_code, "has not set up payments" in page.text) == (503, True)


class Refusing:
    """A provider that answers every request for a page with one error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def open_session(self, request: object) -> object:
        raise self.error


def test_when_the_provider_is_down_the_same_checkout_can_be_tried_again(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    form = make.fresh_form(client, name="Bo")
    with monkeypatch.context() as patch:
        patch.setattr("donate.giving.payment.gateway_for", lambda *_: Refusing(ProviderUnavailable()))
        page = client.post("/en/give/yunxi", data=form)
    assert (page.status_code, "does not answer" in page.text, 'value="Bo"' in page.text) == (503, True, True)
    assert make.token_in(page) == form["token"]
    assert make.only_checkout().state == "created"
    assert client.post("/en/give/yunxi", data=form).status_code == 303
    assert (make.only_checkout().state, count_of("checkout")) == ("open", 1)


@pytest.mark.parametrize(("error", "status"), [(ProviderRefused(), 502), (AmountRefused(), 422)])
def test_what_the_provider_refuses_is_told_with_a_fresh_token(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, error: ProviderRefused, status: int
) -> None:
    make.raising()
    form = make.fresh_form(client)
    monkeypatch.setattr("donate.giving.payment.gateway_for", lambda *_: Refusing(error))
    page = client.post("/en/give/yunxi", data=form)
    assert page.status_code == status
    assert make.token_in(page) != form["token"]


def test_a_process_that_dies_before_the_provider_is_asked_loses_nothing(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    form = make.fresh_form(client)

    class Killed(BaseException):
        pass

    with monkeypatch.context() as patch:
        patch.setattr("donate.giving.payment.gateway_for", lambda *_: Refusing(Killed()))
        with pytest.raises(Killed):
            client.post("/en/give/yunxi", data=form)
    assert make.only_checkout().session_id is None
    assert client.post("/en/give/yunxi", data=form).status_code == 303
    assert count_of("checkout") == 1


def test_a_process_that_dies_after_the_provider_answered_gets_the_same_page(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    form = make.fresh_form(client)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("donate.giving.payment.keep_session", die)
        with pytest.raises(Killed):
            client.post("/en/give/yunxi", data=form)
    assert client.post("/en/give/yunxi", data=form).status_code == 303
    assert count_of("sandbox_object") == 1


def test_a_title_changed_between_two_tries_changes_nothing_that_the_provider_is_asked(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.raising()
    form = make.fresh_form(client)

    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("donate.giving.payment.keep_session", die)
        with pytest.raises(Killed):
            client.post("/en/give/yunxi", data=form)
    with transaction() as session:
        session.query(Campaign).filter_by(ref="yunxi").one().title_en = "Another title by now"
    # The sandbox refuses the same idempotency key with other content, as the provider does.
    assert client.post("/en/give/yunxi", data=form).status_code == 303
    assert count_of("sandbox_object") == 1


def test_the_provider_is_asked_with_no_transaction_open(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, database: object
) -> None:
    make.raising()
    busy: list[int] = []

    def looking(merchant: object, settings: Settings) -> object:
        with transaction(Role.OWNER) as session:
            statement = """
                SELECT count(*) FROM pg_stat_activity
                WHERE state = 'idle in transaction' AND datname = current_database()
            """
            busy.append(session.execute(text(statement)).scalar_one())
        return merchants.gateway_for(merchant, settings)  # type: ignore[arg-type]

    monkeypatch.setattr("donate.giving.payment.gateway_for", looking)
    client.post("/en/give/yunxi", data=make.fresh_form(client))
    assert busy == [0]


def test_one_payment_can_hold_donations_to_several_campaigns(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    make.raising("datang", beside="yunxi")
    path = "/en/give/yunxi?c=datang"
    page = client.get(path + "&amount=2&amount=3")
    assert ('value="2"' in page.text, 'value="3"' in page.text) == (True, True)
    form = {"token": make.token_in(page), "own-1": "2", "own-2": "3", "method": "card", "name": "Bo"}
    assert client.post(path, data=form).status_code == 303
    checkout = make.only_checkout()
    assert (checkout.amount_minor, count_of("donation"), count_of("donation_private")) == (500, 2, 2)
    make.pay(checkout)
    make.deliver(client, settings)
    assert {(entry.campaign, entry.amount_minor) for entry in make.booked()} == {("yunxi", 200), ("datang", 300)}
    assert client.get(f"/en/r/{checkout.secret}").text.count('class="slip"') == 2


def test_one_payment_goes_to_one_host_only(client: FlaskClient) -> None:
    make.raising()
    make.noise()
    page = client.get("/en/give/yunxi?c=noise")
    assert (page.status_code, "of one charity only" in page.text) == (422, True)


def test_a_private_message_and_address_are_kept_apart(client: FlaskClient) -> None:
    make.raising()
    client.post("/en/give/yunxi", data=make.fresh_form(client, name="阿敏", words="好好吃饭", email="a@example.org"))
    assert (count_of("donation_private"), count_of("checkout_private")) == (1, 1)
    make.raising("datang", merchant="second")
    client.post("/en/give/datang", data=make.fresh_form(client, "/en/give/datang"))
    assert (count_of("donation_private"), count_of("checkout_private")) == (1, 1)
