"""`donate cover fill`: the fee-cover fund gets money, once for each of the bank's references, and pays from then on."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, text

from donate.cli.commands import donate
from donate.db import Database, bind, transaction
from donate.ledger import cover
from donate.ledger.books import open_book
from donate.ledger.models import Book, Entry


@pytest.fixture(autouse=True)
def books(database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DONATE_DATABASE_URL", database.url)
    monkeypatch.setenv("DONATE_INSTANCE", str(tmp_path))
    with transaction() as session:
        for ref in ("lunch", "noise"):
            open_book(session, ref=ref, host=ref, currency="CNY", mode="sandbox", time_zone="Asia/Shanghai")


def fill(database: Database, *flags: str, **other: str) -> Result:
    options = {"book": "lunch", "amount": "500.00", "reference": "BANK 7", "received-on": "2026-11-20"}
    options |= {name.replace("_", "-"): value for name, value in other.items()}
    result = CliRunner().invoke(
        donate, ["cover", "fill", *(word for name, value in options.items() for word in (f"--{name}", value)), *flags]
    )
    bind(database)
    return result


def stock() -> dict[str, int]:
    with transaction() as session:
        query = text("SELECT book.ref, available_minor FROM cover_stock JOIN book ON book.id = book_id")
        return {ref: available for ref, available in session.execute(query) if available}


@pytest.mark.parametrize(("flags", "reason"), [((), "recorded_donation"), (("--opening",), "opening")])
def test_what_is_filled_in_pays_fees_from_then_on(database: Database, flags: tuple[str, ...], reason: str) -> None:
    result = fill(database, *flags)
    assert (result.exit_code, "500.00 CNY more" in result.output) == (0, True), result.output
    assert stock() == {"lunch": 50_000}
    with transaction() as session:
        entry = session.scalars(select(Entry)).one()
        book_id = session.scalars(select(Book.id).filter_by(ref="lunch")).one()
        assert (entry.reason, entry.book_id, entry.effective_on.isoformat()) == (reason, book_id, "2026-11-20")
        assert "BANK" not in entry.idempotency_key, "what a bank calls a payment may name who paid"
        assert cover.take(session, book_id, 50_000)


def test_the_same_reference_fills_once_and_with_another_amount_is_refused(database: Database) -> None:
    fill(database)
    again = fill(database, reference=" BANK  7")
    assert (again.exit_code, "nothing changed" in again.output) == (0, True)
    assert_refused(fill(database, amount="501"), "exists with different content")
    assert stock() == {"lunch": 50_000}


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"book": "nobody"}, "There is no book “nobody” here."),
        ({"book": "nob\0dy"}, "There is no book"),
        ({"amount": "0"}, "an amount above zero"),
        ({"amount": "-5"}, "-5"),
        ({"amount": "5.001"}, "CNY"),
        ({"received_on": "2999-01-01"}, "2999-01-01 lies ahead"),
        ({"received_on": "soon"}, "'soon' is no day"),
        ({"reference": " "}, "must not be empty"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(database: Database, other: dict[str, str], said: str) -> None:
    assert_refused(fill(database, **other), said)
    assert stock() == {}


def assert_refused(result: Result, said: str) -> None:
    assert result.exit_code in (1, 2), result.output
    assert result.output.count("Error: ") == 1, result.output
    assert said in result.output.splitlines()[-1]
