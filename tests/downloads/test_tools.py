"""hledger, beancount and LibreOffice Calc read our files and find our figures, to the smallest unit.

Where a program is not installed its tests are skipped; with TESTS_TOOLS=required, as in CI, they fail instead.
"""

import csv
import io
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from donate.db import Database
from donate.downloads.accounts import beancount_name, hledger_name
from donate.downloads.entries import blocks
from donate.downloads.spreadsheet import write_spreadsheet
from donate.publiclog.publishing import Publisher
from tests.downloads.factories import TwoBooks, file_of, head, logged, two_books

SEPTEMBER, OCTOBER, NOVEMBER = (date(2026, month, 1) for month in (9, 10, 11))
MONTHS = [(book, month) for book in ("hearth-cny", "hearth.jpy") for month in (SEPTEMBER, OCTOBER, NOVEMBER)]


def tool(*names: str) -> str:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = next((path for name in names if (path := shutil.which(name, path=places))), None)
    if found is None:
        if os.environ.get("TESTS_TOOLS") == "required":
            pytest.fail(f"TESTS_TOOLS=required, and there is no {names[0]}")
        pytest.skip(f"no {names[0]} on this machine (apt-get install hledger libreoffice-calc-nogui)")
    return found


def run(*command: str | Path, fails: bool = False) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | {"LC_ALL": "C.UTF-8"})
    assert (done.returncode != 0) is fails, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def world(database: Database, publisher: Publisher) -> TwoBooks:
    return two_books(database, publisher)


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def saved(world: TwoBooks, folder: Path, book: str, month: date, name: str) -> Path:
    path = folder / f"{book}-{month:%Y-%m}-{name}"
    path.write_bytes(file_of(world.database, world.month(book, month), name))
    return path


def trial(world: TwoBooks, book: str, month: date) -> list[dict[str, str]]:
    return rows(file_of(world.database, world.month(book, month), "trial-balance.csv"))


def test_hledger_checks_every_month_strictly_and_has_our_balances(world: TwoBooks, tmp_path: Path):
    hledger = tool("hledger")
    for book, month in MONTHS:
        journal = saved(world, tmp_path, book, month, "ledger.journal")
        run(hledger, "-f", journal, "check", "--strict", "ordereddates")
        told = csv.reader(io.StringIO(run(hledger, "-f", journal, "balance", "--flat", "-E", "-N", "-O", "csv")))
        currency = book[-3:].upper()
        balances = {account: amount.removeprefix(f"{currency} ") for account, amount in list(told)[1:]}
        for row in trial(world, book, month):
            assert balances[hledger_name(row["account"])] in (row["closing"], "0"), (book, month, row)
            assert row["closing_minor"] == "0" or balances[hledger_name(row["account"])] == row["closing"]


def test_beancount_checks_every_month_and_has_our_balances(world: TwoBooks, tmp_path: Path):
    bean_check = tool("bean-check")
    for book, month in MONTHS:
        ledger = saved(world, tmp_path, book, month, "ledger.beancount")
        assert run(bean_check, ledger) == ""
        text = ledger.read_text()
        for row in trial(world, book, month):
            assert f" balance {beancount_name(row['account'])}  {row['closing']} ~ 0 " in text


@pytest.mark.parametrize("change", [1, -1])
def test_both_refuse_a_file_in_which_one_amount_is_off_by_the_smallest_unit(
    world: TwoBooks, tmp_path: Path, change: int
):
    for name, command in (("ledger.journal", ("hledger",)), ("ledger.beancount", ("bean-check",))):
        path = saved(world, tmp_path, "hearth-cny", OCTOBER, name)
        lines = path.read_text().splitlines(keepends=True)
        for account in ("assets:bank ", "Assets:Bank "):
            # The last of the balances that are asserted for the bank.
            places = [place for place, line in enumerate(lines) if account in line]
            for place in places[-1:]:
                lines[place] = _off_by(lines[place], change)
        path.write_text("".join(lines))
        arguments = ("-f", path, "check", "--strict") if command[0] == "hledger" else (path,)
        run(tool(*command), *arguments, fails=True)


def _off_by(line: str, change: int) -> str:
    figure = next(part for part in reversed(line.replace("~ 0", "").split()) if "." in part)
    digits = str(int(figure.replace(".", "")) + change)
    return line.replace(figure, f"{digits[:-2]}.{digits[-2:]}")


def in_calc(folder: Path, data: bytes) -> list[list[str]]:
    """What Calc makes of a CSV when it opens it: its cells, as it writes them out again."""
    calc = tool("soffice", "libreoffice", "localc")
    (folder / "given.csv").write_bytes(data)
    profile = f"-env:UserInstallation=file://{folder / 'profile'}"
    # Comma, quote, UTF-8, from the first row; formulas are evaluated as a double click would.
    reading = "CSV:44,34,76,1,,1033,false,true,false,false,false,-1,true"
    command = (calc, profile, "--headless", f"--infilter={reading}", "--convert-to", "xlsx", "--outdir", folder)
    run(*command, folder / "given.csv")
    writing = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,false"
    run(calc, profile, "--headless", "--convert-to", writing, "--outdir", folder / "out", folder / "given.xlsx")
    return list(csv.reader(io.StringIO((folder / "out" / "given.csv").read_text("utf-8-sig"))))


def test_calc_adds_the_spreadsheet_up_to_our_trial_balance(world: TwoBooks, tmp_path: Path):
    month = world.month("hearth-cny", OCTOBER)
    data = file_of(world.database, month, "spreadsheet.csv")
    count = len(rows(data))
    codes = [row["account"] for row in trial(world, "hearth-cny", OCTOBER)]
    sums = [
        f'"=SUMIF(G2:G{count + 1},""{code}"",I2:I{count + 1})","=SUMIF(H2:H{count + 1},""{code}"",I2:I{count + 1})"'
        for code in codes
    ]
    cells = in_calc(tmp_path, data + "".join(f"{line}\r\n" for line in sums).encode())
    told = [[round(float(cell) * 100) for cell in line[:2]] for line in cells[count + 1 :]]
    ours = [[int(row["debits_minor"]), int(row["credits_minor"])] for row in trial(world, "hearth-cny", OCTOBER)]
    assert told == ours


def test_calc_shows_every_text_as_the_text_it_is(tmp_path: Path):
    given = ["=1+1", "+86 10", "@SUM(A1)", "0012345678901234567890", "2026-11-23/17", "1e9", "张三，“A”", 'a "b", c']
    data = b"".join(blocks(write_spreadsheet(head(), [logged(ref=value) for value in given])))
    shown = [line[11].removeprefix("'") for line in in_calc(tmp_path, data)[1:]]
    assert shown == given
