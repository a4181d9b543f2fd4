"""A site checked from outside: all of its log over HTTP, and what a superuser did behind the triggers."""

import json
import urllib.request

import pytest
import sqlalchemy as sa

from donate.db import Database, Role
from donate.tlog.verify import Code
from donate.tlog.verify_command import main


def verified(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    code = main([*arguments, "--json", "--quiet"])
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    assert told["code"] == code
    return told


def test_a_stranger_verifies_the_whole_log_over_http(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = verified(capsys, site)
    assert (told["result"], told["entries"], told["csv"]) == ("fine", 312, True)
    assert verified(capsys, f"{site}/log")["size"] == told["size"]


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE log_leaf SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '\"1500\"', '\"9900\"'), 'UTF8') WHERE log_index = 99", Code.TREE),
        ("UPDATE log_leaf SET leaf_hash = sha256(leaf_hash) WHERE log_index = 99", Code.TREE),
        ("UPDATE log_node SET hash = sha256(hash)", Code.TREE),
        ("DELETE FROM log_node", Code.TREE),
        ("UPDATE campaign_total SET received_minor = received_minor + 1", Code.EXPORT),
        ("DELETE FROM campaign_total WHERE campaign = (SELECT min(campaign) FROM campaign_total)", Code.EXPORT),
        ("UPDATE checkpoint SET note = convert_to(replace(convert_from(note, 'UTF8'), E'\\n', E'\\n1'), 'UTF8')", Code.SIGNATURE),
    ],
)  # fmt: skip
def test_what_a_superuser_changed_behind_the_triggers_is_found(
    site: str, database: Database, capsys: pytest.CaptureFixture[str], statement: str, code: Code
) -> None:
    key = verified_key(site)
    with database.transaction(Role.OWNER) as session:
        session.execute(sa.text("SET LOCAL session_replication_role = replica"))
        session.connection().exec_driver_sql(statement)
    assert verified(capsys, site, "--key", key)["code"] == code


def verified_key(site: str) -> str:
    with urllib.request.urlopen(f"{site}/log/vkey") as answer:
        key: str = answer.read().decode().strip()
    return key
