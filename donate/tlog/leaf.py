"""Leaves of the public log: their canonical bytes, hash and commitments. LEAF.md is the specification."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from donate.tlog.canonical import NotCanonical, decode_canonical, encode_canonical, spell
from donate.tlog.spelling import Ascending, Day, Hash, Integer, Spelling, Text

MAX_LEAF_BYTES = 1024
SALT_BYTES = 32
COMMITMENT_DOMAIN = b"donate/commitment/v1\n"

# What is bounded when an entry is posted, so that every entry fits a leaf. No alphabet lets a value begin with
# a sign that a spreadsheet takes for a formula.
MAX_LEGS = 3
MAX_SUPPORTS = 16
CODE = r"[a-z][a-z_]{0,19}(:[a-z0-9-]{1,40})?"
CAMPAIGN = r"[a-z0-9][a-z0-9-]{0,39}"
BOOK = r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}"
REASON = r"[a-z][a-z_]{0,31}"
REFERENCE = r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}"


class LeafLeg(NamedTuple):
    """An amount from one account (debit) to another (credit), by account code."""

    debit: str
    credit: str
    amount_minor: int


class Legs:
    """One to MAX_LEGS of [debit code, credit code, amount]."""

    def write(self, value: object) -> object:
        if not isinstance(value, tuple) or not 1 <= len(value) <= MAX_LEGS:
            raise NotCanonical(problem=f"an entry has 1 to {MAX_LEGS} legs")
        return [[_CODE.write(debit), _CODE.write(credit), _AMOUNT.write(amount)] for debit, credit, amount in value]

    def read(self, spelt: object) -> object:
        if not isinstance(spelt, list) or any(not isinstance(leg, list) or len(leg) != 3 for leg in spelt):
            raise NotCanonical(problem="a leg is [debit code, credit code, amount]")
        return tuple(
            LeafLeg(str(debit), str(credit), int(str(_AMOUNT.read(amount)))) for debit, credit, amount in spelt
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryLeaf:
    """An entry of the ledger; `seq` is its log index, `rev` the log index of what it reverses."""

    seq: int
    book: str
    day: date
    reason: str
    cur: str
    legs: tuple[LeafLeg, ...]
    cm: bytes
    campaign: str | None = None
    rev: int | None = None
    doc: bytes | None = None
    note: bytes | None = None
    ref: str | None = None
    settle: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBook:
    """A book is opened: whose it is, its currency and where its days begin."""

    seq: int
    book: str
    day: date
    host: str
    cur: str
    mode: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAccount:
    """An account is opened in a book; `cls` is its class on the balance sheet."""

    seq: int
    book: str
    day: date
    account: str
    cls: str
    campaign: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCampaign:
    """A campaign is opened in a book: from here on entries may name it."""

    seq: int
    book: str
    day: date
    campaign: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPolicy:
    """A rule comes into force, such as a matching rule; `doc` is the hash of its text."""

    seq: int
    book: str
    day: date
    policy: str
    doc: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLeaf:
    """An evidence file by its hash, the entries that it supports, the earlier document that it replaces."""

    seq: int
    book: str
    day: date
    doc: bytes
    supports: tuple[int, ...]
    campaign: str | None = None
    supersedes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLeaf:
    """One school's day record by its hash; `place` is the school's code."""

    seq: int
    book: str
    day: date
    campaign: str
    place: str
    doc: bytes
    supports: tuple[int, ...] | None = None
    supersedes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseLeaf:
    """A book's day is closed: entries so far, what they moved, hashes of trial balance and the day's CSV."""

    seq: int
    book: str
    day: date
    cur: str
    entries: int
    turnover: int
    trial: bytes
    csv: bytes


Leaf = EntryLeaf | OpenBook | OpenAccount | OpenCampaign | OpenPolicy | DocumentLeaf | DayLeaf | CloseLeaf

_CODE = Text(CODE)
_AMOUNT = Integer(least=1)
_BOOK, _CAMPAIGN, _REFERENCE = Text(BOOK), Text(CAMPAIGN), Text(REFERENCE)
_CURRENCY, _SEQ, _DAY, _HASH = Text(r"[A-Z]{3}"), Integer(), Day(), Hash()
_COMMON: dict[str, Spelling] = {"seq": _SEQ, "book": _BOOK, "day": _DAY}

# For every kind (and, for `open`, what is opened): its class and how each of its keys is spelt.
_FORMS: dict[tuple[str, str | None], tuple[type[Leaf], dict[str, Spelling]]] = {
    ("entry", None): (
        EntryLeaf,
        _COMMON
        | {"reason": Text(REASON), "cur": _CURRENCY, "legs": Legs(), "cm": _HASH, "campaign": _CAMPAIGN}
        | {"rev": _SEQ, "doc": _HASH, "note": _HASH, "ref": _REFERENCE, "settle": _REFERENCE},
    ),
    ("open", "book"): (
        OpenBook,
        _COMMON
        | {
            "host": _REFERENCE,
            "cur": _CURRENCY,
            "mode": Text("sandbox|live"),
            "zone": Text(r"[A-Za-z][A-Za-z0-9_+/-]{0,39}"),
        },
    ),
    ("open", "account"): (
        OpenAccount,
        _COMMON | {"account": _CODE, "cls": Text("asset|liability|fund|income|expense"), "campaign": _CAMPAIGN},
    ),
    ("open", "campaign"): (OpenCampaign, _COMMON | {"campaign": _CAMPAIGN}),
    ("open", "policy"): (OpenPolicy, _COMMON | {"policy": _REFERENCE, "doc": _HASH}),
    ("document", None): (
        DocumentLeaf,
        _COMMON | {"doc": _HASH, "supports": Ascending(MAX_SUPPORTS), "campaign": _CAMPAIGN, "supersedes": _SEQ},
    ),
    ("day", None): (
        DayLeaf,
        _COMMON
        | {"campaign": _CAMPAIGN, "place": Text(r"[0-9A-Za-z][0-9A-Za-z.-]{0,39}"), "doc": _HASH}
        | {"supports": Ascending(MAX_SUPPORTS), "supersedes": _SEQ},
    ),
    ("close", None): (
        CloseLeaf,
        _COMMON | {"cur": _CURRENCY, "entries": Integer(), "turnover": Integer(), "trial": _HASH, "csv": _HASH},
    ),
}
_HEADS = {
    form: ({"v": "1", "kind": kind} | ({"open": what} if what else {}), spellings)
    for (kind, what), (form, spellings) in _FORMS.items()
}


def kind_of(leaf: Leaf) -> str:
    """`entry`, `open`, `document`, `day` or `close`."""
    return _HEADS[type(leaf)][0]["kind"]


def encode(leaf: Leaf) -> bytes:
    """The leaf's canonical bytes. Raises NotCanonical."""
    head, spellings = _HEADS[type(leaf)]
    spelt: dict[str, object] = dict(head)
    for key, spelling in spellings.items():
        value = getattr(leaf, key)
        if value is not None:
            spelt[key] = spelling.write(value)
    data = spell(spelt)
    if len(data) > MAX_LEAF_BYTES:
        raise NotCanonical(problem=f"a leaf has {MAX_LEAF_BYTES} bytes at most")
    return data


