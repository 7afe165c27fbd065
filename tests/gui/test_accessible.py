"""The window as a screen reader meets it: every page's tree is walked, also from right to left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from PySide6 import QtGui
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QAccessibleEvent,
    QAccessibleInterface,
)
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget

from companion import language
from companion.events import (
    JournalOpened,
    Mark,
    Note,
    Phase,
    PhaseChanged,
    SentenceHeard,
    TimelineMarked,
    TurnFinished,
)
from companion.flow import Sentence, TurnRecord
from companion.gui.exchange.exporting import ExportDialog
from companion.gui.exchange.importing import ImportDialog
from companion.gui.locked import LockedPage
from companion.gui.roles import tell_roles
from companion.gui.settings.card import ChoiceCard
from companion.gui.settings.page import find_pages
from companion.gui.staged import PAGES, SCENES, StagedAppearance, StagedHost as StagedApp, StagedSettings
from companion.gui.talk import RADIUS_PX
from companion.gui.theme import Look
from companion.gui.window import Window
from companion.kinds import ReplyState
from companion.paths import resources
from companion.records import Selection
from tests.gui.settings_host import StagedHost, settle, shown

_R = QAccessible.Role
_PRESSED = {_R.Button, _R.CheckBox, _R.RadioButton, _R.MenuItem, _R.PageTab, _R.Link, _R.ButtonMenu}
_VALUED = {_R.ComboBox, _R.EditableText, _R.Slider, _R.SpinBox, _R.List, _R.Tree, _R.Table, _R.ProgressBar}
_INSIDE = {_R.ComboBox, _R.SpinBox}
"""What they consist of is read as a part of them."""


def walk(
    node: QAccessibleInterface, above: tuple[_R, ...] = ()
) -> Iterator[tuple[QAccessibleInterface, tuple[_R, ...]]]:
    if node.state().invisible:
        return
    yield node, above
    for place in range(node.childCount()):
        child = node.child(place)
        if child is not None and child.isValid():
            yield from walk(child, (*above, node.role()))


def unnamed(widget: QWidget) -> list[str]:
    """Controls that a screen reader cannot tell apart: without a name, or with a value but nothing that says of what."""
    root = QAccessible.queryAccessibleInterface(widget)
    assert root is not None
    found = []
    for node, above in walk(root):
        role, thing = node.role(), node.object()
        if role not in _PRESSED | _VALUED or _INSIDE & set(above):
            continue
        name = node.text(QAccessible.Text.Name).strip()
        labels = [
            label.text(QAccessible.Text.Name) for label, _ in node.relations(QAccessible.RelationFlag.Label)
        ]
        says_what = [each for each in labels if each.strip()]
        if role is _R.ComboBox and not says_what:
            found.append(f"{thing!r} reads its value {name!r} without saying of what")
        elif not name and not says_what:
            found.append(f"{role} {thing!r} has no name")
    return found


@pytest.fixture
async def exchange(qapp: QApplication) -> AsyncIterator[list[QWidget]]:
    look = Look()
    look.wear()
    dialogs: list[QWidget] = [ImportDialog(None, look), ExportDialog(None, look)]  # type: ignore[arg-type]  # not asked
    yield dialogs
    for dialog in dialogs:
        dialog.deleteLater()


def staged(scene: str, font_scale: float = 1.0) -> Window:
    host = StagedApp()
    host.settings = StagedSettings(StagedAppearance(font_scale=font_scale))
    window = Window(host)
    window.show()
    SCENES[scene](host)
    window.page.script.flush()
    if scene in PAGES:
        window.show_page(PAGES[scene])
    return window


async def freed(window: QWidget) -> None:
    window.close()
    window.deleteLater()
    await settle()


@pytest.mark.parametrize(
    "scene", ["idle", "speaking", "trouble", "care", "journal", "insights", "practices", "help"]
)
async def test_every_control_of_the_window_says_what_it_is(qapp: QApplication, scene: str) -> None:
    window = staged(scene)
    await settle()
    assert unnamed(window) == []
    await freed(window)


def roles_of(widget: QWidget) -> dict[str, _R]:
    """By name."""
    root = QAccessible.queryAccessibleInterface(widget)
    return {node.text(QAccessible.Text.Name): node.role() for node, _ in walk(root)}


async def test_pages_are_tabs_choices_are_radio_buttons_and_titles_are_headings(qapp: QApplication) -> None:
    window = staged("idle")
    await settle()
    told = roles_of(window)
    talk, journal = (
        QAccessible.queryAccessibleInterface(window.rail.buttons[page]) for page in ("talk", "journal")
    )
    assert (talk.role(), bool(talk.state().selected)) == (_R.PageTab, True)
    assert (journal.role(), bool(journal.state().selected)) == (_R.PageTab, False)
    assert told["Neither"] is _R.RadioButton
    assert told[window.page.opening.text()] is _R.Heading
    press = journal.actionInterface()
    press.doAction(press.actionNames()[0])
    await settle()
    assert window.pages.shown == "journal"
    assert journal.state().selected
    await freed(window)


async def test_a_card_of_the_settings_is_a_radio_button(qapp: QApplication) -> None:
    tell_roles()
    async with shown(StagedHost()) as dialog:
        dialog.show_page("thinking")
        await settle()
        cards = dialog.page.findChildren(ChoiceCard)  # type: ignore[union-attr]  # a page of a role
        assert len(cards) > 3
        for card in cards:
            assert QAccessible.queryAccessibleInterface(card).role() is _R.RadioButton


async def test_every_control_of_the_settings_says_what_it_is(qapp: QApplication) -> None:
    async with shown(StagedHost()) as dialog:
        for info in find_pages():
            dialog.show_page(info.name)
            await settle()
            assert unnamed(dialog) == [], info.title
        dialog.show_page("thinking")
        await settle()
        dialog.page.choose("openai")  # type: ignore[union-attr]  # a page of a role
        await settle()
        assert unnamed(dialog) == []


async def test_every_control_of_the_exchange_says_what_it_is(exchange: list[QWidget]) -> None:
    for dialog in exchange:
        dialog.show()
        await asyncio.sleep(0.01)
        assert unnamed(dialog) == []
        dialog.hide()


@pytest.mark.parametrize("scene", ["idle", "trouble", "journal", "insights", "practices", "help"])
async def test_from_right_to_left_the_window_is_mirrored(qapp: QApplication, scene: str) -> None:
    qapp.setLayoutDirection(Qt.LayoutDirection.RightToLeft)
    try:
        window = staged(scene)
        await settle()
        middle = window.width() // 2
        assert window.rail.mapTo(window, window.rail.rect().center()).x() > middle
        assert unnamed(window) == []
        await freed(window)
    finally:
        qapp.setLayoutDirection(Qt.LayoutDirection.LeftToRight)


@pytest.mark.parametrize("scene", ["idle", "finished", "trouble", "care", *PAGES])
async def test_large_text_in_a_small_window_squeezes_no_button(qapp: QApplication, scene: str) -> None:
    window = staged(scene, font_scale=2.0)
    window.resize(900, 600)
    await settle()
    assert window.width() == 900
    for button in window.findChildren(QAbstractButton):
        if button.isVisible() and button.text():
            left = button.mapTo(window, button.rect().topLeft()).x()
            assert button.width() >= button.minimumSizeHint().width(), f"{button.text()} is squeezed"
            assert left >= 0, button.text()
            assert left + button.width() <= window.width(), f"{button.text()} is cut"
    await freed(window)
    Look().wear()


@pytest.mark.parametrize("scene", ["idle", "finished"])
async def test_large_text_in_a_small_window_keeps_every_word(qapp: QApplication, scene: str) -> None:
    window = staged(scene, font_scale=2.0)
    window.resize(900, 600)
    await settle()
    page = window.page
    for words in (page.opening, page.privacy) if scene == "idle" else (page.closing.over,):
        assert words.height() >= words.heightForWidth(words.width()), words.text()
    if scene == "finished":
        lines = page.script.height() / page.script.fontMetrics().lineSpacing()
        assert lines >= 2, "the card leaves what was said in sight"
    for pill in window.bar.pills.values():
        assert pill._elided(is_short=True) == pill.label
    assert len({pill._fonts(is_short=True)[1].pointSizeF() for pill in window.bar.pills.values()}) == 1
    await freed(window)
    Look().wear()


async def test_beside_the_card_of_help_large_text_leaves_room_to_talk_and_to_write(
    qapp: QApplication,
) -> None:
    window = staged("care", font_scale=2.0)
    window.resize(900, 600)
    window._host.events.emit(PhaseChanged(turn=1, phase=Phase.READY))
    await settle()
    area, page = window.page.area, window.page
    top = area.button.mapTo(page, area.button.rect().center()).y() - RADIUS_PX * area.button.size_factor
    assert top >= -1, "the button is whole"
    field = area.composer.field
    line = field.mapTo(page, field.viewport().rect().center()).y() + field.fontMetrics().height() / 2
    assert line <= page.height(), "so is the line that is written"
    for words in (window.care.title, window.care.emergency, window.care.line, window.care.quiet):
        assert words.height() >= words.heightForWidth(words.width()), words.text()
    await freed(window)
    Look().wear()


async def test_the_field_follows_the_direction_of_what_is_written(qapp: QApplication) -> None:
    window = staged("idle")
    field = window.page.area.composer.field
    for text, direction in (
        ("שלום", Qt.LayoutDirection.RightToLeft),
        ("hello", Qt.LayoutDirection.LeftToRight),
    ):
        field.setPlainText(text)
        assert field.document().firstBlock().textDirection() is direction
    await freed(window)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a screen reader was given to say."""
    said: list[str] = []

    class Listening(QAccessible):
        @staticmethod
        def isActive() -> bool:
            return True

        @staticmethod
        def updateAccessibility(event: QAccessibleEvent) -> None:
            assert isinstance(event, QAccessibleAnnouncementEvent)
            said.append(event.message())

    monkeypatch.setattr(QtGui, "QAccessible", Listening)
    return said


