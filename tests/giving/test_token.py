from datetime import timedelta

import pytest

from donate import clock
from donate.giving import token

KEY = "a key for tests only"


def test_a_token_says_what_was_put_into_it() -> None:
    read = token.read(KEY, token.issue(KEY, ["yunxi", "datang"]), ["yunxi", "datang"])
    assert read.campaigns == ("yunxi", "datang")
    assert clock.now() - read.issued_at < timedelta(seconds=5)


def test_every_form_gets_a_checkout_of_its_own() -> None:
    ids = {token.read(KEY, token.issue(KEY, ["yunxi"]), ["yunxi"]).checkout for _ in range(50)}
    assert len(ids) == 50


def test_a_token_of_another_campaign_is_refused() -> None:
    with pytest.raises(token.FormForOtherCampaign):
        token.read(KEY, token.issue(KEY, ["yunxi"]), ["datang"])


def test_a_token_with_another_campaign_added_is_refused() -> None:
    with pytest.raises(token.FormForOtherCampaign):
        token.read(KEY, token.issue(KEY, ["yunxi"]), ["yunxi", "datang"])


@pytest.mark.parametrize("forged", ["", "x", ".", "eyJpZCI6IDF9.abc", "\x00", "ü.ü", "A" * 10_000])
def test_what_we_did_not_sign_is_refused(forged: str) -> None:
    with pytest.raises(token.FormNotOurs):
        token.read(KEY, forged, ["yunxi"])


def test_a_token_signed_with_another_key_is_refused() -> None:
    with pytest.raises(token.FormNotOurs):
        token.read(KEY, token.issue("another key", ["yunxi"]), ["yunxi"])


def test_every_altered_character_breaks_the_signature() -> None:
    good = token.issue(KEY, ["yunxi"])
    for place in range(len(good) - 1):
        altered = good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :]
        with pytest.raises(token.FormNotOurs):
            token.read(KEY, altered, ["yunxi"])


def test_a_token_lives_two_hours() -> None:
    made = clock.now()
    with clock.frozen_at(made):
        given = token.issue(KEY, ["yunxi"])
    with clock.frozen_at(made + timedelta(hours=1, minutes=59)):
        token.read(KEY, given, ["yunxi"])
    with clock.frozen_at(made + timedelta(hours=2, seconds=2)), pytest.raises(token.FormTooOld):
        token.read(KEY, given, ["yunxi"])


def test_the_content_hash_needs_the_key() -> None:
    assert token.content_hash(KEY, ["阿敏"]) == token.content_hash(KEY, ["阿敏"])
    assert token.content_hash(KEY, ["阿敏"]) != token.content_hash("another key", ["阿敏"])
    assert token.content_hash(KEY, ["阿敏"]) != token.content_hash(KEY, ["阿明"])
