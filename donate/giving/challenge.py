"""What a donor is asked where too much is being started: a plug, and one that needs no third party and no script.

It keeps out the programs that most testers of cards use, and slows the others down. It proves nothing: a program written for this site
can wait, too. What holds then are the limits behind it, which refuse.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Protocol
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer

from donate import clock
from donate.errors import N_, BadSetting, DonateError
from donate.settings import Settings


class NotConfirmed(DonateError):
    """The challenge is still to be met. `fields` are hidden ones that belong into the form."""

    sentence = N_(
        "Many more payments are being started here than paid at the moment. To keep out programs that try out stolen "
        "cards, please wait %(seconds)s seconds and then press the button once more."
    )
    field = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What the form is drawn with: the error says what to do; a `label` asks for an answer in a field `answer`."""

    error: DonateError
    fields: Mapping[str, str] = field(default_factory=dict)
    label: str | None = None


class Challenge(Protocol):
    """Asked for one checkout, by its public id; met once, since that id is used once.

    Pages load nothing from elsewhere and run without script, so what it asks must be drawn by the server.
    """

    def ask(self, reference: UUID) -> Question:
        """What to draw the form with."""
        ...

    def is_met(self, reference: UUID, form: Mapping[str, str]) -> bool:
        """Whether the form that came back meets what was asked of this checkout."""
        ...


class WaitAndConfirm:
    """The form must come back with its stamp, some seconds later. No puzzle, so nothing to see, hear or reckon."""

    FIELD = "stamp"
    SHORTEST, LONGEST = timedelta(seconds=5), timedelta(minutes=30)

    def __init__(self, secret_key: str) -> None:
        self._signer = URLSafeSerializer(
            secret_key, salt="give challenge", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def ask(self, reference: UUID) -> Question:
        stamp = self._signer.dumps([reference.hex, clock.now().timestamp()])
        return Question(NotConfirmed(seconds=int(self.SHORTEST.total_seconds())), {self.FIELD: str(stamp)})

    def is_met(self, reference: UUID, form: Mapping[str, str]) -> bool:
        try:
            of, at = self._signer.loads(form.get(self.FIELD, ""))
            age = timedelta(seconds=clock.now().timestamp() - at)
        except (BadData, TypeError, ValueError):
            return False
        return of == reference.hex and self.SHORTEST <= age <= self.LONGEST


def challenge_of(settings: Settings) -> Challenge:
    """The challenge that DONATE_CHALLENGE names: `wait`, or `module:name` of a function that makes one from settings.

    Raises BadSetting; start-up asks for it, so that a wrong name is told then.
    """
    if settings.challenge == "wait":
        return WaitAndConfirm(settings.secret_key)
    module, _, name = settings.challenge.partition(":")
    try:
        make: Callable[[Settings], Challenge] = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise BadSetting(
            name="DONATE_CHALLENGE", problem=f"{settings.challenge!r} is neither 'wait' nor module:name of a challenge"
        ) from None
    return make(settings)
