"""Thinking: who answers, with which model, and how long answers may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCompleter, QLineEdit

from companion.errors import CompanionError
from companion.flow import Role
from companion.gui.settings.form import FieldRow
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.page import PageInfo
from companion.gui.settings.role_page import RolePage
from companion.gui.theme import Look
from companion.providers.provider import Spec
from companion.settings import Page

MIND = "mind"
"""Thinks with model files that lie here."""


class ThinkingPage(RolePage):
    role = Role.THINKS

    def __init__(self, host: SettingsHost, look: Look) -> None:
        self._here: Mapping[str, str] = {}
        super().__init__(host, look, "Thinking")

    def add_own_rows(self) -> None:
        self.add_pair(self.row("reply.longest_answer"), self.row("reply.monthly_budget_usd"))
        self.add_rows("talk.engine")
        self.voice_model = (
            self._known_row("talk.realtime_model", lambda spec: spec.realtime),
            self._known_row("talk.realtime_voice", lambda spec: spec.realtime_voices),
        )
        self.add_pair(*self.voice_model)

    def further_models(self, spec: Spec) -> Mapping[str, str]:
        return self._here if spec.name == MIND else {}

    async def _check(self, spec: Spec) -> None:
        if spec.name == MIND:
            try:
                self._here = await self.host.local_models(spec.name)
            except CompanionError as error:
                self.tell_error(error)
        await super()._check(spec)

    async def objection(self, spec: Spec) -> str:
        """A model of this computer is tried first: how fast it is here is in no list."""
        if spec.name != MIND:
            return ""
        self.notice.tell("Trying how fast it writes on this computer …", kind="small")
        try:
            pace = await self.host.pace(spec.name)
        except CompanionError as error:
            return f"{error.message} {error.hint}"
        self.notice.tell(pace.told, kind="small")
        return pace.objection

    def model_chosen(self, spec: Spec) -> None:
        if spec.name == MIND:
            self.work.start(self._try_model(spec), "choose")

    async def _try_model(self, spec: Spec) -> None:
        await self._check(spec)
        health = self._healths[spec.name]
        if detail := await self.objection(spec) if health.ok else health.detail:
            self.notice.tell(detail)
        await self._check(spec)  # the list tells its pace now

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
