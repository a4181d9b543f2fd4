"""A bank's statement as its file: CSV with the columns below, UTF-8 or GB 18030, in any order.

`day` (日期, 交易日期, 记账日期), `amount` (金额: what came in is positive) or `in` and `out` (收入 and 支出),
`reference` (附言, 备注, 凭证号), `number` (流水号: the bank's own number of the line), `words` (摘要, 对方户名),
`balance` (余额: what the account holds after the line, from which a missing line is seen). Two equal lines without a
number are two lines: the second of a file is told from the first by its place. Lines are kept oldest first, whichever
way round the bank lists them.
"""

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise

from donate.errors import N_, DonateError
from donate.giving.uploaded_table import TableRow, read_table, write_table
from donate.money import parse_amount

COLUMNS: dict[str, tuple[str, ...]] = {
    "day": ("日期", "交易日期", "记账日期", "date", "booking date"),
    "amount": ("金额", "交易金额", "发生额"),
    "in": ("收入", "贷方发生额", "收入金额", "credit"),
    "out": ("支出", "借方发生额", "支出金额", "debit"),
    "reference": ("附言", "备注", "凭证号", "用途"),
    "number": ("流水号", "交易流水号", "running number"),
    "words": ("摘要", "对方户名", "description"),
    "balance": ("余额", "账户余额", "本次余额", "联机余额", "balance after"),
}
SAMPLE = (
    ("day", "amount", "reference", "number", "words", "balance"),
    ("2026-11-23", "14.91", "SBX000000000042", "88210001", "Settlement of the payment provider", "1014.91"),
    ("2026-11-23", "200.00", "JZ20261123-7", "88210002", "Donation by bank transfer", "1214.91"),
    ("2026-11-24", "-12.00", "", "88210003", "Account fee", "1202.91"),
)
_DAY = re.compile(r"([0-9]{4})[-/.年]?([0-9]{1,2})[-/.月]?([0-9]{1,2})日?(?:[ T].*)?", re.ASCII)


class StatementUnreadable(DonateError):
    """Nothing of the file was kept."""

    sentence = N_("Line %(line)s has another number of columns than the first line, or a cell that is far too long.")
    field = "file"


class StatementDayUnreadable(StatementUnreadable):
    sentence = N_("Line %(line)s: “%(typed)s” is no day such as 2026-11-24.")


class StatementAmountUnreadable(StatementUnreadable):
    sentence = N_("Line %(line)s: “%(typed)s” is no amount such as 15.00 or -15.00.")


class StatementAmountMissing(DonateError):
    sentence = N_("A statement needs the column “amount”, or the columns “in” and “out”.")
    field = "file"


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One line of a statement; `amount_minor` is positive for money that came in."""

    booked_on: date
    amount_minor: int
    reference: str
    running_number: str
    words: str
    balance_minor: int | None = None


def sample() -> bytes:
    """A small statement to begin with, as CSV."""
    return write_table(SAMPLE)


def read_statement(content: bytes, currency: str) -> list[StatementRow]:
    """The lines of a statement that move money. Raises what read_table raises, and StatementUnreadable and its kin."""
    table = read_table(content, COLUMNS, ["day"])
    if not {"amount", "in", "out"} & set(table[0].cells):
        raise StatementAmountMissing
    seen: Counter[StatementRow] = Counter()
    told = []
    for row in (_read(line, currency) for line in table):
        equal = replace(row, balance_minor=None)
        seen[equal] += 1
        if row.amount_minor != 0:
            told.append(row if row.running_number else replace(row, running_number=f"~{seen[equal]}"))
    return told[::-1] if _is_newest_first(told) else told


def _is_newest_first(rows: list[StatementRow]) -> bool:
    """By the days, or within one day by what each line made of the balance."""
    if not rows or rows[0].booked_on != rows[-1].booked_on:
        return bool(rows) and rows[0].booked_on > rows[-1].booked_on
    pairs = [(one, other) for one, other in pairwise(rows) if None not in (one.balance_minor, other.balance_minor)]
    forth = sum(other.balance_minor == (one.balance_minor or 0) + other.amount_minor for one, other in pairs)
    back = sum(one.balance_minor == (other.balance_minor or 0) + one.amount_minor for one, other in pairs)
    return back > forth


def _read(line: TableRow, currency: str) -> StatementRow:
    if line.error is not None:
        raise StatementUnreadable(line=line.line)
    return StatementRow(
        booked_on=_day(line),
        amount_minor=_amount(line, currency),
        reference=line.cells.get("reference", "")[:120],
        running_number=line.cells.get("number", "")[:60],
        words=line.cells.get("words", ""),
        balance_minor=_minor(line, balance, currency) if (balance := line.cells.get("balance", "")) else None,
    )


def _day(line: TableRow) -> date:
    typed = line.cells["day"]
    found = _DAY.fullmatch(typed)
    try:
        if found is not None:
            return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        pass  # such as 2026-02-31: told like every other day that is none
    raise StatementDayUnreadable(line=line.line, typed=typed[:40])


def _amount(line: TableRow, currency: str) -> int:
    whole = line.cells.get("amount", "")
    if whole:
        return _minor(line, whole, currency)
    came, went = (_minor(line, line.cells.get(name, ""), currency) for name in ("in", "out"))
    return abs(came) - abs(went)


def _minor(line: TableRow, typed: str, currency: str) -> int:
    plain = typed.replace("−", "-").strip()
    if plain in ("", "-"):
        return 0
    sign = -1 if plain.startswith("-") else 1
    try:
        return sign * parse_amount(plain.lstrip("+-"), currency).minor
    except DonateError as error:
        raise StatementAmountUnreadable(line=line.line, typed=typed[:40]) from error
