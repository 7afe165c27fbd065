"""Who thinks: the offline guide, a model on this computer, or a provider with its key. Main thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QPushButton, QWidget

from companion.errors import CompanionError
from companion.flow import Health
from companion.gui.boxes import NONE, in_column, in_row
from companion.gui.focus import give
from companion.gui.labels import text_label
from companion.gui.settings.card import ChoiceCard
from companion.gui.settings.form import labelled
from companion.gui.settings.key_row import KeyRow, works
from companion.gui.settings.models import ModelList
from companion.gui.settings.trial import MIND, Trial
from companion.gui.theme import Look
from companion.gui.welcome.host import WelcomeHost
from companion.gui.welcome.page import WelcomePage
from companion.kinds import Role
from companion.language import mark, tr
from companion.providers.here.models.listing import ModelKind, usual

if TYPE_CHECKING:
    from companion.providers.provider import Spec
    from companion.vault import KeyState

GUIDE = "guide"
_FIRST = ("anthropic", "openai", "google")
"""Named before the others."""
_CHOICES = {
    GUIDE: (
        mark("Offline guide"),
        mark(
            "Written rules, no AI: says back what it heard and asks, at most, one open question. Needs nothing."
        ),
    ),
    MIND: (
        mark("A model on this computer"),
        mark("A language model that runs here, if the computer is quick enough. Nothing leaves it."),
    ),
    "provider": (
        mark("A provider"),
        mark(
            "The most thoughtful answers. This reflection's words go there; the journal and earlier reflections do not."
        ),
    ),
}


class ThinkerPage(WelcomePage):
    name = "thinking"
    title = mark("Who thinks?")
    lead = mark(
        "Whoever it is reads what you say and answers. You can change it in the middle of a conversation."
    )

    def __init__(self, app: WelcomeHost, look: Look) -> None:
        super().__init__(app, look)
        box = QWidget()
        column = in_column(inside=box, spacing=10, margins=NONE)
        self.cards = {
            name: ChoiceCard(tr(title), tr(about), look, box) for name, (title, about) in _CHOICES.items()
        }
        for card in self.cards.values():
            column.addWidget(card)
            card.toggled.connect(self._show_choice)
        self.column.addWidget(box)
        self.trial = Trial(self)
        self.mind, self.provider = self._build_mind(), self._build_provider()
        self.column.addWidget(self.mind)
        self.column.addWidget(self.provider)
        self.more = QPushButton(tr("Your own server, and more"))
        self.more.setProperty("tone", "plain")
        self.more.clicked.connect(lambda: self.wanted.emit("thinking"))
        row = in_row(self.more)
        row.addStretch(1)
        self.column.addLayout(row)
        self.key: KeyRow | None = None
        self._is_leaving = self._is_begun = False
        self._failed = ""
        """Whose key did not work a moment ago: who goes on all the same may."""

    @property
    def first(self) -> QWidget:
        return self.cards[self.choice]

    @property
    def choice(self) -> str:
        """A key of `_CHOICES`."""
        return next((name for name, card in self.cards.items() if card.isChecked()), GUIDE)

    def appeared(self) -> None:
        super().appeared()
        self._failed = ""
        if not self._is_begun:
            self._is_begun = True
            self.cards[self._choice_now()].setChecked(True)
        self._show_choice()
        self.models.look()
        self.work.start(self._look_around(), "look around")

    def refresh(self) -> None:
        super().refresh()
        if hasattr(self, "models"):
            self.models.refresh()

    # -- which of the three ---------------------------------------------------------------------------------

    @property
    def _active(self) -> str:
        return self.host.settings.role(Role.THINKS).active

    def _choice_now(self) -> str:
        if self._active in (GUIDE, MIND):
            wants_provider = self._active == GUIDE and self.app.welcome.uses_provider
            return "provider" if wants_provider else self._active
        return "provider"

    def _show_choice(self) -> None:
        self.mind.setVisible(self.choice == MIND)
        self.provider.setVisible(self.choice == "provider")
        self.more.setVisible(self.choice == "provider")
        self._is_leaving = False
        if self.choice == "provider" and self.key is None:
            self._open_provider()
        self._show_hint()
        shown = {MIND: self.mind, "provider": self.more}.get(self.choice)
        if shown is not None:
            self.unfolded.emit(shown)

    def _show_hint(self) -> None:
        waits = self.choice == "provider" and self._active == GUIDE
        self.hint = tr("Until a key works, the offline guide answers.") if waits else ""
        self.hint_changed.emit()

    def leave(self) -> bool:
        """What is shown is what is used from now on; a model is tried first, a key tested."""
        if self.choice == GUIDE:
            if self._active != GUIDE:
                self.save({"providers.llm.active": GUIDE})
            return True
        if self.choice == MIND:
            is_here = any(row.standing.is_ready for row in self.models.rows.values())
            if self._active == MIND or not is_here or not self._is_installed:
                return True
            self.trial.use("", self.ready.emit)
            return False
        if self.key is None:
            return True
        spec = self.specs[str(self.providers.currentData())]
        if self.key.field.text():
            self._is_leaving = True
            self.key.keep.click()
            return False
        if self.key.has_key and spec.name not in (self._active, self._failed):
            self._is_leaving = True
            self.work.start(self._test(spec), "offered key")
            return False
        return True

    # -- a model on this computer ---------------------------------------------------------------------------

    def _build_mind(self) -> QWidget:
        box = QWidget()
        column = in_column(inside=box, spacing=8, margins=NONE)
        self.how = text_label("", "small")
        self.how.hide()
        self.models = ModelList(
            self,
            ModelKind.MIND,
            lambda: self._chosen_mind if self._active == MIND else "",
            self.trial.use,
            self._mind_changed,
            is_short=True,
        )
        column.addWidget(self.models)
        column.addWidget(self.how)
        self._is_installed = True
        return box

    @property
    def _chosen_mind(self) -> str:
        return self.host.settings.role(Role.THINKS).block(MIND).model or usual(ModelKind.MIND).name

    async def _mind_changed(self, _name: str) -> None:
        await self._look_for_mind()

    async def _look_for_mind(self) -> None:
        from companion.errors import Kind

        health = await self.host.check(MIND, Role.THINKS, None)
        self._is_installed = health.kind is not Kind.ENGINE_MISSING
        self.how.setText("" if self._is_installed else health.detail)
        self.how.setVisible(not self._is_installed)

    # -- a provider -----------------------------------------------------------------------------------------

    def _build_provider(self) -> QWidget:
        box = QWidget()
        column = self._provider_column = in_column(inside=box, spacing=10, margins=NONE)
        self.specs = self._offered()
        self.providers = QComboBox()
        for spec in self.specs.values():
            self.providers.addItem(spec.display_name, spec.name)
        self.providers.activated.connect(lambda _: self._choose_provider())
        column.addWidget(labelled(tr("Provider"), self.providers))
        return box

    def _offered(self) -> dict[str, Spec]:
        """Those that need nothing but a key, the best known first."""
        known = {
            spec.name: spec
            for spec in self.host.provider_specs(Role.THINKS)
            if spec.needs_key and spec.default_models.get(Role.THINKS)
        }
        order = [*(name for name in _FIRST if name in known), *(name for name in known if name not in _FIRST)]
        return {name: known[name] for name in order}

    def _choose_provider(self) -> None:
        self.work.end("offered key")  # another one is wanted now
        self.notice.tell("")
        self._open_provider()
        if self.key is not None:
            give(self.key.field)

    def _open_provider(self, name: str = "") -> None:
        wanted = name or (str(self.providers.currentData()) if self.key is not None else self._active)
        if self.providers.findData(wanted) >= 0:
            self.providers.setCurrentIndex(self.providers.findData(wanted))
        spec = self.specs[str(self.providers.currentData())]
        self._is_leaving = False
        if self.key is not None:
            self.work.end("key")  # its answer would find nobody
            self.key.hide()
            self.key.deleteLater()
        self.key = KeyRow(self.host, spec, Role.THINKS, self.work)
        self.key.checked.connect(self._checked)
        self.key.stopped.connect(self._stay)
        self.key.changed.connect(lambda kept: self.work.start(self._key_changed(kept), "key changed"))
        self._provider_column.addWidget(self.key)
        self.work.start(self._show_key(spec), "key state")

    async def _show_key(self, spec: Spec) -> None:
        state = await self._key_state(spec)
        if (
            self.key is not None
            and state is not None
            and self.specs[str(self.providers.currentData())] is spec
        ):
            self.key.show_state(state)

    async def _key_state(self, spec: Spec) -> KeyState | None:
        try:
            return await self.host.key_state(spec.name)
        except CompanionError as error:
            self.tell_error(error)
            return None

    async def _look_around(self) -> None:
        """A key that the environment holds is offered, and used only when the person says so."""
        await self._look_for_mind()
        for spec in self.specs.values():
            state = await self._key_state(spec)
            if state is None:
                return
            if state.where == "environment" and self._active != spec.name:
                self._offer(spec, state)
                return

    def _offer(self, spec: Spec, state: KeyState) -> None:
        self.notice.tell(
            tr(
                "There is a key for {display_name} in the environment ({variable}).",
                display_name=spec.display_name,
                variable=state.variable,
            ),
            [(tr("Use {display_name}", display_name=spec.display_name), lambda: self._use_offered(spec))],
            kind="small",
        )

    def _use_offered(self, spec: Spec) -> None:
        self.cards["provider"].setChecked(True)
        self._open_provider(spec.name)
        self.work.start(self._test(spec), "offered key")

    async def _test(self, spec: Spec) -> None:
        self.notice.tell(tr("Asking {who} …", who=spec.display_name), kind="small")
        health = await self.host.check(spec.name, Role.THINKS, None)
        self._checked(health)
        self._failed = "" if health.ok else spec.name
        if health.ok:
            await self._use(spec.name)
            self._go_on()

    def _checked(self, health: Health) -> None:
        self.notice.tell(works(health) if health.ok else health.detail, kind="good" if health.ok else "warn")

    async def _key_changed(self, name: str) -> None:
        spec = self.specs.get(name)
        if spec is None:
            return
        state = await self._key_state(spec)
        if self.key is not None and state is not None and str(self.providers.currentData()) == name:
            self.key.show_state(state)
        if state is not None and state.present:
            await self._use(name)
        self._go_on()

    def _stay(self) -> None:
        self._is_leaving = False

    def _go_on(self) -> None:
        if self._is_leaving:
            self._is_leaving = False
            self.ready.emit()

    async def _use(self, name: str) -> None:
        try:
            await self.host.change({"providers.llm.active": name})
        except CompanionError as error:
            self.tell_error(error)
        self._show_hint()
