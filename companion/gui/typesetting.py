"""How a script looks on paper: captions, the person's words, the companion's words, in one `QTextDocument`. Main thread.

Everything is appended at the end of the document or replaces its tail; the caller keeps the positions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from PySide6.QtGui import (
    QFont,
    QFontMetricsF,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
)

from companion import days
from companion.days import When
from companion.flow import TurnRecord
from companion.gui import markdown
from companion.gui.clean import SHOWN_CHARS, SHOWN_SIGNS, breakable, clean_text, shown_end
from companion.gui.marked import Marked
from companion.gui.theme import READING_LINE, Look
from companion.kinds import ReplyState
from companion.language import mark, tr

Kind = Literal["said", "told", "caption", "heading"]
_INK = {"said": "soft", "told": "ink", "caption": "faint", "heading": "ink"}
_TURN_GAP_PX = 26
_CAPTION_GAP_PX = 6
_NUMBER_GAP_PX = 5
"""Beside the number of an item."""
_AIR_PX = 14
"""Below the last line."""
EARLIER = "companion:earlier"
"""Address of the line that brings older turns."""
MORE = "companion:more"
"""Address of the line that brings the rest of very long words, with the turn's place appended."""
_SIGN = "[^\\w\\s\ufdd0\ufdd1\ufffc]"
"""Neither letter nor space, nor what stands for the edges of tables and pictures in a document."""
_ENDINGS = {
    ReplyState.INTERRUPTED: mark("You went on before the rest was heard"),
    ReplyState.CUT_OFF: mark("The answer was cut off here"),
    ReplyState.PARTIAL: mark("The answer ended here"),
}


def units(text: str) -> int:
    """The length of a text as a document counts: signs of the higher planes, such as most emoji, are two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass(slots=True, kw_only=True)
class ShownTurn:
    """One exchange as it stands on the page."""

    said: str = ""
    said_at: When | None = None
    is_sent: bool = False
    """False while `said` is only what a recogniser has heard so far."""
    told: str = ""
    told_at: When | None = None
    state: ReplyState | None = None
    """None while it goes on."""
    heard: str = ""
    """The part of `told` that reached the person; only looked at when `state` is INTERRUPTED."""
    pieces: int = 1
    """How many pieces of `SHOWN_CHARS` of a very long text are shown."""
    who: str = ""
    """Who answered, where it was not the one who was chosen."""

    @property
    def teller(self) -> str:
        """Whose words stand in `told`."""
        return f"Companion · {self.who}" if self.who else "Companion"

    @classmethod
    def of(cls, record: TurnRecord) -> ShownTurn:
        """With the person's clock of that time: the answer came where the words were said."""
        is_told = bool(record.reply_text) and record.reply_at is not None
        return cls(
            said=record.user_text,
            said_at=When.of(record.at, record.offset_s),
            told=record.reply_text,
            told_at=When.of(record.reply_at or 0.0, record.offset_s) if is_told else None,
            state=record.reply_state,
            heard=record.heard_text,
        )


