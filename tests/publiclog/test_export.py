"""The ledger as CSV: the rows of the books, in log order, safe in spreadsheets, in constant memory."""

import csv
import io
import resource
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from donate.db import Database, Role
from donate.db.programs import program
from donate.ledger import journal
from donate.ledger.chart import Reason
from donate.ledger.journal import Leg
from donate.publiclog.export import BLOCK_BYTES, COLUMNS, stream_csv
from donate.sequencer import drain
from donate.settings import Settings
from tests.ledger.factories import donation, open_book

# The same rows from the books' own tables, not from the leaves.
FROM_THE_BOOKS = """
SELECT leaf.log_index AS entry, transfer.line + 1 AS line, entry.effective_on AS day, book.ref AS book, entry.reason,
       entry.campaign, debit.code AS debit, credit.code AS credit, transfer.amount_minor, book.currency,
       original.log_index AS reverses, encode(entry.document_sha256, 'hex') AS document_sha256,
       encode(entry.note_sha256, 'hex') AS note_sha256,
       CASE WHEN entry.reason IN ('interest') THEN entry.reference END AS reference,
       CASE WHEN entry.reason = 'settlement' THEN entry.reference END AS settlement,
       encode(entry.commitment, 'hex') AS commitment, encode(leaf.leaf_hash, 'hex') AS leaf_hash
FROM log_leaf leaf JOIN entry ON entry.id = leaf.entry_id JOIN book ON book.id = entry.book_id
JOIN transfer ON transfer.entry_id = entry.id
JOIN account debit ON debit.id = transfer.debit_id JOIN account credit ON credit.id = transfer.credit_id
LEFT JOIN log_leaf original ON original.entry_id = entry.reverses
ORDER BY leaf.log_index, transfer.line
"""


@pytest.fixture
def book_id(database: Database) -> int:
    with database.transaction() as session:
        return open_book(session)


def post(database: Database, *entries) -> list[int]:
    with database.transaction() as session:
        return [posted.entry_id for posted in journal.post(session, entries)]


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode())))


def exported(database: Database, **facts) -> bytes:
    with database.reading() as session:
        return b"".join(stream_csv(session.connection(), **({"as_of": 10**9} | facts)))


def test_it_equals_psqls_copy_of_the_books(database: Database, book_id: int, tmp_path: Path) -> None:
    two_legs = (
        Leg(debit="clearing", credit="fund:rice", amount_minor=10**15),
        Leg(debit="fee_cover", credit="fund:rice", amount_minor=1),
    )
    settled = (Leg(debit="bank", credit="clearing", amount_minor=7),)
    first, *_ = post(
        database,
        donation(book_id),
        donation(book_id, legs=two_legs, document_sha256=b"d" * 32, private={"name": "=cmd|'/c calc'!A1"}, note="+1"),
        donation(book_id, reason=Reason.SETTLEMENT, campaign=None, legs=settled, reference="po_1"),
        donation(book_id, reason=Reason.INTEREST, campaign=None, legs=settled, reference="a,b".replace(",", "/")),
    )
    with database.transaction() as session:
        day = donation(book_id).effective_on
        journal.reverse(
            session, book_id=book_id, entry_id=first, idempotency_key="r", effective_on=day, note='wrong, "quoted"\n'
        )
    drain(database)
    target = tmp_path / "books.csv"
    copy = f"\\copy ({' '.join(FROM_THE_BOOKS.split())}) TO '{target}' WITH (FORMAT csv, HEADER)"
    address = database.url.replace("+psycopg", "")
    subprocess.run([program("psql"), "-qX", "-d", address, "-c", copy], check=True)
    assert exported(database) == target.read_bytes()


def test_the_columns_are_those_that_are_explained(database: Database) -> None:
    assert exported(database).decode().strip().split(",") == list(COLUMNS)


def test_a_file_ends_at_the_number_that_it_is_as_of(database: Database, book_id: int) -> None:
    post(database, *(donation(book_id) for _ in range(5)))
    drain(database)
    assert [row["entry"] for row in rows(exported(database, as_of=6))] == ["4", "5", "6"]
    assert rows(exported(database, as_of=-1)) == []


def test_one_campaigns_file_holds_its_entries_only(database: Database, book_id: int) -> None:
    soup = (Leg(debit="clearing", credit="fund:soup", amount_minor=300),)
    post(database, donation(book_id), donation(book_id, campaign="soup", legs=soup), donation(book_id))
    drain(database)
    assert [row["campaign"] for row in rows(exported(database, campaign="soup"))] == ["soup"]


def test_entries_that_wait_for_their_number_are_not_in_it(database: Database, book_id: int) -> None:
    post(database, donation(book_id))
    assert rows(exported(database)) == []


def test_no_value_is_a_formula_and_nothing_private_is_in_it(database: Database, book_id: int) -> None:
    post(database, donation(book_id, private={"name": "=HYPERLINK(1)", "email": "canary@example.org"}, note="@SUM(1)"))
    drain(database)
    data = exported(database)
    assert b"canary" not in data
    assert b"HYPERLINK" not in data
    assert not [value for row in rows(data) for value in row.values() if value and value[0] in "=+-@\t\r"]


def test_it_comes_in_blocks(database: Database, book_id: int) -> None:
    post(database, *(donation(book_id) for _ in range(600)))
    drain(database)
    with database.reading() as session:
        sizes = [len(block) for block in stream_csv(session.connection(), as_of=10**9)]
    assert len(sizes) > 1
    assert all(BLOCK_BYTES <= size < BLOCK_BYTES * 1.5 for size in sizes[:-1])


def test_over_http_it_is_a_file_named_for_its_last_entry(client: FlaskClient, database: Database, book_id: int) -> None:
    post(database, donation(book_id))
    drain(database)
    answer = client.get("/ledger.csv")
    assert answer.status_code == 200
    assert answer.content_type == "text/csv; charset=utf-8; header=present"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="ledger-as-of-4.csv"'
    assert answer.data == exported(database)


def test_slow_readers_leave_room_for_everybody_else(client: FlaskClient, settings: Settings, book_id: int) -> None:
    slow = [client.get("/ledger.csv") for _ in range(settings.threads // 2)]
    refused = client.get("/ledger.csv")
    assert refused.status_code == 503
    assert "Retry-After" in refused.headers
    assert client.get("/en/ledger").status_code == 200
    slow.pop().close()
    assert client.get("/ledger.csv").data.startswith(b"entry,")
    del slow  # who goes away without a word gives the place back, too
    assert client.head("/ledger.csv").status_code == client.get("/ledger.csv").status_code == 200


@pytest.mark.parametrize("ref", ["rice", "unknown", "-", "A B", "%00"])
def test_there_is_no_file_of_a_campaign_that_is_not_public(
    client: FlaskClient, database: Database, book_id: int, ref: str
) -> None:
    post(database, donation(book_id))
    drain(database)
    assert client.get(f"/c/{ref}/ledger.csv").status_code == 404


@pytest.mark.long
def test_two_hundred_thousand_rows_take_no_more_memory_than_a_few(database: Database, book_id: int) -> None:
    for _ in range(100):
        post(database, *(donation(book_id) for _ in range(2000)))
    drain(database)
    with database.reading() as session:
        stream = stream_csv(session.connection(), as_of=10**9)
        next(stream)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = sum(len(block) for block in stream)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"streamed {size:,} bytes, peak memory grew by {grown_kib} KiB")
    assert size > 40_000_000
    assert grown_kib < 4096
    with database.transaction(Role.OWNER) as session:
        assert session.scalar(sa.text("SELECT count(*) FROM log_leaf WHERE kind = 'entry'")) == 200_000
