"""The files over HTTP: what caches may keep, what a manifest says, what is not there, how many may read at once."""

import csv
import hashlib
import io
import json
import re

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from donate.db import Database, Role
from donate.downloads import service
from donate.downloads.bank import COLUMNS as BANK_COLUMNS
from donate.downloads.files import FILES
from donate.ledger.chart import KINDS, Reason
from donate.publiclog import tree
from donate.publiclog.publishing import Publisher
from tests.downloads.factories import TwoBooks, file_of, two_books

FOR_EVER = "public, max-age=31536000, immutable"


@pytest.fixture
def world(database: Database, publisher: Publisher) -> TwoBooks:
    return two_books(database, publisher)


def address(one, name: str, size: int | None = None) -> str:
    return f"/downloads/1/{one.book}/{one.name}/{size or one.size}/{name}"


@pytest.mark.parametrize("is_kept", [False, True])
def test_only_a_finished_month_may_be_kept_for_ever(client: FlaskClient, world: TwoBooks, is_kept: bool):
    if is_kept:
        service.keep_finished()
    running, *finished = world.months("hearth-cny")
    for one in (running, *finished):
        for name, file in FILES.items():
            answer = client.get(address(one, name))
            assert answer.status_code == 200
            assert answer.data == file_of(world.database, one, name)
            assert answer.content_type == file.media_type
            kept_for = answer.headers["Cache-Control"]
            assert kept_for == (FOR_EVER if one.is_finished else "public, max-age=60"), (one.name, name)
            if is_kept and one.is_finished:
                tag = answer.headers["ETag"]
                assert tag == f'"{hashlib.sha256(answer.data).hexdigest()}"'
                assert answer.content_length == len(answer.data)
                again = client.get(address(one, name), headers={"If-None-Match": tag})
                assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_manifest_names_every_file_and_the_log_that_it_is_of(client: FlaskClient, world: TwoBooks, is_kept: bool):
    if is_kept:
        service.keep_finished()
    for one in world.months("hearth.jpy"):
        answer = client.get(address(one, "manifest.json"))
        told = json.loads(answer.data)
        assert (told["book"], told["month"], told["currency"]) == ("hearth.jpy", one.name, "JPY")
        with world.database.reading() as session:
            root = tree.root(session, one.size).hex()
        log = {"size": one.size, "root": root, "first": one.after + 1, "last": one.upto}
        assert told["log"] == {"origin": "log.example.org/lunch", **log}
        assert [file["path"] for file in told["files"]] == list(FILES)
        for file in told["files"]:
            data = client.get(address(one, file["path"])).data
            assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


def test_a_manifest_is_the_same_before_and_after_its_month_was_kept(client: FlaskClient, world: TwoBooks):
    one = world.months("hearth-cny")[1]
    before = client.get(address(one, "manifest.json")).data
    service.keep_finished()
    assert client.get(address(one, "manifest.json")).data == before


def test_a_larger_size_of_a_finished_month_leads_to_its_own(client: FlaskClient, world: TwoBooks):
    one = world.months("hearth-cny")[2]
    answer = client.get(address(one, "ledger.csv", world.size))
    assert (answer.status_code, answer.location) == (301, address(one, "ledger.csv"))


def test_a_month_while_it_went_on_is_still_what_it_was_then(client: FlaskClient, world: TwoBooks):
    one = world.months("hearth-cny")[2]
    early = client.get(address(one, "ledger.csv", one.size - 10))
    assert early.headers["Cache-Control"] == "public, max-age=60"
    assert client.get(address(one, "ledger.csv")).data.startswith(early.data)


@pytest.mark.parametrize(
    "path",
    [
        "nobody/2026-10/9/ledger.csv",
        "hearth-cny/2026-10/9/ledger.csv",
        "hearth-cny/2025-10/200/ledger.csv",
        "hearth-cny/2026-13/200/ledger.csv",
        "hearth-cny/0000-01/200/ledger.csv",
        "hearth-cny/soon/200/ledger.csv",
        "hearth-cny/2026-10/0/ledger.csv",
        "hearth-cny/2026-10/100000/ledger.csv",
        "hearth-cny/2026-10/99999999999999999999999/ledger.csv",
        "hearth-cny/2026-10/200/ledger.xlsx",
        "hearth-cny/2025-10/bank-reconciliation.csv",
        "nobody/2026-10/bank-reconciliation.csv",
    ],
)
def test_what_is_not_there_is_said_in_clear_words(client: FlaskClient, world: TwoBooks, path: str):
    answer = client.get(f"/downloads/1/{path}")
    assert answer.status_code == 404
    assert "immutable" not in answer.headers.get("Cache-Control", "")


def test_a_file_that_is_not_there_has_a_page_that_names_the_desk(client: FlaskClient, world: TwoBooks):
    answer = client.get("/downloads/1/hearth-cny/2026-10/9/ledger.csv", headers={"Accept-Language": "en"})
    assert "There is no such file" in answer.text or "没有这个文件" in answer.text


