"""The journal page: finding a past reflection and reading it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QModelIndex, Qt
from PySide6.QtGui import QAction, QTextCursor, QTextDocument
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from companion.days import When
from companion.errors import CompanionError, Kind
from companion.events import BackupsLooked, JournalOpened, LocalTimeChanged
from companion.flow import TurnRecord
from companion.gui.journal import JournalPage
from companion.gui.journal.editor import Editor
from companion.gui.journal.list import SESSION, _around_first
from companion.gui.staged import EVENING, StagedHost, journal
from companion.gui.theme import Look
from companion.gui.window import Window
from companion.kinds import ReplyState
from companion.records import Hit, KeptSound, Selection, SoundSide


@pytest.fixture
async def page(window: Window, host: StagedHost) -> AsyncIterator[JournalPage]:
    journal(host)
    window.show_page("journal")
    await settle()
    yield window.pages.journal
    await window.pages.journal.close_reading()


async def settle() -> None:
    for _ in range(4):
        QApplication.processEvents()
        await asyncio.sleep(0.01)


def rows(page: JournalPage) -> list[str]:
    return [page.model.index(row, 0).data() for row in range(page.model.rowCount())]


async def test_reflections_stand_by_day_newest_first(page: JournalPage) -> None:
    assert rows(page) == [
        "Thursday 19 November",
        "I did leave early, actually",
        "I keep saying yes to things",
        "Sunday 15 November",
        "Three good things: the river in fog",
        "Friday 2 October",
        "Half present at dinner",
    ]


async def test_a_tooltip_shows_a_title_as_it_was_written(host: StagedHost, page: JournalPage) -> None:
    session, turns = host.kept[4]
    host.kept[4] = replace(session, title="<b>R&D</b> <img src='x'>", has_own_title=True), turns
    page.refresh()
    await settle()
    shown = QTextDocument()
    shown.setHtml(page.model.index(1, 0).data(Qt.ItemDataRole.ToolTipRole))
    assert shown.toPlainText().startswith("<b>R&D</b> <img src='x'>, ")


async def test_the_newest_is_open(page: JournalPage) -> None:
    assert page.header.text() == "Thursday 19 November · 21:05 · Evening review · 8 min"
    assert "You kept the promise to leave" in page.script.text()
    assert page.script.verticalScrollBar().value() == 0


async def test_arrow_keys_walk_and_skip_the_days(qtbot: QtBot, page: JournalPage) -> None:
    assert page.list.hasFocus()
    for _ in range(2):
        qtbot.keyClick(page.list, Qt.Key.Key_Down)
    await settle()
    assert page.list.currentIndex().data() == "Three good things: the river in fog"
    assert "Gratitude · 5 min" in page.header.text()


async def test_a_finished_turn_appears(window: Window, host: StagedHost, page: JournalPage) -> None:
    turn = TurnRecord(id=9, session_id=9, at=EVENING + 9, user_text="New words")
    host.keep(9, "New words", at=EVENING + 9, practice="gratitude", seconds=30, turns=[turn])
    host.end("Yes.")
    await settle()
    assert "New words" in rows(page)
    assert page.header.text().startswith("Thursday 19 November · 21:05 · Evening review")


async def test_an_empty_journal_explains_itself(qtbot: QtBot, window: Window, host: StagedHost) -> None:
    window.show_page("journal")
    await settle()
    page = window.pages.journal
    assert page is not None
    assert page._sentence.text() == "Nothing here yet"
    assert page.message.height() >= page.message.heightForWidth(page.message.width())
    assert page.message.isVisible()
    page.start.click()
    assert window.shows_talk


async def test_nothing_stands_on_the_page_until_it_is_known_what_there_is(
    window: Window, host: StagedHost
) -> None:
    journal(host)
    window.show_page("journal")
    page = window.pages.journal
    assert not page.start.isVisible()
    assert not page.bring_first.isVisible()
    await settle()
    await page.close_reading()


async def test_a_locked_journal_says_so(window: Window, host: StagedHost) -> None:
    host.trouble = CompanionError(Kind.JOURNAL_LOCKED)
    window.show_page("journal")
    await settle()
    assert window.pages.journal._sentence.text() == "The journal is locked."


async def test_a_screen_reader_hears_the_whole_line(page: JournalPage) -> None:
    spoken = page.model.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == (
        "I did leave early, actually, Thursday 19 November, 21:05 · Evening review · 8 min, "
        "slightly unpleasant → slightly pleasant"
    )


# -- days ---------------------------------------------------------------------------------------------------

AUCKLAND_S = 13 * 3600
SUNDAY_0930 = 1_773_520_200.0
"""In Auckland, 15 March 2026; Saturday afternoon in Los Angeles."""


def keep_said(host: StagedHost, number: int, at: float, offset_s: int | None) -> None:
    turn = TurnRecord(
        id=number,
        session_id=number,
        at=at,
        offset_s=offset_s,
        user_text="Words",
        reply_text="An answer",
        reply_at=at + 60,
        reply_state=ReplyState.WHOLE,
    )
    title = f"Words {number}"
    host.keep(number, title, at=at, offset_s=offset_s, practice="gratitude", seconds=60, turns=[turn])


@pytest.mark.parametrize("zone", ["PST8PDT,M3.2.0,M11.1.0", "NZDT-13", "<-12>12", "<+14>-14"])
async def test_sunday_in_auckland_is_sunday_wherever_it_is_read(
    window: Window, host: StagedHost, travel: Callable[[str], None], zone: str
) -> None:
    travel(zone)
    keep_said(host, 1, SUNDAY_0930, AUCKLAND_S)
    window.show_page("journal")
    await settle()
    page = window.pages.journal
    assert page is not None
    assert rows(page) == ["Sunday 15 March", "Words 1"]
    assert page.header.text() == "Sunday 15 March · 09:30 · Gratitude · 1 min"
    assert "You · 09:30" in page.script.text()
    assert "Companion · 09:31" in page.script.text()
    await page.close_reading()


async def test_a_flight_moves_nothing_but_what_has_no_place(
    window: Window, host: StagedHost, travel: Callable[[str], None]
) -> None:
    """What was kept before places were is shown as the computer has it, and follows it."""
    travel("NZDT-13")
    keep_said(host, 1, SUNDAY_0930 - 100, AUCKLAND_S)
    keep_said(host, 2, SUNDAY_0930, None)
    window.show_page("journal")
    await settle()
    page = window.pages.journal
    assert page is not None
    assert rows(page) == ["Sunday 15 March", "Words 2", "Words 1"]
    travel("PST8PDT,M3.2.0,M11.1.0")
    host.emit(LocalTimeChanged(is_other_day=True, is_other_zone=True))
    await settle()
    assert rows(page) == ["Saturday 14 March", "Words 2", "Sunday 15 March", "Words 1"]
    assert page.header.text().startswith("Saturday 14 March · 13:30")
    await page.close_reading()


async def test_another_hour_leaves_the_reader_alone(
    window: Window, host: StagedHost, page: JournalPage
) -> None:
    long = "Many words that fill a line of the page, and then some. " * 200
    turn = TurnRecord(id=9, session_id=4, at=EVENING, user_text=long)
    host.kept[4] = (host.kept[4][0], (turn,))
    page.refresh()
    await settle()
    bar = page.script.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    place = bar.value()
    assert place > 0
    for is_other_day in (False, True):
        host.emit(LocalTimeChanged(is_other_day=is_other_day, is_other_zone=False))
        await settle()
        assert bar.value() == place


# -- finding ------------------------------------------------------------------------------------------------


async def look_for(page: JournalPage, words: str) -> None:
    """Without the rest in typing that is waited for."""
    page.side.search.setText(words)
    for timer, wanted in (
        (page.side._words, page.side.words_wanted),
        (page.side._meaning, page.side.meaning_wanted),
    ):
        timer.stop()
        wanted.emit()
        await settle()
    for timer in (page.side._words, page.side._meaning):
        timer.stop()
    await settle()


async def test_a_search_shows_passages_and_opens_at_their_place(
    qtbot: QtBot, host: StagedHost, page: JournalPage
) -> None:
    host.kept.pop(1)
    host.journal_desk.similar = (2,)
    other = TurnRecord(id=7, session_id=2, at=EVENING, user_text="Fog over the water")
    host.kept[2] = (host.kept[2][0], (other,))
    await look_for(page, "river")
    assert rows(page) == [
        "Thursday 19 November",
        "I did leave early, actually",
        "I keep saying yes to things",
        "Seen as similar",
        "Three good things: the river in fog",
    ]
    spoken = page.model.index(1, 0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert "walked along the river" in spoken
    cursor = page.script.textCursor()
    assert "I did leave early" in cursor.block().text()
    assert any("river" in each.cursor.selectedText() for each in page.script.extraSelections())


@pytest.mark.parametrize(
    "before", ["\N{GRINNING FACE} ", "\N{GRINNING FACE} and many other words that come " * 2]
)
def test_the_words_that_were_looked_for_are_marked_behind_signs_of_other_planes(before: str) -> None:
    at = len(f"{before}the ")
    text, spans = _around_first(Hit(session_id=1, passage=f"{before}the river again", spans=((at, at + 5),)))
    layout = QTextDocument(text)
    cursor = QTextCursor(layout)
    cursor.setPosition(spans[0][0])
    cursor.setPosition(spans[0][1], QTextCursor.MoveMode.KeepAnchor)
    assert cursor.selectedText() == "river"


async def test_a_passage_is_shown_in_its_turn_though_others_say_the_same_and_it_is_long(
    host: StagedHost, page: JournalPage
) -> None:
    long = "So it went. " * 4_000
    said = ("The river again.", f"{long}The river again.")
    turns = [TurnRecord(id=n, session_id=4, at=EVENING, user_text=text) for n, text in enumerate(said)]
    page.reader.show_reflection(replace(host.kept[4][0], title="The river again."), turns)
    ends = []
    for turn in turns:
        begin = turn.user_text.index("The river")
        page.reader.show_hit(Hit(session_id=4, turn_id=turn.id, passage="… The river again.", begin=begin))
        ends.append(page.script.textCursor().position())
    assert ends[0] > len("The river again.")
    assert ends[1] > len(long)


async def test_ctrl_k_looks_for_words_from_anywhere_and_escape_leaves(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    journal(host)
    window.pages.look_for()
    await settle()
    page = window.pages.journal
    assert not window.shows_talk
    assert page.side.search.hasFocus()
    await look_for(page, "nothing like it")
    assert rows(page) == [
        "Seen as similar",
        "Half present at dinner",
    ]
    qtbot.keyClick(page.side.search, Qt.Key.Key_Escape)
    await settle()
    assert len(rows(page)) == 7
    assert not page.side.typed
    await page.close_reading()


async def test_a_filter_is_shown_and_taken_off(page: JournalPage) -> None:
    page.side.filter.choose(Selection(practices=frozenset({"gratitude"})))
    await settle()
    assert rows(page) == ["Sunday 15 November", "Three good things: the river in fog"]
    assert page.side.chosen_filter.text().startswith("Gratitude")
    page.side.chosen_filter.click()
    await settle()
    assert len(rows(page)) == 7


async def test_a_long_journal_comes_in_pages(host: StagedHost, page: JournalPage) -> None:
    for number in range(100, 350):
        keep_said(host, number, EVENING - number * 86_400, 0)
    page.refresh()
    await settle()
    assert len(page.model.sessions) == 100
    while page.model.canFetchMore(QModelIndex()):
        page.model.fetchMore(QModelIndex())
        await settle()
    assert len(page.model.sessions) == 254
    assert rows(page)[-1] == "Words 349"


async def test_a_day_long_ago_is_shown_at_once_and_leads_back(host: StagedHost, page: JournalPage) -> None:
    for number in range(100, 350):
        keep_said(host, number, EVENING - number * 86_400, 0)
    page.show_day(When.of(EVENING - 300 * 86_400, 0).day)
    await settle()
    assert rows(page)[0] == "Show the newest"
    assert page.list.currentIndex().data() == "Words 300"
    page.list.setCurrentIndex(page.model.index(0, 0))
    await settle()
    assert rows(page)[1] == "I did leave early, actually"


# -- changing -----------------------------------------------------------------------------------------------


async def test_words_title_and_marks_are_put_right(qtbot: QtBot, host: StagedHost, page: JournalPage) -> None:
    page.deeds.do("edit")
    await settle()
    assert page.editor.title.hasFocus()
    page.editor.title.setText("The walk and the emails")
    page.editor.tags.setText("work, river ,work")
    page.editor.after.marks[2].click()
    _, field = page.editor._fields[1]
    field.setPlainText("I did leave earlier.")
    qtbot.keyClick(field, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    await settle()
    session, turns = host.kept[4]
    assert (session.title, session.tags, session.mood_after) == (
        "The walk and the emails",
        ("work", "river"),
        2,
    )
    assert turns[0].user_text == "I did leave earlier."
    assert "I did leave earlier." in page.script.text()
    assert rows(page)[1] == "The walk and the emails"


async def test_what_is_being_put_right_is_kept_when_the_page_is_left(
    host: StagedHost, page: JournalPage
) -> None:
    page.deeds.do("edit")
    await settle()
    page.editor.title.setText("Half a title")
    await page.close_reading()
    assert host.kept[4][0].title == "Half a title"


async def test_tab_goes_from_the_title_through_every_field_to_save(qtbot: QtBot, page: JournalPage) -> None:
    page.deeds.do("edit")
    await settle()
    reached = []
    while (field := QApplication.focusWidget()) is not page.editor.save:
        assert field is not None
        assert len(reached) < 40
        reached.append(field.accessibleName())
        qtbot.keyClick(field, Qt.Key.Key_Tab)
    assert reached[0] == "Title"
    assert reached[1].startswith("What you said at") or reached[1].startswith("Delete what was said at")
    assert reached[-3:-1] == ["Tags", "People"]


async def test_another_journal_leaves_nothing_of_the_one_before(
    qtbot: QtBot, window: Window, host: StagedHost, page: JournalPage
) -> None:
    page.deeds.do("edit")
    await settle()
    page.editor.title.setText("Half a title")
    window.rail.buttons["private"].click()
    await settle()
    assert host.kept[4][0].title == "Half a title", "it was kept where it belongs"
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    await settle()
    host.kept.clear()
    host.emit(JournalOpened(storage="memory", is_by_choice=True))
    await settle()
    assert not page.editor.is_open
    assert not page.side.answer.isVisible(), "nothing of the other one can be brought back here"
    assert page.script.text() == ""
    assert page.model.rowCount() == 0
    assert page._sentence.text() == "Nothing here yet"


async def test_the_line_at_the_foot_names_backups_only_when_something_is_amiss(
    window: Window, host: StagedHost, page: JournalPage
) -> None:
    host.emit(JournalOpened(storage="keyring"))
    seven_days, day = EVENING - 7 * 86_400, 86_400.0
    for last_good, has_failed, told in (
        (EVENING - day, False, ""),
        (seven_days, False, "Last good backup: 12 November"),
        (seven_days, True, "Last good backup: 12 November"),
        (EVENING - 60, True, "Last good backup: today"),
        (None, True, "No backup yet"),
        (None, False, ""),
    ):
        host.emit(BackupsLooked(last_good=last_good, has_failed=has_failed))
        assert window.status.kept.text().partition("computer")[2].removeprefix(" · ") == told
    host.emit(BackupsLooked(last_good=seven_days, has_failed=True))
    window.show_page("talk")
    window.status.resize(300, window.status.height())
    assert window.status.kept.text() == "Saved · Last good backup: 12 November"
    host.emit(JournalOpened(storage="memory", is_by_choice=True))
    assert "ackup" not in window.status.kept.text()


async def test_escape_leaves_the_editor_and_loses_nothing(
    qtbot: QtBot, window: Window, host: StagedHost, page: JournalPage
) -> None:
    before = host.kept[4][0].tags, host.kept[4][1][0].user_text
    page.deeds.do("edit")
    await settle()
    page.editor._fields[1][1].setPlainText("Put right")
    page.editor.tags.setText("another")
    window._keyboard.escape()
    await settle()
    assert not page.editor.is_open
    assert window.pages.shown == "journal", "one level at a time"
    assert (host.kept[4][0].tags, host.kept[4][1][0].user_text) == (("another",), "Put right")
    qtbot.keyClick(page.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    await settle()
    assert (host.kept[4][0].tags, host.kept[4][1][0].user_text) == before


@pytest.mark.parametrize("way", ["save", "escape"])
async def test_what_cannot_be_kept_stays_in_the_editor(
    way: str, window: Window, host: StagedHost, page: JournalPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object, **__: object) -> None:
        raise CompanionError(Kind.DISK_FULL)

    page.deeds.do("edit")
    await settle()
    page.editor.title.setText("A better title")
    monkeypatch.setattr(type(host.journal_desk), "set_marks", full)
    page.editor.save.click() if way == "save" else window._keyboard.escape()
    await settle()
    assert page.editor.title.text() == "A better title"
    assert page.editor.isVisible()
    assert "disk" in page.side.said_text.text()
    monkeypatch.undo()
    page.editor.save.click() if way == "save" else window._keyboard.escape()
    await settle()
    assert not page.editor.is_open
    assert host.kept[4][0].title == "A better title"


async def test_escape_says_nothing_where_nothing_was_put_right(window: Window, page: JournalPage) -> None:
    page.deeds.do("edit")
    await settle()
    window._keyboard.escape()
    await settle()
    assert not page.editor.is_open
    assert not page.side.said.isVisible()


async def test_deleting_a_turn_keeps_what_else_was_put_right(host: StagedHost, page: JournalPage) -> None:
    page.deeds.do("edit")
    await settle()
    page.editor.title.setText("A better title")
    page.editor.turn_deleted.emit(1)
    await settle()
    assert host.kept[4][0].title == "A better title"
    assert [turn.id for turn in host.kept[4][1]] != [1]


async def test_whoever_comes_back_goes_on_where_they_were(window: Window, page: JournalPage) -> None:
    page.deeds.do("edit")
    await settle()
    page.editor.tags.setFocus()
    for other in ("talk", "help", "insights"):
        window.show_page(other)
        await settle()
        window.show_page("journal")
        await settle()
        assert page.editor.tags.hasFocus(), other


async def test_the_focus_is_never_nowhere_on_a_page_without_reflections(
    qtbot: QtBot, window: Window, host: StagedHost
) -> None:
    window.show_page("journal")
    await settle()
    page = window.pages.journal
    assert page.start.hasFocus()
    window.pages.look_for()
    await settle()
    assert page.start.hasFocus()
    journal(host)
    page.refresh()
    await settle()
    assert page.list.hasFocus()
    host.kept.clear()
    page.refresh()
    await settle()
    assert page.start.hasFocus()
    window.show_page("insights")
    await settle()
    assert window.pages.insights.start.hasFocus()


async def test_deleting_can_be_undone(qtbot: QtBot, host: StagedHost, page: JournalPage) -> None:
    qtbot.keyClick(page.list, Qt.Key.Key_Delete)
    await settle()
    assert "I did leave early, actually" not in rows(page)
    assert "Deleted 1 reflection" in page.side.said_text.text()
    qtbot.keyClick(page.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    await settle()
    assert "I did leave early, actually" in rows(page)


async def test_after_deleting_the_next_one_is_shown_and_undoing_shows_the_one_that_is_back(
    qtbot: QtBot, page: JournalPage
) -> None:
    qtbot.keyClick(page.list, Qt.Key.Key_Down)
    for gone, next_one in (
        ("Three good things: the river in fog", "Half present at dinner"),
        ("Half present at dinner", "Three good things: the river in fog"),
    ):
        qtbot.keyClick(page.list, Qt.Key.Key_Down)
        await settle()
        qtbot.keyClick(page.list, Qt.Key.Key_Delete)
        await settle()
        assert page.list.currentIndex().data() == next_one
        qtbot.keyClick(page.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
        await settle()
        assert page.list.currentIndex().data() == gone
        assert page.reader.session is not None
        assert page.reader.session.id == page.list.currentIndex().data(SESSION)


async def test_far_down_a_long_list_deleting_leaves_the_view_where_it_is(
    qtbot: QtBot, host: StagedHost, page: JournalPage
) -> None:
    for number in range(100, 1_400):
        keep_said(host, number, EVENING - number * 86_400, 0)
    page.refresh()
    await settle()
    while page.model.canFetchMore(QModelIndex()):
        page.model.fetchMore(QModelIndex())
        await settle()
    page.list.setCurrentIndex(page.model.index_of(1_300))
    await settle()
    for seen in ("Words 1301", "Words 1302"):
        top = page.list.visualRect(page.list.currentIndex()).top()
        qtbot.keyClick(page.list, Qt.Key.Key_Delete)
        await settle()
        assert page.list.currentIndex().data() == seen
        assert abs(page.list.visualRect(page.list.currentIndex()).top() - top) < 60


async def test_what_was_deleted_comes_back_or_goes_for_good(host: StagedHost, page: JournalPage) -> None:
    await host.journal_desk.delete([4, 3])
    page.side.filter.choose(Selection(is_deleted=True))
    await settle()
    assert page.reader.restore.isVisible()
    page.reader.restore.click()
    await settle()
    assert host.kept[4][0].deleted_at is None
    page.reader.remove.click()
    await settle()
    assert "24 December" in page.side.said_text.text()
    assert 3 in host.kept, "it asks first"
    page.side.answer.click()
    await settle()
    assert 3 not in host.kept


async def test_it_can_be_copied_printed_merged_and_gone_on_with(
    host: StagedHost, page: JournalPage, tmp_path: Path
) -> None:
    page.deeds.do("copy")
    assert "You: I did leave early" in QApplication.clipboard().text()
    page.deeds.print_to(str(tmp_path / "it.pdf"))
    assert (tmp_path / "it.pdf").read_bytes().startswith(b"%PDF")
    page.deeds.do("merge")
    await settle()
    assert sorted(host.kept) == [1, 2, 3]
    page.deeds.do("go on")
    await settle()
    assert host.pressed[-1] == ("go on", 3)


async def test_what_a_journal_refuses_is_said_and_nothing_is_lost(
    host: StagedHost, page: JournalPage
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise CompanionError(Kind.DISK_FULL)

    host.journal_desk.star = refuse  # type: ignore[method-assign]
    page.deeds.do("star")
    await settle()
    assert "The disk is full." in page.side.said_text.text()
    assert len(rows(page)) == 7


async def test_a_recording_that_was_kept_is_heard_again_and_stopped(
    host: StagedHost, page: JournalPage
) -> None:
    sound = KeptSound(take_id="t1", side=SoundSide.SAID, seconds=12.4, kept_at=EVENING)
    session, turns = host.kept[4]
    host.kept[4] = (session, (replace(turns[0], sounds=(sound,)), *turns[1:]))
    page.refresh()
    await settle()
    menu = page.reader.more.menu()

    def entries() -> dict[str, QAction]:
        menu.aboutToShow.emit()
        inner = [each for action in menu.actions() if action.menu() for each in action.menu().actions()]
        return {action.text().partition("\t")[0]: action for action in (*menu.actions(), *inner)}

    entries()["What you said · 21:05 · 12 s"].trigger()
    await settle()
    assert host.recovery.log == [("play", "t1")]
    entries()["Stop the recording"].trigger()
    await settle()
    assert host.recovery.log[-1] == ("stop",)
    assert "Read it aloud" in entries()
    host.recovery.trouble = CompanionError(Kind.BAD_FILE, "This recording is gone.")
    entries()["What you said · 21:05 · 12 s"].trigger()
    await settle()
    assert "This recording is gone." in page.side.said_text.text()


@pytest.mark.parametrize("width", [1180, 900])
async def test_the_editor_never_scrolls_sideways_however_large_the_text(
    window: Window, page: JournalPage, width: int
) -> None:
    window.resize(width, 760)
    window.look.choose(theme="dark", font_scale=2.0, reduced_motion=True)
    page.deeds.do("edit")
    await settle()
    page.editor.after.marks[-2].click()
    await settle()
    assert page.editor._area.horizontalScrollBar().maximum() == 0
    assert page.editor.after.word.isVisible()
    for end in (page.editor.after.low, page.editor.after.high):
        widest = max(end.fontMetrics().horizontalAdvance(word) for word in end.text().split())
        assert end.width() >= widest


def test_an_editor_that_goes_leaves_nothing(qtbot: QtBot) -> None:
    look = Look()
    before = set(QApplication.allWidgets())
    for _ in range(3):
        editor = Editor(look)
        editor.deleteLater()
        del editor
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    assert set(QApplication.allWidgets()) - before == set()


async def test_large_letters_leave_the_reflection_more_room_than_the_list(
    window: Window, page: JournalPage
) -> None:
    window.resize(1160, 780)
    await settle()
    usual = page.side.width()
    assert usual == 310
    window.look.choose(theme="light", font_scale=2.0, reduced_motion=True)
    window.resize(900, 600)
    await settle()
    assert page.side.width() < 0.4 * page.width()
    assert page.reader.width() > 1.5 * page.side.width()
