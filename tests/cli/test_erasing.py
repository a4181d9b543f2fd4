"""`donate erase`: it lists before it erases, refuses what is under way, and may be run, killed and run again."""

import threading
from collections.abc import Callable
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from donate.campaigns import complaints
from donate.cli.commands import donate
from donate.db import Database, Role, bind, reading, transaction
from donate.erasing import service
from donate.erasing.finding import Donor
from donate.files.store import Store
from donate.giving import wishes
from donate.giving.models import Checkout
from donate.giving.rhythm import Rhythm
from donate.ledger import books
from donate.payments.inbox import pull
from donate.sequencer import drain
from donate.settings import Settings
from tests.erasing.factories import ADMIN, admin, message
from tests.giving import back, large_factories
from tests.giving import factories as make
from tests.giving import recorded_factories as recording
from tests.giving.test_official import asked
from tests.payments import factories as payments
from tests.people import factories as people

TYPED = {"name": "Wang Li", "email": "wang@example.org", "words": "hot"}
YES = ("--yes", "--by", ADMIN)


@pytest.fixture(autouse=True)
def campaign(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DONATE_DATABASE_URL", database.url)
    monkeypatch.setenv("DONATE_INSTANCE", str(settings.instance))
    monkeypatch.setenv("DONATE_SECRET_KEY", settings.secret_key)
    recording.raising()
    admin()


@pytest.fixture
def paid(settings: Settings, database: Database) -> Checkout:
    """A donor's two payments, beside that of another."""
    back.paid(settings, name="Wang Lin", email="a.wang@example.org", words="hot")
    back.paid(settings, ("yunxi", 500), email="Wang@Example.org")
    return back.paid(settings, method="card", **TYPED)


def run(database: Database, *arguments: str, given: str | None = None) -> Result:
    result = CliRunner().invoke(donate, ["erase", *arguments], input=given)
    bind(database)  # the command has closed its own
    return result


def left() -> tuple[list[str], list[str]]:
    """Names and addresses that are still there."""
    with reading() as session:
        names = session.scalars(text("SELECT name FROM donation_private WHERE name IS NOT NULL ORDER BY name")).all()
        emails = session.scalars(text("SELECT email FROM checkout_private ORDER BY email")).all()
    return list(names), list(emails)


ALL = (["Wang Li", "Wang Lin"], ["Wang@Example.org", "a.wang@example.org", "wang@example.org"])
OTHER = (["Wang Lin"], ["a.wang@example.org"])


def test_without_yes_it_only_lists(database: Database, paid: Checkout) -> None:
    result = run(database, "--email", "wang@example.org")
    assert result.exit_code == 0, result.output
    assert "payments 2, recorded donations 0" in result.output
    assert "Nothing was erased. To erase: the same with --yes --by ADDRESS" in result.output
    assert "wang" not in result.output.lower()
    assert sorted(left()[1]) == sorted(ALL[1])


def number_of(checkout: Checkout) -> str:
    with reading() as session:
        statement = """
            SELECT year || '-' || lpad(number::text, 7, '0') FROM receipt_number JOIN entry ON entry.id = entry_id
            JOIN donation ON idempotency_key = 'donation:' || public_id WHERE checkout_id = :id
            """
        return session.execute(text(statement), {"id": checkout.id}).scalar_one()


NAMED: dict[str, Callable[[Checkout], tuple[str, ...]]] = {
    "address": lambda _: ("--email", "WANG@example.org"),
    "number": lambda paid: ("--receipt", number_of(paid), "--book", recording.book_of().ref),
    "link": lambda paid: ("--link", f"https://donate.example/zh/r/{paid.secret}?x=1"),
    "secret": lambda paid: ("--link", paid.secret),
}


@pytest.mark.parametrize("named", NAMED)
def test_however_staff_name_the_donor_all_that_is_theirs_is_erased_and_nothing_else(
    database: Database, paid: Checkout, named: str
) -> None:
    drain(database)
    result = run(database, *NAMED[named](paid), *YES)
    assert result.exit_code == 0, result.output
    assert left() == OTHER
    with reading(Role.OWNER) as session:
        steps = session.execute(text("SELECT place, row_count, user_id FROM erasure_step")).all()
        by = session.scalar(text("SELECT id FROM users WHERE email = :email"), {"email": ADMIN})
    assert {(place, count) for place, count, _ in steps} >= {("donation_words", 1), ("checkout_email", 2)}
    assert {user_id for _, _, user_id in steps} == {by}
    assert "wang" not in result.output.lower()


def test_only_this_leaves_what_else_the_donor_gave(database: Database, paid: Checkout) -> None:
    assert run(database, "--link", paid.secret, "--only-this", *YES).exit_code == 0
    assert left() == (["Wang Lin"], ["Wang@Example.org", "a.wang@example.org"])


def test_an_address_is_read_from_the_input(database: Database, paid: Checkout) -> None:
    assert run(database, "--email", "-", *YES, given="wang@example.org\n").exit_code == 0
    assert left() == OTHER


def test_again_it_changes_nothing_and_says_what_is_kept(database: Database, settings: Settings, paid: Checkout) -> None:
    drain(database)
    first = run(database, "--link", paid.secret, *YES)
    again = run(database, "--link", paid.secret, *YES)
    assert ("Erased: 0" in again.output, again.exit_code) == (True, 0)
    assert first.output.splitlines()[-1] == again.output.splitlines()[-1]  # one record
    with reading(Role.OWNER) as session:
        assert session.execute(text("SELECT count(*) FROM erasure")).scalar_one() == 1


@pytest.mark.parametrize(
    "named",
    [("--email", "nobody@example.org"), ("--email", "ng@example.org"), ("--receipt", "2026-9999999"),
     ("--receipt", "x"), ("--link", "https://donate.example/zh/r/nobody"), ("--email", "\0"), ("--email", "%")],
)  # fmt: skip
def test_nobody_found_is_an_error_of_its_own(database: Database, paid: Checkout, named: tuple[str, str]) -> None:
    result = run(database, *named, *YES)
    assert (result.exit_code, "Nothing of a donor was found" in result.stderr) == (3, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [((), 2), (("--email", "a", "--link", "b"), 2), (("--email", "wang@example.org", "--yes"), 2),
     (("--email", "wang@example.org", "--yes", "--by", "nobody@example.org"), 1),
     (("--email", "wang@example.org", "--yes", "--by", "auditor@example.org"), 1)],
)  # fmt: skip
def test_only_an_administrator_erases_and_only_one_donor(
    database: Database, paid: Checkout, arguments: tuple[str, ...], code: int
) -> None:
    with transaction() as session:
        people.user(session, email="auditor@example.org", role="auditor")
    assert run(database, *arguments).exit_code == code
    assert sorted(left()[1]) == sorted(ALL[1])


def test_two_books_with_the_number_are_asked_for(database: Database, settings: Settings, paid: Checkout) -> None:
    recording.confirmed(campaign_ref="noise")
    drain(database)
    result = run(database, "--receipt", "2026-0000001")
    assert (result.exit_code, "Say which with --book" in result.stderr) == (1, True)


def _wish(settings: Settings, paid: Checkout) -> None:
    with transaction() as session:
        wishes.ask(session, paid.secret, donation=None, words="please", wish_id=None, days=30)


def _complaint() -> None:
    with transaction() as session:
        complaints.receive(
            session, token=uuid4(), message="Cold", contact="Li, wang@example.org", campaign_ref=None, locale="en"
        )


def _dispute(paid: Checkout) -> None:
    statement = """
        INSERT INTO dispute (dispute_id, checkout_id, charge_id, amount_minor, reason, opened_at, state, is_withdrawn,
          is_reinstated, fee_minor, fee_returned_minor, settled_minor)
        VALUES ('dp_1', :id, 'ch_1', 100, 'general', now(), 'open', false, false, 0, 0, 0)
        """
    with transaction() as session:
        session.execute(text(statement), {"id": paid.id})


CASES: dict[str, Callable[[Settings, Checkout], object]] = {
    "a refund is on its way": lambda _, paid: back.asked_for(paid, 100),
    "a wish for a refund waits": _wish,
    "an official receipt is asked for": lambda _, paid: asked(paid.secret),
    "a dispute runs": lambda _, paid: _dispute(paid),
    "a complaint waits for its answer": lambda *_: _complaint(),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_under_way_is_ended_first(database: Database, settings: Settings, paid: Checkout, case: str) -> None:
    CASES[case](settings, paid)
    listed = run(database, "--email", "wang@example.org")
    assert (listed.exit_code, case in listed.output) == (0, True)
    result = run(database, "--email", "wang@example.org", *YES)
    assert (result.exit_code, f"under way: {case}" in result.stderr) == (4, True)
    assert sorted(left()[1]) == sorted(ALL[1])
    with reading(Role.OWNER) as session:
        assert session.execute(text("SELECT count(*) FROM erasure")).scalar_one() == 0


def test_a_recorded_donation_that_waits_is_decided_first(database: Database) -> None:
    made = recording.entered(name="Wang Li")
    assert run(database, "--link", made.secret, *YES).exit_code == 4


def test_a_large_donation_is_paid_to_its_end_first_and_one_never_paid_is_erased(
    database: Database, settings: Settings
) -> None:
    made = large_factories.accepted()
    assert run(database, "--link", made.secret, *YES).exit_code == 0
    with reading() as session:
        assert session.execute(text("SELECT count(*) FROM large_request_private")).scalar_one() == 0


def test_a_monthly_donation_is_ended_before_its_donor_is_erased(
    database: Database, client: FlaskClient, settings: Settings
) -> None:
    make.paid_in_sandbox(settings, **TYPED | {"method": "card"}, rhythm=Rhythm(is_monthly=True))
    make.deliver(client, settings)
    refused = run(database, "--email", "wang@example.org", *YES)
    assert (refused.exit_code, "--end-monthly" in refused.stderr) == (4, True)
    assert left() == (["Wang Li"], ["wang@example.org"])
    done = run(database, "--email", "wang@example.org", "--end-monthly", *YES)
    assert done.exit_code == 0, done.output
    assert "Ended at the provider: monthly donations (1)" in done.output
    with reading() as session:
        assert session.execute(text("SELECT state, stop_reason FROM recurring")).one() == ("ended", "donor")
    assert left() == ([], [])


def test_two_at_once_are_one_erasure(database: Database, settings: Settings, paid: Checkout) -> None:
    store, counts = Store(settings.instance / "files"), []

    def once() -> None:
        with transaction(Role.ERASER) as session:
            counts.append(service.erase(session, store, Donor(link=paid.secret), by=1).erased_count)

    assert back.at_once(database, once, once, once) == ["done"] * 3
    assert (sorted(counts)[:2], left()) == ([0, 0], OTHER)
    with reading(Role.OWNER) as session:
        assert session.execute(text("SELECT count(*) FROM erasure")).scalar_one() == 1


def test_killed_on_the_way_nothing_is_erased_and_the_next_run_does_all(
    database: Database, settings: Settings, paid: Checkout
) -> None:
    """Another transaction holds the last row that is to go, and the eraser's connection dies while it waits."""
    errors: list[BaseException] = []
    waiting = """
        SELECT pid FROM pg_stat_activity
        WHERE application_name = 'donate-eraser' AND wait_event_type = 'Lock' AND datname = current_database()
        """

    def erase() -> None:
        bind(database)
        try:
            with transaction(Role.ERASER) as session:
                service.erase(session, Store(settings.instance / "files"), Donor(link=paid.secret), by=1)
        except OperationalError as error:
            errors.append(error)

    with transaction(Role.OWNER) as held:
        held.execute(text("SELECT FROM checkout_private WHERE checkout_id = :id FOR UPDATE"), {"id": paid.id})
        thread = threading.Thread(target=erase)
        thread.start()
        pids: list[int] = []
        while not pids and thread.is_alive():
            with database.autocommit(Role.OWNER) as connection:
                pids = list(connection.scalars(text(waiting)))
        with database.autocommit(Role.OWNER) as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pids[0]})
        thread.join()
    assert len(errors) == 1
    assert sorted(left()[1]) == sorted(ALL[1])
    assert "Wang Li" in left()[0]
    assert run(database, "--link", paid.secret, *YES).exit_code == 0
    assert left() == OTHER


