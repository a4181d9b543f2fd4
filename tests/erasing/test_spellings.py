"""The search for what is left finds a word however it is spelt."""

import base64
import json
from urllib.parse import quote

import pytest

from donate.db import Database
from tests.erasing.factories import XIAOYU, holds, tables


@pytest.mark.parametrize("word", XIAOYU.strings)
@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_word_is_found_in_every_spelling(word: str, before: str) -> None:
    whole = f"{before}{word}!"
    coded = base64.b64encode(whole.encode()).decode()
    escaped = json.dumps(whole)
    for dump in (
        whole,
        escaped,
        quote(whole),
        coded,
        whole.encode().hex(),
        escaped.encode().hex(),
        coded.encode().hex(),
    ):
        assert holds(f"[{dump}]", [word]), dump
    assert not holds(json.dumps([base64.b64encode(b"another word").decode(), "another word"]), [word])


def test_every_table_is_searched_the_queue_and_the_inbox_as_well(database: Database) -> None:
    names = {table for table, _ in tables()}
    assert names >= {
        "procrastinate_jobs",
        "procrastinate_events",
        "provider_event",
        "sandbox_object",
        "sandbox_delivery",
    }
    assert names >= {"checkout_private", "entry_private", "users", "log_leaf", "erasure_step", "recorded_file"}
