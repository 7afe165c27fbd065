"""Hearing: who turns speech into words, the language, and fetching a recogniser's model to this computer."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from companion.flow import Role
from companion.gui.settings.download import ModelDownload
from companion.gui.settings.form import text_label
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo
from companion.gui.settings.role_page import RolePage
from companion.gui.theme import Look
from companion.providers.here.whisper import SPEC as WHISPER
from companion.providers.provider import Spec
from companion.settings import Page

_SIZES = {
    "tiny": "Tiny, 75 MB: quick, makes mistakes",
    "base": "Base, 145 MB: good for clear speech",
    "small": "Small, 485 MB: good, slower",
    "turbo": "Turbo, 1.6 GB: the best, needs a strong computer",
}


class HearingPage(RolePage):
    role = Role.HEARS

    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, "Hearing")

    @property
    def whisper_model(self) -> str:
        return (
            self.host.settings.role(Role.HEARS).block(WHISPER.name).model
            or WHISPER.default_models[Role.HEARS]
        )

    def add_own_rows(self) -> None:
        self.download = ModelDownload(
            self, WHISPER.name, "model", lambda: self.whisper_model, self.downloaded
        )
        self.column.addWidget(self.download)
        self.rough = QWidget()
        row = QHBoxLayout(self.rough)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(
            text_label("The recogniser that comes with Companion is rough: expect wrong words.", "small"), 1
        )
        self.better = QPushButton("Whisper hears better")
        self.better.clicked.connect(lambda: self.choose(WHISPER.name))
        row.addWidget(self.better)
        self.column.addWidget(self.rough)
        self.add_rows("talk.language")

    def further_models(self, spec: Spec) -> Mapping[str, str]:
        return _SIZES if spec.name == WHISPER.name else {}

    def refresh(self) -> None:
        super().refresh()
        health = self._healths.get(WHISPER.name)
        is_whisper = self.open_name == WHISPER.name and health is not None
        self.download.setVisible(is_whisper or self.download.is_running)
        if is_whisper and health is not None:
            self.download.offer(self.whisper_model, is_there=self.whisper_model in health.models)
        self.rough.setVisible(self.open_name == "builtin" and WHISPER.name in self._specs)

    async def downloaded(self) -> None:
        """Whisper may be ready now: then it hears."""
        await self._check(self._specs[WHISPER.name])
        if self._healths[WHISPER.name].ok and self.open_name == WHISPER.name != self._active:
            self.activate(WHISPER.name)


PAGE = PageInfo(
    name=Page.HEARING,
    title="Hearing",
    order=30,
    build=HearingPage,
    words="speech to text recogniser transcript whisper key model stt download language",
)
