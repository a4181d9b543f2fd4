"""Each writer by itself: sums, signs, names, and rows that a spreadsheet would take for something else."""

import csv
import hashlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donate.downloads.accounts import beancount_name, hledger_name
from donate.downloads.entries import blocks, csv_line, plain_of
from donate.downloads.files import FILES
from donate.downloads.journals import write_beancount, write_hledger
from donate.downloads.spreadsheet import as_text, write_spreadsheet
from donate.downloads.sums import add_up, read_trial_text, trial_text, write_activities, write_trial
from donate.ledger.chart import STANDARD_CODES
from donate.money import EXPONENTS, Money
from tests.downloads.factories import EVERYTHING, head, logged, text

LEGS = [leg for _, legs in EVERYTHING for leg in legs if "payable" not in leg[0] + leg[1]]
ENTRIES = st.lists(
    st.tuples(
        st.sampled_from([reason.value for reason, _ in EVERYTHING]), st.sampled_from(LEGS), st.integers(1, 10**15)
    ),
    max_size=30,
)


def rows(written: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(written.removeprefix("\ufeff"), newline="")))


def entries_of(drawn) -> list:
    return [logged(reason=reason, why=reason, legs=((*leg, minor),)) for reason, leg, minor in drawn]


@given(ENTRIES, ENTRIES)
def test_the_trial_balance_is_the_sum_of_the_legs_and_balances(before, drawn):
    opening = {}
    for _, (debit, credit), minor in before:
        for code, place in ((debit, 0), (credit, 1)):
            sums = list(opening.get(code, (0, 0)))
            sums[place] += minor
            opening[code] = tuple(sums)
    found = rows(text(write_trial(head(opening=opening), entries_of(drawn))))
    for row in found:
        debits = sum(minor for _, leg, minor in drawn if leg[0] == row["account"])
        credits = sum(minor for _, leg, minor in drawn if leg[1] == row["account"])
        assert (int(row["debits_minor"]), int(row["credits_minor"])) == (debits, credits)
        assert int(row["closing_minor"]) == int(row["opening_minor"]) + debits - credits
        assert row["closing"].replace(".", "").lstrip("-0") == row["closing_minor"].lstrip("-0")
    for column in ("opening_minor", "closing_minor"):
        assert sum(int(row[column]) for row in found) == 0
    assert sum(int(row["debits_minor"]) for row in found) == sum(int(row["credits_minor"]) for row in found)


@given(ENTRIES, ENTRIES)
def test_net_assets_are_assets_less_liabilities_and_lines_make_up_the_change(before, drawn):
    opening = read_trial_text(trial_text(_sums(before)))
    trial = rows(text(write_trial(head(opening=opening), entries_of(drawn))))
    found = rows(text(write_activities(head(opening=opening), entries_of(drawn))))
    balance = sum(int(row["closing_minor"]) for row in trial if row["class"] in ("asset", "liability"))
    total = {row["line"]: int(row["amount_minor"]) for row in found if row["scope"] == "total"}
    assert total["closing_net_assets"] == balance
    extra = ("opening_net_assets", "change", "closing_net_assets")
    assert total["change"] == sum(minor for line, minor in total.items() if line not in extra)
    for scope in ("with_donor_restriction", "without_donor_restriction"):
        accounts = [row for row in found if row["scope"] == "account" and row["restriction"] == scope]
        whole = [row for row in found if row["scope"] == scope]
        for line in {row["line"] for row in accounts}:
            summed = sum(int(row["amount_minor"]) for row in accounts if row["line"] == line)
            assert sum(int(row["amount_minor"]) for row in whole if row["line"] == line) == summed


def _sums(drawn):
    return add_up(entries_of(drawn))


def test_what_a_reason_of_a_later_program_moves_stands_in_a_line_of_its_own():
    found = rows(text(write_activities(head(), [logged(reason="moonlight", why="moonlight")])))
    assert {row["line"]: row["amount"] for row in found if row["scope"] == "total"} == {
        "opening_net_assets": "0.00",
        "other": "15.00",
        "change": "15.00",
        "closing_net_assets": "15.00",
    }


def test_a_reversal_takes_back_the_line_of_what_it_reverses():
    taken = logged(reason="reversal", why="donation", legs=(("fund:rice", "clearing", 1500),), rev="5")
    found = rows(text(write_activities(head(), [logged(), taken])))
    assert not [row for row in found if row["line"] in ("donations", "other", "refunds") and row["amount_minor"] != "0"]


@pytest.mark.parametrize(
    "value", ["=1+1", "+86", "-5", "@SUM(A1)", "\tx", "\r=1", "\n=1", "0012", "1e9", "2026-11-23", "1/2", "4.50", " 7"]
)
def test_a_text_that_a_spreadsheet_would_compute_or_shorten_stays_text(value):
    (row,) = rows(text(write_spreadsheet(head(), [logged(ref=value, campaign=value)])))
    assert row["reference"] == row["campaign"] == "'" + value
    assert row["amount"] == "15.00"


@pytest.mark.parametrize("value", ["", "po_1QfXyz", "张三，“A”", 'a "b", c', "f00d", "fund:rice"])
def test_any_other_text_is_left_as_it_is(value):
    assert as_text(value) == value
    assert rows("a\r\n" + csv_line([value], "\r\n"))[:1] == ([{"a": value}] if value else [])


