"""The microphone and the voice, tried before they are needed: a level, the words that were heard, a sentence to hear.

The microphone is open only while it is tried. Main thread.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, cast

from PySide6.QtWidgets import QComboBox, QFrame, QPushButton, QVBoxLayout, QWidget

from companion.app import roles
from companion.errors import CompanionError
from companion.events import EngineInUse, Event
from companion.flow import Transcript
from companion.gui.announce import announce
from companion.gui.boxes import in_column, in_row
from companion.gui.labels import dress, text_label
from companion.gui.settings.devices import SILENCE_DB, DevicePicker, LevelBar, ListenButton, words_of
from companion.gui.settings.form import labelled
from companion.gui.theme import Look
from companion.gui.welcome.host import WelcomeHost
from companion.gui.welcome.page import WelcomePage
from companion.kinds import Role
from companion.language import mark, tr

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_LISTENING = mark("Listening. Say something, such as what you had for breakfast.")
_NO_WORDS = mark(
    "There was a voice, but no words could be made out. Come closer, or choose another microphone."
)


class MicrophonePage(WelcomePage):
    name = "microphone"
    title = mark("Do we hear each other?")
    lead = mark("Say something and see the words arrive. Then hear how answers sound.")
    hint = mark("The microphone is open only while you try it.")

    def __init__(self, app: WelcomeHost, look: Look) -> None:
        super().__init__(app, look)
        self.is_trying = False
        self.hears = roles.in_use(self.host.settings, Role.HEARS)
        self.column.addWidget(self._build_microphone())
        self.column.addWidget(self._build_voice())
        self.destroyed.connect(self.host.events.watch(self._watch))

    @property
    def first(self) -> QWidget:
        return self.try_it

    def appeared(self) -> None:
        super().appeared()
        self.work.start(self._find_devices(), "devices")
        self.work.start(self._find_voices(), "voices")

    def vanished(self) -> None:
        self.stop()
        self.work.end("devices")

    def stop(self) -> bool:
        was_on = self.is_trying or self.listen.is_on
        if self.is_trying:
            self.work.end("try")
            self._end_try("")
        if self.listen.is_on:
            self._stop_voice()
        return was_on

    # -- the microphone -------------------------------------------------------------------------------------

    def _build_microphone(self) -> QFrame:
        self.microphone = DevicePicker(
            "sound.microphone",
            lambda: self.host.settings.sound.microphone,
            lambda device: self.save({"sound.microphone": device or None}),
        )
        self.try_it = QPushButton(tr("Try it"))
        self.try_it.clicked.connect(self._try_pressed)
        self.level = LevelBar(self.look)
        self.heard = text_label("", "told")
        self.heard.setAccessibleName(tr("What was heard"))
        self.heard.hide()
        self.says = text_label("", "small")
        row = in_row(self.try_it, spacing=14)
        row.addWidget(self.level, 1)
        box, column = _card()
        column.addWidget(labelled(tr("Microphone"), self.microphone))
        column.addLayout(row)
        column.addWidget(self.heard)
        column.addWidget(self.says)
        return box

    async def _find_devices(self) -> None:
        try:
            devices = await self.host.devices()
        except CompanionError as error:
            self._say(f"{error.message} {error.hint}", "warn")
            return
        self.microphone.fill(devices.inputs)
        if not devices.inputs:
            self._say(
                tr("No microphone was found. Plug one in and come back to this page. You can write instead."),
                "warn",
            )
        elif not self.is_trying and not self.heard.text():
            self._say(self._where_it_goes, "small")

    @property
    def _where_it_goes(self) -> str:
        """What becomes of what is said here."""
        if self.hears.host:
            return tr(
                "Your voice goes to {host}, as you chose. Nothing of it is kept here.", host=self.hears.host
            )
        return tr("Your voice stays on this computer, and nothing of it is kept.")

    def _try_pressed(self) -> None:
        if self.is_trying:
            self.work.end("try")
            self._end_try(self._where_it_goes)
        else:
            self.work.start(self._try(self.microphone.device), "try")

    async def _try(self, device: str) -> None:
        self.is_trying = True
        self.try_it.setText(tr("Stop"))
        self._show_words("")
        self._say(tr(_LISTENING), "small")
        found = cast("AsyncGenerator[float | Transcript, None]", self.host.listen(device))
        try:
            async with aclosing(found):
                async for each in found:
                    if isinstance(each, float):
                        self.level.show_level(each)
                    else:
                        self._show_words(each.text)
        except CompanionError as error:
            self._end_try(f"{error.message} {error.hint}", "warn")
            return
        if self.heard.text():
            self._end_try(
                tr(
                    "{label} heard it. {where_it_goes}",
                    label=self.hears.label,
                    where_it_goes=self._where_it_goes,
                ),
                "good",
            )
        else:
            self._end_try(tr(_NO_WORDS), "warn")
        announce(self, f"{self.heard.text()} {self.says.text()}")

    def _end_try(self, says: str, kind: str = "small") -> None:
        self.is_trying = False
        self.try_it.setText(tr("Try it again"))
        self.level.show_level(SILENCE_DB)
        self._say(says, kind)

    def _show_words(self, text: str) -> None:
        self.heard.setText(tr("“{quote}”", quote=text) if text.strip() else "")
        self.heard.setVisible(bool(self.heard.text()))

    def _say(self, text: str, kind: str) -> None:
        self.says.setText(text)
        dress(self.says, type=kind)

    def _watch(self, event: Event) -> None:
        if isinstance(event, EngineInUse) and event.role is Role.HEARS:
            self.hears = event

    # -- the voice ------------------------------------------------------------------------------------------

    def _build_voice(self) -> QFrame:
        self.voice = QComboBox()
        self.voice.activated.connect(lambda _: self._choose_voice())
        self.listen = ListenButton(self.look, self._start_voice, self._stop_voice)
        self.voice_says = text_label("", "warn")
        self.voice_says.hide()
        row = in_row(self.listen)
        row.addStretch(1)
        box, column = _card()
        column.addWidget(labelled(tr("Voice"), self.voice))
        column.addLayout(row)
        column.addWidget(self.voice_says)
        return box

    @property
    def _speaker(self) -> str:
        return self.host.settings.role(Role.SPEAKS).active

    async def _find_voices(self) -> None:
        try:
            voices = await self.host.voices(self._speaker)
        except CompanionError as error:
            self._tell_voice(f"{error.message} {error.hint}")
            voices = ()
        chosen = self.host.settings.role(Role.SPEAKS).block(self._speaker).voice
        self.voice.clear()
        self.voice.addItem(tr("The usual voice"), "")
        for voice in voices:
            self.voice.addItem(words_of(voice), voice.id)
        if self.voice.findData(chosen) < 0:
            self.voice.addItem(chosen, chosen)
        self.voice.setCurrentIndex(self.voice.findData(chosen))

    def _choose_voice(self) -> None:
        self.save({f"providers.tts.{self._speaker}.voice": str(self.voice.currentData() or "") or None})
        if self.listen.is_on:
            self._start_voice()

    def _start_voice(self) -> None:
        self._tell_voice("")
        self.work.start(self._preview(str(self.voice.currentData() or "")), "preview")

    async def _preview(self, voice: str) -> None:
        self.listen.show_on(True)
        try:
            speed = self.host.settings.role(Role.SPEAKS).block(self._speaker).speed
            await self.host.preview_voice(self._speaker, voice, speed)
        except CompanionError as error:
            self._tell_voice(f"{error.message} {error.hint}")
        self.listen.show_on(False)

    def _stop_voice(self) -> None:
        self.work.end("preview")
        self.host.stop_preview()
        self.listen.show_on(False)

    def _tell_voice(self, text: str) -> None:
        self.voice_says.setText(text)
        self.voice_says.setVisible(bool(text))


def _card() -> tuple[QFrame, QVBoxLayout]:
    box = QFrame()
    box.setProperty("card", "true")
    column = in_column(inside=box, spacing=10, margins=(18, 13, 18, 14))
    return box, column
