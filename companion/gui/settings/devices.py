"""What pages show of sound: a list of microphones or speakers, a level, a button that plays and stops. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QComboBox, QPushButton, QSizePolicy, QWidget

from companion.gui import icons
from companion.gui.settings.form import narrow
from companion.gui.talk import loudness
from companion.gui.theme import Look
from companion.language import mark, tr, trc

if TYPE_CHECKING:
    from companion.audio.devices import Device
    from companion.kinds import VoiceInfo

_ICON_PX = 14
SILENCE_DB = -90.0
USUAL = mark("System default")


class LevelBar(QWidget):
    """How loud it is, as a bar. Says it in words to a screen reader only when asked, not 25 times a second."""

    def __init__(self, look: Look) -> None:
        super().__init__()
        self._look = look
        self.level_db = SILENCE_DB
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Level of the microphone"))

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


class DevicePicker(QComboBox):
    """The microphones or speakers there are; the data of each is its name, that of the system's choice is empty.

    Args:
        chosen: the name that the settings hold.
        choose: makes another one the chosen one.
    """

    def __init__(self, name: str, chosen: Callable[[], str], choose: Callable[[str], None]) -> None:
        super().__init__()
        narrow(self)
        self._chosen = chosen
        self.setObjectName(name)
        self.addItem(tr(USUAL), "")
        self.activated.connect(lambda _: choose(self.device))

    @property
    def device(self) -> str:
        return str(self.currentData() or "")

    def fill(self, devices: Sequence[Device]) -> None:
        """Shows these instead of those of before."""
        self.clear()
        default = next((device.label for device in devices if device.is_default), "")
        is_told = default and not default.startswith(tr(USUAL))  # some systems call it nothing else
        self.addItem(f"{tr(USUAL)} ({default})" if is_told else tr(USUAL), "")
        for device in devices:
            self.addItem(device.label, device.name)
        self.refresh()

    def refresh(self) -> None:
        """Shows which one is chosen."""
        chosen = self._chosen()
        if self.findData(chosen) < 0:
            self.addItem(tr("{chosen} (not plugged in)", chosen=chosen), chosen)
        self.setCurrentIndex(self.findData(chosen))


def words_of(voice: VoiceInfo) -> str:
    """A voice as a list shows it: its name, its language, what it is like."""
    sounds = ", ".join(trc("a voice", trait) for trait in voice.description.split(", ") if trait)
    about = " · ".join(part for part in (voice.language, sounds) if part)
    name = tr(voice.name)
    return f"{name}  ({about})" if about else name


class ListenButton(QPushButton):
    """Plays a voice, or stops it.

    Args:
        start, stop: what a press does.
    """

    def __init__(self, look: Look, start: Callable[[], None], stop: Callable[[], None]) -> None:
        super().__init__()
        self._look, self._start, self._stop = look, start, stop
        self.is_on = False
        self.clicked.connect(self._pressed)
        look.changed.connect(self._dress)
        self._dress()

    def show_on(self, is_on: bool) -> None:
        """The voice sounds, or no longer."""
        self.is_on = is_on
        self._dress()

    def _pressed(self) -> None:
        (self._stop if self.is_on else self._start)()

    def _dress(self) -> None:
        self.setText(tr("Stop") if self.is_on else tr("Listen"))
        self.setAccessibleName(tr("Stop the voice") if self.is_on else tr("Listen to the voice"))
        size = round(_ICON_PX * self._look.scale)
        self.setIcon(icons.icon("stop" if self.is_on else "play", self._look.colour("ink"), size))
        self.setIconSize(QSize(size, size))
