"""Payments below the threshold that are one person's and together reach it raise an alert, and are taken."""

from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text

from donate import clock
from donate.db import Database, transaction
from donate.giving import rules, splits, tries
from donate.giving.large_models import SplitAlert, SplitKind, SplitPart, SplitTrace
from donate.giving.recorded import AgreementMissing
from donate.people import limits
from donate.settings import Settings
from tests.giving import factories as make
from tests.giving import large_factories as large
from tests.giving import recorded_factories as recording
from tests.people import factories as people

AGENT = "Firefox"


@pytest.fixture(autouse=True)
def key(settings: Settings) -> None:
    limits.bind_key(settings.secret_key)


def paid(
    client: FlaskClient, settings: Settings, amount_minor: int, *, address: str = "203.0.113.5", **who: str
) -> int:
    """A donation paid online by somebody; its checkout's id."""
    asker = tries.asker(address, AGENT)
    made = make.paid_in_sandbox(settings, ("yunxi", amount_minor), asker=asker, **who)
    make.deliver(client, settings)
    return made.id


def watch() -> int:
    with transaction() as session:
        return splits.watch(session)


def alerts() -> list[tuple[str, list[int]]]:
    """Kinds of the alerts and the amounts that each is about."""
    with transaction() as session:
        return [
            (
                alert.kind,
                sorted(session.scalars(select(SplitPart.amount_minor).where(SplitPart.alert_id == alert.id))),
            )
            for alert in session.scalars(select(SplitAlert).order_by(SplitAlert.id))
        ]


