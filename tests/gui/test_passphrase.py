"""The passphrase is asked for plainly, checked before it is used, and never lost to a mistake."""

from __future__ import annotations

import asyncio

import pytest
from PySide6.QtWidgets import QApplication

from companion.errors import CompanionError, Kind
from companion.gui.passphrase import PassphraseDialog
from companion.gui.theme import Look


class Journal:
    """Opens with one passphrase."""

    def __init__(self) -> None:
        self.tried: list[str] = []

    async def use(self, text: str) -> None:
        self.tried.append(text)
        if text != "right and long":
            raise CompanionError(Kind.WRONG_PASSPHRASE)


@pytest.fixture
def look(qapp: QApplication) -> Look:
    return Look(theme="light", font_scale=1.0, reduced_motion=True)


async def test_a_new_passphrase_is_long_enough_and_typed_twice_alike(look: Look) -> None:
    journal = Journal()
    dialog = PassphraseDialog("choose", journal.use, look)
    for first, second, says in (
        ("short", "short", "At least 8"),
        ("right and long", "right and lung", "do not match"),
    ):
        dialog.form.field.setText(first)
        dialog.form.again.setText(second)
        dialog.button.click()
        assert says in dialog.form.fault.text()
    assert journal.tried == []
    dialog.form.again.setText("right and long")
    dialog.button.click()
    await asyncio.sleep(0.05)
    assert journal.tried == ["right and long"]
    assert dialog.result() == PassphraseDialog.DialogCode.Accepted
    assert dialog.form.field.text() == ""


async def test_a_wrong_passphrase_can_be_typed_again(look: Look) -> None:
    dialog = PassphraseDialog("enter", Journal().use, look)
    assert not dialog.form.again.isVisibleTo(dialog)
    dialog.form.field.setText("wrong")
    dialog.button.click()
    await asyncio.sleep(0.05)
    assert "not the journal's passphrase" in dialog.form.fault.text()
    assert dialog.button.isEnabled()
    assert dialog.form.field.selectedText(), "the next key replaces it"


async def test_every_sentence_has_the_room_it_needs(look: Look) -> None:
    dialog = PassphraseDialog("choose", Journal().use, look)
    dialog.button.click()
    layout = dialog.layout()
    assert layout is not None
    assert dialog.height() >= layout.totalHeightForWidth(dialog.width())
