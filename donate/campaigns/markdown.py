"""Markdown as organisers type it, made into HTML that can harm nobody: no raw HTML, no pictures, no scripts."""

from functools import lru_cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

TAGS = {"p", "br", "strong", "em", "ul", "ol", "li", "blockquote", "h3", "h4", "a", "code", "pre", "hr"}
# Our pages hold h1 and h2 themselves.
_HEADINGS = {"h1": "h3", "h2": "h3"}


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    parser.disable("image")
    return parser


_markdown = _parser()


@lru_cache(maxsize=512)
def rendered(text: str) -> Markup:
    """Safe HTML of `text`. The allow-list stands behind the parser, should the parser ever let something through."""
    tokens = _markdown.parse(text)
    for token in tokens:
        _lower_heading(token)
    html = _markdown.renderer.render(tokens, _markdown.options, {})
    return Markup(  # noqa: S704 - the line above was cleaned by the line below
        nh3.clean(
            html,
            tags=TAGS,
            attributes={"*": set(), "a": {"href"}},
            url_schemes={"http", "https", "mailto"},
            link_rel="nofollow noopener noreferrer",
        )
    )


def _lower_heading(token: Token) -> None:
    if token.type in {"heading_open", "heading_close"}:
        token.tag = _HEADINGS.get(token.tag, "h4")
