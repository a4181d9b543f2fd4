"""How a number that somebody typed is compared: by its letters and figures alone."""

import unicodedata


def key_of(typed: str) -> str:
    """Letters and figures, folded: `ab-12 3` and `ＡＢ123` are one reference. Empty where there are none."""
    folded = unicodedata.normalize("NFKC", typed).casefold()
    return "".join(letter for letter in folded if letter.isalnum())
