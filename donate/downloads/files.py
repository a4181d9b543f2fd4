"""Every file of a month: its name, its media type, how it is written. The desk, manifest and dictionary read this list."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from donate.downloads import reading
from donate.downloads.entries import Writer, blocks
from donate.downloads.journals import TAGS, write_beancount, write_hledger
from donate.downloads.months import BookMonth
from donate.downloads.spreadsheet import COLUMNS, write_spreadsheet
from donate.downloads.sums import ACTIVITY_COLUMNS, TRIAL_COLUMNS, write_activities, write_trial
from donate.errors import N_
from donate.publiclog import export

BLOCK_BYTES = export.BLOCK_BYTES
_CSV = "text/csv; charset=utf-8; header=present"
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One kind of file. `columns` are its columns, of a journal its tags, each with a sentence."""

    name: str
    media_type: str
    title: str
    sentence: str
    columns: Mapping[str, str]
    write: Writer | None = None
    by_day: bool = False


CANONICAL, LEAVES = "ledger.csv", "leaves.jsonl"
FILES = {
    file.name: file
    for file in (
        File(
            name=CANONICAL,
            media_type=_CSV,
            title="CSV",
            sentence=N_("One row for every transfer, in log order; day by day the bytes that the close leaves hash."),
            columns=export.COLUMNS,
        ),
        File(
            name="spreadsheet.csv",
            media_type=_CSV,
            title=N_("CSV for Excel"),
            sentence=N_("The same rows for Excel and LibreOffice Calc, with amounts as decimal numbers."),
            columns=COLUMNS,
            write=write_spreadsheet,
        ),
        File(
            name=LEAVES,
            media_type="application/jsonl",
            title="JSON Lines",
            sentence=N_("The exact leaves of the public log, one a line, those that open and close included."),
            columns={},
        ),
        File(
            name="ledger.journal",
            media_type=_TEXT,
            title="hledger",
            sentence=N_("A journal by day; hledger check recomputes every balance."),
            columns=TAGS,
            write=write_hledger,
            by_day=True,
        ),
        File(
            name="ledger.beancount",
            media_type=_TEXT,
            title="beancount",
            sentence=N_("A ledger by day; bean-check recomputes every balance."),
            columns=TAGS,
            write=write_beancount,
            by_day=True,
        ),
        File(
            name="trial-balance.csv",
            media_type=_CSV,
            title=N_("Trial balance"),
            sentence=N_("Every account with its opening balance, debits, credits and closing balance."),
            columns=TRIAL_COLUMNS,
            write=write_trial,
        ),
        File(
            name="activities.csv",
            media_type=_CSV,
            title=N_("Statement of activities"),
            sentence=N_("Income, expense and net assets, with and without donor restriction."),
            columns=ACTIVITY_COLUMNS,
            write=write_activities,
        ),
    )
}


def stream(session: Session, wanted: BookMonth, file: File) -> Iterator[bytes]:
    """The file's bytes in blocks of about 64 KiB. The same month at the same log size gives the same bytes."""
    if file.name == CANONICAL:
        return export.stream_csv(session.connection(), as_of=wanted.upto, book_id=wanted.book_id, after=wanted.after)
    if file.write is None:
        return _lines(reading.leaves(session, wanted))
    found = reading.entries(session, wanted, by_day=file.by_day)
    return blocks(file.write(reading.head(session, wanted), found))


def _lines(leaves: Iterator[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for leaf in leaves:
        block += leaf
        block += b"\n"
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