def decode(data: bytes) -> Leaf:
    """The leaf that these bytes spell, refused unless `encode` would write the very same. Raises NotCanonical."""
    if len(data) > MAX_LEAF_BYTES:
        raise NotCanonical(problem=f"a leaf has {MAX_LEAF_BYTES} bytes at most")
    spelt = decode_canonical(data)
    if not isinstance(spelt, dict) or spelt.get("v") != "1":
        raise NotCanonical(problem="no leaf of version 1")
    kind, what = spelt.get("kind"), spelt.get("open")
    if not isinstance(kind, str) or not isinstance(what, str | None) or (kind, what) not in _FORMS:
        raise NotCanonical(problem="no known kind of leaf")
    form, spellings = _FORMS[kind, what]
    unknown = spelt.keys() - spellings.keys() - {"v", "kind", "open"}
    if unknown:
        raise NotCanonical(problem=f"unknown key {min(unknown)!r:.40}")
    values: dict[str, Any] = {key: spelling.read(spelt[key]) for key, spelling in spellings.items() if key in spelt}
    try:
        leaf = form(**values)
    except TypeError as error:
        raise NotCanonical(problem="a key is missing") from error
    if encode(leaf) != data:
        raise NotCanonical(problem="not what this leaf's own encoding gives")
    return leaf


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf), the leaf hash of RFC 6962."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def leaf_hashes(leaves: Iterable[bytes]) -> list[bytes]:
    """The same of many: a call for each was a tenth of a verifier's time."""
    sha256 = hashlib.sha256
    return [sha256(b"\x00" + leaf).digest() for leaf in leaves]


def commitment(salt: bytes, fields: Mapping[str, str]) -> bytes:
    """SHA-256(domain || salt || canonical private fields): binds an entry to what only its people may know."""
    if len(salt) != SALT_BYTES:
        raise NotCanonical(problem=f"a salt has {SALT_BYTES} bytes")
    if not all(isinstance(value, str) for value in fields.values()):
        raise NotCanonical(problem="a private field is not a string")
    return hashlib.sha256(COMMITMENT_DOMAIN + salt + encode_canonical(dict(fields))).digest()
