"""Who thinks, hears or speaks: providers as cards, and below them how the chosen one is set up. Main thread.

A provider that is ready takes the role with the click that chooses it; one that still needs a key or an installation is
opened below, takes the role once it is ready, and until then the present one stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import (
    QFrame,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from companion.app.roles import OFFLINE
from companion.errors import CompanionError, Kind
from companion.flow import Health
from companion.gui.boxes import NONE, in_column
from companion.gui.focus import give
from companion.gui.labels import text_label
from companion.gui.lines import LineButton
from companion.gui.settings.card import ProviderCard
from companion.gui.settings.chips import Columns, FlowLayout
from companion.gui.settings.finding import KEY, MODEL, MODELS, PROVIDERS
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.key_row import works
from companion.gui.settings.page import SettingsPage
from companion.gui.settings.setup import ProviderSetup
from companion.gui.settings.stand_ins import StandIns
from companion.gui.theme import Look
from companion.kinds import Role
from companion.language import tr
from companion.net import is_this_computer
from companion.providers.provider import Spec
from companion.vault import KeyState

CARDS, FEWEST_CARDS = 4, 2
"""Providers shown large, if so many are ready; the others are small buttons."""
_NO_KEY = KeyState(present=False)
_WANTS_A_KEY = (Kind.KEY_MISSING, Kind.KEY_REFUSED)
"""There is somebody; only the key is wrong."""


class RolePage(SettingsPage):
    """Base of Thinking, Hearing and Voice."""

    role: ClassVar[Role]

    def __init__(self, host: SettingsHost, look: Look, title: str) -> None:
        super().__init__(host, look, title)
        self._keys: dict[str, KeyState] = {}
        self._healths: dict[str, Health] = {}
        self._specs = {spec.name: spec for spec in host.provider_specs(self.role)}
        self.open_name = self._active
        self._grid = Columns()
        self.column.addLayout(self._grid)
        self._chip_box, self._chip_row = self._build_chip_box()
        self.column.addWidget(self._chip_box)
        self._absent_box, self._absent_column = self._build_absent_box()
        self.cards = {name: self._build_card(spec) for name, spec in self._specs.items()}
        self.chips = {name: self._build_chip(spec) for name, spec in self._specs.items()}
        self.absent = {name: self._build_absent(spec) for name, spec in self._specs.items()}
        self._placed: tuple[str, ...] = ()
        self._details = QVBoxLayout()
        self._details.setSpacing(14)
        self.column.addLayout(self._details)
        self.setup: ProviderSetup | None = None
        self._stand_ins = f"providers.{self.role.value}.stand_ins"
        self.stand_ins = StandIns(
            tuple(self._specs.values()), OFFLINE[self.role], lambda order: self.save({self._stand_ins: order})
        )
        self.stand_ins.setObjectName(self._stand_ins)
        self.column.addWidget(self.stand_ins)
        self.add_own_rows()
        self.column.addWidget(self._absent_box)
        self.add_reset()
        self.column.addStretch(1)

    def add_own_rows(self) -> None:
        """Rows of this role that belong to no provider."""

    def opened(self, spec: Spec) -> None:
        """The details of `spec` are shown now."""

    async def objection(self, spec: Spec) -> str:
        """What a person should know before `spec`, which works, takes the role; empty: nothing."""
        return ""

    def is_outdated(self) -> bool:
        """There are other providers now: servers were added, renamed or removed."""
        return {spec.name: spec for spec in self.host.provider_specs(self.role)} != self._specs

    # -- who is who -----------------------------------------------------------------------------------------

    @property
    def _active(self) -> str:
        name = self.host.settings.role(self.role).active
        specs = self.host.provider_specs(self.role)
        return next((spec.name for spec in specs if name == spec.name or name in spec.aliases), name)

    def address(self, spec: Spec) -> str:
        """Where the provider is asked; empty: nowhere but here."""
        return self.host.settings.role(self.role).block(spec.name).base_url or spec.base_url

    def is_here(self, spec: Spec) -> bool:
        address = self.address(spec)
        return not address or is_this_computer(address)

    def is_ready(self, spec: Spec) -> bool:
        return not spec.needs_key or self._keys.get(spec.name, _NO_KEY).present

    def is_absent(self, spec: Spec) -> bool:
        """Whether it was looked for on this computer and is not here."""
        health = self._healths.get(spec.name)
        return health is not None and not health.ok and self.is_here(spec) and health.kind not in _WANTS_A_KEY

    def _is_looked_for(self, spec: Spec) -> bool:
        """Whether it is something on this computer that may be there or not."""
        return self.is_here(spec) and bool(spec.base_url or spec.install)

    def _state_of(self, spec: Spec) -> tuple[str, str]:
        """What the card says at the right, and how."""
        health, key = self._healths.get(spec.name), self._keys.get(spec.name, _NO_KEY)
        if spec.needs_key and not key.present:
            return tr("needs a key"), "small"
        if health is not None and not health.ok:
            if health.kind in _WANTS_A_KEY:
                return tr("wants a key"), "warn"
            return (tr("not here yet") if self.is_here(spec) else tr("does not work")), "warn"
        if self.is_here(spec) and not spec.needs_key:
            return tr("on this computer"), "small"
        if health is not None:
            return works(health, has_key=key.present), "good"
        kept = {
            "keyring": tr("key kept"),
            "memory": tr("key for this run"),
            "environment": tr("key from the environment"),
        }
        return kept.get(key.where, ""), "small"

    # -- showing --------------------------------------------------------------------------------------------

    def appeared(self) -> None:
        self.open_name = self._active
        super().appeared()
        self.work.start(self._look_around(), "look around")

    def refresh(self) -> None:
        super().refresh()
        large = self._large()
        if tuple(large) != self._placed:
            self._place(large)
        active = self._active
        for name, card in self.cards.items():
            text, kind = self._state_of(self._specs[name])
            card.show_state(text, kind, is_active=name == active, is_open=name == self.open_name)
            card.show_address(self.address(self._specs[name]))
        self._show_others()
        spec = self._specs.get(self.open_name)
        if spec is None:
            self.notice.tell(tr("There is no provider called {active}. Choose one.", active=active))
        elif self.setup is None or self.setup.spec is not spec:
            self._open(spec)
        self.stand_ins.show_order(
            self.host.settings.role(self.role).stand_ins,
            active=active,
            is_ready=lambda name: self._is_found(self._specs[name]),
        )
        if self.setup is not None:
            self.setup.refresh(
                self._keys.get(self.setup.spec.name, _NO_KEY), self._healths.get(self.setup.spec.name)
            )

    def _order(self) -> list[str]:
        """Active and opened first, then what is ready, what may be here, what only needs a key, and what is not here."""

        def rank(name: str) -> int:
            if name == self._active:
                return 0
            if name == self.open_name:
                return 1
            spec = self._specs[name]
            if self.is_absent(spec):
                return 7
            if "your-" in spec.base_url:  # it needs an address, too
                return 6
            is_own = spec.is_server or (self.is_ready(spec) and spec.needs_key)
            is_found = name in self._healths or not self._is_looked_for(spec)
            return 2 if is_own else 5 if not self.is_here(spec) else 3 if is_found else 4

        shown = [name for name in self._placed if name in self._specs]
        if self.open_name in shown and self._active in shown:
            return shown + [
                name for name in self._specs if name not in shown
            ]  # nothing jumps under the pointer
        return sorted(self._specs, key=rank)

    def _place(self, large: Sequence[str]) -> None:
        self._placed = tuple(large)
        while self._grid.takeAt(0) is not None:
            pass
        for name in large:
            self._grid.addWidget(self.cards[name])
        for name in self._specs:
            self.cards[name].setVisible(name in large)
        for before, after in pairwise(large):
            QWidget.setTabOrder(self.cards[before], self.cards[after])

    def _large(self) -> list[str]:
        """Who is shown as a card: those that are ready, and never one alone."""
        chosen = (self._active, self.open_name)
        shown = [name for name in self._order() if name in chosen or not self.is_absent(self._specs[name])]
        ready = [name for name in shown if name in chosen or self._is_found(self._specs[name])]
        return (ready if len(ready) >= FEWEST_CARDS else shown)[: max(FEWEST_CARDS, min(CARDS, len(ready)))]

    def _is_found(self, spec: Spec) -> bool:
        health = self._healths.get(spec.name)
        is_here = spec.needs_key or not self._is_looked_for(spec) or (health is not None and health.ok)
        return self.is_ready(spec) and is_here

    def _show_others(self) -> None:
        """Who is not shown large: those that can be chosen as small buttons, those that are not here a line each."""
        rest = [name for name in self._specs if name not in self._placed]
        absent = [name for name in rest if self.is_absent(self._specs[name])]
        for name, spec in self._specs.items():
            self.chips[name].setVisible(name in rest and name not in absent)
            self.absent[name].setVisible(name in absent)
            if name in absent:
                self.absent[name].setText(f"{spec.display_name}: {self._healths[name].detail}")
        self._chip_box.setVisible(len(rest) > len(absent))
        self._absent_box.setVisible(bool(absent))

    def _build_absent_box(self) -> tuple[QFrame, QVBoxLayout]:
        box = QFrame()
        box.setProperty("card", "true")
        column = QVBoxLayout(box)
        column.setContentsMargins(18, 13, 18, 15)
        column.setSpacing(2)
        column.addWidget(text_label(tr("Not on this computer yet"), "strong"))
        return box, column

    def _build_absent(self, spec: Spec) -> LineButton:
        line = LineButton()
        line.setText(spec.display_name)
        line.setToolTip(spec.summary)
        line.clicked.connect(lambda: self._choose_chip(spec.name))
        self._absent_column.addWidget(line)
        return line

    def _build_card(self, spec: Spec) -> ProviderCard:
        card = ProviderCard(spec, self.role, self.look, self)
        card.clicked.connect(lambda: self.choose(spec.name))
        return card

    def _build_chip(self, spec: Spec) -> QPushButton:
        chip = QPushButton(spec.display_name)
        chip.setProperty("tone", "chip")
        chip.setToolTip(spec.summary)
        chip.clicked.connect(lambda: self._choose_chip(spec.name))
        self._chip_row.addWidget(chip)
        return chip

    def _build_chip_box(self) -> tuple[QWidget, FlowLayout]:
        box = QWidget()
        column = in_column(text_label(tr("More providers"), "small"), inside=box, spacing=8, margins=NONE)
        row = FlowLayout()
        column.addLayout(row)
        return box, row

    # -- choosing -------------------------------------------------------------------------------------------

    def spot(self, name: str) -> QWidget | None:
        kind, _, who = name.partition(" ")
        if kind == PROVIDERS and who in self._specs:
            lines = (self.cards[who], self.chips[who], self.absent[who])
            return next((each for each in lines if each.isVisibleTo(self)), None)
        found = super().spot(name)
        return self._chip_box if found is None and kind in (PROVIDERS, KEY, MODEL, MODELS) else found

    def _choose_chip(self, name: str) -> None:
        self.choose(name)
        if self.is_ready(self._specs[name]):
            self.cards[name].setFocus(Qt.FocusReason.OtherFocusReason)

    def choose(self, name: str) -> None:
        """Opens a provider, and gives it the role if it is ready."""
        spec = self._specs[name]
        self.work.end("choose")  # whoever was looked for is not wanted any more
        self.open_name = name
        self.notice.tell("")
        self.refresh()
        if name == self._active:
            return
        if not self.is_ready(spec):
            self._tell_it_needs_a_key(spec)
        elif self._is_looked_for(spec):
            self.work.start(self._activate_if_found(spec), "choose")
        else:
            self.activate(name)

    def _ask_for_key(self) -> None:
        """The field for it has its place now."""
        if self.setup is not None and self.setup.key is not None:
            give(self.setup.key.field)

    def _tell_it_needs_a_key(self, spec: Spec) -> None:
        present = self._specs.get(self._active)
        needs = tr("{who} needs a key first.", who=spec.display_name)
        stays = tr("{who} stays until then.", who=present.display_name) if present is not None else ""
        self.notice.tell(f"{needs} {stays}".strip(), kind="small")
        QTimer.singleShot(0, self, self._ask_for_key)

    async def _activate_if_found(self, spec: Spec) -> None:
        self.notice.tell(
            tr("Looking for {display_name} on this computer …", display_name=spec.display_name), kind="small"
        )
        await self._check(spec)
        health = self._healths[spec.name]
        if health.kind in _WANTS_A_KEY and not self._keys.get(spec.name, _NO_KEY).present and spec.key_env:
            self._tell_it_needs_a_key(spec)
            return
        detail = await self.objection(spec) if health.ok else health.detail
        if detail:
            self.notice.tell(detail, [(tr("Use it anyway"), lambda: self.activate(spec.name))])
        else:
            self.activate(spec.name)

    def activate(self, name: str) -> None:
        self.save({f"providers.{self.role.value}.active": name})

    # -- what is found out in the background ----------------------------------------------------------------

    async def _look_around(self) -> None:
        """Which keys there are, and which engines of this computer answer. Asks no vendor."""
        try:
            for spec in self._specs.values():
                if spec.needs_key or spec.key_env:
                    self._keys[spec.name] = await self.host.key_state(spec.name)
        except CompanionError as error:
            self.tell_error(error)
        self.refresh()
        looked_for = [spec for spec in self._specs.values() if self._is_looked_for(spec)]
        await asyncio.gather(*map(self._check, looked_for))  # one that is slow keeps nobody waiting
        if self.open_name == self._active:  # nobody has opened another in the meantime
            self._placed = ()
            self.refresh()

    async def _check(self, spec: Spec) -> None:
        self._healths[spec.name] = await self.host.check(spec.name, self.role, None)
        self.refresh()

    def _open(self, spec: Spec) -> None:
        if self.setup is not None:
            self.work.end("key")  # its answer would find nobody
            self.setup.hide()
            self.setup.deleteLater()
        self.setup = ProviderSetup(self, spec)
        self._details.addWidget(self.setup)
        self.opened(spec)

    def checked(self, spec: Spec, health: Health) -> None:
        """The vendor answered a test."""
        self._healths[spec.name] = health
        self.refresh()

    async def key_changed(self, name: str) -> None:
        """A key was kept or removed: a provider that only waited for it takes the role."""
        try:
            self._keys[name] = await self.host.key_state(name)
        except CompanionError as error:
            self.tell_error(error)
        if not self._keys.get(name, _NO_KEY).present:
            self._healths.pop(name, None)
        self.refresh()
        if name == self.open_name != self._active and self.is_ready(self._specs[name]):
            self.activate(name)
