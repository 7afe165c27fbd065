"""Thinking: who answers, with which model, and how long answers may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCompleter, QLineEdit

from companion.gui.settings.form import FieldRow
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.models import ModelList
from companion.gui.settings.page import PageInfo
from companion.gui.settings.parts import PartCard
from companion.gui.settings.role_page import RolePage
from companion.gui.settings.spending import SpentBar
from companion.gui.settings.trial import MIND, Trial
from companion.gui.theme import Look
from companion.kinds import Role
from companion.language import tr
from companion.providers.here.models.listing import ModelKind, usual
from companion.providers.provider import Spec
from companion.settings import Page


class ThinkingPage(RolePage):
    role = Role.THINKS

    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("Thinking"))

    def add_own_rows(self) -> None:
        self.trial = Trial(self)
        self.models = ModelList(
            self,
            ModelKind.MIND,
            lambda: self.own_mind if self._active == MIND else "",
            self.trial.use,
            self.models_changed,
        )
        self.part = PartCard(self, MIND, lambda: self.work.start(self.models_changed(""), "look again"))
        self.column.addWidget(self.part)
        self.column.addWidget(self.models)
        self.add_pair(self.row("reply.longest_answer"), self.row("reply.monthly_budget_usd"))
        self.spent = SpentBar()
        self.column.addWidget(self.spent)
        self.add_rows("talk.engine")
        self.voice_model = (
            self._known_row("talk.realtime_model", lambda spec: spec.realtime),
            self._known_row("talk.realtime_voice", lambda spec: spec.realtime_voices),
        )
        self.add_pair(*self.voice_model)

    @property
    def own_mind(self) -> str:
        """The model that thinks on this computer."""
        chosen = self.host.settings.role(Role.THINKS).block(MIND).model
        return chosen or self.models.first_here or usual(ModelKind.MIND).name

    def opened(self, spec: Spec) -> None:
        if spec.name == MIND:
            self.models.look()

    async def models_changed(self, _name: str) -> None:
        await self._check(self._specs[MIND])

    async def objection(self, spec: Spec) -> str:
        return await self.trial.objection("") if spec.name == MIND else ""

    def _state_of(self, spec: Spec) -> tuple[str, str]:
        text, kind = super()._state_of(spec)
        if spec.name == MIND and self.trial.pace is not None and kind != "warn":
            text = tr("on this computer · {words}", words=self.trial.pace.words)
        return text, kind

    def refresh(self) -> None:
        super().refresh()
        self.part.show_if(self.open_name == MIND)
        self.models.setVisible(self.open_name == MIND or self.models.is_fetching)
        self.models.refresh()
        self.spent.show_spent(self.host.spent_usd, self.host.settings.reply.monthly_budget_usd)
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
            row.control.setPlaceholderText(tr("The provider's own choice"))
        return row


PAGE = PageInfo(
    name=Page.THINKING,
    title="Thinking",
    order=20,
    build=ThinkingPage,
)
