"""Leaves: every kind's bytes as specified, one spelling only, and bounds that every entry keeps."""

import hashlib
import re
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from donate.tlog import leaf as leaf_module
from donate.tlog.canonical import NotCanonical
from donate.tlog.leaf import (
    MAX_LEAF_BYTES,
    MAX_LEGS,
    CloseLeaf,
    DayLeaf,
    DocumentLeaf,
    EntryLeaf,
    Leaf,
    LeafLeg,
    OpenAccount,
    OpenBook,
    OpenCampaign,
    OpenPolicy,
    commitment,
    decode,
    encode,
    leaf_hash,
)

SPECIFICATION = (Path(leaf_module.__file__).parent / "LEAF.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"### (.+)\n\n```json\n(.+)\n```\n\n`([0-9a-f]{64})`", SPECIFICATION)

INDEXES = st.integers(0, 2**63 - 1)
HASHES = st.binary(min_size=32, max_size=32)
CAMPAIGNS = st.from_regex(leaf_module.CAMPAIGN, fullmatch=True)
CODES = st.from_regex(leaf_module.CODE, fullmatch=True)
REFERENCES = st.from_regex(leaf_module.REFERENCE, fullmatch=True)
COMMON = {"seq": INDEXES, "book": st.from_regex(leaf_module.BOOK, fullmatch=True), "day": st.dates()}
SUPPORTS = st.sets(INDEXES, min_size=1, max_size=16).map(lambda found: tuple(sorted(found)))
CURRENCIES = st.sampled_from(["CNY", "USD", "JPY"])
# Amounts stay within what a transfer's column allows.
LEGS = st.lists(st.builds(LeafLeg, CODES, CODES, st.integers(1, 10**15)), min_size=1, max_size=MAX_LEGS).map(tuple)
ENTRIES = st.one_of(
    st.builds(
        EntryLeaf,
        **COMMON,
        reason=st.from_regex(leaf_module.REASON, fullmatch=True),
        cur=CURRENCIES,
        legs=LEGS,
        cm=HASHES,
        campaign=st.none() | CAMPAIGNS,
        rev=st.none() | INDEXES,
        doc=st.none() | HASHES,
        note=st.none() | HASHES,
        **{key: st.none() | REFERENCES},
    )
    for key in ("ref", "settle")
)
OTHERS = st.one_of(
    st.builds(
        OpenBook,
        **COMMON,
        host=REFERENCES,
        cur=CURRENCIES,
        mode=st.sampled_from(["sandbox", "live"]),
        zone=st.sampled_from(["Asia/Shanghai", "UTC"]),
    ),
    st.builds(
        OpenAccount, **COMMON, account=CODES, cls=st.sampled_from(["asset", "fund"]), campaign=st.none() | CAMPAIGNS
    ),
    st.builds(OpenCampaign, **COMMON, campaign=CAMPAIGNS),
    st.builds(OpenPolicy, **COMMON, policy=REFERENCES, doc=HASHES),
    st.builds(
        DocumentLeaf,
        **COMMON,
        doc=HASHES,
        supports=SUPPORTS,
        campaign=st.none() | CAMPAIGNS,
        supersedes=st.none() | INDEXES,
    ),
    st.builds(
        DayLeaf,
        **COMMON,
        campaign=CAMPAIGNS,
        place=st.from_regex(r"[0-9A-Za-z][0-9A-Za-z-]{0,39}", fullmatch=True),
        doc=HASHES,
        supports=st.none() | SUPPORTS,
        supersedes=st.none() | INDEXES,
    ),
    st.builds(CloseLeaf, **COMMON, cur=CURRENCIES, entries=INDEXES, turnover=INDEXES, trial=HASHES, csv=HASHES),
)
LEAVES = ENTRIES | OTHERS


def a_donation(**overrides: object) -> EntryLeaf:
    facts: dict = {
        "seq": 5,
        "book": "yunnan-cny",
        "day": date(2026, 11, 23),
        "reason": "donation",
        "cur": "CNY",
        "legs": (LeafLeg("clearing", "fund:yunxi", 1500),),
        "cm": bytes(32),
        "campaign": "yunxi",
    }
    return EntryLeaf(**(facts | overrides))


def test_the_specification_shows_every_kind() -> None:
    shown = {type(decode(spelt.encode())) for _, spelt, _ in EXAMPLES}
    assert shown == {EntryLeaf, OpenBook, OpenAccount, OpenCampaign, OpenPolicy, DocumentLeaf, DayLeaf, CloseLeaf}


@pytest.mark.parametrize(("title", "spelt", "hexed"), EXAMPLES, ids=[title for title, _, _ in EXAMPLES])
def test_an_example_of_the_specification_is_exact(title: str, spelt: str, hexed: str) -> None:
    data = spelt.encode()
    assert encode(decode(data)) == data
    assert leaf_hash(data).hex() == hashlib.sha256(b"\x00" + data).hexdigest() == hexed


def test_the_commitment_of_the_specification_is_exact() -> None:
    (salt, fields, hexed) = re.search(r"```commitment\n(.+)\n(.+)\n(.+)\n```", SPECIFICATION).groups()
    found = commitment(bytes.fromhex(salt), {"name": "张三", "message": '吃好！ "👍"\n', "email": "zhang@example.org"})
    assert found.hex() == hexed
    by_hand = b"donate/commitment/v1\n" + bytes.fromhex(salt) + fields.encode()
    assert hashlib.sha256(by_hand).hexdigest() == hexed


@given(LEAVES)
def test_what_is_encoded_decodes_to_the_same_leaf(leaf: Leaf) -> None:
    data = encode(leaf)
    assert len(data) <= MAX_LEAF_BYTES
    assert data.isascii()
    assert b"\\" not in data
    assert decode(data) == leaf


@given(LEAVES, st.data())
def test_a_changed_byte_is_refused_or_is_another_leaf(leaf: Leaf, data: st.DataObject) -> None:
    encoded = bytearray(encode(leaf))
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= data.draw(st.integers(1, 255))
    try:
        changed = decode(bytes(encoded))
    except NotCanonical:
        return
    assert changed != leaf
    assert encode(changed) == bytes(encoded)


@given(LEAVES, st.data())
def test_a_byte_more_or_less_is_refused_or_is_another_leaf(leaf: Leaf, data: st.DataObject) -> None:
    encoded = encode(leaf)
    place = data.draw(st.integers(0, len(encoded) - 1))
    more = data.draw(st.sampled_from([b" ", b"\n", b",", b"0", b'"', b"\\", b"{}"]))
    for changed in (encoded[:place] + more + encoded[place:], encoded[:place] + encoded[place + 1 :]):
        try:
            assert decode(changed) != leaf
        except NotCanonical:
            continue


@given(st.binary(max_size=200))
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        decode(data)


SPELT = encode(a_donation()).decode()


@pytest.mark.parametrize(
    "changed",
    [
        SPELT + "\n",
        SPELT.replace(":", ": ", 1),
        SPELT.replace('"seq":"5"', '"seq":5'),
        SPELT.replace('"seq":"5"', '"seq":"05"'),
        SPELT.replace('"seq":"5"', '"seq":"-5"'),
        SPELT.replace('"seq":"5"', '"seq":"٥"'),
        SPELT.replace('"seq":"5"', '"seq":"9223372036854775808"'),
        SPELT.replace('"1500"', '"0"'),
        SPELT.replace('"1500"', "1500.0"),
        SPELT.replace('"1500"', "NaN"),
        SPELT.replace('"1500"', "null"),
        SPELT.replace('"v":"1"', '"v":"2"'),
        SPELT.replace('"v":"1"', '"v":"1","x":"1"'),
        SPELT.replace('"seq":"5",', '"seq":"5","seq":"5",'),
        SPELT.replace('"seq":"5",', ""),
        SPELT.replace('"book"', '"\\u0062ook"'),
        SPELT.replace("2026-11-23", "20261123"),
        SPELT.replace("2026-11-23", "2026-11-31"),
        SPELT.replace("donation", "Donation"),
        SPELT.replace('"kind":"entry"', '"kind":"gift"'),
        SPELT.replace('"kind":"entry"', '"kind":"open"'),
        SPELT.replace('"kind":"entry"', '"kind":"entry","open":"book"'),
        SPELT.replace('"kind":"entry"', '"kind":["entry"]'),
        SPELT.replace('"fund:yunxi",', ""),
        SPELT.replace('[["', '["').replace('"]]', '"]'),
        SPELT.replace('"legs":[[', '"legs":[],"x":[['),
        SPELT.replace("0" * 64, "0" * 63),
        SPELT.replace("0" * 64, "A" * 64),
        "[" * 500 + "]" * 500,
        "[" + SPELT + "]",
        '""',
        '{"v":"1"}',
        "\ufeff" + SPELT,
    ],
)
def test_another_spelling_is_refused(changed: str) -> None:
    assert changed != SPELT
    with pytest.raises(NotCanonical):
        decode(changed.encode())


def test_too_many_bytes_are_refused_whatever_they_spell() -> None:
    with pytest.raises(NotCanonical, match="1024 bytes"):
        decode(SPELT.encode() + b" " * 1024)


@pytest.mark.parametrize(
    "overrides",
    [
        {"seq": -1},
        {"seq": True},
        {"seq": 2**63},
        {"day": datetime(2026, 11, 23)},
        {"cm": b"short"},
        {"cm": "0" * 64},
        {"legs": ()},
        {"legs": (LeafLeg("a", "b", 1),) * (MAX_LEGS + 1)},
        {"legs": (LeafLeg("a", "b", 0),)},
        {"legs": (LeafLeg("a", "张三", 1),)},
        {"campaign": "=1+1"},
        {"campaign": "-1"},
        {"ref": "+1"},
        {"ref": "Zhang San"},
        {"ref": "x\n"},
    ],
)
def test_a_leaf_that_could_not_be_read_back_is_not_written(overrides: dict) -> None:
    with pytest.raises(NotCanonical):
        encode(a_donation(**overrides))


@pytest.mark.parametrize("extra", [{"ref": "r" * 64}, {"settle": "s" * 64}])
def test_the_largest_entry_that_can_be_posted_fits_a_leaf(extra: dict) -> None:
    most = 2**63 - 1
    code = "a" * 20 + ":" + "b" * 40
    leaf = a_donation(
        seq=most,
        book="b" * 32,
        day=date.max,
        reason="r" * 32,
        legs=(LeafLeg(code, code, most),) * MAX_LEGS,
        campaign="c" * 40,
        rev=most,
        doc=b"d" * 32,
        note=b"n" * 32,
        **extra,
    )
    assert len(encode(leaf)) <= MAX_LEAF_BYTES


@given(st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=20), st.text(max_size=50), max_size=5))
def test_a_commitment_opens_to_its_own_fields_only(fields: dict[str, str]) -> None:
    salt = bytes(32)
    assert commitment(salt, fields) == commitment(salt, dict(reversed(fields.items())))
    assert commitment(salt, fields) != commitment(salt, fields | {"another": "one"})
    assert commitment(salt, fields) != commitment(b"\x01" * 32, fields)


