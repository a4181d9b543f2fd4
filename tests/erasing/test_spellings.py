"""The search for what is left finds a word however it is spelt."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.erasing.factories import XIAOYU, holds


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
