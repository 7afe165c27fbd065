"""Hearing: who turns speech into words, the language, and fetching a recogniser's model to this computer."""

from __future__ import annotations

from companion.gui.labels import text_label
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.models import ModelList
from companion.gui.settings.page import PageInfo
from companion.gui.settings.parts import PartCard
from companion.gui.settings.role_page import RolePage
from companion.gui.theme import Look
from companion.kinds import Role
from companion.language import tr
from companion.providers.here.builtin import SPEC as BUILTIN
from companion.providers.here.models.listing import ModelKind
from companion.providers.here.whisper import SPEC as WHISPER
from companion.providers.provider import Spec
from companion.settings import Page

_USERS = (WHISPER.name, BUILTIN.name)
"""Who hears with the models of this computer."""


class HearingPage(RolePage):
    role = Role.HEARS

    def __init__(self, host: SettingsHost, look: Look) -> None:
        super().__init__(host, look, tr("Hearing"))

    @property
    def whisper_model(self) -> str:
        return (
            self.host.settings.role(Role.HEARS).block(WHISPER.name).model
            or WHISPER.default_models[Role.HEARS]
        )

    def _model_in_use(self) -> str:
        if self.open_name == self._active == BUILTIN.name:
            return self.models.first_here
        return self.whisper_model if self._active == WHISPER.name else ""

    def add_own_rows(self) -> None:
        self.models = ModelList(
            self,
            ModelKind.HEARING,
            self._model_in_use,
            self.use_model,
            self.models_changed,
        )
        self.part = PartCard(
            self, WHISPER.name, lambda: self.work.start(self.models_changed(""), "look again")
        )
        self.column.addWidget(self.part)
        self.column.addWidget(self.models)
        self.rough = text_label(
            tr("Until a model of Whisper is here, hearing is rough: 44 of 100 words are wrong."), "small"
        )
        self.models.shown.connect(self._show_rough)
        self.column.addWidget(self.rough)
        self.add_rows("talk.language")

    def opened(self, spec: Spec) -> None:
        if spec.name in _USERS:
            self.models.look()

    def refresh(self) -> None:
        super().refresh()
        self.part.show_if(self.open_name in _USERS)
        self.models.setVisible(self.open_name in _USERS or self.models.is_fetching)
        self.models.refresh()
        self._show_rough()

    def _show_rough(self) -> None:
        self.rough.setVisible(self.open_name == BUILTIN.name and not self.models.first_here)

    def use_model(self, name: str) -> None:
        """Whisper hears with it from the next take on."""
        self.save({f"providers.stt.{WHISPER.name}.model": name, "providers.stt.active": WHISPER.name})

    async def models_changed(self, name: str) -> None:
        """Whisper may be ready now: then it hears."""
        await self._check(self._specs[WHISPER.name])
        is_waited_for = self.open_name == WHISPER.name != self._active and name == self.whisper_model
        if self._healths[WHISPER.name].ok and is_waited_for:
            self.activate(WHISPER.name)


PAGE = PageInfo(
    name=Page.HEARING,
    title="Hearing",
    order=30,
    build=HearingPage,
)
