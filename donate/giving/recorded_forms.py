"""What a member of the host typed or uploaded about money that arrived, read strictly."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from donate.errors import N_, DonateError
from donate.giving.recorded import AgreementMissing, NewRecorded, require_agreement
from donate.giving.recorded_models import Channel
from donate.giving.reference_key import key_of
from donate.giving.uploaded_table import TableRow, read_table
from donate.money import parse_amount
from donate.text import TextTooLong, clean_line

SOURCE_LENGTH = 60
REFERENCE_LENGTH = 80
NAME_LENGTH = 60
AGREEMENT_LENGTH = 80
EARLIEST = date(2000, 1, 1)
Read = TypeVar("Read")

# Our name of each column of a batch, and what else it may be called.
COLUMNS: dict[str, tuple[str, ...]] = {
    "reference": ("流水号", "订单号", "交易号"),
    "amount": ("金额", "捐赠金额"),
    "received_on": ("日期", "到账日期"),
    "campaign": ("项目", "项目编号"),
    "name": ("姓名", "捐赠人"),
    "name_public": ("公开姓名",),
    "agreement": ("协议", "协议编号"),
}
NEEDED = ("reference", "amount", "received_on", "campaign")
_YES = frozenset(("yes", "y", "true", "1", "是", "公开"))
_NO = frozenset(("", "no", "n", "false", "0", "否", "不公开"))
_DAY = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})", re.ASCII)

# A short sample to download; its reader replaces the campaign's reference by one of theirs.
SAMPLE = (
    ("reference", "amount", "received_on", "campaign", "name", "name_public"),
    ("20261120000017", "15.00", "2026-11-20", "{campaign}", "张三", "no"),
    ("20261120000018", "300", "2026-11-20", "{campaign}", "", ""),
    ("20261121000001", "6.50", "2026-11-21", "{campaign}", "Li Si", "yes"),
)


class ChannelMissing(DonateError):
    sentence = N_("Choose how the money came.")
    field = "channel"


class SourceMissing(DonateError):
    sentence = N_("Name the bank or the platform.")
    field = "source"


class SourceTooLong(TextTooLong):
    field = "source"


class ReferenceMissing(DonateError):
    sentence = N_("Write the number under which the bank or the platform knows this money.")
    field = "reference"


class ReferenceTooLong(TextTooLong):
    field = "reference"


class RecordedAmountMissing(DonateError):
    sentence = N_("Write the amount that arrived; it is more than zero.")
    field = "amount"


class DayNotADate(DonateError):
    sentence = N_("“%(typed)s” is no date. Write it as 2026-11-24.")
    field = "received_on"


class DayNotYet(DonateError):
    sentence = N_("This day has not come yet; only money that has arrived is recorded.")
    field = "received_on"


class DayTooEarly(DonateError):
    sentence = N_("This day lies before the year 2000; is it mistyped?")
    field = "received_on"


class CampaignMissing(DonateError):
    sentence = N_("Choose the campaign that the money is for.")
    field = "campaign"


class NameTooLong(TextTooLong):
    field = "name"


class AgreementTooLong(TextTooLong):
    field = "agreement"


class ConsentUnclear(DonateError):
    sentence = N_("“%(typed)s” in the column name_public is neither yes nor no.")
    field = "name_public"


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A row of an uploaded batch: its line, what was typed, and what it means or why it cannot be read."""

    line: int
    cells: Mapping[str, str]
    new: NewRecorded | None
    error: DonateError | None


