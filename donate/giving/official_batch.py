"""Numbers of official receipts from a file: which request gets which number, row by row, before anything is written."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from donate.errors import N_, DonateError
from donate.giving.official import (
    NUMBER_LENGTH,
    IssuedAlready,
    LessIsLeft,
    NumberMissing,
    NumberTaken,
    NumberTooLong,
    issue,
    less_is_left,
)
from donate.giving.official_models import OfficialReceipt, OfficialState
from donate.giving.official_queries import by_references
from donate.giving.reference_key import key_of
from donate.giving.uploaded_table import FileTooLong, read_table
from donate.text import clean_line

# The rows travel with the page that shows their verdicts, inside the size of a form.
MOST_ROWS = 2_000
COLUMNS = {"receipt": ("收据号", "捐赠编号"), "number": ("票据号", "票据号码")}


class NoSuchRequest(DonateError):
    sentence = N_("No official receipt was asked for under this number.")


class SeveralMeant(DonateError):
    sentence = N_("This number stands in two of your books. Use the request’s own number from the list.")


class RequestVoided(DonateError):
    sentence = N_("This official receipt was voided.")


class TwiceInFile(DonateError):
    sentence = N_("This stands in the file twice.")


class IssueVerdict(StrEnum):
    """What becomes of a row of a file of numbers."""

    NEW = "new"
    SEEN = "seen"
    BAD = "bad"

    @property
    def sentence(self) -> str:
        return _VERDICTS[self]


_VERDICTS = {
    IssueVerdict.NEW: N_("To be issued"),
    IssueVerdict.SEEN: N_("Issued with this number before"),
    IssueVerdict.BAD: N_("Cannot be issued"),
}


@dataclass(frozen=True, slots=True)
class NumberRow:
    """A row of the file: for which receipt, which number."""

    line: int
    receipt: str
    number: str
    error: DonateError | None = None


@dataclass(frozen=True, slots=True)
class JudgedNumber:
    """A row with its verdict."""

    row: NumberRow
    verdict: IssueVerdict
    error: DonateError | None = None
    request: UUID | None = None


@dataclass(frozen=True, slots=True)
class JudgedNumbers:
    """Every row of a file with its verdict, as things stand now."""

    rows: tuple[JudgedNumber, ...]

    @property
    def counts(self) -> Counter[IssueVerdict]:
        return Counter(judged.verdict for judged in self.rows)

    @property
    def new(self) -> list[JudgedNumber]:
        return [judged for judged in self.rows if judged.verdict is IssueVerdict.NEW]

    @property
    def carried(self) -> str:
        """The rows to be issued, as the page sends them back."""
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([("receipt", "number")])
        csv.writer(out, lineterminator="\n").writerows((str(one.request), one.row.number) for one in self.new)
        return out.getvalue()


def read_numbers(content: bytes) -> list[NumberRow]:
    """The rows of a file. Raises what read_table raises, and FileTooLong."""
    rows = []
    for row in read_table(content, COLUMNS, COLUMNS):
        error = row.error
        number = row.cells.get("number", "")
        try:
            number = clean_line(number, NUMBER_LENGTH, NumberTooLong)
        except NumberTooLong as too_long:
            error = error or too_long
        rows.append(NumberRow(row.line, row.cells.get("receipt", ""), number, error))
    if len(rows) > MOST_ROWS:
        raise FileTooLong(most=MOST_ROWS)
    return rows


def judge_numbers(session: Session, hosts: Collection[str], rows: list[NumberRow]) -> JudgedNumbers:
    """What each row would do now."""
    found = by_references(session, hosts, [row.receipt for row in rows])
    taken = _taken(session, hosts, (key_of(row.number) for row in rows))
    asked = {one.id: one for some in found.values() for one in some if one.state == OfficialState.REQUESTED}
    short = less_is_left(session, list(asked.values()))
    seen_requests: set[int] = set()
    seen_numbers: set[str] = set()
    judged = []
    for row in rows:
        one = _judged(row, found.get(row.receipt, []), taken, short)
        key = key_of(row.number)
        request = found[row.receipt][0].id if one.verdict is not IssueVerdict.BAD else 0
        if one.verdict is not IssueVerdict.BAD and (key in seen_numbers or request in seen_requests):
            one = JudgedNumber(row, IssueVerdict.BAD, TwiceInFile())
        seen_numbers.add(key)
        seen_requests.add(request)
        judged.append(one)
    return JudgedNumbers(tuple(judged))


def _judged(
    row: NumberRow, requests: list[OfficialReceipt], taken: dict[str, int], short: dict[int, LessIsLeft]
) -> JudgedNumber:
    error: DonateError | None = row.error
    key = key_of(row.number)
    request = requests[0] if requests else None
    if error is None and not key:
        error = NumberMissing()
    elif error is None and len(requests) > 1:
        error = SeveralMeant()
    elif error is None and request is None:
        error = NoSuchRequest()
    if error is not None or request is None:
        return JudgedNumber(row, IssueVerdict.BAD, error)
    if request.state == OfficialState.VOIDED:
        return JudgedNumber(row, IssueVerdict.BAD, RequestVoided())
    if request.state == OfficialState.ISSUED:
        if request.number_key == key:
            return JudgedNumber(row, IssueVerdict.SEEN, request=request.public_id)
        return JudgedNumber(row, IssueVerdict.BAD, IssuedAlready(number=request.number))
    if key in taken:
        return JudgedNumber(row, IssueVerdict.BAD, NumberTaken(number=row.number))
    if request.id in short:
        return JudgedNumber(row, IssueVerdict.BAD, short[request.id])
    return JudgedNumber(row, IssueVerdict.NEW, request=request.public_id)


def _taken(session: Session, hosts: Collection[str], keys: Iterable[str]) -> dict[str, int]:
    rows = session.execute(
        select(OfficialReceipt.number_key, OfficialReceipt.id).where(
            OfficialReceipt.host.in_(hosts), OfficialReceipt.number_key.in_(set(keys))
        )
    )
    return {key: receipt_id for key, receipt_id in rows if key is not None}


def issue_batch(session: Session, hosts: Collection[str], rows: list[NumberRow], *, by: int) -> int:
    """Issue the rows that can be, all together, and say how many. Raises what `issue` raises; nothing is then issued."""
    new = {one.request: one.row.number for one in judge_numbers(session, hosts, rows).new}
    # In one order whatever the file's is, so that two files never wait for each other in a circle.
    receipts = session.scalars(
        select(OfficialReceipt).where(OfficialReceipt.public_id.in_(new)).order_by(OfficialReceipt.id)
    ).all()
    for receipt in receipts:
        issue(session, receipt, number=new[receipt.public_id], by=by)
    return len(new)
