"""The data dictionary: what every file, column, account, reason and line means, in both languages.

It is made from the very lists that the writers write from, so it cannot speak of a column that is not there or keep
silent about one that is.
"""

from collections.abc import Iterable, Iterator, Mapping

from donate.downloads import accounts, bank, manifest
from donate.downloads.entries import csv_line
from donate.downloads.files import FILES
from donate.downloads.sums import EXTRA_LINES
from donate.errors import N_
from donate.ledger.chart import KINDS, Reason, StatementLine
from donate.translations import said, speaking

NAME = "data-dictionary.csv"
COLUMNS = {
    "file": N_("The file that it is about; * stands for all."),
    "kind": N_("What is explained: file, column, tag, account, reason or line."),
    "name": N_("Its name, as it stands in the files."),
    "hledger": N_("Of an account: its name in hledger."),
    "beancount": N_("Of an account: its name in beancount."),
    "class": N_("Of an account: where it stands on the balance sheet."),
    "restriction": N_("Of an account of net assets: whether donors bound its money to a purpose."),
    "en": N_("What it means, in English."),
    "zh": N_("What it means, in Chinese."),
}
BANK_SENTENCE = N_("The bank account by the log against the bank’s own statement. Not made from the log alone.")
MANIFEST_SENTENCE = N_("Bytes and SHA-256 of every file, and the log’s origin, size and root that they were made from.")
DICTIONARY_SENTENCE = N_("This file: what every file, column, account, reason and line means.")
Row = Mapping[str, str]  # of COLUMNS; `en` is the sentence, and `zh` is filled in here


def write() -> Iterator[str]:
    """The dictionary as CSV."""
    yield csv_line(COLUMNS)
    for row in _rows():
        with speaking("zh"):
            chinese = said(row["en"])
        whole = {**row, "zh": chinese}
        yield csv_line(whole.get(column, "") for column in COLUMNS)


def _rows() -> Iterator[Row]:
    for file in FILES.values():
        yield {"file": file.name, "kind": "file", "name": file.name, "en": file.sentence}
        kind = "tag" if file.by_day else "column"
        yield from _named(file.name, kind, file.columns.items())
    for name, sentence, columns in (
        (bank.NAME, BANK_SENTENCE, bank.COLUMNS),
        (manifest.NAME, MANIFEST_SENTENCE, {}),
        (NAME, DICTIONARY_SENTENCE, COLUMNS),
    ):
        yield {"file": name, "kind": "file", "name": name, "en": sentence}
        yield from _named(name, "column", columns.items())
    yield from _named(bank.NAME, "line", bank.ITEMS.items())
    lines = [(line.value, line.sentence) for line in StatementLine]
    yield from _named("activities.csv", "line", [*lines, *EXTRA_LINES.items()])
    yield from _named("*", "reason", [(reason.value, reason.sentence) for reason in Reason])
    yield from _accounts()


def _named(file: str, kind: str, words: Iterable[tuple[str, str]]) -> Iterator[Row]:
    return ({"file": file, "kind": kind, "name": name, "en": sentence} for name, sentence in words)


def _accounts() -> Iterator[Row]:
    for kind in KINDS.values():
        code = accounts.example(kind.name)
        yield {
            "file": "*",
            "kind": "account",
            "name": code,
            "hledger": accounts.hledger_name(code),
            "beancount": accounts.beancount_name(code),
            "class": kind.account_class.value,
            "restriction": accounts.restriction(code) or "",
            "en": kind.sentence,
        }
