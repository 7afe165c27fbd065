"""Sound: which microphone and speaker, with the level as it comes in and a tone to hear."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from companion.errors import CompanionError
from companion.gui.settings.form import labelled, text_label
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo, SettingsPage
from companion.gui.talk import loudness
from companion.gui.theme import Look
from companion.settings import Page, all_fields

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from companion.audio.devices import Device

_SILENCE_DB = -90.0

USUAL = "System default"


class LevelBar(QWidget):
    """How loud it is, as a bar. Says it in words to a screen reader only when asked, not 25 times a second."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.level_db = _SILENCE_DB
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Level of the microphone")

    def show_level(self, level_db: float) -> None:
        self.level_db = level_db
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 8)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._look.colour("line"))
        painter.setBrush(self._look.colour("line"))
        box = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.drawRoundedRect(box, 3.5, 3.5)
        share = loudness(self.level_db)
        if share > 0:
            painter.setPen(self._look.colour("accent"))
            painter.setBrush(self._look.colour("accent"))
            box.setWidth(max(box.height(), box.width() * share))
            painter.drawRoundedRect(box, 3.5, 3.5)
        painter.end()


class SoundPage(SettingsPage):
    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, "Sound")
        self.microphone = self._build_devices("sound.microphone")
        self.speaker = self._build_devices("sound.speaker")
        self.level = LevelBar(look)
        self.heard = text_label("", "caption")
        self.tone = QPushButton("Play a tone")
        self.again = QPushButton("Look again")
        self.again.setAccessibleDescription("Looks for microphones and speakers that were plugged in")
        self.column.addWidget(labelled("Microphone", self.microphone))
        self.column.addWidget(self.level)
        self.column.addWidget(self.heard)
        self.column.addWidget(labelled("Speaker", self.speaker))
        buttons = QHBoxLayout()
        buttons.addWidget(self.tone)
        buttons.addWidget(self.again)
        buttons.addStretch(1)
        self.column.addLayout(buttons)
        own = ("sound.microphone", "sound.speaker")
        self.add_rows(*(f.name for f in all_fields() if f.declared.page is Page.SOUND and f.name not in own))
        self.column.addStretch(1)
        self.tone.clicked.connect(lambda: self.work.start(self._play_tone(), "tone"))
        self.again.clicked.connect(self._look_again)

    def _build_devices(self, name: str) -> QComboBox:
        combo = QComboBox()
        combo.setObjectName(name)
        combo.addItem(USUAL, "")
        combo.activated.connect(lambda _: self._choose(name, str(combo.currentData())))
        return combo

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
        self._show(self.microphone, self.host.settings.sound.microphone)
        self._show(self.speaker, self.host.settings.sound.speaker)

    def _look_again(self) -> None:
        self._close_meter()  # the list of devices is read anew only while none is open
        self.work.start(self._find_devices(), "devices")

    async def _find_devices(self) -> None:
        try:
            devices = await self.host.devices()
        except CompanionError as error:
            self.tell_error(error)
            return
        self._fill(self.microphone, devices.inputs, self.host.settings.sound.microphone)
        self._fill(self.speaker, devices.outputs, self.host.settings.sound.speaker)
        self._open_meter()

    def _fill(self, combo: QComboBox, devices: Sequence[Device], chosen: str) -> None:
        combo.clear()
        default = next((device.label for device in devices if device.is_default), "")
        is_told = default and not default.startswith(USUAL)  # some systems call it nothing else
        combo.addItem(f"{USUAL} ({default})" if is_told else USUAL, "")
        for device in devices:
            combo.addItem(device.label, device.name)
        self._show(combo, chosen)

    def _show(self, combo: QComboBox, chosen: str) -> None:
        if combo.findData(chosen) < 0:
            combo.addItem(f"{chosen} (not plugged in)", chosen)
        combo.setCurrentIndex(combo.findData(chosen))

    def _choose(self, name: str, device: str) -> None:
        self.save({name: device or None})
        if name == "sound.microphone":
            self._open_meter()

    # -- level and tone -------------------------------------------------------------------------------------

    def _open_meter(self) -> None:
        if self.isVisible():
            self.work.start(self._measure(str(self.microphone.currentData() or "")), "meter")

    def _close_meter(self) -> None:
        self.work.end("meter")
        self.level.show_level(_SILENCE_DB)
        self.heard.setText("")

    async def _measure(self, device: str) -> None:
        self.heard.setText("The microphone is open while you see this page. Say something.")
        levels = cast("AsyncGenerator[float, None]", self.host.meter(device))
        try:
            async with aclosing(levels):
                async for level_db in levels:
                    self.level.show_level(level_db)
        except CompanionError as error:
            self.level.show_level(_SILENCE_DB)
            self.heard.setText(f"{error.message} {error.hint}")

    async def _play_tone(self) -> None:
        self.tone.setEnabled(False)
        try:
            await self.host.test_tone(str(self.speaker.currentData() or ""))
        except CompanionError as error:
            self.tell_error(error)
        self.tone.setEnabled(True)


PAGE = PageInfo(
    name=Page.SOUND,
    title="Sound",
    order=50,
    build=SoundPage,
    words="microphone speaker headphones device level meter tone volume",
)
