"""Markdown of a model, read as paragraphs of text with emphasis: no HTML, no pictures, and only web and mail addresses.

The library loads at the first use (`warm` does it early); plain text, which is most of what is said, never needs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Literal

from companion.gui import formulas
from companion.language import tr

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_inline import StateInline
    from markdown_it.token import Token

MOST_CELLS = 240
"""A larger table is set as lines: laying out its cells would hold the window up."""
_SCHEMES = ("http:", "https:", "mailto:")
_MARKUP = re.compile(
    r"[*_`\[~|]|\$[^\s\d]|<[A-Za-z/!?]|\\(?:[!-/:-@\[-`{-~]|$)|&#?\w+;|://|www\.|\w@\w"
    r"|^\s{0,3}(?:[#>]|[-+]\s|\d{1,9}[.)]\s|[-=]{2,}\s*$)|^(?: {4}|\t)",
    re.MULTILINE,
)
_ADDRESS = re.compile(r"://[^\s<>\"\x00-\x1f]+")
_BARE = re.compile(r"\bwww\.[^\s<>\"]+|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")
_BARE_SIGN = re.compile(r"www\.|@")
OPEN, DONE = "\u2610\u2002", "\u2611\u2002"
"""The box before a task."""
_BOX = re.compile(r"\[([ xX])\] ")
_AFTER = ".,;:!?'*_~…”’"
"""Signs that end a sentence, not an address."""


@dataclass(frozen=True, slots=True)
class Run:
    """Words that look alike."""

    text: str
    is_bold: bool = False
    is_italic: bool = False
    is_struck: bool = False
    is_code: bool = False
    href: str = ""
    """A web or mail address; empty for anything else."""

    def looks_like(self, other: Run) -> bool:
        return (self.is_bold, self.is_italic, self.is_struck, self.is_code, self.href) == (
            other.is_bold,
            other.is_italic,
            other.is_struck,
            other.is_code,
            other.href,
        )


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph, one line of code, a rule, or a table."""

    kind: Literal["text", "heading", "code", "rule", "table"] = "text"
    runs: tuple[Run, ...] = ()
    level: int = 0
    """Of a heading, from 1."""
    depth: int = 0
    """In how many lists it stands."""
    quotes: int = 0
    item_of: int = 0
    """The list whose next item begins here, counted from 1; 0: none begins."""
    number: int | None = None
    """Of the item; None: a bullet."""
    is_close: bool = False
    """Belongs to the paragraph above: an item, the next line of code."""
    rows: tuple[tuple[tuple[Run, ...], ...], ...] = ()
    """Of a table; the first is its head."""
    sides: tuple[str, ...] = ()
    """To which side the columns of a table keep: "left", "center", "right"."""

    @property
    def text(self) -> str:
        """Its words alone."""
        return "".join(
            run.text for runs in (self.runs, *(cell for row in self.rows for cell in row)) for run in runs
        )


def is_plain(text: str) -> bool:
    """Whether Markdown would leave the text as it is, so that nothing has to be read."""
    return _MARKUP.search(text) is None


def paragraphs(text: str) -> list[Paragraph]:
    """What stands in `text`."""
    return _Reader().read(_parser().parse(text))


def parted(text: str) -> tuple[int, list[Paragraph], list[Paragraph]]:
    """Where the last block of `text` begins, which may still go on; what is finished above it; and the last block."""
    tokens = _parser().parse(text)
    first = max((place for place, each in enumerate(tokens) if each.level == 0 and each.map), default=0)
    line = (tokens[first].map or [0])[0] if tokens else 0
    place = 0
    for _ in range(line):
        place = text.index("\n", place) + 1
    return place, _Reader().read(tokens[:first]), _Reader().read(tokens[first:])


def to_html(text: str) -> str:
    """HTML of a text of our own, such as a page of the help; never for what comes from outside."""
    html = str(_parser().render(text))
    return html.replace(">\n<", "><").strip()  # a line feed between blocks would be shown as a space


def warm() -> None:
    """Loads the library and builds the parser, on whatever thread has time."""
    paragraphs("*ready*")


