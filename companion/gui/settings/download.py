"""A row that fetches what an engine of this computer needs, a recogniser's model or a voice, with progress. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from companion.errors import CompanionError
from companion.gui.settings.form import text_label
from companion.gui.settings.page import SettingsPage
from companion.providers.here.whisper import Progress


class ModelDownload(QWidget):
    """Fetches one model with progress; Cancel stops it, and the next attempt goes on from there."""

    def __init__(
        self,
        page: SettingsPage,
        provider: str,
        noun: str,
        chosen: Callable[[], str],
        done: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """`chosen()` is the one to fetch; `done()` follows every attempt."""
        super().__init__()
        self._page, self._provider, self._noun = page, provider, noun
        self._chosen, self._done = chosen, done
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        self.said = text_label("", "small")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setAccessibleName("Progress of the download")
        self.fetch = QPushButton(f"Fetch the {noun}")
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
        self.said.setText("" if is_there else f"The {self._noun} “{model}” is not on this computer yet.")
        self.setVisible(not is_there)

    async def _download(self) -> None:
        self._show(is_running=True)
        self.said.setText("Fetching …")
        try:
            await self._page.host.download_model(self._provider, self._chosen(), self._show_progress)
        except CompanionError as error:
            self.said.setText("")
            self._page.tell_error(error)
        self._show(is_running=False)
        await self._done()

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
