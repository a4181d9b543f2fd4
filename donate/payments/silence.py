"""When to stop asking a provider that does not answer: each call of it costs its whole time-out."""

from collections.abc import Iterator
from contextlib import contextmanager

from donate.payments.gateway import ProviderKeyRefused, ProviderUnavailable

# So many questions in a row without an answer, and whoever asks leaves the others for later.
MOST_SILENT = 3


class Silence:
    """Counts the questions in a row that one merchant account's provider left unanswered."""

    def __init__(self) -> None:
        self._count = 0
        self.last: ProviderUnavailable | ProviderKeyRefused | None = None

    @property
    def is_total(self) -> bool:
        """Whether to ask no more for now."""
        return self._count >= MOST_SILENT

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Around one question: whether it was answered. An answer that is a refusal is one; errors pass through."""
        try:
            yield
        except (ProviderUnavailable, ProviderKeyRefused) as error:
            self._count += 1
            self.last = error
            raise
        except BaseException:
            self._count = 0
            raise
        self._count = 0
