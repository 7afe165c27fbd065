"""Sound: which microphone and speaker, with the level as it comes in and a tone to hear."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from PySide6.QtWidgets import QPushButton

from companion.errors import CompanionError
from companion.gui.labels import text_label
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.devices import SILENCE_DB, DevicePicker, LevelBar
from companion.gui.settings.form import labelled
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo, SettingsPage
from companion.gui.theme import Look
from companion.language import tr
from companion.settings import Page, all_fields

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class SoundPage(SettingsPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("Sound"))
        self.microphone = self._build_devices("sound.microphone")
        self.speaker = self._build_devices("sound.speaker")
        self.level = LevelBar(look)
        self.heard = text_label("", "caption")
        self.tone = QPushButton(tr("Play a tone"))
        self.again = QPushButton(tr("Look again"))
        self.again.setAccessibleDescription(tr("Looks for microphones and speakers that were plugged in"))
        self.column.addWidget(labelled(tr("Microphone"), self.microphone))
        self.column.addWidget(self.level)
        self.column.addWidget(self.heard)
        self.column.addWidget(labelled(tr("Speaker"), self.speaker))
        buttons = FlowLayout()
        buttons.addWidget(self.tone)
        buttons.addWidget(self.again)
        self.column.addLayout(buttons)
        own = ("sound.microphone", "sound.speaker")
        self.add_rows(*(f.name for f in all_fields() if f.declared.page is Page.SOUND and f.name not in own))
        self.add_reset()
        self.column.addStretch(1)
        self.tone.clicked.connect(lambda: self.work.start(self._play_tone(), "tone"))
        self.again.clicked.connect(self._look_again)

    def _build_devices(self, name: str) -> DevicePicker:
        field = name.partition(".")[2]
        return DevicePicker(
            name,
            lambda: str(getattr(self.host.settings.sound, field)),
            lambda device: self._choose(name, device),
        )

    # -- devices --------------------------------------------------------------------------------------------

    def appeared(self) -> None:
        super().appeared()
        self._look_again()

    def vanished(self) -> None:
        self.work.end("devices")
        self.work.end("tone")
        self._close_meter()

    def refresh(self) -> None:
        super().refresh()
        self.microphone.refresh()
        self.speaker.refresh()

    def _look_again(self) -> None:
        self._close_meter()  # the list of devices is read anew only while none is open
        self.work.start(self._find_devices(), "devices")

    async def _find_devices(self) -> None:
        try:
            devices = await self.host.devices()
        except CompanionError as error:
            self.tell_error(error)
            return
        self.microphone.fill(devices.inputs)
        self.speaker.fill(devices.outputs)
        self._open_meter()

    def _choose(self, name: str, device: str) -> None:
        self.save({name: device or None})
        if name == "sound.microphone":
            self._open_meter()

    # -- level and tone -------------------------------------------------------------------------------------

    def _open_meter(self) -> None:
        if self.isVisible():
            self.work.start(self._measure(self.microphone.device), "meter")

    def _close_meter(self) -> None:
        self.work.end("meter")
        self.level.show_level(SILENCE_DB)
        self.heard.setText("")

    async def _measure(self, device: str) -> None:
        self.heard.setText(tr("The microphone is open while this page is shown. Say something."))
        levels = cast("AsyncGenerator[float, None]", self.host.meter(device))
        try:
            async with aclosing(levels):
                async for level_db in levels:
                    self.level.show_level(level_db)
        except CompanionError as error:
            self.level.show_level(SILENCE_DB)
            self.heard.setText(f"{error.message} {error.hint}")

    async def _play_tone(self) -> None:
        self.tone.setEnabled(False)
        try:
            await self.host.test_tone(self.speaker.device)
        except CompanionError as error:
            self.tell_error(error)
        self.tone.setEnabled(True)


PAGE = PageInfo(
    name=Page.SOUND,
    title="Sound",
    order=50,
    build=SoundPage,
)