def test_the_spreadsheets_csv_has_a_mark_its_own_line_ends_and_no_stray_ones():
    data = b"".join(blocks(write_spreadsheet(head(), [logged(), logged()])))
    assert data.startswith(b"\xef\xbb\xbfentry,")
    assert data.count(b"\r\n") == data.count(b"\n") == 3


@pytest.mark.parametrize(
    ("code", "hledger", "beancount"),
    [
        ("bank", "assets:bank", "Assets:Bank"),
        ("fund:hot-lunches-2", "equity:fund:hot-lunches-2", "Equity:Fund:Hot-lunches-2"),
        ("payable_refunds", "liabilities:payable_refunds", "Liabilities:Payable-refunds"),
        ("payable:533324-9f", "liabilities:payable:533324-9f", "Liabilities:Payable:533324-9f"),
        ("bank_charges", "expenses:bank_charges", "Expenses:Bank-charges"),
        ("interest", "income:interest", "Income:Interest"),
    ],
)
def test_accounts_have_names_in_both_programs(code, hledger, beancount):
    assert (hledger_name(code), beancount_name(code)) == (hledger, beancount)


def test_different_codes_keep_different_names():
    codes = [*STANDARD_CODES, "fund:a", "fund:a-b", "fund:a-1", "payable:a", "fund:refunds", "payable:refunds"]
    assert len({beancount_name(code) for code in codes}) == len({hledger_name(code) for code in codes}) == len(codes)


def test_a_month_without_entries_still_says_where_the_book_stands():
    opening = {"bank": (700, 0), "fund:rice": (0, 700)}
    assert "    assets:bank  CNY 0 = CNY 7.00\n" in text(write_hledger(head(opening=opening), []))
    assert "2026-12-01 balance Assets:Bank  7.00 ~ 0 CNY\n" in text(write_beancount(head(opening=opening), []))


def test_yen_have_no_decimal_places():
    assert "assets:clearing  JPY 1500\n" in text(write_hledger(head(currency="JPY"), [logged()]))
    assert "commodity JPY 1000.\n" in text(write_hledger(head(currency="JPY"), []))


@given(st.integers(-(10**17), 10**17), st.sampled_from(sorted(EXPONENTS)))
def test_amounts_are_spelt_as_everywhere_else(minor, currency):
    assert plain_of(currency)(minor) == Money(minor, currency).plain


GOLDEN_JOURNAL = """; hearth 2026-11, as of log size 100
commodity CNY 1000.00
account assets:bank  ; type: A
account assets:clearing  ; type: A
account equity:fund:rice  ; type: E

2026-10-30 * opening balances
    assets:bank  CNY 7.00
    equity:fund:rice  CNY -7.00

2026-10-30 * (5) settlement
    ; settlement: po_1
    ; leaf: ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff
    assets:bank  CNY 0.09
    assets:clearing  CNY -0.09

2026-11-30 * closing balances
    assets:bank  CNY 0 = CNY 7.09
    assets:clearing  CNY 0 = CNY -0.09
    equity:fund:rice  CNY 0 = CNY -7.00
"""


def test_a_journal_is_written_to_the_last_sign_as_its_format_says():
    """Whoever changes this changes FORMAT as well: addresses of finished months never answer other bytes."""
    accounts = {"bank": "asset", "clearing": "asset", "fund:rice": "fund"}
    late = logged(seq=5, day="2026-10-30", reason="settlement", why="settlement", campaign="", settle="po_1",
                  legs=(("bank", "clearing", 9),))  # fmt: skip
    of = head(accounts=accounts, opening={"bank": (700, 0), "fund:rice": (0, 700)})
    assert text(write_hledger(of, [late])) == GOLDEN_JOURNAL


FOUR_ACCOUNTS = {"bank": "asset", "clearing": "asset", "fund:rice": "fund", "interest": "income"}
GOLDEN = {
    "spreadsheet.csv": "946fcbe09f82b1b2d6325b9c24d9c7b434e85de276397d39076122881753fcc6",
    "ledger.journal": "ae7112e5229f79d5e8d69f4a92be0179381c297a4189c53cc1a0962b4f6c592b",
    "ledger.beancount": "f087f624b4685770174a90ce8253370644a7ccfd4f849464b7ed116d7d9c74a1",
    "trial-balance.csv": "84cce7e1e8c0337a32fd4fe8cb2f2285579a8171c3c05072169f4e2b3f5dc131",
    "activities.csv": "1b7e0c5a2601f046b28e154562b406c68f3059658fb690e8f67885b81c26d724",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_no_byte_of_a_format_changes_unseen(name):
    """Whoever changes a hash here changes FORMAT as well."""
    entries = [
        logged(
            seq=5, reason="recorded_donation", why="recorded_donation", legs=(("bank", "fund:rice", 5),), doc="d" * 64
        ),
        logged(seq=7, reason="reversal", why="donation", legs=(("fund:rice", "clearing", 2),), rev="3", note="a" * 64),
        logged(seq=9, reason="interest", why="interest", campaign="", legs=(("bank", "interest", 1),), ref="2026/1"),
    ]
    of = head(opening={"bank": (700, 0), "fund:rice": (0, 700)}, accounts=FOUR_ACCOUNTS)
    assert hashlib.sha256(text(FILES[name].write(of, entries)).encode()).hexdigest() == GOLDEN[name]
