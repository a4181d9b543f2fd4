"""Passwords: Argon2 in the low-memory profile of RFC 9106 (64 MiB, three passes)."""

import threading

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from donate.errors import N_, DonateError

LEAST_CHARACTERS = 12
MOST_CHARACTERS = 1000

# One at a time in a process: each takes 64 MiB while it runs, and a burst of sign-ins must not multiply that.
_one_at_a_time = threading.Lock()


class PasswordTooShort(DonateError):
    sentence = N_("Please choose a password of at least %(least)s characters. Several words are easy to remember.")
    field = "password"


class PasswordTooLong(DonateError):
    sentence = N_("A password can have at most %(most)s characters.")
    field = "password"


class PasswordIsTheEmail(DonateError):
    sentence = N_("Your e-mail address cannot be your password.")
    field = "password"


class Passwords:
    """Hashing with one set of parameters; hashes made with others are still verified, then renewed at sign-in."""

    def __init__(self, parameters: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = PasswordHasher.from_parameters(parameters)
        self._of_nobody: str | None = None

    def hash(self, password: str) -> str:
        with _one_at_a_time:
            return self._hasher.hash(password)

    def matches(self, password_hash: str | None, password: str) -> bool:
        """True if the password is right. For an unknown user (None) it takes as long and says no."""
        known = password_hash is not None
        with _one_at_a_time:
            try:
                self._hasher.verify(password_hash or self._hash_of_nobody(), password)
            except (VerificationError, InvalidHashError):
                return False
        return known

    def is_outdated(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)

    def _hash_of_nobody(self) -> str:
        if self._of_nobody is None:
            self._of_nobody = self._hasher.hash("the password of nobody")
        return self._of_nobody


_passwords = Passwords()


def current() -> Passwords:
    return _passwords


def use(passwords: Passwords) -> None:
    """Replace the parameters for this process: tests take the cheapest profile."""
    global _passwords  # the one process-wide choice, made before the first request
    _passwords = passwords


def check_strength(password: str, *, email: str) -> None:
    """Length counts, composition does not. Raises PasswordTooShort, PasswordTooLong or PasswordIsTheEmail."""
    if len(password) < LEAST_CHARACTERS:
        raise PasswordTooShort(least=LEAST_CHARACTERS)
    if len(password) > MOST_CHARACTERS:
        raise PasswordTooLong(most=MOST_CHARACTERS)
    if password.strip().lower() == email:
        raise PasswordIsTheEmail