def read_recorded(
    form: Mapping[str, str], currency: str, today: date
) -> tuple[NewRecorded | None, dict[str, DonateError]]:
    """One recorded donation as typed, or every error by its field."""
    errors: dict[str, DonateError] = {}
    channel = form.get("channel", "")
    if channel not in (Channel.BANK_TRANSFER, Channel.CASH, Channel.PLATFORM):
        errors["channel"] = ChannelMissing()
        channel = Channel.BANK_TRANSFER
    source = kept(errors, "source", lambda: source_of(form.get("source", "")))
    reference = kept(errors, "reference", lambda: reference_of(form.get("reference", "")))
    amount = kept(errors, "amount", lambda: amount_of(form.get("amount", ""), currency))
    received_on = kept(errors, "received_on", lambda: day_of(form.get("received_on", ""), today))
    name = kept(errors, "name", lambda: clean_line(form.get("name", ""), NAME_LENGTH, NameTooLong))
    agreement = kept(errors, "agreement", lambda: _agreement(form.get("agreement", "")))
    if not form.get("campaign"):
        errors["campaign"] = CampaignMissing()
    if errors or source is None or reference is None or amount is None or received_on is None:
        return None, errors
    new = NewRecorded(
        channel=Channel(channel),
        source=source,
        reference=reference,
        amount_minor=amount,
        received_on=received_on,
        campaign_ref=form["campaign"],
        name=name or None,
        name_is_public=bool(name) and form.get("name_public") is not None,
        agreement=agreement or "",
    )
    try:
        require_agreement(new, currency)
    except AgreementMissing as error:
        return None, {"agreement": error}
    return new, errors


def read_batch(content: bytes, *, source: str, currency: str, today: date) -> list[BatchRow]:
    """The rows of a platform's file. Raises what read_table raises; what is wrong with a row stands in the row."""
    return [_batch_row(row, source, currency, today) for row in read_table(content, COLUMNS, NEEDED)]


def _batch_row(row: TableRow, source: str, currency: str, today: date) -> BatchRow:
    cells = row.cells
    if row.error is not None:
        return BatchRow(row.line, cells, None, row.error)
    try:
        name = clean_line(cells.get("name", ""), NAME_LENGTH, NameTooLong)
        new = NewRecorded(
            channel=Channel.PLATFORM,
            source=source,
            reference=reference_of(cells["reference"]),
            amount_minor=amount_of(cells["amount"], currency),
            received_on=day_of(cells["received_on"], today),
            campaign_ref=cells["campaign"],
            name=name or None,
            name_is_public=_consent(cells.get("name_public", "")) and bool(name),
            agreement=_agreement(cells.get("agreement", "")),
        )
        require_agreement(new, currency)
    except DonateError as error:
        return BatchRow(row.line, cells, None, error)
    return BatchRow(row.line, cells, new, None)


def source_of(typed: str) -> str:
    """The bank or platform. Raises SourceMissing, SourceTooLong."""
    source = clean_line(typed, SOURCE_LENGTH, SourceTooLong)
    if not key_of(source):
        raise SourceMissing
    return source


def reference_of(typed: str) -> str:
    """The bank's or platform's own number. Raises ReferenceMissing, ReferenceTooLong."""
    reference = clean_line(typed, REFERENCE_LENGTH, ReferenceTooLong)
    if not key_of(reference):
        raise ReferenceMissing
    return reference


def _agreement(typed: str) -> str:
    return clean_line(typed, AGREEMENT_LENGTH, AgreementTooLong)


def amount_of(typed: str, currency: str) -> int:
    """An amount above zero, in minor units. Raises RecordedAmountMissing, and what parse_amount raises."""
    if not typed.strip():
        raise RecordedAmountMissing
    minor = parse_amount(typed, currency).minor
    if minor <= 0:
        raise RecordedAmountMissing
    return minor


def day_of(typed: str, today: date) -> date:
    """Year, month, day in this order; whatever else a spreadsheet may make of a date is refused, never guessed at."""
    match = _DAY.fullmatch(typed.strip())
    try:
        day = date(*map(int, match.groups())) if match else None
    except ValueError:
        day = None
    if day is None:
        raise DayNotADate(typed=typed.strip()[:20])
    if day > today:
        raise DayNotYet
    if day < EARLIEST:
        raise DayTooEarly
    return day


def _consent(typed: str) -> bool:
    """Whether the donor agreed to be named. What is neither yes nor no is no consent and no refusal: it is an error."""
    folded = typed.strip().casefold()
    if folded in _YES:
        return True
    if folded in _NO:
        return False
    raise ConsentUnclear(typed=typed.strip()[:20])


def kept(errors: dict[str, DonateError], name: str, read: Callable[[], Read]) -> Read | None:
    """What a field holds, or nothing and its error kept under the field's name."""
    try:
        return read()
    except DonateError as error:
        errors[name] = error
        return None
