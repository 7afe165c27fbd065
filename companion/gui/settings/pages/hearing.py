"""Hearing: who turns speech into words, the language, and fetching a recogniser's model to this computer."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from companion.errors import CompanionError
from companion.flow import Role
from companion.gui.settings.form import text_label
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo
from companion.gui.settings.role_page import RolePage
from companion.gui.theme import Look
from companion.providers.local import SPEC as WHISPER
from companion.providers.local import Progress
from companion.providers.provider import Spec
from companion.settings import Page

_SIZES = {
    "tiny": "Tiny, 75 MB: quick, makes mistakes",
    "base": "Base, 145 MB: good for clear speech",
    "small": "Small, 485 MB: good, slower",
    "turbo": "Turbo, 1.6 GB: the best, needs a strong computer",
}


class ModelDownload(QWidget):
    """Fetches one model with progress; Cancel stops it, and the next attempt goes on from there."""

    def __init__(self, page: HearingPage) -> None:
        super().__init__()
        self._page = page
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self.said = text_label("", "small")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the download")
        self.fetch = QPushButton("Fetch the model")
        self.cancel = QPushButton("Cancel")
        row.addWidget(self.said, 2)
        row.addWidget(self.bar, 3)
        row.addWidget(self.fetch)
        row.addWidget(self.cancel)
        self.fetch.clicked.connect(lambda: page.work.start(self._download(), "download"))
        self.cancel.clicked.connect(self._cancelled)
        self._show(is_running=False)

    @property
    def is_running(self) -> bool:
        return not self.cancel.isHidden()

    def offer(self, model: str, *, is_there: bool) -> None:
        """Shows the button where `model` is not here yet."""
        if self.is_running:
            return
        self.said.setText("" if is_there else f"The model “{model}” is not on this computer yet.")
        self.setVisible(not is_there)

    async def _download(self) -> None:
        self._show(is_running=True)
        self.said.setText("Fetching …")
        try:
            await self._page.host.download_model(WHISPER.name, self._page.whisper_model, self._show_progress)
        except CompanionError as error:
            self.said.setText("")
            self._page.tell_error(error)
        self._show(is_running=False)
        await self._page.downloaded()

    def _cancelled(self) -> None:
        self._page.work.end("download")
        self._show(is_running=False)
        self.said.setText("Stopped. What was fetched is kept for the next attempt.")

    def _show_progress(self, progress: Progress) -> None:
        self.bar.setValue(round(progress.fraction * 1000))
        total = f" of {progress.bytes_total / 1e6:.0f} MB" if progress.bytes_total else ""
        self.said.setText(f"{progress.bytes_done / 1e6:.0f}{total}" if total else "Fetching …")

    def _show(self, *, is_running: bool) -> None:
        self.bar.setVisible(is_running)
        self.cancel.setVisible(is_running)
        self.fetch.setVisible(not is_running)


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
        self.download = ModelDownload(self)
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
