"""Thinking: who answers, with which model, and how long answers may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCompleter, QLineEdit

from companion.errors import CompanionError
from companion.flow import Role
from companion.gui.settings.form import FieldRow
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo
from companion.gui.settings.role_page import RolePage
from companion.gui.theme import Look
from companion.providers.here.mind.library import Pace
from companion.providers.provider import Spec
from companion.settings import Page

MIND = "mind"
"""Thinks with model files that lie here."""


class ThinkingPage(RolePage):
    role = Role.THINKS

    def __init__(self, host: SettingsHost, look: Look) -> None:
        self._pace: Pace | None = None
        """Of the model of this computer that was tried last."""
        super().__init__(host, look, "Thinking")

    def add_own_rows(self) -> None:
        self.add_pair(self.row("reply.longest_answer"), self.row("reply.monthly_budget_usd"))
        self.add_rows("talk.engine")
        self.voice_model = (
            self._known_row("talk.realtime_model", lambda spec: spec.realtime),
            self._known_row("talk.realtime_voice", lambda spec: spec.realtime_voices),
        )
        self.add_pair(*self.voice_model)

    async def objection(self, spec: Spec) -> str:
        """A model of this computer is tried first: how fast it is here is in no list."""
        if spec.name != MIND:
            return ""
        self.notice.tell("Trying how fast it writes on this computer …", kind="small")
        try:
            self._pace = await self.host.pace(spec.name)
        except CompanionError as error:
            return f"{error.message} {error.hint}"
        return self._pace.objection

    def _state_of(self, spec: Spec) -> tuple[str, str]:
        text, kind = super()._state_of(spec)
        if spec.name == MIND and self._pace is not None and kind != "warn":
            text = f"on this computer · {self._pace.words}"
        return text, kind

    def refresh(self) -> None:
        super().refresh()
        for row in self.voice_model:
            row.setVisible(self.host.settings.talk.engine != "separate")

    def _known_row(self, name: str, known: Callable[[Spec], Sequence[str]]) -> FieldRow:
        """A line that completes the names there are; others work too."""
        row = self.row(name)
        if isinstance(row.control, QLineEdit):
            names = [each for spec in self.host.provider_specs(self.role) for each in known(spec)]
            completer = QCompleter(names, row.control)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            row.control.setCompleter(completer)
            row.control.setPlaceholderText("The provider's own choice")
        return row


PAGE = PageInfo(
    name=Page.THINKING,
    title="Thinking",
    order=20,
    build=ThinkingPage,
    words="key api model provider answer openai anthropic claude gpt ollama guide local gguf llama server address price",
)