def test_lines_that_are_not_published_are_in_no_file(client: FlaskClient, world: TwoBooks):
    size = world.months("hearth-cny")[1].size
    with world.database.transaction(Role.OWNER) as session:
        session.execute(sa.text("UPDATE log_head SET published_size = :size"), {"size": size})
    one = world.months("hearth-cny")[0]
    assert client.get(address(one, "ledger.csv")).status_code == 404
    assert one.name not in client.get("/en/ledger/downloads").text


def test_the_desk_lists_every_month_with_sizes_and_hashes(client: FlaskClient, world: TwoBooks):
    service.keep_finished()
    for locale in ("zh", "en"):
        page = client.get(f"/{locale}/ledger/downloads").text
        for book in ("hearth-cny", "hearth.jpy"):
            for one in world.months(book):
                for name in (*FILES, "manifest.json"):
                    assert address(one, name) in page
                if one.is_finished:
                    data = file_of(world.database, one, "ledger.journal")
                    assert f"{len(data):,}" in page
                    assert hashlib.sha256(data).hexdigest() in page


def test_every_address_of_the_desk_answers(client: FlaskClient, world: TwoBooks):
    page = client.get("/en/ledger/downloads").text
    paths = set(re.findall(r'href="(/downloads/[^"]+)"', page))
    assert len(paths) == 2 * 3 * (len(FILES) + 2) + 1
    for path in paths:
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize("query", ["before=2026-11", "book=hearth.jpy&before=2026-11", "book=nobody", "book=%00"])
def test_the_desk_turns_pages(client: FlaskClient, world: TwoBooks, query: str):
    answer = client.get(f"/en/ledger/downloads?{query}")
    assert answer.status_code in (200, 400, 404)
    assert "/2026-11/" not in answer.text
    if "before" in query:
        assert "/2026-10/" in answer.text


def test_the_desk_stands_before_anything_is_published(client: FlaskClient):
    assert client.get("/zh/ledger/downloads").status_code == 200
    assert client.get("/downloads/1/nobody/2026-10/1/ledger.csv").status_code == 404


def test_the_desk_asks_as_little_of_ten_months_as_of_one(client: FlaskClient, world: TwoBooks):
    service.keep_finished()
    asked = []
    engine = world.database.engine(Role.WEB)
    sa.event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    client.get("/en/ledger/downloads?x=1")
    assert len(asked) <= 5, asked


def test_slow_readers_leave_room_for_everybody_else(client: FlaskClient, settings, world: TwoBooks):
    one = world.months("hearth-cny")[1]
    slow = [client.get(address(one, "ledger.journal")) for _ in range(settings.threads // 2)]
    refused = client.get(address(one, "leaves.jsonl"))
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert client.get("/en/ledger/downloads").status_code == 200
    slow.pop().close()
    assert client.get(address(one, "leaves.jsonl")).status_code == 200


def test_the_bank_reconciliation_meets_the_trial_balance_and_is_never_kept(client: FlaskClient, world: TwoBooks):
    for one in world.months("hearth-cny"):
        answer = client.get(f"/downloads/1/hearth-cny/{one.name}/bank-reconciliation.csv")
        assert answer.headers["Cache-Control"] == "no-cache"
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert list(rows[0]) == list(BANK_COLUMNS)
        log = {row["item"]: row["amount_minor"] or row["count"] for row in rows if row["part"] == "log"}
        trial = file_of(world.database, one, "trial-balance.csv").decode()
        (bank,) = [row for row in csv.DictReader(io.StringIO(trial)) if row["account"] == "bank"]
        ours = {name: bank[f"{name}_minor"] for name in ("opening", "debits", "credits", "closing")}
        assert log == {"log_size": str(one.size), **ours}
        assert bool([row for row in rows if row["part"] == "today"]) is not one.is_finished


def test_the_dictionary_explains_every_column_account_and_reason_in_both_languages(client: FlaskClient):
    answer = client.get("/downloads/1/data-dictionary.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    named = {(row["file"], row["kind"], row["name"]) for row in rows}
    for file in FILES.values():
        if file.name.endswith(".csv"):
            assert {(file.name, "column", column) for column in file.columns} <= named
    assert {("*", "reason", reason.value) for reason in Reason} <= named
    assert len([row for row in rows if row["kind"] == "account"]) == len(KINDS)
    assert [row for row in rows if not row["en"] or not row["zh"] or row["en"] == row["zh"]] == []
    assert (
        client.get("/downloads/1/data-dictionary.csv", headers={"If-None-Match": answer.headers["ETag"]}).status_code
        == 304
    )


def test_every_csv_has_the_columns_that_the_dictionary_explains(world: TwoBooks):
    one = world.months("hearth-cny")[1]
    for file in FILES.values():
        if file.name.endswith(".csv"):
            head = file_of(world.database, one, file.name).decode("utf-8-sig").splitlines()[0]
            assert head.split(",") == list(file.columns)
