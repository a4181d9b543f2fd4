"""Tables made elsewhere are read strictly, whatever program wrote them, and what we give back runs nowhere."""

import csv
import io

import pytest

from donate.errors import DonateError
from donate.giving.uploaded_table import (
    MOST_BYTES,
    MOST_ROWS,
    CellTooLong,
    ColumnMissing,
    ColumnTwice,
    FileMissing,
    FileNotText,
    FileTooLarge,
    FileTooLong,
    FileWithoutRows,
    RowNotLikeHeader,
    TableRow,
    read_table,
    write_table,
)

COLUMNS = {"reference": ("流水号",), "amount": ("金额",)}


def read(content: bytes) -> list[TableRow]:
    return read_table(content, COLUMNS, COLUMNS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_same_table_is_read_in_every_encoding(encoding: str) -> None:
    rows = read("流水号,备注,金额\r\n甲1,午饭𠮷,15\r\n".encode(encoding))
    assert [(row.line, dict(row.cells), row.error) for row in rows] == [(2, {"reference": "甲1", "amount": "15"}, None)]


def test_columns_stand_in_any_order_and_tabs_part_them_as_well() -> None:
    (row,) = read(b"Amount\tnote\tREFERENCE\n15\tx\t7\n")
    assert row.cells == {"amount": "15", "reference": "7"}


def test_empty_lines_are_passed_over_and_lines_counted() -> None:
    assert [row.line for row in read(b"reference,amount\n\n1,2\n,\n3,4")] == [3, 5]


def test_an_export_keeps_long_numbers_by_an_apostrophe_or_a_tab() -> None:
    assert [row.cells["reference"] for row in read(b'reference,amount\n\'0012,1\n"\t0013",1\n')] == ["0012", "0013"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", FileMissing),
        (b"\xff\xfe\x00\x80\x81", FileNotText),
        (b"reference,amount\n1\x00,2\n", FileNotText),
        (b'reference,amount\n"1,2\n', FileNotText),
        (b"reference,amount\n", FileWithoutRows),
        (b"\n\n", FileWithoutRows),
        (b"reference\n1\n", ColumnMissing),
        (b"PK\x03\x04 a spreadsheet", ColumnMissing),
        ("reference,流水号,amount\n1,2,3\n".encode(), ColumnTwice),
        (b"x" * (MOST_BYTES + 1), FileTooLarge),
        (b"reference,amount\n" + b"1,2\n" * (MOST_ROWS + 1), FileTooLong),
    ],
)
def test_what_is_no_such_table_is_refused_whole(content: bytes, error: type[DonateError]) -> None:
    with pytest.raises(error):
        read(content)


def test_what_is_wrong_with_one_row_stands_in_that_row() -> None:
    rows = read(b"reference,amount\n1\n2,3,4\n5,6\n" + b"7" * 501 + b",8\n")
    assert [type(row.error) for row in rows] == [RowNotLikeHeader, RowNotLikeHeader, type(None), CellTooLong]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", '=HYPERLINK("http://x")'])
def test_what_we_give_back_is_never_a_formula(cell: str) -> None:
    written = write_table([[cell, "午饭"]])
    ((guarded, other),) = csv.reader(io.StringIO(written.decode("utf-8-sig"), newline=""))
    assert (guarded, other) == (f"'{cell}", "午饭")
