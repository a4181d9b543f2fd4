"""A stranger checks the books with nothing but Python: the README's own lines, run on the file that the site serves."""

import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.journeys.conftest import Site
from tests.laws.source import ROOT

HEAD = "entry,line,debit,credit,amount_minor,currency\n"
FIRST = "4,1,clearing,fund:yunxi,1500,CNY\n"
SECOND = "5,1,fund:yunxi,clearing,9,CNY\n5,2,fund:yunxi,general,1,CNY\n"
_STILL = re.compile(r"Still in the fund</th><td[^>]*>¥([0-9,.]+)</td>")


def snippet() -> str:
    """The lines of Python that the README offers for checking the ledger."""
    chapter = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Check the ledger without us")[2]
    assert "curl -s http://127.0.0.1:8000/ledger.csv -o ledger.csv" in chapter
    return chapter.partition("python3 - <<'PY'\n")[2].partition("PY\n")[0]


def add_up(folder: Path, file: str) -> subprocess.CompletedProcess[str]:
    (folder / "ledger.csv").write_text(file, encoding="utf-8")
    return subprocess.run([sys.executable, "-I", "-"], input=snippet(), cwd=folder, capture_output=True, text=True)


def fetched(site: Site, path: str) -> str:
    with urlopen(site.url + path) as answer:
        return answer.read().decode("utf-8")


def funds_of_the_file(site: Site, folder: Path) -> dict[str, str]:
    done = add_up(folder, fetched(site, "/ledger.csv"))
    assert done.returncode == 0, done.stderr
    *funds, newest = done.stdout.splitlines()
    assert re.fullmatch(r"as of entry \d+", newest)
    return dict(re.fullmatch(r"(\S+) (\S+) CNY", fund).groups() for fund in funds)


def funds_of_the_pages(site: Site, campaigns: set[str]) -> dict[str, str]:
    shown = {ref: _STILL.search(fetched(site, f"/en/c/{ref}")) for ref in campaigns}
    return {ref: found[1].replace(",", "") for ref, found in shown.items() if found}


def test_every_fund_of_the_file_is_what_its_campaigns_page_shows(site: Site, tmp_path: Path) -> None:
    until = time.monotonic() + 20
    while True:  # a fee of an earlier test may come in between the file and the pages
        in_file = funds_of_the_file(site, tmp_path)
        on_pages = funds_of_the_pages(site, set(in_file))
        if in_file == on_pages or time.monotonic() > until:
            break
        time.sleep(0.5)
    assert in_file == on_pages
    assert float(in_file["yunxi"]) > 0


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(FIRST + FIRST + SECOND, id="an entry twice"),
        pytest.param(SECOND + FIRST, id="backwards"),
        pytest.param(FIRST + SECOND.replace("5,2", "5,1"), id="a line twice"),
        pytest.param(FIRST.replace("1500", "0"), id="nothing moved"),
        pytest.param(FIRST.replace("1500", "-1500"), id="turned around"),
    ],
)
def test_a_file_that_cannot_be_ends_with_an_error(rows: str, tmp_path: Path) -> None:
    done = add_up(tmp_path, HEAD + rows)
    assert (done.returncode, done.stdout) == (1, "")
    assert "repeated, out of order, or without an amount" in done.stderr


def test_an_amount_that_was_changed_shows_in_its_fund(tmp_path: Path) -> None:
    for amount, held in (("1500", "14.90"), ("1600", "15.90")):
        done = add_up(tmp_path, HEAD + FIRST.replace("1500", amount) + SECOND)
        assert done.stdout == f"yunxi {held} CNY\nas of entry 5\n"