class Typesetter:
    """Writes one document in the fonts and colours of a look."""

    def __init__(self, document: QTextDocument, look: Look) -> None:
        self._document = document
        self._look = look
        self._day: date | None = None
        """Of the caption above."""
        self._shape_page()

    @property
    def end(self) -> int:
        """Where the next thing is written."""
        return max(0, self._document.characterCount() - 1)

    def chars(self, kind: Kind) -> QTextCharFormat:
        """The character format of a kind of text."""
        result = QTextCharFormat()
        result.setFont(self._font(kind))
        result.setForeground(self._look.colour(_INK[kind]))
        return result

    def begin_page(self) -> None:
        """The document is empty again."""
        self._document.clear()
        self._day = None
        self._shape_page()

    def _shape_page(self) -> None:
        wide = QFontMetricsF(self._font("told")).horizontalAdvance("00.")
        self._document.setIndentWidth(round(wide) + self._look.px(_NUMBER_GAP_PX))
        root = self._document.rootFrame()
        shape = root.frameFormat()
        shape.setBottomMargin(self._look.px(_AIR_PX))
        root.setFrameFormat(shape)

    def caption(self, who: str, when: When | None, *, first: bool = False) -> None:
        """The small line above somebody's words: the time, with the day where another one begins on the page."""
        words = who
        if when is not None:
            is_other_day = self._day not in (None, when.day)
            day = f"{when.day_in_words(days.now().day)}, " if is_other_day else ""
            words, self._day = f"{who} · {day}{when.clock}", when.day
        self._begin("caption", above_px=0 if first else _TURN_GAP_PX)
        self._write(words, self.chars("caption"))

    def begin(self, kind: Kind) -> int:
        """A new paragraph; returns where its text starts."""
        self._begin(kind, above_px=_CAPTION_GAP_PX)
        return self.end

    def heading(self, text: str) -> None:
        self._begin("heading")
        self._write(clean_text(text), self.chars("heading"))

    def write(self, kind: Kind, text: str) -> None:
        """Goes on with the last paragraph; `text` is clean and breakable, every line feed begins another block."""
        cursor = self.cursor()
        style = self.chars(kind)
        first, *others = text.split("\n")
        cursor.beginEditBlock()
        cursor.insertText(first, style)
        for line in others:
            cursor.insertBlock(self._block(kind, 0), style)
            cursor.insertText(line, style)
        cursor.endEditBlock()

    def write_long(self, kind: Kind, text: str, pieces: int, place: int) -> None:
        """Raw words of any length: at most `pieces` pieces, and a line that brings more. Markdown for the companion's."""
        end = shown_end(text, SHOWN_CHARS * pieces, SHOWN_SIGNS * pieces)
        shown = clean_text(text[:end])
        if kind == "told" and not markdown.is_plain(shown):
            Marked(self, self._look).set(markdown.paragraphs(breakable(shown)[0]))
        else:
            self.write(kind, breakable(shown)[0])
        self.more(len(text) - end, place)

    def more(self, hidden: int, place: int) -> None:
        """The line that brings the rest, where characters are hidden."""
        if hidden > 0:
            self.link(tr("Show more ({hidden:,} characters)", hidden=hidden), f"{MORE}/{place}")

    def ending(self, state: ReplyState | None) -> None:
        """The quiet mark under an answer that did not end as it should; nothing for a whole one."""
        if state in _ENDINGS:
            self._begin("caption", above_px=_CAPTION_GAP_PX)
            self._write(tr(_ENDINGS[state]), self.chars("caption"))

    def link(self, text: str, href: str) -> None:
        """A line of the window's own that can be followed."""
        self._begin("caption", above_px=_CAPTION_GAP_PX)
        style = self.chars("caption")
        style.setAnchor(True)
        style.setAnchorHref(href)
        style.setForeground(self._look.colour("accent"))
        self._write(text, style)

    def cut(self, start: int) -> None:
        """Takes away everything from `start` on."""
        cursor = self.cursor()
        cursor.setPosition(start, QTextCursor.MoveMode.KeepAnchor)
        first = self._document.findBlock(start).blockFormat()
        cursor.removeSelectedText()
        if cursor.blockFormat() != first:  # the joined paragraph took the last one's shape
            cursor.setBlockFormat(first)

    def span(self, start: int, end: int) -> QTextCursor:
        """A cursor that holds a part of the document."""
        cursor = QTextCursor(self._document)
        cursor.setPosition(min(start, self.end))
        cursor.setPosition(min(end, self.end), QTextCursor.MoveMode.KeepAnchor)
        return cursor

    def find(self, words: str, start: int) -> tuple[int, int] | None:
        """Where these words stand from `start` on, whatever signs are between them."""
        parts = [re.escape(word) for word in re.findall(r"\w+", words)]
        if not parts:
            return None
        text = self.span(start, self.end).selectedText()
        found = re.search(r"\W+".join(parts) + f"{_SIGN}*", text)
        return (start + units(text[: found.start()]), start + units(text[: found.end()])) if found else None

    def letters(self, start: int, first: int, last: int) -> tuple[int, int]:
        """Where the letters and digits from number `first` to before `last` stand, counted from `start`, with the signs
        that belong to them."""
        text = self.span(start, self.end).selectedText()
        places = [place for place, sign in enumerate(text) if sign.isalnum()]
        begin = places[first] if first < len(places) else len(text)
        while begin and re.match(_SIGN, text[begin - 1]):
            begin -= 1
        end = begin if last <= first else places[last - 1] + 1 if last <= len(places) else len(text)
        while last > first and end < len(text) and re.match(_SIGN, text[end]):
            end += 1
        return start + units(text[:begin]), start + units(text[:end])

    def parts(self, start: int, end: int) -> list[tuple[int, int]]:
        """The same, paragraph by paragraph: what is chosen across several is painted over the numbers of a list, too."""
        found = []
        block = self._document.findBlock(start)
        while block.isValid() and block.position() < end:
            first, last = max(start, block.position()), min(end, block.position() + block.length() - 1)
            found += [(first, last)] if first < last else []
            block = block.next()
        return found

    def behind(self, place: int) -> int:
        """The same place, or where the table ends in which it is: a part of a table cannot be chosen with what follows."""
        table = self.span(place, place).currentTable()
        return place if table is None else table.lastPosition() + 1

    def fade(self, start: int, end: int) -> None:
        """Words nobody heard."""
        style = QTextCharFormat()
        style.setForeground(self._look.colour("faint"))
        self.span(self.behind(start), end).mergeCharFormat(style)

    # -- below ----------------------------------------------------------------------------------------------

    def _font(self, kind: Kind) -> QFont:
        font = self._look.font(kind)
        if kind in ("said", "told"):
            font.setPointSizeF(font.pointSizeF() * self._look.captions)
        return font

    def _block(self, kind: Kind, above_px: float) -> QTextBlockFormat:
        result = QTextBlockFormat()
        font = self._font(kind)
        metrics = QFontMetricsF(font)
        line = {"caption": 1.35, "heading": 1.3}.get(kind, READING_LINE)
        if kind == "heading":
            result.setBottomMargin(self._look.px(6))
        wanted = line * metrics.fontDpi() / 72 * font.pointSizeF()
        percent = 100 * wanted / metrics.lineSpacing()
        result.setLineHeight(percent, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        result.setTopMargin(self._look.px(above_px) if above_px else 0)
        return result

    def _begin(self, kind: Kind, *, above_px: float = 0) -> None:
        cursor = self.cursor()
        style = self._block(kind, above_px)
        if self._document.isEmpty():
            cursor.setBlockFormat(style)
            cursor.setBlockCharFormat(self.chars(kind))
        else:
            cursor.insertBlock(style, self.chars(kind))

    def _write(self, text: str, style: QTextCharFormat) -> None:
        self.cursor().insertText(text, style)

    def cursor(self) -> QTextCursor:
        """At the end."""
        cursor = QTextCursor(self._document)
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor

    def line_px(self) -> int:
        """Height of one line of the companion's words."""
        line = self._block("told", 0).lineHeight() / 100
        return round(QFontMetricsF(self._font("told")).lineSpacing() * line)

    def told_block(self, above_px: float) -> QTextBlockFormat:
        """The shape of a paragraph of the companion's."""
        return self._block("told", above_px)

    def told_chars(self) -> QTextCharFormat:
        return self.chars("told")