@pytest.mark.parametrize(
    ("salt", "fields"),
    [(b"", {}), (bytes(31), {}), (bytes(32), {"名": "张三"}), (bytes(32), {"a": 1}), (bytes(32), {"a": "\ud800"})],
)
def test_what_cannot_be_spelt_is_not_committed_to(salt: bytes, fields: dict) -> None:
    with pytest.raises(NotCanonical):
        commitment(salt, fields)


def specified(name: str) -> str:
    found = re.search(rf"```{name}\n(.*?)```", SPECIFICATION, re.DOTALL)
    assert found is not None
    return found[1]


def examples_of(kind: type[Leaf]) -> list[Leaf]:
    return [leaf for leaf in (decode(spelt.encode()) for _, spelt, _ in EXAMPLES) if isinstance(leaf, kind)]


def test_the_hash_of_a_note_is_that_of_its_salt_and_text() -> None:
    salt, note, hexed = specified("note").splitlines()
    assert hashlib.sha256(bytes.fromhex(salt) + note.encode()).hexdigest() == hexed
    assert [leaf.note.hex() for leaf in examples_of(EntryLeaf) if leaf.note] == [hexed]


def test_the_close_example_is_over_the_entry_examples() -> None:
    (close,) = examples_of(CloseLeaf)
    legs = [leg for entry in examples_of(EntryLeaf) for leg in entry.legs]
    assert (close.entries, close.turnover) == (len(examples_of(EntryLeaf)), sum(leg.amount_minor for leg in legs))
    assert close.trial == hashlib.sha256(specified("trial").encode()).digest()
    assert close.csv == hashlib.sha256(specified("csv").encode()).digest()
    codes = sorted({code for leg in legs for code in (leg.debit, leg.credit)})
    moved = [
        (code, sum(leg.amount_minor for leg in legs if leg.debit == code), sum(leg.amount_minor for leg in legs if leg.credit == code))
        for code in codes
    ]  # fmt: skip
    assert specified("trial") == "".join(f"{code},{debits},{credits}\n" for code, debits, credits in moved)


def test_every_code_of_a_school_fits_a_day_leaf() -> None:
    code = f"431227.{hashlib.sha256(b'a school').hexdigest()[:10]}"  # as donate.places.service makes them
    assert b'"place":"431227.' in encode(
        DayLeaf(seq=0, book="a", day=date(2026, 11, 23), campaign="a", place=code, doc=bytes(32))
    )
