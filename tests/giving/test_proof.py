"""What a donor takes along: a promise while the number is awaited, then a proof that needs nobody."""

from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from donate.cli.log_keys import publisher_for
from donate.db import Database, Role, reading
from donate.giving.models import Checkout, Donation
from donate.ledger.models import Entry
from donate.publiclog.publishing import Publisher
from donate.sequencer import drain
from donate.settings import Settings
from donate.tlog.note import read_note, signed_by, verifier_key
from donate.tlog.proof_file import read_proof_file
from donate.tlog.receipt import check_receipt
from tests.giving import factories as make
from tests.giving import recorded_factories


@pytest.fixture
def publisher(database: Database, settings: Settings) -> Publisher:
    publisher = publisher_for(settings, database)
    publisher.start(database)
    return publisher


@pytest.fixture
def secret(client: FlaskClient, settings: Settings) -> str:
    """The link of a paid checkout with a private name."""
    make.raising()
    make.noise()
    paid = make.paid_in_sandbox(settings, name="测试甲", name_is_public=False, words="吃好")
    make.deliver(client, settings)
    return make.checkout(paid.public_id).secret


def log_index() -> int:
    with reading() as session:
        return session.scalars(sa.text("SELECT log_index FROM log_leaf WHERE reason = 'donation'")).one()


def donation_id(secret: str) -> UUID:
    with reading() as session:
        statement = sa.select(Donation.public_id).join(Checkout, Checkout.id == Donation.checkout_id)
        return session.scalars(statement.where(Checkout.secret == secret)).one()


def key(client: FlaskClient, name: str = "vkey"):
    return verifier_key(client.get(f"/log/{name}").text.strip())


def test_before_its_number_a_donation_has_a_promise_signed_by_the_webs_own_key(
    client: FlaskClient, secret: str
) -> None:
    page = client.get(f"/en/r/{secret}").text
    assert f"/en/r/{secret}/promise/1" in page
    note = read_note(client.get(f"/en/r/{secret}/promise/1").data)
    webs = key(client, "promise-vkey")
    assert signed_by(note, [webs]) == [webs]
    with reading() as session:
        entry = session.scalars(sa.select(Entry).where(Entry.reason == "donation")).one()
    assert note.text.splitlines()[0] == "donate/promise/v1"
    assert f"commitment {entry.commitment.hex()}" in note.text.splitlines()


def test_once_it_is_signed_the_proof_file_opens_for_whoever_has_it(
    client: FlaskClient, database: Database, publisher: Publisher, secret: str
) -> None:
    drain(database, publisher)
    page = client.get(f"/en/r/{secret}").text
    assert f"/en/r/{secret}/proof/{log_index()}" in page
    answer = client.get(f"/en/r/{secret}/proof/{log_index()}")
    assert answer.headers["Cache-Control"] == "no-store"
    shown = check_receipt(read_proof_file(answer.data), [key(client)])
    assert (shown.leaf.seq, shown.leaf.reason, shown.leaf.legs[0].amount_minor) == (log_index(), "donation", 1500)
    assert shown.fields == {"donation": str(donation_id(secret))}
    assert "测试甲" not in answer.text


def test_a_proof_that_was_saved_opens_after_the_private_fields_are_erased(
    client: FlaskClient, database: Database, publisher: Publisher, secret: str
) -> None:
    drain(database, publisher)
    saved = client.get(f"/en/r/{secret}/proof/{log_index()}").data
    with database.transaction(Role.ERASER) as session:
        session.execute(sa.text("DELETE FROM entry_private"))
    assert client.get(f"/en/r/{secret}/proof/{log_index()}").status_code == 410
    check_receipt(read_proof_file(saved), [key(client)])


def test_a_line_that_is_numbered_and_not_signed_has_no_proof_yet(
    client: FlaskClient, database: Database, secret: str
) -> None:
    drain(database)
    answer = client.get(f"/en/r/{secret}/proof/{log_index()}")
    assert answer.status_code == 404
    assert "within minutes" in answer.text


def test_nobody_gets_the_proof_of_another_donation(
    client: FlaskClient, database: Database, publisher: Publisher, secret: str
) -> None:
    drain(database, publisher)
    for path in (
        f"r/{secret}/proof/0",
        f"r/{secret}/proof/999",
        f"r/x/proof/{log_index()}",
        f"r/{secret}/promise/2",
        "r/x/promise/1",
    ):
        assert client.get(f"/en/{path}").status_code == 404


def test_a_recorded_donation_has_a_promise_and_then_a_proof_as_well(
    client: FlaskClient, database: Database, publisher: Publisher
) -> None:
    recorded_factories.raising()
    secret = recorded_factories.confirmed().secret
    other = recorded_factories.confirmed(reference="another").secret
    assert f"/en/recorded/{secret}/promise" in client.get(f"/en/recorded/{secret}").text
    assert client.get(f"/en/recorded/{secret}/proof").status_code == 404
    note = read_note(client.get(f"/en/recorded/{secret}/promise").data)
    assert signed_by(note, [key(client, "promise-vkey")])
    drain(database, publisher)
    page = client.get(f"/en/recorded/{secret}").text
    assert f"/en/recorded/{secret}/proof" in page
    answer = client.get(f"/en/recorded/{secret}/proof")
    assert answer.headers["X-Robots-Tag"] == "noindex"
    shown = check_receipt(read_proof_file(answer.data), [key(client)])
    assert shown.leaf.cm.hex() in note.text
    assert shown.leaf.reason == "recorded_donation"
    assert answer.data != client.get(f"/en/recorded/{other}/proof").data
    assert client.get("/en/recorded/unknown/proof").status_code == 404
    assert client.get("/en/recorded/unknown/promise").status_code == 404
