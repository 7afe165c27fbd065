"""Tab goes through every page as the eye does: along a row, then to the row below, and one column after the other."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from pytestqt.qtbot import QtBot

from companion.gui.focus import reading_order, step
from companion.gui.settings.dialog import SettingsDialog
from companion.gui.staged import SCENES, StagedHost, idle
from companion.gui.theme import Look
from companion.gui.window import Window
from tests.gui.settings_host import StagedHost as SettingsHost


def walked(start: QWidget, key: Qt.Key = Qt.Key.Key_Tab) -> list[QWidget]:
    """What has the focus, one after the other, until it comes round."""
    start.setFocus()
    seen: list[QWidget] = []
    while (focus := QApplication.focusWidget()) is not None and focus not in seen:
        seen.append(focus)
        QTest.keyClick(focus, key)
    return seen


def jumps(root: QWidget, seen: list[QWidget]) -> list[tuple[str, str]]:
    """Steps up within a column, or to the left within a row."""
    found = []
    for before, after in pairwise(seen):
        one, other = before.mapTo(root, QPoint(0, 0)), after.mapTo(root, QPoint(0, 0))
        is_above = other.y() + after.height() <= one.y() + 4 and other.x() < one.x() + before.width()
        middle = other.y() + after.height() / 2 - one.y() - before.height() / 2
        if is_above or (abs(middle) < 12 and other.x() < one.x()):
            found.append((before.accessibleName(), after.accessibleName()))
    return found


async def settle() -> None:
    for _ in range(15):
        QApplication.processEvents()
        await asyncio.sleep(0.002)


@pytest.mark.parametrize("scene", ["idle", "speaking", "trouble", "care"])
async def test_the_talk_page_is_read_from_above_to_below(
    window: Window, host: StagedHost, scene: str
) -> None:
    SCENES[scene](host)
    await settle()
    seen = walked(window.rail.buttons["talk"])
    assert jumps(window, seen) == []
    assert window.page.area.button in seen
    back = walked(window.rail.buttons["talk"], Qt.Key.Key_Backtab)
    assert back[1:] == seen[1:][::-1]


@pytest.mark.parametrize("page", ["journal", "insights", "practices", "help"])
async def test_so_is_every_other_page(window: Window, host: StagedHost, page: str) -> None:
    SCENES["journal"](host)
    window.show_page(page)
    await settle()
    seen = walked(window.rail.buttons["talk"])
    assert len(seen) > 4
    assert jumps(window, seen) == []


async def test_so_are_the_settings(qtbot: QtBot) -> None:
    look = Look(theme="light", reduced_motion=True)
    look.wear()
    dialog = SettingsDialog(SettingsHost(), look)
    qtbot.addWidget(dialog)
    dialog.resize(900, 1600)
    dialog.show()
    for page in ("general", "thinking", "voice", "sound", "privacy"):
        dialog.show_page(page)
        dialog.activateWindow()
        await settle()
        seen = walked(dialog.search)
        assert len(seen) > 4, page
        assert jumps(dialog, seen) == [], page
    for each in dialog.pages.values():
        each.work.stop()
    dialog.close()
    await settle()


def test_what_is_made_later_stands_where_it_is_seen(window: Window, host: StagedHost) -> None:
    idle(host)
    late = QPushButton("late", window.bar)
    late.setGeometry(2, 2, 20, 20)
    late.show()
    order = reading_order(window)
    assert order.index(late) < order.index(window.page.area.button)


@pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)
def test_two_columns_are_read_one_after_the_other_and_a_scrolled_one_follows(qtbot: QtBot) -> None:
    root, left, right = QWidget(), QWidget(), QWidget()
    row = QHBoxLayout(root)
    buttons: list[QPushButton] = []
    for column in (left, right):
        layout = QVBoxLayout(column)
        for index in range(12):
            buttons.append(QPushButton(f"{index}"))
            buttons[-1].setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            layout.addWidget(buttons[-1])
    area = QScrollArea()
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setWidget(right)
    row.addWidget(left)
    row.addWidget(area)
    field = QLineEdit()
    field.setEnabled(False)
    row.addWidget(field)
    qtbot.addWidget(root)
    root.resize(500, 200)
    root.show()
    root.activateWindow()
    qtbot.waitUntil(root.isActiveWindow)
    assert reading_order(root) == buttons
    buttons[0].setFocus()
    assert step(root, forward=False)
    assert QApplication.focusWidget() is buttons[-1]
    assert (
        area.viewport()
        .rect()
        .intersects(buttons[-1].rect().translated(buttons[-1].mapTo(area.viewport(), QPoint(0, 0))))
    )
