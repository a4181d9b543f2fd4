"""Argon2, its parameters, and the time a no takes."""

import time

import pytest
from argon2.profiles import CHEAPEST

from donate.people.passwords import Passwords


def test_the_default_is_the_low_memory_profile_of_rfc_9106() -> None:
    assert "$m=65536,t=3,p=4$" in Passwords().hash("rice paper and ink")


def test_a_hash_of_other_parameters_is_verified_and_called_outdated() -> None:
    cheap = Passwords(CHEAPEST).hash("rice paper and ink")
    assert Passwords().matches(cheap, "rice paper and ink")
    assert Passwords().is_outdated(cheap)
    assert not Passwords(CHEAPEST).is_outdated(cheap)


def test_nobodys_password_is_never_right() -> None:
    assert not Passwords(CHEAPEST).matches(None, "the password of nobody")


def test_a_damaged_hash_is_a_no() -> None:
    assert not Passwords(CHEAPEST).matches("not a hash", "rice paper and ink")


@pytest.mark.long
def test_an_unknown_user_takes_as_long_as_a_wrong_password() -> None:
    ours = Passwords()
    known = ours.hash("rice paper and ink")
    ours.matches(None, "warm up")

    def seconds(password_hash: str | None) -> float:
        began = time.process_time()
        for _ in range(10):
            ours.matches(password_hash, "wrong")
        return time.process_time() - began

    assert seconds(None) == pytest.approx(seconds(known), rel=0.3)
