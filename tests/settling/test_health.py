"""The public page of payments, in both languages: messages, the provider's balance and ours, and what is under way."""

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from donate import clock
from donate.db import Role, reading, transaction
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg, NewEntry
from donate.payments.gateway import ProviderUnavailable
from donate.payments.models import ProviderEvent
from donate.payments.sandbox import disputes
from donate.payments.stripe import StripeGateway
from donate.settling.health import PaymentHealth, payment_health
from donate.settling.under_way import UnderWay
from tests.giving import back
from tests.giving import factories as giving
from tests.giving import recorded_factories as recording
from tests.settling import factories as make

pytestmark = pytest.mark.usefixtures("database")


def health() -> PaymentHealth:
    with reading() as session:
        return payment_health(session)


def waiting() -> dict[UnderWay, tuple[int, int, datetime]]:
    return {one.kind: (one.item_count, one.amount_minor, one.oldest_at) for one in health().waiting}


def post(minor: int, book: str = "yunxi") -> None:
    """An entry that moves our clearing account and nothing at the provider."""
    with transaction() as session:
        legs = (Leg(debit="clearing", credit="general", amount_minor=minor),)
        entry = NewEntry(
            book_id=recording.book_of(book).id,
            reason=Reason.PROVIDER_ADJUSTMENT,
            idempotency_key=f"oops:{book}",
            effective_on=clock.now().date(),
            legs=legs,
        )
        journal.post(session, [entry])


def test_before_the_first_run_it_says_that_nobody_was_asked(client: FlaskClient):
    page = client.get("/en/health-of-payments")
    assert page.status_code == 200
    assert "has not been asked yet" in page.text
    assert "none yet" in page.text
    assert "No comparison has been finished yet." in page.text


def test_it_shows_the_providers_balance_beside_ours(client: FlaskClient, settings):
    giving.raising()
    make.give(settings)
    make.run(settings)
    (held,) = health().held
    assert (held.theirs_minor, held.lines_minor, held.ours_minor, held.is_equal) == (1491, 1491, 1491, True)
    page = client.get("/en/health-of-payments").text
    assert ("Equal" in page, "Differs" in page, "Nothing differs" in page) == (True, False, True)


@pytest.mark.parametrize(("locale", "equal", "differs"), [("en", "Equal", "Differs"), ("zh", "一致", "不一致")])
def test_books_that_say_something_else_are_never_called_equal(client: FlaskClient, settings, locale, equal, differs):
    giving.raising()
    giving.noise()
    make.give(settings)
    make.run(settings)
    page = client.get(f"/{locale}/health-of-payments").text
    assert differs not in page
    post(5000)
    make.run(settings)
    ours, others = health().held
    assert (ours.merchant, ours.theirs_minor, ours.ours_minor, ours.is_equal) == (make.MERCHANT, 1491, 6491, False)
    assert (others.merchant, others.is_equal) == ("noise", True)
    page = client.get(f"/{locale}/health-of-payments?again").text
    assert (differs in page, "64.91" in page, "50.00" in page, equal in page) == (True, True, True, True)


def test_lines_that_do_not_sum_to_the_providers_balance_are_never_called_equal(settings, database):
    giving.raising()
    make.give(settings)
    make.run(settings)
    with database.transaction(Role.OWNER) as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        session.execute(text("UPDATE provider_snapshot SET total_minor = total_minor + 1"))
    (held,) = health().held
    assert (held.theirs_minor, held.ours_minor, held.is_equal) == (1492, 1491, False)


def test_a_book_with_two_accounts_is_compared_as_a_whole(settings):
    giving.raising()
    with transaction() as session:
        giving.open_merchant(session, recording.book_of().id, "second")
    make.give(settings)
    post(5000)
    make.run(settings)
    assert [(one.ours_minor, one.is_equal) for one in health().held] == [(1491, False), (0, False)]
    assert [one.parts.excess_minor for one in health().clearing] == [5000]


def test_the_parts_of_our_clearing_account_are_shown(client: FlaskClient, settings):
    giving.raising()
    make.give(settings)
    with make.days_later(8):
        make.run(settings)
        make.pay_out()
        make.give(settings, ("yunxi", 700))
        make.run(settings)
        (one,) = health().clearing
    assert one.parts.excess_minor == 0
    assert one.parts.clearing_minor == one.parts.lines_minor + one.parts.under_way_minor + one.parts.unlined_minor
    assert "How our books come to it" in client.get("/en/health-of-payments").text


