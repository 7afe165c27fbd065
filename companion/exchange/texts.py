"""Bytes to text, and marked-up text to the words a person wrote. Pure."""

from __future__ import annotations

import codecs
import html
import json
import math
import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from typing import Any

from companion.exchange.tree import BadMember
from companion.language import mark, tr

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_FENCE = re.compile(r"(^(?:```|~~~).*?^(?:```|~~~)[^\n]*$|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_HASHTAG = re.compile(r"(?<![\w&/#@])#([^\W_][\w/-]*)")
_AT_TAG = re.compile(r"(?<![\w.@])@([^\W_][\w/-]*)")
_HEADING = re.compile(r"\s*#{1,2}[ \t]+(\S[^\n]*?)[ \t#]*(?:\n|\Z)")
_LOOKS_MARKED_UP = re.compile(
    r"</?(?:p|br|div|span|b|i|u|s|em|strong|ul|ol|li|h[1-6]|a|font|blockquote)(?:\s[^<>]*)?/?>", re.IGNORECASE
)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|nbsp|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_LONGEST_TITLE = 200
_DEEPEST_LIST = 8
"""Points are moved in no further."""


# -- bytes --------------------------------------------------------------------------------------------------


def decoded(data: bytes) -> str:
    """Text of any usual encoding, with plain line ends, without what no database keeps."""
    return storable(_decoded(data).replace("\r\n", "\n").replace("\r", "\n"))


def _decoded(data: bytes) -> str:
    for sign, encoding in _MARKS:
        if data.startswith(sign):
            return data.decode(encoding, "replace")
    head = data[:400]
    if head and head[1::2].count(0) > len(head) // 3:
        return data.decode("utf-16-le", "replace")
    if head and head[::2].count(0) > len(head) // 3:
        return data.decode("utf-16-be", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(data) - error.start < 4 and error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8")  # cut within a character
        return data.decode("cp1252", "replace")


def storable(text: str) -> str:
    """Without NUL and with a mark for half a character."""
    return _UNSTORABLE.sub(lambda found: "" if found[0] == "\0" else "\ufffd", text)


def parsed(data: bytes) -> Any:
    """The JSON document in `data`; numbers out of all proportion are infinite, NaN is nothing.

    Raises:
        BadMember: it is none.
    """
    text = _decoded(data)
    try:
        return json.loads(text, parse_int=_number, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise BadMember(mark("the file ends too early")) from error
        raise BadMember(
            tr("it is not JSON: line {line}, column {column}", line=error.lineno, column=error.colno)
        ) from error
    except (RecursionError, ValueError) as error:
        raise BadMember(mark("its parts are nested too deeply for a journal")) from error


def _number(digits: str) -> float:
    return int(digits) if len(digits) <= 20 else math.inf


# -- values of a document that may be anything --------------------------------------------------------------


def text_of(value: object) -> str:
    """A text; empty for what is none."""
    if isinstance(value, str):
        return storable(value.replace("\r\n", "\n").replace("\r", "\n"))
    return ""


def is_true(value: object) -> bool:
    """Yes, as programs write it: true, 1, "true"."""
    return value in (True, "true", "True", "1", "yes")


def name_of(value: object) -> str:
    """A short text or a number, as an id or a tag has it."""
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, int | float):
        return str(value) if math.isfinite(value) else ""
    return " ".join(text_of(value).split())[:_LONGEST_TITLE]


def names_of(value: object) -> tuple[str, ...]:
    """Tags: a list of texts or of things with a name, or one text with commas."""
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, Mapping):
        value = list(value)
    if not isinstance(value, list | tuple):
        return ()
    found = (name_of(each.get("name", "")) if isinstance(each, Mapping) else name_of(each) for each in value)
    return distinct(found)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Without empty ones and repetitions, in their order."""
    return tuple(dict.fromkeys(name for name in names if name))


def list_of(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; whatever else is in it is left out."""
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list) else []


# -- marks in a text ----------------------------------------------------------------------------------------


def unescaped(text: str) -> str:
    """Without the backslashes that keep punctuation from being Markdown; code stays as it is."""
    if "\\" not in text:
        return text
    parts = _FENCE.split(text)
    parts[::2] = [_ESCAPED.sub(r"\1", part) for part in parts[::2]]
    return "".join(parts)


def hashtags(text: str) -> tuple[str, ...]:
    """Words marked with # outside of code; numbers alone and headings are none."""
    return _marked(_HASHTAG, text)


def at_tags(text: str) -> tuple[str, ...]:
    """Words marked with @, as jrnl has them."""
    return _marked(_AT_TAG, text)


def _marked(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    outside = "\n".join(_FENCE.split(text)[::2])
    found = (tag.rstrip("/-") for tag in pattern.findall(outside))
    return distinct(tag for tag in found if not tag.isdigit())


def title_and_rest(text: str) -> tuple[str, str]:
    """A first line that is a heading, and what follows; an empty title where there is none."""
    heading = _HEADING.match(text)
    if heading is None or len(heading[1]) > _LONGEST_TITLE:
        return "", tidied(text)
    rest = tidied(text[heading.end() :])
    return (heading[1].strip(), rest) if rest else ("", heading[1].strip())


def tidied(text: str) -> str:
    """Without spaces at the ends of lines, and never more than one empty line."""
    lines = "\n".join(line.rstrip(" \t") for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n").rstrip()


# -- HTML ---------------------------------------------------------------------------------------------------


def is_marked_up(text: str) -> bool:
    """Whether a text that may be HTML is."""
    return _LOOKS_MARKED_UP.search(text) is not None


def from_html(text: str) -> str:
    """The words of a piece of HTML: paragraphs, lists and quotations as plain text writes them, nothing else."""
    if not is_marked_up(text):
        return tidied(_ENTITY.sub(lambda found: html.unescape(found[0]), text).replace("\xa0", " "))
    page = _Words()
    page.feed(text)
    page.close()
    return tidied(storable(page.text))


_BLOCKS = frozenset(
    (
        *(
            "p",
            "div",
            "section",
            "article",
            "header",
            "footer",
            "blockquote",
            "ul",
            "ol",
            "table",
            "tr",
            "pre",
        ),
        *("hr", "h1", "h2", "h3", "h4", "h5", "h6", "figure", "dl"),
    )
)
_SILENT = frozenset(("script", "style", "head", "title", "template", "svg", "object"))


class _Words(HTMLParser):
    """Collects words; a paragraph ends with an empty line, a line break and a point of a list with one line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._silent = 0
        self._quoted = 0
        self._lists: list[int] = []
        """The numbers that ordered lists have come to; -1: not ordered."""
        self._keeps_spaces = 0

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _SILENT:
            self._silent += 1
        elif tag == "br":
            self._line(1)
        elif tag == "li":
            self._line(1)
            self._parts.append(f"{'  ' * min(_DEEPEST_LIST, len(self._lists) - 1)}{self._point()}")
        elif tag in ("td", "th"):
            self._parts.append(" ")
        elif tag in _BLOCKS:
            if not (self._lists and tag in ("p", "div")):  # a paragraph within a point is its text
                self._line(1 if tag == "tr" or self._lists else 2)
            if tag in ("ul", "ol"):
                self._lists.append(0 if tag == "ol" else -1)
            elif tag == "pre":
                self._keeps_spaces += 1
            elif tag == "blockquote":
                self._quoted += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BLOCKS:
            if tag in ("ul", "ol") and self._lists:
                self._lists.pop()
            elif tag == "pre":
                self._keeps_spaces = max(0, self._keeps_spaces - 1)
            elif tag == "blockquote":
                self._quoted = max(0, self._quoted - 1)
            self._line(1 if self._lists else 2)

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        if not self._keeps_spaces:
            data = re.sub(r"[ \t\n\r\f]+", " ", data)
            if self._is_at_start:
                data = data.lstrip(" ")
        if not data:
            return
        if self._quoted and self._is_at_start:
            self._parts.append("> ")
        self._parts.append(data.replace("\xa0", " "))

    @property
    def _is_at_start(self) -> bool:
        return not self._parts or (self._parts[-1].endswith(("\n", "- ", ". ")) and self._begins())

    def _begins(self) -> bool:
        last = self._parts[-1]
        return last.endswith("\n") or re.fullmatch(r" *(?:-|\d+\.) ", last) is not None

    def _point(self) -> str:
        if not self._lists or self._lists[-1] < 0:
            return "- "
        self._lists[-1] += 1
        return f"{self._lists[-1]}. "

    def _line(self, count: int) -> None:
        if not self._parts:
            return
        ends = 0
        for part in reversed(self._parts):
            stripped = part.rstrip("\n")
            ends += len(part) - len(stripped)
            if stripped:
                break
        if ends < count:
            self._parts.append("\n" * (count - ends))
