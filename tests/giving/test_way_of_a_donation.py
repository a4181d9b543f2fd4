"""One donation all the way: form, provider's page, message, receipt. Over the app, without a browser."""

from flask.testing import FlaskClient

from donate import clock
from donate.settings import Settings
from tests.giving import factories as make


def test_a_donation_travels_from_the_form_to_a_receipt(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    make.noise()
    form = make.fresh_form(client, name="阿敏", words="好好吃饭", email="amin@example.org")
    sent = client.post("/en/give/yunxi", data=form)
    assert sent.status_code == 303
    checkout = make.only_checkout()
    assert make.path_of(sent.headers["Location"]) == f"/en/sandbox/pay/{checkout.session_id}"
    assert checkout.state == "open"

    make.pay(checkout)
    assert make.deliver(client, settings) == [200]
    assert make.booked() == [make.DONATION]
    back = client.get(f"/en/paid/{checkout.secret}")
    assert (back.status_code, make.path_of(back.headers["Location"])) == (303, f"/en/r/{checkout.secret}")
    receipt = client.get(f"/en/r/{checkout.secret}")
    assert receipt.status_code == 200
    assert "The number follows within a minute." in receipt.text
    assert "阿敏" in receipt.text

    with clock.frozen_at(clock.now() + make.FEE_KNOWN):
        assert make.deliver(client, settings) == [200]
    assert make.booked() == [make.DONATION, make.FEE]


def test_no_page_of_the_way_sets_a_cookie_or_may_be_kept(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    checkout = make.paid_in_sandbox(settings)
    for path in ("/en/give/yunxi", f"/en/paid/{checkout.secret}", f"/en/r/{checkout.secret}"):
        answer = client.get(path)
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")
        assert answer.headers["Cache-Control"] == "no-store"


def test_a_receipt_is_hidden_from_search_engines_and_tells_nobody_its_address(
    client: FlaskClient, settings: Settings
) -> None:
    make.raising()
    checkout = make.paid_in_sandbox(settings)
    client.get(f"/en/paid/{checkout.secret}")
    answer = client.get(f"/en/r/{checkout.secret}")
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
