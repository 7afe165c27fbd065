"""Voice: who speaks, with which voice and how fast, each voice to be heard before it is chosen for good."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QLabel,
    QListWidget,
    QListWidgetItem,
    QSlider,
    QWidget,
)

from companion.errors import CompanionError
from companion.gui.boxes import NONE, in_column
from companion.gui.labels import text_label
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.devices import ListenButton, words_of
from companion.gui.settings.form import name_control
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.models import ModelList
from companion.gui.settings.page import PageInfo
from companion.gui.settings.parts import PartCard
from companion.gui.settings.role_page import RolePage
from companion.gui.theme import Look
from companion.kinds import Role, VoiceInfo
from companion.language import tr
from companion.providers.here.builtin import SPEC as BUILTIN
from companion.providers.here.models.listing import ModelKind, usual
from companion.providers.here.piper import SPEC as PIPER
from companion.providers.provider import Spec
from companion.settings import Page

_STEPS = 20
"""Slider steps per unit of speed."""
_SETTLED_MS = 250
_USERS = (PIPER.name, BUILTIN.name)
"""Who speaks with the voices of this computer."""


class VoicePage(RolePage):
    role = Role.SPEAKS

    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("Voice"))

    def add_own_rows(self) -> None:
        box = QWidget()
        box.setObjectName("voice")
        column = in_column(inside=box, spacing=6, margins=NONE)
        label = text_label(tr("Voice"), "small")
        self.voices = QListWidget()
        self.voices.setProperty("framed", "true")
        self.voices.setWordWrap(True)
        self.voices.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.voices.setMinimumHeight(self.look.px(150))
        self.voices.setMaximumHeight(self.look.px(190))
        name_control(self.voices, tr("Voice"), tr("The chosen voice speaks from the next sentence on."))
        label.setBuddy(self.voices)
        self.listen = ListenButton(self.look, self._listen, self.stop_listening)
        column.addWidget(label)
        column.addWidget(self.voices)
        column.addLayout(self._speed_row())
        self.column.addWidget(box)
        self.models = ModelList(
            self,
            ModelKind.VOICE,
            self._voice_in_use,
            self.use_model,
            self.models_changed,
        )
        self.part = PartCard(self, PIPER.name, lambda: self.work.start(self.models_changed(""), "look again"))
        self.column.addWidget(self.part)
        self.column.addWidget(self.models)
        self.add_rows("sound.speak_answers")
        self._voices_of = ""
        self.voices.currentItemChanged.connect(lambda *_: self._choose_voice())
        self.voices.itemActivated.connect(lambda _: self._listen())

    def _speed_row(self) -> FlowLayout:
        row = FlowLayout()
        label = QLabel(tr("Speed"))
        label.setProperty("type", "small")
        self.speed = QSlider(Qt.Orientation.Horizontal)
        self.speed.setRange(_STEPS // 2, _STEPS * 2)
        self.speed.setObjectName("speed")
        self.speed.setPageStep(_STEPS // 4)
        name_control(self.speed, tr("Speed of the voice"))
        label.setBuddy(self.speed)
        self.pace = QLabel()
        self.pace.setProperty("type", "small")
        self.pace.setMinimumWidth(44)
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLED_MS)
        self._settled.timeout.connect(self._save_speed)
        self.speed.valueChanged.connect(self._speed_moved)
        for widget in (label, self.speed, self.pace, self.listen):
            row.addWidget(widget)
        return row

    # -- showing --------------------------------------------------------------------------------------------

    def opened(self, spec: Spec) -> None:
        self._voices_of = ""
        self._fill(spec.voices)
        if spec.name in _USERS:
            self.models.look()
        self.work.start(self._fetch_voices(spec), "voices")

    async def _fetch_voices(self, spec: Spec) -> None:
        if not self.is_ready(spec) and not spec.voices:
            return
        try:
            voices = await self.host.voices(spec.name)
        except CompanionError:
            return  # without a key or network the known ones stay; the card and the test say why
        if spec.name == self.open_name and tuple(voices) != spec.voices:
            self._fill(voices)

    def _fill(self, voices: tuple[VoiceInfo, ...] | list[VoiceInfo] | object) -> None:
        self._voices_of = ""
        self.voices.clear()
        usual = QListWidgetItem(tr("The usual voice"))
        usual.setData(Qt.ItemDataRole.UserRole, "")
        self.voices.addItem(usual)
        assert isinstance(voices, tuple | list)
        for voice in voices:
            item = QListWidgetItem(words_of(voice))
            item.setData(Qt.ItemDataRole.UserRole, voice.id)
            self.voices.addItem(item)
        self._voices_of = self.open_name
        self._show_voice()

    def refresh(self) -> None:
        super().refresh()
        self._show_voice()
        self.part.show_if(self.open_name in _USERS)
        self.models.setVisible(self.open_name in _USERS or self.models.is_fetching)
        self.models.refresh()
        block = self.host.settings.role(Role.SPEAKS).block(self.open_name)
        if not self._settled.isActive() and not self.speed.isSliderDown():
            self.speed.blockSignals(True)
            self.speed.setValue(round(block.speed * _STEPS))
            self.speed.blockSignals(False)
            self.pace.setText(f"{self.speed.value() / _STEPS:.2f}×")

    def _show_voice(self) -> None:
        chosen = self.host.settings.role(Role.SPEAKS).block(self.open_name).voice
        self.voices.blockSignals(True)
        for place in range(self.voices.count()):
            if self.voices.item(place).data(Qt.ItemDataRole.UserRole) == chosen:
                self.voices.setCurrentRow(place)
                break
        else:
            own = QListWidgetItem(chosen)
            own.setData(Qt.ItemDataRole.UserRole, chosen)
            self.voices.addItem(own)
            self.voices.setCurrentItem(own)
        self.voices.blockSignals(False)

    # -- voices that are fetched ----------------------------------------------------------------------------

    @property
    def piper_voice(self) -> str:
        """The one Piper would speak with, without its speaker."""
        here = self._healths[PIPER.name].models if PIPER.name in self._healths else ()
        chosen = self.host.settings.role(Role.SPEAKS).block(PIPER.name).voice
        return (chosen or next(iter(here), usual(ModelKind.VOICE).name)).partition("#")[0]

    def _voice_in_use(self) -> str:
        if self.open_name == self._active == BUILTIN.name:
            chosen = self.host.settings.role(Role.SPEAKS).block(BUILTIN.name).voice.partition("#")[0]
            is_plain = bool(chosen) and chosen not in self.models.rows
            return "" if is_plain else chosen or self.models.first_here
        return self.piper_voice if self._active == PIPER.name else ""

    def use_model(self, name: str) -> None:
        """It speaks from the next sentence on, unless it is too slow here."""
        self.work.start(self._use_model(name), "choose")

    async def _use_model(self, name: str) -> None:
        row = self.models.rows.get(name)
        if row is not None and row.model.is_tried:
            self.notice.tell(
                tr("Trying how quick {label} is on this computer …", label=row.model.label), kind="small"
            )
            try:
                objection = await self.host.voice_objection(PIPER.name, name)
            except CompanionError as error:
                self.tell_error(error)
                return
            self.notice.tell(objection)
            if objection:
                return
            await self._fetch_voices(self._specs[self.open_name])
        self.save({f"providers.tts.{PIPER.name}.voice": name, "providers.tts.active": PIPER.name})

    async def models_changed(self, name: str) -> None:
        """Piper may be ready now: then it speaks. "This computer" has one voice more, too, or one less."""
        await self._check(self._specs[PIPER.name])
        if self.open_name in (PIPER.name, BUILTIN.name):
            await self._fetch_voices(self._specs[self.open_name])
        if (
            self.open_name == PIPER.name
            and self._healths[PIPER.name].ok
            and self._active != PIPER.name
            and name == self.piper_voice
        ):
            self.activate(PIPER.name)

    # -- choosing and hearing -------------------------------------------------------------------------------

    @property
    def _voice(self) -> str:
        item = self.voices.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    def _choose_voice(self) -> None:
        if self._voices_of == self.open_name:
            self.save({f"providers.tts.{self.open_name}.voice": self._voice or None})
        if self.listen.is_on:
            self._listen()

    def _speed_moved(self) -> None:
        self.pace.setText(f"{self.speed.value() / _STEPS:.2f}×")
        self._settled.start()

    def _save_speed(self) -> None:
        self.save({f"providers.tts.{self.open_name}.speed": self.speed.value() / _STEPS})

    def _listen(self) -> None:
        self.host.stop_preview()
        self.work.start(self._preview(self.open_name, self._voice, self.speed.value() / _STEPS), "preview")

    async def _preview(self, provider: str, voice: str, speed: float) -> None:
        self.listen.show_on(True)
        try:
            await self.host.preview_voice(provider, voice, speed)
        except CompanionError as error:
            self.tell_error(error)
        self.listen.show_on(False)

    def stop_listening(self) -> None:
        self.work.end("preview")
        self.host.stop_preview()
        self.listen.show_on(False)

    def vanished(self) -> None:
        if self.listen.is_on:
            self.stop_listening()


PAGE = PageInfo(
    name=Page.VOICE,
    title="Voice",
    order=40,
    build=VoicePage,
)
