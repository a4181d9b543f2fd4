"""Errors are sentences: a class with its facts and the sentence that a person reads."""

from typing import ClassVar


def N_(sentence: str) -> str:
    """Marks a sentence for the translation catalogue where it is written; the door translates it."""
    return sentence


class DonateError(Exception):
    """Something that a person is told.

    `sentence` is English with %(fact)s places and stands in the translation catalogue; `status` is the HTTP
    answer at a door; `field` names the form field that the message belongs to, where there is one.
    """

    sentence: ClassVar[str] = N_("Something is not right.")
    status: ClassVar[int] = 422
    field: ClassVar[str | None] = None

    def __init__(self, **facts: object) -> None:
        super().__init__()
        self.facts = facts

    def __str__(self) -> str:
        return self.sentence % self.facts


class NotFound(DonateError):
    """The thing does not exist, or the one who asks may not know that it does."""

    sentence = N_("There is nothing here under this address.")
    status = 404


class BadSetting(DonateError):
    """A setting that start-up refuses; shown as one line by the command."""

    sentence = N_("Setting %(name)s: %(problem)s")
