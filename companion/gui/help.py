"""The help: topics at the left, one of them to read. The texts are Markdown in `resources/help`, in order of name.

In a text `{keys}` stands for the table of all keys, and `{talk}` for the talk key. Main thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFrame,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QWidget,
)

from companion import language
from companion.gui import markdown
from companion.gui.announce import announce
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.focus import step
from companion.gui.labels import label
from companion.gui.reading import ReadingPage
from companion.gui.search_field import SearchField
from companion.gui.shortcuts import listed
from companion.gui.theme import READING_LINE, Look, families
from companion.language import mark, tr, trc, trn
from companion.paths import resources

_LIST_PX = 268
_HANGS = re.compile(r"\n {2,}(?=\S)")
"""Goes on with an entry of a list."""
_WRAPS = re.compile(r"(?<=\S)\n(?=[^\s|#-])(?<!\|\n)")
"""Goes on with a paragraph."""
_SIZE = QSize(860, 620)
_ABOUT = "help"
"""Property of a page or a dialog: the topic that is about it; of the settings, "settings:" and the page."""
_ABOUT_SETTINGS = {
    "thinking": "models",
    "hearing": "models",
    "voice": "models",
    "talking": "first-steps",
    "sound": "troubles",
    "shortcuts": "keys",
    "journal": "journal",
    "memory": "memory",
    "privacy": "what-leaves",
    "servers": "own-servers",
}
"""Topics about pages of the settings; the others are in one of their own."""
_FOR_PROGRAMMERS = {
    "library": mark("The library (in English)"),
    "inside": mark("Inside (in English)"),
    "promises": mark("What was measured (in English)"),
}
"""Titles of the pages that are written in English only."""
_COMMANDS = re.compile(r"(^```$.*?^```$)", re.MULTILINE | re.DOTALL)
"""Lines that stay as they are."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One text."""

    name: str
    """Its file's, without number and ending."""
    title: str
    text: str
    """Markdown, with its title."""


def topics() -> tuple[Topic, ...]:
    """Every text there is, in order: in the language of the interface, where it was translated."""
    return _topics_in(language.language())


@cache
def _topics_in(code: str) -> tuple[Topic, ...]:
    folder = resources() / "help"
    translated = {path.name: path for path in folder.glob(f"{code}/*.md")}
    return tuple(
        _topic(path.stem, translated.get(path.name, path).read_text(encoding="utf-8"))
        if path.name in translated or code == language.ENGLISH
        else _in_english(_topic(path.stem, path.read_text(encoding="utf-8")))
        for path in sorted(folder.glob("*.md"))
    )


def _in_english(topic: Topic) -> Topic:
    """A page for programmers, which nobody translated, under a title that everybody reads."""
    title = tr(_FOR_PROGRAMMERS.get(topic.name, topic.title))
    return Topic(topic.name, title, f"# {title}\n{topic.text.partition(chr(10))[2]}")


def _topic(stem: str, text: str) -> Topic:
    return Topic(stem.partition("-")[2], text.partition("\n")[0].lstrip("# ").strip(), text)


def unwrapped(text: str) -> str:
    """Every paragraph on one line: the lines of a file are no lines of the page, except those of commands."""
    parts = _COMMANDS.split(text)
    parts[::2] = (_WRAPS.sub(" ", _HANGS.sub(" ", part)) for part in parts[::2])
    return "".join(parts)


def topic_here() -> str:
    """The topic about what has the focus; empty: about nothing in particular."""
    around = QApplication.focusWidget() or QApplication.activeWindow()
    while around is not None:
        if about := str(around.property(_ABOUT) or ""):
            settings, _, page = about.rpartition(":")
            return _ABOUT_SETTINGS.get(page, settings) if settings else about
        around = around.parentWidget()
    return ""


