"""What strangers add up from the lines, against the totals that are published."""

import pytest

from donate.ledger.chart import Reason
from donate.tlog.counting import (
    DONATIONS,
    FUND_COLUMNS,
    PAID,
    TOTALS_HEAD,
    Published,
    TotalsWrong,
    read_totals,
    totals_file,
)
from donate.tlog.verify import Code, Refused
from tests.tlog.logs import InMemory, Writer, a_log, publish, verifier

DATA = a_log(600, seed=3)


def written(*entries: tuple) -> InMemory:
    writer = Writer()
    writer.open()
    for reason, legs, *facts in entries:
        writer.entry(reason, *legs, **({"campaign": "rice"} | dict(*facts)))
    return publish(writer.data)


def rows(log: InMemory) -> list[str]:
    return [row.partition(",")[2] for row in log.files["totals.csv"].decode().splitlines()[1:]]


def given(amount: int, campaign: str = "rice") -> tuple:
    return ("donation", [("clearing", f"fund:{campaign}", amount)], {"campaign": campaign})


def test_every_reason_that_is_counted_is_one_of_the_chart() -> None:
    assert {*FUND_COLUMNS, *DONATIONS, *PAID} <= set(Reason)


@pytest.mark.parametrize(
    ("entry", "figures"),
    [
        (("donation", [("clearing", "fund:rice", 1500)]), "1500,0,0,0,1"),
        (("donation", [("clearing", "fund:rice", 1000), ("clearing", "fund:rice", 500)]), "1500,0,0,0,1"),
        (("processing_fee", [("fund:rice", "clearing", 9)]), "0,0,9,0,0"),
        (("fee_covered", [("fee_cover", "fund:rice", 9)]), "0,0,-9,0,0"),
        (("refund", [("fund:rice", "clearing", 700)]), "0,700,0,0,0"),
        (("disbursement_paid", [("payable:p1", "bank", 300)]), "0,0,0,300,0"),
        (("disbursement_paid", [("payable:p1", "bank", 300), ("payable:p1", "bank", 1)]), "0,0,0,301,0"),
        (("disbursement_returned", [("bank", "fund:rice", 300)]), "0,0,0,-300,0"),
    ],
)
def test_each_reason_adds_to_its_column(entry: tuple, figures: str) -> None:
    assert rows(written(entry)) == [f"lunch,rice,CNY,{figures}"]


@pytest.mark.parametrize("reason", ["donation", "refund", "disbursement_paid", "processing_fee"])
def test_a_reversal_takes_back_from_where_its_original_was_counted(reason: str) -> None:
    legs = {"donation": ("clearing", "fund:rice"), "disbursement_paid": ("payable:p1", "bank")}.get(
        reason, ("fund:rice", "clearing")
    )
    writer = Writer()
    writer.open()
    seq = writer.entry(reason, (*legs, 1500), campaign="rice")
    writer.entry("reversal", (legs[1], legs[0], 1500), campaign="rice", rev=seq, note=bytes(32))
    assert rows(publish(writer.data)) == []


def test_approved_money_and_what_the_general_fund_bore_count_nowhere() -> None:
    log = written(
        ("disbursement_approved", [("fund:rice", "payable:p1", 300)]),
        ("shortfall_covered", [("general", "fund:rice", 300)]),
    )
    assert rows(log) == []


def test_campaigns_are_told_apart_and_sorted() -> None:
    assert rows(written(given(5, "soup"), given(7), given(1, "soup"))) == [
        "lunch,rice,CNY,7,0,0,0,1",
        "lunch,soup,CNY,6,0,0,0,2",
    ]


@pytest.mark.parametrize("size", [300, 512, 513, 599])
def test_totals_of_an_earlier_size_are_compared_at_that_size(size: int) -> None:
    log = publish(DATA)
    log.files["totals.csv"] = publish(DATA[:size]).files["totals.csv"]
    findings = verifier(log).run()
    assert (findings.totals_compared, findings.notes) == (3, [f"totals.csv is as of {size} lines"])
    first, second, *rest = log.files["totals.csv"].decode().split("\n")
    log.files["totals.csv"] = "\n".join([first, second[:-1] + "9", *rest]).encode()
    with pytest.raises(Refused) as told:
        verifier(log).run()
    assert told.value.code is Code.EXPORT


def test_totals_of_more_lines_than_are_signed_are_refused() -> None:
    log = publish(DATA[:300])
    log.files["totals.csv"] = publish(DATA).files["totals.csv"]
    with pytest.raises(Refused, match="are signed") as told:
        verifier(log).run()
    assert told.value.code is Code.EXPORT


@pytest.mark.parametrize("size", ["0", "00", "0600"])
def test_a_size_at_which_nothing_would_be_compared_is_refused(size: str) -> None:
    log = publish(DATA)
    rows = log.files["totals.csv"].decode().splitlines()
    forged = [",".join([size, *row.split(",")[1:-1], "9"]) for row in rows[1:]]
    log.files["totals.csv"] = totals_file(forged)
    with pytest.raises(Refused) as told:
        verifier(log).run()
    assert told.value.code is Code.EXPORT


def test_totals_without_a_row_are_those_of_a_log_without_donations() -> None:
    log = written()
    assert verifier(log).run().totals_compared == 0
    log = written(given(1))
    log.files["totals.csv"] = totals_file([])
    with pytest.raises(Refused, match="no row"):
        verifier(log).run()


def test_a_file_is_read_as_it_was_written() -> None:
    assert read_totals(totals_file(["7,lunch,rice,CNY,1,2,3,4,5"])) == Published(7, ("7,lunch,rice,CNY,1,2,3,4,5",))
    assert read_totals(totals_file([])) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"size,book\n",
        ",".join(TOTALS_HEAD).encode(),
        totals_file(["7,a"])[:-1],
        totals_file(["7,a", "8,a"]),
        totals_file(["x,a"]),
        totals_file(["9" * 19 + ",a"]),
    ],
)
def test_what_is_no_totals_file_is_told(data: bytes) -> None:
    with pytest.raises(TotalsWrong):
        read_totals(data)
