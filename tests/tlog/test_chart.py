"""Money that is said to move as no charity moves it is refused, however well it is signed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from donate.ledger.chart import KINDS, Reason
from donate.tlog import chart
from donate.tlog.chart import CLASSES, MOVES
from donate.tlog.leaf import OpenAccount
from donate.tlog.verify import Refused
from tests.tlog.logs import Writer, publish, verifier


@pytest.fixture
def writer() -> Writer:
    """100.00 for rice, of which nothing is spent yet."""
    writer = Writer()
    writer.open()
    writer.entry("donation", ("clearing", "fund:rice", 10_000), campaign="rice")
    return writer


def fault(writer: Writer) -> str | None:
    """What a stranger says of the log."""
    try:
        verifier(publish(writer.data, csv=b""), with_csv=False).run()
    except Refused as refused:
        return f"{refused.code.name}: {refused}"
    return None


def test_it_is_the_chart_of_the_books() -> None:
    assert {kind.name: kind.account_class.value for kind in KINDS.values()} == CLASSES
    assert MOVES.keys() == {reason.value for reason in Reason} - {"reversal"}
    assert {kind for moves in MOVES.values() for move in moves for kind in move} <= CLASSES.keys()


def test_the_format_says_the_same_of_every_reason() -> None:
    text = (Path(chart.__file__).parent / "LEAF.md").read_text(encoding="utf-8")
    told = dict(re.findall(r"^\| `([a-z_]+)` \| ([a-z_ ,]+) \|$", text.partition("\n## Moves\n")[2], re.MULTILINE))
    assert {reason: {tuple(move.split()) for move in moves.split(", ")} for reason, moves in told.items()} == MOVES
    assert all(f"{kind} {cls}" in text for kind, cls in CLASSES.items())


WRONG: dict[str, tuple[str, tuple[str, str, int], str | None]] = {
    "a reason that nobody knows": ("coffee", ("fund:rice", "bank", 100), "rice"),
    "a donation that was never paid in": ("donation", ("payable:p1", "fund:rice", 100), "rice"),
    "a donation for one campaign in the fund of another": ("donation", ("clearing", "fund:rice", 100), "soup"),
    "a donation for nothing": ("donation", ("clearing", "fund:rice", 100), None),
    "money paid out that nobody counts": ("disbursement_paid", ("payable:p1", "bank", 1), None),
    "a payment straight from a fund": ("disbursement_paid", ("fund:rice", "bank", 100), "rice"),
    "a fee from another campaign's fund": ("processing_fee", ("fund:soup", "clearing", 1), "rice"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_move_that_its_reason_does_not_allow_is_refused(writer: Writer, name: str) -> None:
    reason, leg, campaign = WRONG[name]
    writer.entry(reason, leg, campaign=campaign)
    assert str(fault(writer)).startswith("ACCOUNTING: ")


def test_an_account_of_another_class_is_refused(writer: Writer) -> None:
    writer.write(OpenAccount, account="bank_charges", cls="asset")
    assert "is no asset" in str(fault(writer))


def spend(writer: Writer, amount: int) -> None:
    writer.entry("disbursement_approved", ("fund:rice", "payable:p1", amount), campaign="rice")


def refund(writer: Writer) -> None:
    writer.entry("refund", ("fund:rice", "clearing", 10_000), campaign="rice")


@pytest.mark.parametrize("with_fee", [False, True])
def test_a_fund_that_spent_more_than_it_had_is_refused_whatever_fees_it_bore(writer: Writer, with_fee: bool) -> None:
    if with_fee:
        writer.entry("processing_fee", ("fund:rice", "clearing", 60), campaign="rice")
    spend(writer, 10_001)
    assert "below zero" in str(fault(writer))


@pytest.mark.parametrize(
    ("then", "is_fine"),
    [
        (lambda writer: None, True),
        (lambda writer: spend(writer, 1), False),
        (lambda writer: writer.entry("shortfall_covered", ("general", "fund:rice", 10_000)), True),
        (lambda writer: writer.entry("refund_failed", ("clearing", "fund:rice", 10_000), campaign="rice"), True),
    ],
    ids=["refunded after it was spent", "and spent beyond that", "covered by the general fund", "failed again"],
)
def test_a_fund_may_be_below_zero_by_what_was_taken_back(
    writer: Writer, then: Callable[[Writer], object], is_fine: bool
) -> None:
    spend(writer, 10_000)
    refund(writer)
    then(writer)
    assert (fault(writer) is None) == is_fine


def test_more_paid_out_than_was_approved_is_refused(writer: Writer) -> None:
    spend(writer, 100)
    writer.entry("disbursement_paid", ("payable:p1", "bank", 101), campaign="rice")
    assert "payable:p1 is below zero" in str(fault(writer))