def test_it_says_when_the_last_message_came_and_since_when_the_oldest_waits(client: FlaskClient, settings):
    giving.raising()
    begin = clock.now().replace(hour=3, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for minutes, outcome in ((0, "handled"), (5, "failed"), (7, "new"), (9, "handled")):
        at = begin + timedelta(minutes=minutes)
        with transaction() as session:
            event = ProviderEvent(
                event_id=f"evt_{minutes}",
                merchant=make.MERCHANT,
                kind="charge.updated",
                api_version="1",
                object_id="ch_1",
                occurred_at=at,
                body=b"",
                outcome=outcome,
                received_at=at,
                next_attempt_at=at,
            )
            session.add(event)
    found = health().inbox
    assert (found.last_received_at, found.waiting_count) == (begin + timedelta(minutes=9), 2)
    assert found.oldest_waiting_at == begin + timedelta(minutes=5)
    page = client.get("/en/health-of-payments").text
    assert ("11:09" in page, "11:05" in page) == (True, True)  # in Shanghai


def test_a_payment_is_under_way_until_it_is_sent_to_the_bank(settings):
    giving.raising()
    giving.noise()
    begin = clock.now()
    make.give(settings)
    with make.days_later(1):
        make.give(settings, ("yunxi", 700))
        make.run(settings)
    count, minor, oldest = waiting()[UnderWay.PAYMENT]
    assert (count, minor, abs(oldest - begin) < timedelta(minutes=1)) == (2, 1491 + 696, True)
    with make.days_later(9):
        make.pay_out()
        with make.days_later(3):
            make.run(settings)
            assert waiting() == {}


def test_a_settlement_is_under_way_until_it_is_there(settings):
    giving.raising()
    charge = make.give(settings)
    with make.days_later(1):
        make.run(settings)
        (line,) = [one for one in make.lines() if one.checkout_id == charge.id]
        sent = make.payout(status="in_transit")
        make.keep_payout(make.merchant(), sent, [make.again(line)], settings)
        make.run(settings)
        assert waiting() == {UnderWay.SETTLEMENT: (1, 1491, sent.created_at)}


def test_money_of_a_settlement_that_was_turned_back_is_as_old_as_its_payments(settings):
    giving.raising()
    begin = clock.now()
    make.sent_to_bank(settings, status="failed")
    with make.days_later(6):
        make.run(settings)
        count, minor, oldest = waiting()[UnderWay.SETTLEMENT_FAILED]
        assert (count, minor, abs(oldest - begin) < timedelta(minutes=1)) == (1, 1491, True)
        with transaction() as session:
            back_again = make.line(line_id="txn_back", kind="payout_failure", source_id="po_1", amount_minor=1491)
            make.store(session, back_again)
        later = make.payout(payout_id="po_2", created_at=clock.now())
        make.keep_payout(make.merchant(), later, [back_again], settings)
        make.run(settings)
        assert UnderWay.SETTLEMENT_FAILED not in waiting()


def test_a_refund_is_under_way_until_the_provider_has_paid_it(settings):
    giving.raising()
    made = back.paid(settings)
    refund = back.asked_for(made, 600)
    back.asked_for(made, 100)
    with transaction() as session:
        session.execute(text("UPDATE refund SET next_sync_at = NULL"))
    make.run(settings)
    count, minor, oldest = waiting()[UnderWay.REFUND]
    assert (count, minor, oldest) == (2, 700, refund.requested_at)
    with transaction() as session:
        session.execute(text("UPDATE refund SET state = 'refused'"))
    make.run(settings)
    assert UnderWay.REFUND not in waiting()


@pytest.mark.parametrize("won", [True, False])
def test_disputed_money_is_under_way_until_the_dispute_is_closed(settings, won):
    giving.raising()
    made = back.paid(settings, method="card")
    with transaction() as session:
        dispute = disputes.open_dispute(session, make.MERCHANT, back.charge_of(made)).object_id
    make.run(settings)
    count, minor, oldest = waiting()[UnderWay.DISPUTE]
    assert (count, minor, abs(oldest - clock.now()) < timedelta(minutes=1)) == (1, 1500, True)
    with transaction() as session:
        disputes.close_dispute(session, make.MERCHANT, dispute, won=won)
    make.run(settings)
    assert UnderWay.DISPUTE not in waiting()


def test_a_run_for_one_account_leaves_what_is_known_of_the_others(settings):
    giving.raising()
    giving.noise()
    make.give(settings)
    make.run(settings)
    before = health()
    make.run(settings, merchant="noise")
    after = health()
    assert (after.waiting, len(after.held), after.last) == (before.waiting, 2, before.last)


def test_while_the_provider_is_silent_the_age_of_what_is_under_way_is_still_told(settings, monkeypatch):
    giving.raising()
    make.give(settings)
    make.run(settings)
    back.asked_for(back.paid(settings), 600)

    def silent(*_: object, **__: object) -> None:
        raise ProviderUnavailable

    monkeypatch.setattr(StripeGateway, "events_since", silent)
    make.run(settings)
    assert sorted(waiting()) == [UnderWay.PAYMENT, UnderWay.REFUND]


@pytest.mark.parametrize(
    ("locale", "words"),
    [("en", "Payments that no settlement has sent to the bank"), ("zh", "尚未结算到银行的支付")],
)
def test_the_page_names_what_is_under_way(client: FlaskClient, settings, locale, words):
    giving.raising()
    make.give(settings)
    make.run(settings)
    assert words in client.get(f"/{locale}/health-of-payments").text


def test_it_names_every_difference_in_the_readers_language(client: FlaskClient, settings):
    giving.raising()
    with make.transaction() as session:
        make.store(session, make.line(created_at=make.MONDAY))
    make.run(settings)
    page = client.get("/zh/health-of-payments").text
    assert "支付机构的余额不等于我们已知的余额流水之和。" in page
    assert "txn_1" in page