class _Reader:
    """Tokens in, paragraphs out."""

    def __init__(self) -> None:
        self._found: list[Paragraph] = []
        self._lists: list[tuple[int, int | None]] = []
        """(which one, number of its next item) of the lists that are open."""
        self._count = self._quotes = self._level = 0
        self._list = 0
        """The outermost list that had an item last."""
        self._begins_item = False
        self._rows: list[list[tuple[Run, ...]]] | None = None
        self._sides: list[str] = []
        """Of the columns of the table."""

    def read(self, tokens: Iterable[Token]) -> list[Paragraph]:
        for token in tokens:
            self._take(token)
        return self._found

    def _take(self, token: Token) -> None:
        match token.type:
            case "inline" if self._rows is not None:
                self._rows[-1].append(tuple(_runs(token.children or ())))
            case "inline":
                kind: Literal["heading", "text"] = "heading" if self._level else "text"
                runs = _runs(token.children or ())
                self._add(
                    Paragraph(kind, tuple(_with_box(runs) if self._begins_item else runs), level=self._level)
                )
            case "heading_open" | "heading_close":
                self._level = int(token.tag[1]) if token.nesting > 0 else 0
            case "fence" | "code_block":
                for place, line in enumerate(token.content.removesuffix("\n").split("\n")):
                    self._add(Paragraph("code", (Run(line),) if line else (), is_close=place > 0))
            case "hr":
                self._add(Paragraph("rule"))
            case "blockquote_open" | "blockquote_close":
                self._quotes += token.nesting
            case "bullet_list_open" | "ordered_list_open":
                self._count += 1
                is_ordered = token.type == "ordered_list_open"
                self._lists.append((self._count, int(token.attrs.get("start", 1)) if is_ordered else None))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._begins_item = True
            case "list_item_close" if self._begins_item:
                self._add(Paragraph())
            case "table_open":
                self._rows, self._sides = [], []
            case "th_open":
                self._sides.append(str(token.attrs.get("style", "")).removeprefix("text-align:") or "left")
            case "tr_open" if self._rows is not None:
                self._rows.append([])
            case "table_close":
                self._end_table(self._rows or [])
                self._rows = None

    def _add(self, made: Paragraph) -> None:
        made = replace(made, depth=len(self._lists), quotes=self._quotes)
        if self._begins_item and self._lists:
            which, number = self._lists[-1]
            made = replace(made, item_of=which, number=number, is_close=self._list == self._lists[0][0])
            self._list = self._lists[0][0]
            self._lists[-1] = which, None if number is None else number + 1
        self._begins_item = False
        self._found.append(made)

    def _end_table(self, rows: list[list[tuple[Run, ...]]]) -> None:
        if self._begins_item:
            self._add(Paragraph())
        wide = max((len(row) for row in rows), default=0)
        if wide * len(rows) > MOST_CELLS:
            for place, row in enumerate(rows):
                words = " | ".join("".join(run.text for run in cell) for cell in row)
                self._add(Paragraph("code", (Run(words),), is_close=place > 0))
        elif rows:
            self._add(Paragraph("table", rows=tuple(tuple(row) for row in rows), sides=tuple(self._sides)))


def _runs(tokens: Sequence[Token]) -> list[Run]:
    found: list[Run] = []
    now = Run("")
    for token in tokens:
        is_on = token.nesting > 0
        match token.type:
            case "strong_open" | "strong_close":
                now = replace(now, is_bold=is_on)
            case "em_open" | "em_close":
                now = replace(now, is_italic=is_on)
            case "s_open" | "s_close":
                now = replace(now, is_struck=is_on)
            case "link_open" | "link_close":
                href = str(token.attrs.get("href", ""))
                now = replace(now, href=href if href.lower().startswith(_SCHEMES) else "")
            case "formula":
                _append(found, replace(now, text=token.content, is_italic=True))
            case "code_inline":
                _append(found, replace(now, text=token.content, is_code=True))
            case "image":
                _append(
                    found,
                    replace(now, text=tr("{content} (image not loaded)", content=token.content).strip()),
                )
            case "softbreak" | "hardbreak":  # a line a model breaks is meant as a line
                _append(found, replace(now, text="\u2028"))
            case _ if token.content and (now.href or not _BARE_SIGN.search(token.content)):
                _append(found, replace(now, text=token.content))
            case _ if token.content:
                for part in _with_bare_addresses(replace(now, text=token.content)):
                    _append(found, part)
    return found


def _with_box(runs: list[Run]) -> list[Run]:
    """The words of an item; one of a list of tasks begins with its box."""
    box = _BOX.match(runs[0].text) if runs else None
    if box is None:
        return runs
    return [replace(runs[0], text=(OPEN if box[1] == " " else DONE) + runs[0].text[box.end() :]), *runs[1:]]


def _append(found: list[Run], run: Run) -> None:
    if found and found[-1].looks_like(run):
        found[-1] = replace(run, text=found[-1].text + run.text)
    else:
        found.append(run)


def _with_bare_addresses(run: Run) -> Iterable[Run]:
    place, text = 0, run.text
    for found in _BARE.finditer(text):
        address = without_tail(found.group())
        if "." not in address.removeprefix("www."):
            continue
        start = found.start()
        yield replace(run, text=text[place:start])
        place = start + len(address)
        scheme = "https://" if address.startswith("www.") else "mailto:"
        yield replace(run, text=address, href=scheme + address)
    yield replace(run, text=text[place:])


def without_tail(address: str) -> str:
    """An address without the signs of the sentence that ends behind it."""
    while address:
        if address[-1] in _AFTER or (address[-1] in ")]" and address.count("(") < address.count(")")):
            address = address[:-1]
        else:
            break
    return address


def _bare_link(state: StateInline, silent: bool) -> bool:
    """A web address that stands in the text as it is; its signs are no emphasis."""
    found = _ADDRESS.match(state.src, state.pos)
    scheme = next((each for each in ("https", "http") if state.pending.lower().endswith(each)), "")
    if found is None or not scheme or state.linkLevel > 0:
        return False
    before = state.pending[: -len(scheme)][-1:]
    rest = without_tail(found.group())
    if before.isalnum() or len(rest) <= len("://"):
        return False
    address = state.pending[-len(scheme) :] + rest
    if not state.md.validateLink(address):
        return False
    if not silent:
        state.pending = state.pending[: -len(scheme)]
        state.push("link_open", "a", 1).attrs = {"href": state.md.normalizeLink(address)}
        state.push("text", "", 0).content = address
        state.push("link_close", "a", -1)
    state.pos += len(rest)
    return True


def _formula(state: StateInline, silent: bool) -> bool:
    found = formulas.SHORT.match(state.src, state.pos)
    if found is None:
        return False
    if not silent:
        state.push("formula", "", 0).content = formulas.plain(next(filter(None, found.groups())))
    state.pos = found.end()
    return True


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt(
        "commonmark", {"html": False, "linkify": False, "typographer": False, "maxNesting": 20}
    )
    parser.enable(["table", "strikethrough"])
    parser.inline.ruler.after("text", "bare_link", _bare_link)
    parser.inline.ruler.before("escape", "formula", _formula)
    return parser
