"""What the provider says, and what our row and the books make of it."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from donate import clock
from donate.campaigns import review
from donate.campaigns.models import Campaign
from donate.db import Database, transaction
from donate.giving.booking import move_towards
from donate.giving.models import Checkout, CheckoutState, UnbookedMoney
from donate.giving.queries import standing_money
from donate.payments.gateway import OtherAccountsEvent, ProviderCheckout
from donate.settings import Settings
from tests.campaigns import factories as campaigns
from tests.giving import factories as make

SUSPENSE = make.Booked("provider_adjustment", None, "clearing", "suspense", 1400)


def move(seen: ProviderCheckout, merchant: str = make.MERCHANT) -> None:
    with transaction() as session:
        move_towards(session.connection(), merchant, seen)


def unbooked() -> list[tuple[int, str, bool]]:
    with transaction() as session:
        return [
            (row.amount_minor, row.currency, row.is_in_suspense)
            for row in session.scalars(select(UnbookedMoney).order_by(UnbookedMoney.id))
        ]


@pytest.fixture
def made(database: Database, settings: Settings) -> Checkout:
    make.raising()
    make.noise()
    make.opened(settings, ("noise", 1500))
    return make.opened(settings)


def test_paid_as_agreed_is_booked_to_the_fund(made: Checkout) -> None:
    move(make.seen(made))
    assert make.booked() == [make.DONATION]
    after = make.checkout(made.public_id)
    assert (after.state, after.booked_as) == ("paid", "donations")


def test_saying_it_again_changes_nothing(made: Checkout) -> None:
    for _ in range(3):
        move(make.seen(made))
    move(make.seen(made, charge_id="ch_1"))
    assert make.booked() == [make.DONATION]
    assert make.checkout(made.public_id).charge_id == "ch_1"


def test_a_donation_is_dated_by_the_day_of_its_book(made: Checkout) -> None:
    move(make.seen(made, paid_at=datetime(2026, 11, 23, 17, 0, tzinfo=UTC)))
    with transaction() as session:
        assert session.execute(text("SELECT effective_on FROM entry")).scalar_one() == date(2026, 11, 24)


@pytest.mark.parametrize("last", ["open", "processing", "expired", "failed"])
def test_nothing_lowers_what_was_paid(made: Checkout, last: str) -> None:
    move(make.seen(made))
    move(make.seen(made, status=last))
    assert make.checkout(made.public_id).state == "paid"


@pytest.mark.parametrize("earlier", ["expired", "failed", "processing"])
def test_success_counts_whatever_came_before(made: Checkout, earlier: str) -> None:
    move(make.seen(made, status=earlier))
    assert make.checkout(made.public_id).state == earlier
    move(make.seen(made))
    assert make.booked() == [make.DONATION]


def test_a_checkout_of_another_session_is_not_moved(made: Checkout) -> None:
    move(make.seen(made, status="expired", session_id="cs_other"))
    assert make.checkout(made.public_id).state == "open"


def test_success_counts_before_we_stored_the_session(database: Database, settings: Settings) -> None:
    make.raising()
    new = make.new_checkout()
    from donate.giving.service import start_checkout

    with transaction() as session:
        start_checkout(session, new)
    move(make.seen(make.checkout(new.public_id), session_id="cs_early"))
    assert make.booked() == [make.DONATION]
    assert make.checkout(new.public_id).session_id == "cs_early"


@pytest.mark.parametrize("amount_minor", [1400, 1501, 1])
def test_another_amount_goes_to_suspense_and_staff_see_it(made: Checkout, amount_minor: int) -> None:
    for _ in range(2):
        move(make.seen(made, amount_minor=amount_minor))
    (entry,) = make.booked()
    assert (entry.credit, entry.amount_minor) == ("suspense", amount_minor)
    after = make.checkout(made.public_id)
    assert (after.state, after.booked_as) == ("paid", "suspense")
    with transaction() as session:
        (standing,) = standing_money(session)
    assert (standing.amount_minor, standing.agreed_minor, standing.is_in_suspense) == (amount_minor, 1500, True)


@pytest.mark.parametrize("currency", ["USD", "JPY", "XXX"])
def test_another_currency_is_no_entry_but_a_row_for_staff(made: Checkout, currency: str) -> None:
    for _ in range(2):
        move(make.seen(made, currency=currency))
    assert make.booked() == []
    assert unbooked() == [(1500, currency, False)]
    assert make.checkout(made.public_id).booked_as == "unbooked"


def test_money_of_no_checkout_of_ours_goes_to_suspense(made: Checkout) -> None:
    move(make.seen(made, reference=None, session_id="cs_shop", amount_minor=1400))
    move(make.seen(made, reference=uuid4(), session_id="cs_shop2", amount_minor=1400))
    assert make.booked() == [SUSPENSE, SUSPENSE]
    assert make.checkout(made.public_id).state == "open"


def test_a_second_payment_of_one_checkout_goes_to_suspense(made: Checkout) -> None:
    move(make.seen(made))
    for _ in range(2):
        move(make.seen(made, session_id="cs_second"))
    assert [entry.credit for entry in make.booked()] == ["fund:yunxi", "suspense"]
    assert make.checkout(made.public_id).session_id == made.session_id


def test_another_accounts_money_is_never_booked_to_this_campaign(made: Checkout) -> None:
    move(make.seen(made, session_id="cs_of_noise"), merchant="noise")
    (entry,) = make.booked()
    assert entry.credit == "suspense"
    assert make.checkout(made.public_id).state == "open"
    move(make.seen(made, session_id="cs_own"))
    assert [entry.credit for entry in make.booked()] == ["suspense", "fund:yunxi"]


def test_one_payment_that_two_accounts_hear_of_is_money_once(made: Checkout) -> None:
    with pytest.raises(OtherAccountsEvent):
        move(make.seen(made), merchant="noise")
    move(make.seen(made))
    with pytest.raises(OtherAccountsEvent):
        move(make.seen(made), merchant="noise")
    assert [entry.credit for entry in make.booked()] == ["fund:yunxi"]


def test_what_was_paid_is_booked_though_the_campaign_has_closed(made: Checkout) -> None:
    with transaction() as session:
        campaign = session.scalars(select(Campaign).filter_by(ref="yunxi")).one()
        review.end_raising(session, campaign, campaigns.REVIEWER)
    move(make.seen(made))
    assert make.booked() == [make.DONATION]


def test_what_was_paid_is_booked_though_the_licence_has_expired(made: Checkout) -> None:
    with clock.frozen_at(clock.now() + timedelta(days=2000)):
        move(make.seen(made))
    assert make.booked() == [make.DONATION]


def test_nothing_public_ties_donations_of_one_payment_together(database: Database, settings: Settings) -> None:
    make.raising()
    make.raising("datang", beside="yunxi")
    checkout = make.opened(settings, ("yunxi", 300), ("datang", 200))
    move(make.seen(checkout))
    with transaction() as session:
        rows = session.execute(text("SELECT reference, idempotency_key FROM entry")).all()
    assert [reference for reference, _ in rows] == [None, None]
    assert not any(str(checkout.public_id) in key for _, key in rows)


STATUSES = st.lists(st.sampled_from(["open", "processing", "expired", "failed", "paid"]), min_size=1, max_size=8)


@given(STATUSES)
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_whatever_order_messages_come_the_state_only_rises(made: Checkout, statuses: list[str]) -> None:
    checkout = make.opened(_settings_of(made))
    before = len(make.booked())
    ranks = []
    for status in statuses:
        move(make.seen(checkout, status=status))
        ranks.append(CheckoutState(make.checkout(checkout.public_id).state).rank)
    assert ranks == sorted(ranks)
    assert len(make.booked()) - before == ("paid" in statuses)


def _settings_of(_made: Checkout) -> Settings:
    from donate.settings import read_settings

    return read_settings({"DONATE_INSTANCE": "/nonexistent", "DONATE_SECRET_KEY": "a key for tests only"})
