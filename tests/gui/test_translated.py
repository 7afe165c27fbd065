"""The window in another language: nothing that a person reads, hears or points at is left in English."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from PySide6.QtCore import QCoreApplication, QLocale, QModelIndex, Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QListView,
    QPlainTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from companion import errors
from companion.care.help import load
from companion.errors import AIProviderError, CompanionError, Kind
from companion.events import PracticeChanged, Trouble
from companion.gui import screenshots
from companion.gui.cards import Cards
from companion.gui.care import lines_of
from companion.gui.help import topics
from companion.gui.host import WindowHost
from companion.gui.labels import ReadingLabel
from companion.gui.notices import Notice, NoticeBar
from companion.gui.settings.devices import words_of
from companion.gui.shortcuts import listed
from companion.gui.theme import Look
from companion.gui.tongue import speak, speak_readably
from companion.gui.topbar import TopBar
from companion.kinds import Role, VoiceInfo
from companion.language import ENGLISH, PSEUDO, Pseudo, language, use
from companion.paths import resources
from tests.catalogues import catalogue

ROOT = Path(__file__).parents[2]
_KEYS = re.compile(r"^(Ctrl|Shift|Alt|Esc|Del|Space|F\d)\b|^https?://")


@pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)  # of this screen that is none
def test_every_text_of_every_page_went_through_the_catalogue(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, str] = {}

    async def look(widget: QWidget, path: Path, *, is_last: bool = True) -> Path:
        widget.show()
        for _ in range(3):
            QApplication.processEvents()
            await asyncio.sleep(0.002)
        for text in _texts(widget):
            seen.setdefault(text, path.stem)
        if is_last:
            widget.close()
            widget.deleteLater()
        return path

    monkeypatch.setattr(screenshots, "_picture", look)
    views = [view for view in screenshots.VIEWS if view.language == PSEUDO]
    screenshots.make_screenshots(tmp_path, views)
    said = _staged()
    english = {
        f"{page}: {text}"
        for text, page in seen.items()
        if not re.search("[‹›]", text) and re.search("[A-Za-z]{3,}", text) and not _KEYS.search(text)
        if " ".join(text.replace("\u200b", "").split()) not in said
    }
    assert len(seen) > 600, "they are not found any more"
    assert not english


@pytest.mark.usefixtures("stretched")
def test_every_card_of_an_error_is_of_the_catalogue() -> None:
    own = {name: cls for name, cls in vars(errors).items() if isinstance(cls, type)}
    kinds = [cls for cls in own.values() if issubclass(cls, AIProviderError)]
    english = set()
    for kind in Kind:
        made = [CompanionError(kind), *(cls("", "acme", kind=kind, who="ACME") for cls in kinds)]
        for error in made:
            for role in (None, *Role):
                notice = Notice.of(Trouble(error=error, role=role), lambda *_: None)
                for text in (notice.sentence, notice.hint, *(words for words, _ in notice.buttons)):
                    if _unmarked(text):
                        english.add(f"{kind}: {text}")
    assert not english


@pytest.mark.usefixtures("stretched")
def test_cards_that_are_no_errors_are_of_the_catalogue(qtbot: QtBot) -> None:
    window, look = QWidget(), Look(theme="light")
    qtbot.addWidget(window)
    bar = NoticeBar(look, window)
    host = cast(WindowHost, None)
    cards = Cards(bar, host, window)
    said: list[str] = []
    for tell in (
        cards.offer_undo,
        lambda: cards.offer_spare_key(lambda: None),
        lambda: cards.ask_about_link("https://x.y"),
    ):
        tell()
        notice = bar.current
        assert notice is not None
        said += [notice.sentence, notice.hint, *(words for words, _ in notice.buttons)]
    assert not [text for text in said if _unmarked(text.replace("https://x.y", ""))]


def _unmarked(text: str) -> bool:
    """Whether words stand outside the marks of a stretched text."""
    while (inner := re.sub("‹[^‹›]*›", "", text)) != text:
        text = inner
    return re.search("[A-Za-z]{3,}", text.replace("ACME", "")) is not None


@pytest.fixture
def stretched() -> Iterator[None]:
    use(Pseudo(PSEUDO))
    yield
    use(None)


def test_dates_numbers_and_what_qt_says_itself_follow_and_come_back(qapp: QApplication) -> None:
    says = lambda: QCoreApplication.translate("QPlatformTheme", "Cancel")  # noqa: E731 - asked three times
    before = QLocale().name(), says()
    speak(qapp, "de")
    try:
        assert (language(), QLocale().toString(1234.5), says()) == ("de", "1.234,5", "Abbrechen")
        assert QLocale().dayName(1) == "Montag"
    finally:
        speak(qapp, ENGLISH)
    assert (language(), says()) == (ENGLISH, before[1])
    assert QLocale().language() in (QLocale.Language.English, QLocale.Language.C)


def test_the_menu_of_a_text_field_speaks_hindi_though_qt_does_not(qtbot: QtBot, qapp: QApplication) -> None:
    field = QLineEdit()
    qtbot.addWidget(field)
    speak(qapp, "hi")
    try:
        said = [action.text().partition("\t")[0] for action in field.createStandardContextMenu().actions()]
        assert "कॉपी करें" in said
        assert not [text for text in said if re.search("[A-Za-z]{2,}", text)]
        assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "रहने दें"
        assert QCoreApplication.translate("QLineEdit", "Elsewhere") == "Elsewhere"
    finally:
        speak(qapp, ENGLISH)
    assert "&Copy" in [
        action.text().partition("\t")[0] for action in field.createStandardContextMenu().actions()
    ]


def test_keys_are_written_as_the_keyboards_of_the_language_do(qapp: QApplication) -> None:
    speak(qapp, "de")
    try:
        keys = {key for key, _ in listed("space")}
    finally:
        speak(qapp, ENGLISH)
    assert {"Strg+M", "Strg+Umschalt+L", "Esc", "F1"} <= keys
    german = [said for entry in catalogue("de").values() for said in entry.translations]
    assert not [said for said in german if "Ctrl" in said], "the texts name the keys as the list of them does"


def test_every_country_s_help_is_named_without_english(qapp: QApplication) -> None:
    speak(qapp, "de")
    try:
        named = [line for each in load().values() for line in lines_of(each)]
    finally:
        speak(qapp, ENGLISH)
    assert len(named) > 60
    assert not [line for line in named if re.search(r"\b(or|from|call|text|police|Dutch)\b|to \d", line)]


@pytest.mark.parametrize("page", sorted((resources() / "help").glob("*/*.md")), ids=lambda page: page.stem)
def test_a_translated_page_of_the_help_names_what_the_window_shows(page: Path) -> None:
    text, said = page.read_text("utf-8"), _said_in(page.parent.name)
    assert (page.parents[1] / page.name).exists(), "the help in English has no such page"
    assert text.startswith("# ")
    assert not [
        link for link in re.findall(r"\]\(([\w-]+\.md)\)", text) if not (page.parents[1] / link).exists()
    ]
    menus = [
        " ".join(part.split())
        for path in re.findall(r"\*([^*]+ > [^*]+)\*", text)
        for part in path.split(">")
    ]
    unknown = [
        name for name in menus if not any(each == name or each.startswith(f"{name}:") for each in said)
    ]
    assert not unknown


def test_how_a_voice_sounds_is_told_in_the_language_of_the_window(qapp: QApplication) -> None:
    speak(qapp, "de")
    try:
        told = words_of(VoiceInfo(id="x", name="George", description="warm, British"))
        unknown = words_of(VoiceInfo(id="y", name="Ann", description="from Wales"))
        plain = words_of(VoiceInfo(id="z", name="Eve"))
    finally:
        speak(qapp, ENGLISH)
    assert told == "George  (en · warm, britisch)"
    assert (unknown, plain) == ("Ann  (en · from Wales)", "Eve  (en)")


def test_the_list_of_the_help_is_in_the_language_of_the_window_also_where_a_page_is_not(
    qapp: QApplication,
) -> None:
    speak(qapp, ENGLISH)
    english = {topic.title for topic in topics()}
    for code in ("de", "hi"):
        speak(qapp, code)
        try:
            titles = [topic.title for topic in topics()]
        finally:
            speak(qapp, ENGLISH)
        assert not english & set(titles)
        assert all(topic.text.startswith(f"# {topic.title}\n") for topic in topics())
    assert {topic.title for topic in topics()} == english


def _said_in(code: str) -> set[str]:
    return {said for entry in catalogue(code).values() for said in entry.translations}


@pytest.fixture
def from_the_right(qapp: QApplication) -> Iterator[None]:
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    yield
    qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


@pytest.mark.usefixtures("from_the_right")
def test_what_reads_from_the_right_begins_there(qtbot: QtBot) -> None:
    look = Look(theme="light")
    bar, lead = TopBar(look, tuple), ReadingLabel("\u05e9\u05dc\u05d5\u05dd", "said")
    page = QWidget()
    qtbot.addWidget(page)
    for widget, wide in ((bar, 1000), (lead, 400)):
        widget.setParent(page)
        widget.resize(wide, 70)
    page.resize(1000, 70)
    page.show()
    bar.show_practice(
        PracticeChanged(name="open-reflection", title="Reflection", step=0, steps=0, opening="")
    )
    QApplication.processEvents()
    assert bar.practice.geometry().right() > 950, "the title is where a line begins"
    ink = lead.grab().toImage()
    ground = ink.pixelColor(1, 1)
    columns = [x for x in range(ink.width()) for y in range(ink.height()) if ink.pixelColor(x, y) != ground]
    assert min(columns) > ink.width() / 2


def _texts(window: QWidget) -> Iterator[str]:
    for widget in [window, *window.findChildren(QWidget)]:
        yield from (
            widget.windowTitle(),
            widget.accessibleName(),
            widget.accessibleDescription(),
            widget.toolTip(),
        )
        if isinstance(widget, QLabel | QAbstractButton):
            yield widget.text()
        if isinstance(widget, QLineEdit | QPlainTextEdit):
            yield widget.placeholderText()
        if isinstance(widget, QComboBox):
            yield from (widget.itemText(at) for at in range(widget.count()))
        if isinstance(widget, QAbstractItemView) and (model := widget.model()) is not None:
            columns = 1 if isinstance(widget, QListView) else min(6, model.columnCount(QModelIndex()))
            for row in range(min(40, model.rowCount(QModelIndex()))):
                for column in range(columns):
                    for role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
                        if isinstance(text := model.index(row, column).data(role), str):
                            yield text


@pytest.mark.parametrize(("fonts", "speaks"), [(["Noto Sans Devanagari"], "hi"), ([], "en")])
def test_letters_that_no_font_has_are_not_shown_as_boxes(
    fonts: list[str], speaks: str, qapp: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFontDatabase, "families", lambda _: fonts)
    try:
        told = speak_readably(qapp, "hi")
        assert language() == speaks
        assert (told is None) == (speaks == "hi")
        if told is not None:
            assert told.message == "No font of this computer has the letters of Hindi."
    finally:
        speak(qapp, ENGLISH)


def _staged() -> str:
    """What people, models and files say in the pictures: content, which no catalogue has."""
    files = [
        *(ROOT / "companion" / "gui").glob("staged*.py"),
        *(resources() / "practices").glob("*.md"),
        *(resources() / "help").glob("*.md"),
        *(resources() / name for name in ("models.yaml", "local_models.yaml")),
    ]
    return " ".join(" ".join(re.sub(r'["\n]+', " ", file.read_text("utf-8")) for file in files).split())
