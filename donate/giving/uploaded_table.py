"""A table that somebody made elsewhere (CSV), read strictly: by its column names, whatever program wrote it.

Understood: UTF-8 with or without a byte order mark, and GB 18030, which Excel writes on Chinese machines. Text that a
spreadsheet would take for a formula is text here and stays text; only what we give back as CSV guards it.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from donate.errors import N_, DonateError

MOST_BYTES = 4 * 1024 * 1024
MOST_ROWS = 20_000
MOST_CELL = 500
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class FileMissing(DonateError):
    sentence = N_("Choose a file first.")
    field = "file"


class FileTooLarge(DonateError):
    sentence = N_("This file has more than %(most)s MB. Split it into several.")
    field = "file"


class FileNotText(DonateError):
    sentence = N_("This is no CSV file in UTF-8 or GB 18030. Save the table as CSV and choose that file.")
    field = "file"


class FileWithoutRows(DonateError):
    sentence = N_("This file has no row beneath its column names.")
    field = "file"


class FileTooLong(DonateError):
    sentence = N_("This file has more than %(most)s rows. Split it into several.")
    field = "file"


class ColumnMissing(DonateError):
    sentence = N_("The column “%(column)s” is missing from the first line.")
    field = "file"


class ColumnTwice(DonateError):
    sentence = N_("The column “%(column)s” stands in the first line twice.")
    field = "file"


class RowNotLikeHeader(DonateError):
    sentence = N_("This row has another number of columns than the first line.")


class CellTooLong(DonateError):
    sentence = N_("A cell of this row has more than %(most)s characters.")


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: its line in the file, its cells by our names of the columns, and what is wrong with its shape."""

    line: int
    cells: Mapping[str, str]
    error: DonateError | None = None


def read_table(content: bytes, columns: Mapping[str, Sequence[str]], needed: Iterable[str]) -> list[TableRow]:
    """The rows beneath the header. `columns`: our name of a column to the names that it may have in a file.

    Raises FileMissing, FileTooLarge, FileNotText, FileWithoutRows, FileTooLong, ColumnMissing, ColumnTwice. What is
    wrong with one row stands in that row.
    """
    if not content:
        raise FileMissing
    if len(content) > MOST_BYTES:
        raise FileTooLarge(most=MOST_BYTES // 1024 // 1024)
    lines = _lines(_decoded(content))
    header = next((one for one in lines if any(cell.strip() for cell in one[1])), None)
    if header is None:
        raise FileWithoutRows
    names = _names(header[1], columns, needed)
    rows = []
    for line, cells in lines:
        if any(cell.strip() for cell in cells):
            rows.append(_row(line, cells, names))
        if len(rows) > MOST_ROWS:
            raise FileTooLong(most=MOST_ROWS)
    if not rows:
        raise FileWithoutRows
    return rows


def _decoded(content: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise FileNotText


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line on which each ends. Raises FileNotText."""
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in first else ",", strict=True)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error:
        raise FileNotText from None


def _names(header: list[str], columns: Mapping[str, Sequence[str]], needed: Iterable[str]) -> list[str | None]:
    """Our name of each column of the file, None for columns that we do not read."""
    ours = {spelled.casefold(): name for name, spellings in columns.items() for spelled in (name, *spellings)}
    names = [ours.get(_bare(cell).casefold()) for cell in header]
    for name in filter(None, names):
        if names.count(name) > 1:
            raise ColumnTwice(column=name)
    for name in needed:
        if name not in names:
            raise ColumnMissing(column=name)
    return names


def _row(line: int, cells: list[str], names: list[str | None]) -> TableRow:
    found = {name: _bare(cell) for name, cell in zip(names, cells, strict=False) if name}
    if len(cells) != len(names):
        return TableRow(line, found, RowNotLikeHeader())
    if any(len(cell) > MOST_CELL for cell in cells):
        return TableRow(line, {name: cell[:MOST_CELL] for name, cell in found.items()}, CellTooLong(most=MOST_CELL))
    return TableRow(line, found)


def _bare(cell: str) -> str:
    """Without the marks by which exports keep a long number from being rounded: a tab or an apostrophe before it."""
    return cell.strip().removeprefix("'").strip()


def write_table(rows: Iterable[Sequence[str]]) -> bytes:
    """CSV for a spreadsheet: UTF-8 with a byte order mark, what looks like a formula behind an apostrophe."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([[guarded(cell) for cell in row] for row in rows])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def guarded(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
