"""A donor who is erased is in no table, no log, no export, and the log verifies as before."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from donate import clock, page_cache, worker
from donate.cli.log_keys import publisher_for
from donate.db import Database, Role, reading, transaction
from donate.erasing import service
from donate.erasing.finding import Donor
from donate.erasing.models import Erasure, ErasureHold, ErasureStep
from donate.erasing.places import PLACES
from donate.files.store import Store
from donate.payments.inbox import pull
from donate.publiclog import mirror
from donate.publiclog.publishing import Publisher
from donate.sequencer import drain
from donate.settings import Settings
from donate.tlog.note import verifier_key
from donate.tlog.proof_file import read_proof_file
from donate.tlog.receipt import check_receipt
from donate.tlog.verify_command import main as verify
from tests.erasing import factories as make
from tests.erasing.factories import NEIGHBOUR, XIAOYU, Left
from tests.giving import recorded_factories as recording
from tests.payments import factories as payments

# What laws keep, and the one message that nobody could handle.
KEPT = {
    "bank_line_private.words",
    "complaint.answer",
    "complaint.contact",
    "complaint.message",
    "large_request_private.contact",
    "large_request_private.identity",
    "large_request_private.name",
    "official_receipt_private.title",
    "provider_event.body",
    "recorded_donation.agreement",
    "recorded_file.content",
    "recorded_private.name",
    "split_alert.note",
}
# Places without words: consents, hashes and pictures.
WORDLESS = {"shown_name", "recorded_shown_name", "split_trace", "entry_private", "proof_file"}


@pytest.fixture
def publisher(database: Database, settings: Settings) -> Publisher:
    publisher = publisher_for(settings, database)
    publisher.start(database)
    return publisher


@pytest.fixture
def left(database: Database, client: FlaskClient, settings: Settings, publisher: Publisher) -> Left:
    """One donor with something in every place, and another whose name and address are nearly the same."""
    recording.raising()
    make.leave_everything(settings, NEIGHBOUR)
    left = make.leave_everything(settings, XIAOYU)
    drain(database, publisher)
    make.admin()
    return left


def erase(settings: Settings, donor: Donor | None = None) -> service.Report:
    with transaction(Role.ERASER) as session:
        store = Store(settings.instance / "files")
        return service.erase(session, store, donor or Donor(email=XIAOYU.email), by=7)


def files(folder: Path, database: Database, client: FlaskClient) -> Path:
    """The log as files, and every CSV that anybody or the host may download."""
    mirror.export(database, folder / "log", lambda _: None)
    recording.sign_in(client)
    with reading() as session:
        batches = session.scalars(text("SELECT public_id FROM recorded_batch")).all()
    paths = ["/ledger.csv", "/c/yunxi/ledger.csv", "/en/desk/official/requests.csv"]
    paths += [f"/en/desk/recorded/batch/{one}/{name}" for one in batches for name in ("file.csv", "verdicts.csv")]
    paths += ["/en/c/yunxi", "/zh/c/yunxi", "/en/ledger"]
    for number, path in enumerate(paths):
        (folder / f"{number}.csv").write_bytes(client.get(path).data)
    return folder


def saved_proof(client: FlaskClient, left: Left) -> bytes:
    with reading() as session:
        index = session.scalars(
            text("""
                SELECT log_index FROM donation JOIN entry ON idempotency_key = 'donation:' || donation.public_id
                JOIN log_leaf ON log_leaf.entry_id = entry.id WHERE checkout_id = :id"""),
            {"id": left.given.id},
        ).one()
    answer = client.get(f"/en/r/{left.given.secret}/proof/{index}")
    assert answer.status_code == 200
    return answer.data


def test_nothing_of_an_erased_donor_is_left_and_the_log_and_their_own_proof_still_open(
    database: Database, client: FlaskClient, settings: Settings, publisher: Publisher, left: Left, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    proof = saved_proof(client, left)
    key = verifier_key(client.get("/log/vkey").text.strip())
    neighbours = make.found_in(NEIGHBOUR.strings)
    before = make.found_in(XIAOYU.strings)
    assert before >= KEPT
    erase(settings)
    assert make.found_in(XIAOYU.strings) == KEPT
    assert make.found_in(NEIGHBOUR.strings) == neighbours
    make.handle_failed()
    worker.forget_private(settings)
    assert make.found_in(XIAOYU.strings) == KEPT - {"provider_event.body"}
    assert make.found_in(NEIGHBOUR.strings) == neighbours

    with make.years_later(32):
        worker.forget_private(settings)
    assert make.found_in(XIAOYU.strings) == set()
    assert make.found_in(NEIGHBOUR.strings) >= neighbours & {
        "donation_private.name", "checkout_private.email", "recorded_private.name", "recorded_file.content",
        "bank_line_private.words", "large_request_private.identity", "official_receipt_private.title",
    }  # fmt: skip
    folder = files(tmp_path, database, client)
    assert make.found_in_files(folder, XIAOYU.strings) == set()
    assert make.found_in_files(folder, NEIGHBOUR.strings) != set()
    assert make.found_in_files(settings.instance, XIAOYU.strings) == set()
    assert verify([str(folder / "log"), "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["result"] == "fine"
    check_receipt(read_proof_file(proof), [key])


def test_every_place_is_needed(database: Database, settings: Settings, left: Left) -> None:
    """Planted faults, one after the other: while a place is left out, something is still found there."""
    make.handle_failed()
    with transaction(Role.ERASER) as session:
        subjects = service.look(session, Donor(email=XIAOYU.email)).subjects
    before = make.found_in(XIAOYU.strings)
    for place in (PLACES[-1], *PLACES[:-1]):  # messages first: later no address leads to them
        with transaction(Role.ERASER) as session:
            rows = place.find(session, subjects)
            assert rows or place.name == "split_trace", place.name
            assert place.erase(session, Store(settings.instance / "files"), [row.id for row in rows]) == len(rows)
            session.flush()
            assert place.name == "proof_file" or place.find(session, subjects) == []
        after = make.found_in(XIAOYU.strings)
        assert after < before or place.name in WORDLESS, place.name
        before = after
    assert before == set()


@pytest.mark.parametrize(
    ("forgotten", "column"),
    [
        ("donation_words", "donation_private.message"),
        ("provider_event", "provider_event.body"),
        ("official_reason", "official_receipt_step.reason"),
    ],
)
def test_a_place_that_was_forgotten_is_found(
    database: Database, settings: Settings, left: Left, monkeypatch: pytest.MonkeyPatch, forgotten: str, column: str
) -> None:
    monkeypatch.setattr(service, "PLACES", tuple(place for place in PLACES if place.name != forgotten))
    erase(settings)
    make.handle_failed()
    with make.years_later(32):
        worker.forget_private(settings)
    assert column in make.found_in(XIAOYU.strings)


def test_what_a_law_keeps_has_its_day_and_its_rule(database: Database, settings: Settings, left: Left) -> None:
    report = erase(settings)
    today = datetime.now(UTC).date()
    kept = {one.place.name: [day for day, _ in one.kept] for one in report.places if one.kept}
    assert {name: days[-1].year - today.year for name, days in kept.items()} == {
        "large_identity": 10, "official_title": 5, "recorded_name": 2, "recorded_agreement": 10, "recorded_file": 31,
        "proof_file": 31, "bank_words": 11, "split_alert": 10, "complaint": 2,
    }  # fmt: skip
    with reading(Role.ERASER) as session:
        holds = session.scalars(select(ErasureHold)).all()
    assert {(hold.place, hold.erase_on) for hold in holds} == {
        (name, day) for name, days in kept.items() for day in days
    }
    assert {one.place.name: one.waiting_count for one in report.places if one.waiting_count} == {"provider_event": 1}


def test_each_goes_on_its_own_day_and_the_record_is_closed_at_the_end(
    database: Database, settings: Settings, left: Left
) -> None:
    erase(settings)
    make.handle_failed()
    with reading(Role.ERASER) as session:
        days = sorted(set(session.scalars(select(ErasureHold.erase_on))))
    store = Store(settings.instance / "files")
    for day in days:
        for moment, is_left in ((timedelta(0), True), (timedelta(days=1), False)):
            with clock.frozen_at(datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=1) + moment):
                worker.forget_private(settings)
            with reading(Role.ERASER) as session:
                due = select(ErasureHold).where(ErasureHold.erase_on == day, ErasureHold.erased_at.is_(None))
                assert (session.scalars(due).first() is not None) == is_left, day
    with reading(Role.ERASER) as session:
        assert session.scalars(select(Erasure.closed_at)).one() is not None
        steps = session.scalars(select(ErasureStep).order_by(ErasureStep.id)).all()
    assert {step.user_id for step in steps if step.place == "donation_words"} == {7}
    assert {step.user_id for step in steps if step.place in ("bank_words", "complaint")} == {None}
    with pytest.raises(Exception, match="nothing here"):
        store.read(left.proof_sha256)


def test_the_name_leaves_the_campaign_page_at_once(
    client: FlaskClient, database: Database, settings: Settings, left: Left, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert XIAOYU.name in client.get("/en/c/yunxi").text
    erase(settings)
    later = page_cache.monotonic() + page_cache.SECONDS + 0.01
    monkeypatch.setattr(page_cache, "monotonic", lambda: later)
    page = client.get("/en/c/yunxi").text
    assert (XIAOYU.name in page, NEIGHBOUR.name in page) == (False, True)


def test_a_message_that_comes_later_is_emptied_by_the_nightly_job(
    database: Database, settings: Settings, left: Left
) -> None:
    erase(settings)
    found = {"metadata": {"checkout": str(left.given.public_id)}, "billing_details": {"email": XIAOYU.email}}
    pull(payments.merchant("lunch"), make.message("charge.refund.updated", found), {})
    worker.forget_private(settings)
    with reading() as session:
        body = session.scalars(text("SELECT body FROM provider_event WHERE kind = 'charge.refund.updated'")).one()
    assert bytes(body) == b""


def test_a_bank_line_whose_match_was_taken_back_still_goes_on_its_day(
    database: Database, settings: Settings, left: Left
) -> None:
    erase(settings)
    make.handle_failed()
    with transaction(Role.OWNER) as session:
        session.execute(text("UPDATE bank_line SET met = NULL, subject = NULL, met_at = NULL"))
    worker.forget_private(settings)
    assert "bank_line_private.words" in make.found_in(XIAOYU.strings)
    with make.years_later(12):
        worker.forget_private(settings)
    assert "bank_line_private.words" not in make.found_in(XIAOYU.strings)
    assert "bank_line_private.words" in make.found_in(NEIGHBOUR.strings)


def test_one_erasure_that_fails_at_night_does_not_keep_the_other_donors_from_theirs(
    database: Database, settings: Settings, left: Left
) -> None:
    first = erase(settings).erasure_id
    erase(settings, Donor(email=NEIGHBOUR.email))
    make.handle_failed()
    with database.transaction(Role.OWNER) as session:
        rule = f"CHECK (erasure_id <> {first} OR user_id IS NOT NULL)"
        session.execute(text(f"ALTER TABLE erasure_step ADD CONSTRAINT planted {rule}"))
    try:
        with make.years_later(32), pytest.raises(IntegrityError):
            worker.forget_private(settings)
    finally:
        with database.transaction(Role.OWNER) as session:
            session.execute(text("ALTER TABLE erasure_step DROP CONSTRAINT planted"))
    assert make.found_in(NEIGHBOUR.strings) == set()
    assert make.found_in(XIAOYU.strings) != set()
