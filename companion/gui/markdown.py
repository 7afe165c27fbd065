"""Markdown of a model, made into HTML that can only be text: parser without HTML and images, then an allow-list.

The libraries load at the first use (`warm` does it early); plain text, which is most of what is said, never needs them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from html import escape

_TAGS = {
    "p",
    "br",
    "hr",
    "strong",
    "em",
    "s",
    "code",
    "pre",
    "blockquote",
    "ul",
    "ol",
    "li",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "a",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}
_SCHEMES = {"http", "https", "mailto"}
_MARKUP = re.compile(
    r"[*_`\[~|]|<[A-Za-z/!?]|\\[!-/:-@\[-`{-~]|&#?\w+;"
    r"|^\s{0,3}(?:[#>]|[-+]\s|\d{1,9}[.)]\s|[-=]{2,}\s*$)|^(?: {4}|\t)",
    re.MULTILINE,
)


def is_plain(text: str) -> bool:
    """Whether Markdown would leave the text as it is, so that nothing has to be rendered."""
    return _MARKUP.search(text) is None


def to_html(text: str) -> str:
    """HTML of nothing but text, emphasis, lists, tables and http(s) or mailto links."""
    import nh3

    html = _parser()(text)
    safe = nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}, url_schemes=_SCHEMES, link_rel=None)
    return safe.replace(">\n<", "><").strip()  # a line feed between blocks would be shown as a space


def warm() -> None:
    """Loads the libraries and builds the parser, on whatever thread has time."""
    to_html("*ready*")


@cache
def _parser() -> Callable[[str], str]:
    from markdown_it import MarkdownIt

    parser = MarkdownIt(
        "commonmark", {"html": False, "linkify": False, "typographer": False, "maxNesting": 20}
    )
    parser.enable(["table", "strikethrough"])
    parser.options["breaks"] = True  # a line a model breaks is meant as a line

    def image(_self: object, tokens: list[object], index: int, *_: object) -> str:
        words = getattr(tokens[index], "content", "")
        return escape(f"{words} (image not loaded)".strip())

    parser.add_render_rule("image", image)
    return parser.render