class HelpPage(QWidget):
    """One per window.

    Args:
        talk_key: the one of now, as the settings name it.
    """

    link_followed = Signal(str)
    """Leads out of this program."""
    welcome_wanted = Signal()

    def __init__(self, look: Look, talk_key: Callable[[], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look, self._talk_key = look, talk_key
        self._read = ""
        """The topic that stands there."""
        self.setProperty("page", "true")
        self.search = SearchField(look, tr("Search the help"))
        self.search.setPlaceholderText(tr("Search"))
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Topics of the help"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setWordWrap(True)
        for topic in topics():
            item = QListWidgetItem(topic.title)
            item.setData(Qt.ItemDataRole.UserRole, topic.name)
            self.list.addItem(item)
        self.welcome = QPushButton(tr("Show the welcome"))
        self.welcome.clicked.connect(self.welcome_wanted)
        self.text = ReadingPage(look, from_below=False)
        self.text.setAccessibleName(tr("Help"))
        self.text.setAccessibleDescription(tr("The chosen topic"))
        self.text.anchorClicked.connect(self._follow)
        self._build()
        self.search.textChanged.connect(self._look_for)
        self.search.returnPressed.connect(self.list.setFocus)
        self.list.currentItemChanged.connect(lambda *_: self._show())
        self.list.setCurrentRow(0)
        look.changed.connect(self._dress)
        self._dress()

    def show_topic(self, name: str) -> None:
        """Turns to a text by its name."""
        self.search.clear()
        for row in range(self.list.count()):
            if self.list.item(row).data(Qt.ItemDataRole.UserRole) == name:
                self.list.setCurrentRow(row)

    def escape(self) -> bool:
        """Leaves the search; False: nothing is looked for."""
        if not self.search.text():
            return False
        self.search.clear()
        return True

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()  # the talk key may be another one now

    def _build(self) -> None:
        self._side = QWidget()
        left = in_column(inside=self._side, spacing=12, margins=(14, 22, 14, 14))
        title = label(tr("Help"), "state")
        title.setProperty("role", "heading")
        title.setContentsMargins(8, 0, 0, 0)
        left.addWidget(title)
        left.addWidget(self.search)
        left.addWidget(self.list, 1)
        left.addWidget(self.welcome)
        right = QWidget()
        in_column(self.text, inside=right, margins=(0, 18, 0, 0))
        row = in_row(self._side, inside=self, spacing=0, margins=NONE)
        line = QFrame()
        line.setProperty("hairline", "upright")
        row.addWidget(line)
        row.addWidget(right, 1)

    def _dress(self) -> None:
        self._side.setFixedWidth(self._look.px(_LIST_PX))
        self._show()

    def _show(self) -> None:
        topic = next((each for each in topics() if each.name == self._chosen), None)
        if topic is None:
            return
        keys = listed(self._talk_key())
        table = "\n".join(f"| `{key}` | {does} |" for key, does in keys)
        head = f"| {trc('of the keyboard', 'Key')} | {tr('What it does')} |\n|---|---|"
        text = topic.text.replace("{keys}", f"{head}\n{table}").replace("{talk}", keys[0][0])
        seen, self._read = self.text.seen if topic.name == self._read else (0, 0), topic.name
        self.text.document().setDefaultStyleSheet(self._sheet())
        self.text.setHtml(markdown.to_html(unwrapped(text)))
        self.text.settle()
        self.text.see(*seen)
        self._mark()

    def _look_for(self, words: str) -> None:
        """Only topics with all these words stand in the list; the first word is marked in the one that is read."""
        wanted = words.casefold().split()
        found = [all(word in each.text.casefold() for word in wanted) for each in topics()]
        for row, is_found in enumerate(found):
            self.list.item(row).setHidden(not is_found)
        current = self.list.currentItem()
        if not any(found):
            self.text.setPlainText(tr("Nothing was found"))
        elif current is None or current.isHidden():
            self.list.setCurrentRow(found.index(True))
        else:
            self._show()
        if wanted:
            announce(self.list, trn("{n} found", "{n} found", sum(found)))

    def _mark(self) -> None:
        """The first of the words that are looked for, wherever it stands first."""
        wanted = self.search.text().split()
        if wanted and self.text.find(wanted[0]):
            self.text.ensureCursorVisible()

    @property
    def _chosen(self) -> str:
        item = self.list.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    def _follow(self, address: QUrl) -> None:
        if address.isRelative():
            self.show_topic(address.toString().removesuffix(".md").partition("-")[2])
        else:
            self.link_followed.emit(address.toString())

    def _sheet(self) -> str:
        look, px = self._look, self._look.px
        body, title, part = look.font("said"), look.font("heading"), look.font("state")
        ink, line = look.palette.ink, f"line-height: {READING_LINE * 82:.0f}%;"
        text = f"font-family: '{body.family()}'; font-size: {body.pointSizeF():.2f}pt; color: {ink}; {line}"
        return (
            f"p, li, td, th {{ {text} margin: 0 0 {px(14)}px 0; }} li {{ margin-bottom: {px(6)}px; }}"
            f"ul, ol {{ margin: 0 0 {px(10)}px 0; }} td, th {{ padding: {px(4)}px {px(16)}px {px(4)}px 0; }}"
            f"h1 {{ font-family: '{title.family()}'; font-size: {title.pointSizeF():.2f}pt; font-weight: 400; "
            f"color: {ink}; margin: 0 0 {px(16)}px 0; }}"
            f"h2 {{ font-family: '{part.family()}'; font-size: {part.pointSizeF() * 1.08:.2f}pt; font-weight: 600; "
            f"color: {ink}; margin: {px(12)}px 0 {px(8)}px 0; }}"
            f"table {{ margin: {px(4)}px 0 {px(18)}px 0; }} th {{ font-weight: 600; text-align: left; }} "
            f"a {{ color: {look.palette.accent}; }}"
            f"pre {{ white-space: pre-wrap; margin: {px(4)}px 0 {px(14)}px 0; }} "
            f"code {{ font-family: '{families().mono}'; font-size: {body.pointSizeF() * 0.9:.2f}pt; "
            f"color: {look.palette.accent}; }}"
        )


class HelpDialog(QDialog):
    """The same over a dialog that is in front; it goes when it is closed."""

    def __init__(self, look: Look, talk_key: Callable[[], str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Help"))
        self.page = HelpPage(look, talk_key)
        self.page.welcome.hide()
        in_column(self.page, inside=self, margins=NONE)
        self.resize(
            QSize(look.px(_SIZE.width()), look.px(_SIZE.height())).boundedTo(self.screen().availableSize())
        )
        self.page.list.setFocus()

    def focusNextPrevChild(self, next: bool) -> bool:
        return step(self, forward=next)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape or not self.page.escape():
            super().keyPressEvent(event)
