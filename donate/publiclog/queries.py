"""What is read from the public log: lines by filter, one line, how far the sequencer is behind."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Row, cast, select, text
from sqlalchemy.orm import Session, aliased

from donate import clock
from donate.errors import NotFound
from donate.ledger.models import Entry
from donate.publiclog.models import LogLeaf, Sequencer
from donate.tlog.leaf import Leaf, decode

LAG_COUNTED = 10_000  # beyond that many, "more than" says enough
_MOST_INDEX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """A line of the log: its exact bytes, what they say, and the later line that reverses it."""

    log_index: int
    data: bytes
    leaf_hash: bytes
    leaf: Leaf
    reversed_by: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LineFilter:
    """Which lines are asked for; entries only."""

    campaign: str | None = None
    reason: str | None = None
    month: date | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class LinePage:
    """Lines, newest first, and whether there are more on either side."""

    lines: tuple[LoggedLine, ...]
    has_newer: bool
    has_older: bool


@dataclass(frozen=True, slots=True)
class Position:
    """How far the log is: its newest index (none while empty) and when the last pass ran."""

    newest: int | None
    passed_at: datetime


@dataclass(frozen=True, slots=True)
class Lag:
    """What waits for its number: entries (counted up to LAG_COUNTED) and since when."""

    entry_count: int
    seconds: int

    @property
    def is_more(self) -> bool:
        return self.entry_count >= LAG_COUNTED


def position(session: Session) -> Position:
    """The log's newest line, that all public figures are as of."""
    row = session.get_one(Sequencer, 1)
    return Position(row.next_index - 1 if row.next_index else None, row.passed_at)


def lag(session: Session) -> Lag:
    """How far the sequencer is behind what was booked."""
    row: Any = session.execute(_LAG, {"most": LAG_COUNTED}).one()
    count, oldest_at = row
    waited = clock.now() - oldest_at if oldest_at else timedelta()
    return Lag(count, max(0, int(waited.total_seconds())))


def line(session: Session, log_index: int) -> LoggedLine:
    """One line of the log. Raises NotFound."""
    if log_index > _MOST_INDEX:
        raise NotFound
    row = session.execute(_LINES.where(LogLeaf.log_index == log_index)).one_or_none()
    if row is None:
        raise NotFound
    return _line(row)


def page(
    session: Session,
    wanted: LineFilter,
    *,
    size: int,
    before: int | None = None,
    after: int | None = None,
) -> LinePage:
    """Entries, newest first: those before an index, or the next ones after it, else the newest."""
    statement = _LINES.where(*_conditions(wanted))
    if after is not None:
        rows = session.execute(
            statement.where(LogLeaf.log_index > min(after, _MOST_INDEX)).order_by(LogLeaf.log_index).limit(size + 1)
        ).all()
        lines = [_line(row) for row in rows[:size]]
        return LinePage(tuple(reversed(lines)), has_newer=len(rows) > size, has_older=True)
    if before is not None:
        statement = statement.where(LogLeaf.log_index < min(before, _MOST_INDEX))
    rows = session.execute(statement.order_by(LogLeaf.log_index.desc()).limit(size + 1)).all()
    lines = [_line(row) for row in rows[:size]]
    return LinePage(tuple(lines), has_newer=before is not None, has_older=len(rows) > size)


def _conditions(wanted: LineFilter) -> Iterable[ColumnElement[bool]]:
    yield LogLeaf.kind == "entry"
    if wanted.campaign is not None:
        yield LogLeaf.campaign == wanted.campaign
    if wanted.reason is not None:
        yield LogLeaf.reason == wanted.reason
    if wanted.month is not None:
        yield LogLeaf.month == wanted.month
    if wanted.reference is not None:
        yield LogLeaf.reference == wanted.reference


_later = aliased(LogLeaf)
_reversed_by = (
    select(_later.log_index)
    .join(Entry, Entry.id == _later.entry_id)
    .where(Entry.reverses == LogLeaf.entry_id)
    .scalar_subquery()
)
_LINES = select(LogLeaf.log_index, LogLeaf.leaf, LogLeaf.leaf_hash, cast(_reversed_by, BigInteger))


def _line(row: Row[int, bytes, bytes, int]) -> LoggedLine:
    log_index, data, leaf_hash, reversed_by = row
    return LoggedLine(log_index, data, leaf_hash, decode(data), reversed_by)


_LAG = text(
    """
    SELECT count(*), min(recorded_at) FROM (
      SELECT entry_id FROM entry_pending
      WHERE entry_id >= (SELECT floor_entry_id FROM sequencer WHERE id = 1) ORDER BY entry_id LIMIT :most
    ) AS waiting
    CROSS JOIN LATERAL (SELECT recorded_at FROM entry WHERE id = waiting.entry_id OFFSET 0) AS entry
    """
)