def answered(text: str) -> TurnFinished:
    record = TurnRecord(
        id=1, session_id=1, at=0.0, user_text="Words", reply_text=text, reply_state=ReplyState.WHOLE
    )
    return TurnFinished(turn=1, record=record, saved=True)


async def test_of_an_answer_is_read_aloud_what_no_voice_has_spoken(
    qapp: QApplication, heard: list[str]
) -> None:
    text = "One sentence. Another one. "
    first = Sentence(index=0, text="One sentence. ", start=0, spoken="One sentence.")
    second = Sentence(index=1, text="Another one. ", start=len(first.text), spoken="Another one.")
    for sounded, rest in (((), text.strip()), ((first,), "Another one."), ((first, second), "")):
        window = staged("idle")
        events = window._host.events
        events.emit(TimelineMarked(turn=1, mark=Mark.ASKED, at_s=0.0))
        for sentence in sounded:
            events.emit(SentenceHeard(turn=1, sentence=sentence))
        heard.clear()
        events.emit(answered(text))
        assert [each for each in heard if "sentence" in each or "Another" in each] == (
            [f"Companion: {rest}"] if rest else []
        )
        await freed(window)


async def test_what_stands_at_the_foot_or_on_another_page_is_read_aloud_when_it_changes(
    qapp: QApplication, heard: list[str]
) -> None:
    window = staged("idle")
    events = window._host.events
    heard.clear()
    events.emit(JournalOpened(storage="keyring"))
    assert heard == []
    events.emit(Note(text="Text size 110%"))
    events.emit(JournalOpened(storage="memory", is_by_choice=True))
    events.emit(JournalOpened(storage="keyring"))
    assert heard == [
        "Text size 110%",
        "Private reflection. On: nothing is kept",
        "Private reflection. Off",
    ]
    page = LockedPage(window.look, lambda _: asyncio.sleep(0))
    heard.clear()
    page.ask("passphrase")
    assert heard[0].startswith("Locked. Your reflections are closed")
    page.deleteLater()
    await freed(window)


