import pytest

from donate.text import TextTooLong, clean_line, clean_text


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  李  丽\t娟 ", "李 丽 娟"),
        ("a\x00b\x1bc\x7f", "abc"),
        ("\u202eevil\u202c \u2066x\u2069\u200e\u200f\u061c", "evil x"),
        ("two\r\nlines\u2028three", "two lines three"),
        ("e\u0301", "é"),
        ("𠮷野家", "𠮷野家"),
        ("👩‍👩‍👧 ❤️", "👩‍👩‍👧 ❤️"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("pay\u200bload\ufeff", "payload"),
        ("\u200d\u200c \u3164", ""),
    ],
)
def test_a_line_keeps_writing_and_loses_what_hides(typed: str, kept: str) -> None:
    assert clean_line(typed, 40) == kept


def test_a_text_keeps_its_paragraphs() -> None:
    assert clean_text(" one \r\ntwo\n\n\n\nthree\x00 ", 40) == "one\ntwo\n\nthree"


def test_marks_piled_on_a_letter_are_cut() -> None:
    assert len(clean_line("Z" + "\u0335" * 60, 20)) == 5


def test_too_long_names_both_counts() -> None:
    with pytest.raises(TextTooLong) as caught:
        clean_line("饭" * 21, 20)
    assert caught.value.facts == {"given": 21, "most": 20}
