"""What staff read of the provider's balance lines that are none of ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from donate.errors import NotFound
from donate.giving.recorded_queries import user_names
from donate.ledger.models import MerchantAccount
from donate.publiclog.models import LogLeaf
from donate.settling.explaining import Outcome, outcomes_of
from donate.settling.models import Met, ProviderLine

MOST = 200
RECENT = 50
_STANDING = (Met.SUSPENSE.value, Met.UNBOOKED.value)


@dataclass(frozen=True, slots=True)
class ShownLine:
    """A balance line with its merchant account."""

    row: ProviderLine
    merchant: str
    by_name: str | None

    @property
    def met(self) -> Met | None:
        return None if self.row.met is None else Met(self.row.met)


@dataclass(frozen=True, slots=True)
class LinesDesk:
    """What nobody has explained, oldest first; what was explained, newest first."""

    standing: Sequence[ShownLine]
    explained: Sequence[ShownLine]


@dataclass(frozen=True, slots=True)
class LineFile:
    """One line with how it may be explained, and the public number of the entry by which it stands in suspense."""

    line: ShownLine
    outcomes: tuple[Outcome, ...]
    log_index: int | None


def lines_desk(session: Session) -> LinesDesk:
    standing = _lines().where(ProviderLine.met.in_(_STANDING), ProviderLine.explained_at.is_(None))
    explained = _lines().where(ProviderLine.explained_by.is_not(None))
    return LinesDesk(
        _shown(session, standing.order_by(ProviderLine.id).limit(MOST)),
        _shown(session, explained.order_by(ProviderLine.explained_at.desc()).limit(RECENT)),
    )


def line_file(session: Session, line_id: int) -> LineFile:
    """One line that stands or stood unexplained. Raises NotFound: of the others staff have nothing to say."""
    found = _shown(session, _lines().where(ProviderLine.id == line_id))
    if not found or (found[0].row.met not in _STANDING and found[0].row.explained_at is None):
        raise NotFound
    (line,) = found
    entry_id = line.row.entry_id
    index = None if entry_id is None else session.scalar(select(LogLeaf.log_index).where(LogLeaf.entry_id == entry_id))
    return LineFile(line, outcomes_of(session, line.row), index)


def _lines() -> Select[ProviderLine, str]:
    return select(ProviderLine, MerchantAccount.ref).join(
        MerchantAccount, MerchantAccount.id == ProviderLine.merchant_account_id
    )


def _shown(session: Session, query: Select[ProviderLine, str]) -> list[ShownLine]:
    rows = session.execute(query).all()
    names = user_names(session, [row.explained_by for row, _ in rows])
    return [ShownLine(row, merchant, names.get(row.explained_by or 0)) for row, merchant in rows]