@pytest.mark.parametrize("code", ["en", "de"])
async def test_in_large_letters_every_state_is_said_in_whole_words(qapp: QApplication, code: str) -> None:
    language.use(None if code == "en" else language.load(resources() / "languages", code))
    try:
        window = staged("idle", font_scale=2.0)
        window.resize(900, 600)
        await settle()
        area = window.page.area
        for phase in Phase:
            for latched, is_free in ((False, False), (True, False), (False, True)):
                area.show_hands_free(is_on=is_free, is_muted=is_free and latched, is_paused=False)
                area.show_phase(phase, latched=latched)
                await settle()
                for part in (area.state, *area.hint._parts):
                    assert part.fontMetrics().horizontalAdvance(part.text()) <= part.width(), area.hint.text
                    left = part.mapTo(window, part.rect().topLeft()).x()
                    assert 0 <= left <= window.width() - part.width(), area.hint.text
                if area.composer.isVisible():
                    lowest = area.words.geometry().bottom()
                    assert lowest <= area.composer.geometry().top() + 6, area.hint.text
        await freed(window)
    finally:
        language.use(None)
        Look().wear()


async def test_a_remark_has_the_foot_for_itself_and_is_whole_to_a_screen_reader(qapp: QApplication) -> None:
    window = staged("idle", font_scale=2.0)
    window.resize(900, 600)
    await settle()
    window._host.events.emit(JournalOpened(storage="keyring"))
    status, remark = window.status, "The voice is silent; the answer goes on"
    status.show_note(remark)
    assert status.note.text() == remark
    assert status.kept.text() == ""
    long = f"{remark}. {remark}. {remark}"
    status.show_note(long)
    assert status.note.text().endswith("…")
    assert status.note.accessibleName() == long
    assert long in status.note.toolTip()
    status._back.timeout.emit()
    assert status.kept.text() != ""
    await freed(window)
    Look().wear()


@pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)  # of this screen that is none
async def test_in_large_letters_every_choice_of_an_export_is_whole(qapp: QApplication) -> None:
    look = Look(font_scale=1.7)  # this screen is no wider
    look.wear()
    language.use(language.load(resources() / "languages", "de"))
    title = "“A & B, and " + "many more words " * 12 + "”"
    dialog = ExportDialog(None, look, chosen=(Selection(), title))  # type: ignore[arg-type]  # not asked
    try:
        dialog.show()
        await settle()
        for choice in (*dialog.forms.values(), dialog.everything, dialog.some):
            assert choice.width() >= choice.sizeHint().width(), choice.text()
            assert title in dialog.some.accessibleName()
        assert title in dialog.some.toolTip()
    finally:
        language.use(None)
        dialog.deleteLater()
        await settle()
        Look().wear()


async def test_in_large_letters_icons_grow_and_what_is_cut_in_the_list_is_told(qapp: QApplication) -> None:
    sizes = []
    for scale in (1.0, 2.0):
        window = staged("journal", font_scale=scale)
        await settle()
        page = window.pages.journal
        lock = window.status._icon.pixmap().deviceIndependentSize().width()
        sizes.append((page.side.filter.iconSize().width(), page.reader.more.iconSize().width(), lock))
        row = page.model.index(1, 0)
        assert row.data() in row.data(Qt.ItemDataRole.ToolTipRole)
        await freed(window)
    assert all(small < large for small, large in zip(*sizes, strict=True))
    Look().wear()
