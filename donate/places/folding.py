"""How names are made comparable: without tones, spaces, apostrophes and case."""

import re
import unicodedata

# In pinyin the umlaut is typed as a plain u, as v or as yu-less u; the search text holds the first two.
_NOT_A_NAME = re.compile(r"[^0-9a-z\u3007\u3400-\u9fff\U00020000-\U0003ffff]")


def folded(text: str) -> str:
    """`Xīnhuǎng Dòng ` and `ＸＩＮＨＵＡＮＧ dong` both become `xinhuangdong`; Chinese stays as it is."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return _NOT_A_NAME.sub("", plain)


def search_text(*names: str) -> str:
    """The folded names between bars, so that a name's beginning can be told from its middle."""
    with_v = [name.replace("ü", "v") for name in names if "ü" in name]
    distinct = dict.fromkeys(folded(name) for name in (*names, *with_v))
    return "|" + "|".join(name for name in distinct if name) + "|"
