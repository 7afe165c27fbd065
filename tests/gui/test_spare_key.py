"""The dialog of the eight words: shown, typed back, kept."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from companion.errors import CompanionError, Kind
from companion.gui.spare_key import SpareKeyDialog
from companion.gui.staged import StagedHost
from companion.gui.theme import Look
from companion.gui.window import Window
from tests.gui.running import until

WORDS = "acorn bagel canoe daisy eagle fern gazebo harp"


def shown(dialog: SpareKeyDialog) -> set[str]:
    return {each.text() for each in dialog.findChildren(QLabel) if each.isVisibleTo(dialog)}


@pytest.fixture
def kept() -> list[str]:
    return []


@pytest.fixture
def dialog(qtbot: QtBot, kept: list[str]) -> SpareKeyDialog:
    async def keep(words: str) -> None:
        if not kept:
            kept.append("")
            raise CompanionError(Kind.DISK_FULL)
        kept.append(words)

    made = SpareKeyDialog(
        WORDS, is_same=lambda words, typed: " ".join(typed.lower().split()) == words, keep=keep, look=Look()
    )
    qtbot.addWidget(made)
    return made


async def test_the_words_are_shown_and_hold_once_they_were_typed_back(
    dialog: SpareKeyDialog, kept: list[str]
) -> None:
    assert set(WORDS.split()) <= shown(dialog)
    dialog.go_on.click()
    assert not set(WORDS.split()) & shown(dialog)
    for typed, said in (
        ("acorn bagel kayak daisy eagle fern gazebo harp", "The third word is another one."),
        ("acorn bagel canoe daisy", "The fifth word is missing."),
        (f"{WORDS} zoo", "There are more than eight words."),
    ):
        dialog.field.setText(typed)
        dialog.go_on.click()
        assert dialog.fault.text() == said
    dialog.field.setText(f" {WORDS.title()} ")
    dialog.go_on.click()
    await until(lambda: "disk is full" in dialog.fault.text().lower())
    dialog.go_on.click()  # it did not hold, and is tried again
    await until(lambda: dialog.result() == SpareKeyDialog.DialogCode.Accepted)
    assert kept == ["", WORDS]
    assert dialog.field.text() == ""


async def test_they_can_be_looked_at_again_or_left(
    qtbot: QtBot, dialog: SpareKeyDialog, kept: list[str]
) -> None:
    dialog.go_on.click()
    dialog.back.click()
    assert dialog.go_on.text() == "I have written them down"
    with qtbot.waitSignal(dialog.rejected):
        dialog.back.click()
    assert not kept


async def test_the_card_leads_there(window: Window, host: StagedHost) -> None:
    asked: list[bool] = []
    window.cards.offer_spare_key(lambda: asked.append(True))
    (card,) = window.notices.cards
    card.buttons[0].click()
    assert asked == [True]
    assert not window.notices.cards
