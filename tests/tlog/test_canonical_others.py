"""Canonical JSON: the same bytes as another implementation of RFC 8785 writes."""

import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from donate.tlog.canonical import decode_canonical, encode_canonical

KEYS = st.text(st.characters(max_codepoint=127), max_size=20)
VALUES = st.recursive(
    st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_any_value_is_spelt_as_another_implementation_spells_it(value: object) -> None:
    spelt = encode_canonical(value)
    assert spelt == rfc8785.dumps(value)
    assert decode_canonical(spelt) == value


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(KEYS, st.text(max_size=5), min_size=2, max_size=20))
def test_keys_stand_in_the_order_of_another_implementation(value: dict[str, str]) -> None:
    assert encode_canonical(value) == rfc8785.dumps(dict(reversed(value.items())))


def test_every_character_is_spelt_as_another_implementation_spells_it() -> None:
    """The whole of Unicode but for the halves of surrogate pairs."""
    every = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    assert encode_canonical([every]) == rfc8785.dumps([every])
    assert encode_canonical({every[:128]: ""}) == rfc8785.dumps({every[:128]: ""})
