"""The packaged list of provinces, prefectures and counties goes into its table."""

import csv
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, text

from donate.places.folding import search_text

PLACES = Path(__file__).parent / "data" / "places.csv"

_UPSERT = text("""
    INSERT INTO place (code, level, parent_code, name_zh, name_en, search)
    SELECT * FROM unnest(:code ::text[], :level ::text[], :parent ::text[], :zh ::text[], :en ::text[], :search ::text[])
    ON CONFLICT (code) DO UPDATE
    SET name_zh = excluded.name_zh, name_en = excluded.name_en, search = excluded.search, parent_code = excluded.parent_code
""")


def load_places(connection: Connection) -> int:
    """Insert every place of the packaged list, or bring its names up to date; how many there are.

    One statement, called by the revision that creates the table and by a later one that brings a newer list.
    """
    columns = list(zip(*_listed(), strict=True))
    names = ("code", "level", "parent", "zh", "en", "search")
    connection.execute(_UPSERT, {name: list(column) for name, column in zip(names, columns, strict=True)})
    return len(columns[0])


def _listed() -> Iterator[tuple[str, str, str | None, str, str, str]]:
    with open(PLACES, encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            search = search_text(row["name_zh"], row["name_en"], row["pinyin"])
            yield row["code"], row["level"], row["parent_code"] or None, row["name_zh"], row["name_en"], search
