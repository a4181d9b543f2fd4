"""How an entry is written, as one expression, and what its legs are to each other."""

import re

from donate.tlog import leaf as leaves


def each(legs: tuple[bytes, ...]) -> list[tuple[bytes, bytes, bytes]]:
    """(debit, credit, amount) of each leg."""
    return [(legs[place], legs[place + 1], legs[place + 2]) for place in range(0, len(legs), 3)]


def turned_round(legs: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """(debit, credit, amount, …) with each leg's accounts in each other's place."""
    return tuple(part for debit, credit, amount in each(legs) for part in (credit, debit, amount))


def hash_of(name: bytes, campaign: bytes | None, legs: tuple[bytes, ...]) -> int:
    """Of one leg the same that is put together from its way and its amount."""
    if len(legs) == 3:
        debit, credit, amount = legs
        return hash((hash((name, campaign, debit, credit)), amount))
    return hash((name, campaign, legs))


def _pattern() -> "re.Pattern[bytes]":
    """An entry's canonical spelling as one expression: keys in their order, each alphabet as the leaf has it."""
    number, hexed = "(?:0|[1-9][0-9]{0,18})", "[0-9a-f]{64}"
    code = leaves.CODE.replace("(:", "(?::")
    leg = rf'\["({code})","({code})","([1-9][0-9]{{0,18}})"\]'
    parts = [
        rf'\{{"book":"({leaves.BOOK})"',
        rf'(?:,"campaign":"({leaves.CAMPAIGN})")?',
        rf',"cm":"({hexed})","cur":"([A-Z]{{3}})","day":"([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})"',
        rf'(?:,"doc":"({hexed})")?',
        rf',"kind":"entry","legs":\[{leg}(?:,{leg}(?:,{leg})?)?\]',
        rf'(?:,"note":"({hexed})")?',
        rf',"reason":"({leaves.REASON})"',
        rf'(?:,"ref":"({leaves.REFERENCE})")?(?:,"rev":"({number})")?,"seq":"({number})"',
        rf'(?:,"settle":"({leaves.REFERENCE})")?,"v":"1"\}}',
    ]
    return re.compile("".join(parts).encode("ascii"))


ENTRY = _pattern().fullmatch