def test_the_record_of_an_erasure_is_never_changed(database: Database, paid: Checkout) -> None:
    assert run(database, "--link", paid.secret, *YES).exit_code == 0
    for statement in ("UPDATE erasure_step SET row_count = 1", "DELETE FROM erasure_subject"):
        with pytest.raises(Exception, match="is refused"), transaction(Role.OWNER) as session:
            session.execute(text(statement))


def test_an_address_that_only_the_provider_was_told_finds_the_donor(
    database: Database, client: FlaskClient, settings: Settings, paid: Checkout
) -> None:
    other = back.paid(settings, name="Wang Lu")
    found = {"client_reference_id": str(other.public_id), "customer_details": {"email": "lu@example.org"}}
    pull(payments.merchant(make.MERCHANT), message("checkout.session.completed", found), {})
    assert run(database, "--email", "lu@example.org", *YES).exit_code == 0
    assert sorted(left()[0]) == ["Wang Li", "Wang Lin"]
    with reading() as session:
        bodies = session.scalars(text("SELECT body FROM provider_event WHERE api_version = '2026'")).all()
    assert [bytes(body) for body in bodies] == [b""]


def test_what_the_real_provider_keeps_is_printed_for_its_support(database: Database, paid: Checkout) -> None:
    with transaction() as session:
        book_id = recording.book_of().id
        real = books.open_merchant_account(
            session, book_id=book_id, ref="real", provider="stripe", livemode=False, tariff="mainland"
        )
        statement = """
            INSERT INTO checkout (public_id, book_id, merchant_account_id, amount_minor, currency, method, secret,
              content_sha256, locale, state, charge_id, created_at, expires_at)
            VALUES (gen_random_uuid(), :book, :merchant, 100, 'CNY', 'card', 'a-secret-of-twenty-signs', '', 'en', 'expired',
              'ch_real_1', now(), now())
            """
        session.execute(text(statement), {"book": book_id, "merchant": real.id})
    result = run(database, "--link", "a-secret-of-twenty-signs", *YES)
    assert result.exit_code == 0, result.output
    assert "Ask its support to redact" in result.output
    assert "  real: ch_real_1" in result.output