def test_two_halves_by_one_address_raise_an_alert_and_are_both_booked(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    paid(client, settings, 2_500_000, email="Chen@Example.org")
    assert watch() == 0
    paid(client, settings, 2_500_000, email="chen@example.org ", address="198.51.100.7")
    assert watch() == 2
    assert alerts() == [("email", [2_500_000, 2_500_000])]
    assert [entry.amount_minor for entry in make.booked() if entry.reason == "donation"] == [2_500_000, 2_500_000]


def test_a_cent_less_raises_none(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    paid(client, settings, 2_500_000, email="chen@example.org")
    paid(client, settings, 2_499_999, email="chen@example.org")
    assert (watch(), alerts()) == (0, [])


def test_one_name_from_one_network_counts_and_from_two_it_does_not(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    paid(client, settings, 3_000_000, name="陈大川")
    paid(client, settings, 3_000_000, name="陈 大川", address="198.51.100.7")
    assert watch() == 0
    paid(client, settings, 3_000_000, name="陈大 川", address="203.0.113.77")
    assert watch() == 2
    assert alerts() == [("name_and_network", [3_000_000, 3_000_000])]


def test_what_was_not_paid_does_not_count(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    for _ in range(3):
        asker = tries.asker("203.0.113.5", AGENT)
        make.opened(settings, ("yunxi", 4_000_000), asker=asker, email="chen@example.org")
    assert (watch(), alerts()) == (0, [])


def test_of_small_donations_nothing_is_kept(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    least = rules.watched_from_minor("CNY")
    paid(client, settings, least - 1, email="chen@example.org", name="陈大川")
    watch()
    with transaction() as session:
        assert session.scalars(select(SplitTrace)).all() == []
    paid(client, settings, least, email="chen@example.org", name="陈大川")
    watch()
    with transaction() as session:
        kept = [str(row) for row in session.scalars(text("SELECT row_to_json(split_trace)::text FROM split_trace"))]
    assert len(kept) == 2
    assert not any("chen" in row or "陈" in row for row in kept)


def test_a_third_payment_joins_the_open_alert_and_a_closed_one_begins_anew(
    client: FlaskClient, settings: Settings
) -> None:
    make.raising()
    for _ in range(2):
        paid(client, settings, 2_500_000, email="chen@example.org")
    watch()
    paid(client, settings, 1_000_000, email="chen@example.org")
    assert (watch(), watch()) == (1, 0)
    assert alerts() == [("email", [1_000_000, 2_500_000, 2_500_000])]
    with transaction() as session:
        splits.close(session, session.scalars(select(SplitAlert.id)).one(), note="Two departments.", by=7)
    paid(client, settings, 2_600_000, email="chen@example.org")
    assert watch() == 0
    paid(client, settings, 2_600_000, email="chen@example.org")
    assert watch() == 2
    assert alerts()[1] == ("email", [2_600_000, 2_600_000])


def test_what_one_alert_shows_another_kind_does_not_repeat(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    for _ in range(2):
        paid(client, settings, 2_500_000, email="chen@example.org", name="陈大川")
    assert watch() == 2
    assert [kind for kind, _ in alerts()] == [SplitKind.EMAIL]


def test_after_the_window_payments_do_not_count_together_and_the_hashes_are_gone(
    client: FlaskClient, settings: Settings
) -> None:
    make.raising()
    paid(client, settings, 3_000_000, email="chen@example.org")
    watch()
    with clock.frozen_at(clock.now() + rules.CN.split_within + timedelta(hours=1)):
        watch()
        with transaction() as session:
            assert session.scalars(select(SplitTrace)).all() == []


def test_an_accepted_large_donation_is_no_split(client: FlaskClient, settings: Settings) -> None:
    make.raising()
    request = large.accepted()
    client.post(f"/en/large/{request.secret}")
    make.pay(make.only_checkout())
    make.deliver(client, settings)
    paid(client, settings, 3_000_000, name="陈大川")
    assert watch() == 0


def test_recorded_donations_under_one_name_raise_an_alert(database: Database) -> None:
    recording.raising()
    for amount in (2_500_000, 2_500_000):
        recording.confirmed(name="陈大川", amount_minor=amount)
    recording.entered(name="陈大川", amount_minor=2_500_000)  # not booked
    recording.confirmed(name="李四", amount_minor=2_500_000)
    assert watch() == 2
    assert alerts() == [("payer", [2_500_000, 2_500_000])]


@pytest.mark.parametrize(("amount_minor", "is_refused"), [(4_999_999, False), (5_000_000, True), (5_000_001, True)])
def test_a_large_recorded_donation_names_its_agreement(database: Database, amount_minor: int, is_refused: bool) -> None:
    recording.raising()
    if is_refused:
        with pytest.raises(AgreementMissing):
            recording.entered(amount_minor=amount_minor)
    made = recording.entered(amount_minor=amount_minor, agreement="捐协2026-11号" if is_refused else "")
    assert recording.again(made).amount_minor == amount_minor


def test_a_large_row_of_a_batch_names_its_agreement(database: Database) -> None:
    recording.raising()
    header = f"{recording.HEADER},agreement"
    rows = ("1,50000,2026-11-20,yunxi,,,", "2,50000,2026-11-20,yunxi,,,捐协2026-12号", "3,15,2026-11-20,yunxi,,,")
    batch = recording.enter_batch(recording.uploaded(recording.platform_file(*rows, header=header)))
    assert batch.donation_count == 2
    with transaction() as session:
        kept = session.execute(text("SELECT reference, agreement FROM recorded_donation ORDER BY reference")).all()
    assert [tuple(row) for row in kept] == [("2", "捐协2026-12号"), ("3", "")]


def test_staff_close_an_alert_with_a_note(client: FlaskClient) -> None:
    make.raising()
    alert_id = large.alert(recording.book_of().id)
    with transaction() as session:
        admin = people.user(session, role="admin")
    form = {"email": admin.email, "password": people.PASSWORD, "next": "/en/password"}
    page = client.post("/en/sign-in", data=form, follow_redirects=True)
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    path = f"/en/staff/split-alerts/{alert_id}"
    assert path in client.get("/en/staff/split-alerts").text
    assert "陈大川" in client.get(path).text
    assert client.post(path, data={"csrf_token": token, "note": " "}).status_code == 422
    assert client.post(path, data={"csrf_token": token, "note": "Two departments."}).status_code == 303
    assert "Two departments." in client.get(path).text
    assert client.post(path, data={"csrf_token": token, "note": "Again."}).status_code == 409
