"""Who thinks, hears or speaks: providers as cards, and below them how the chosen one is set up. Main thread.

A provider that is ready takes the role with the click that chooses it; one that still needs a key or an installation is
opened below, takes the role once it is ready, and until then the present one stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QLineEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from companion.errors import CompanionError
from companion.flow import Health, Role
from companion.gui.settings.card import ProviderCard
from companion.gui.settings.chips import FlowLayout
from companion.gui.settings.form import labelled, name_control, text_label
from companion.gui.settings.host import SettingsHost
from companion.gui.settings.key_row import KeyRow
from companion.gui.settings.page import SettingsPage
from companion.gui.theme import Look
from companion.net import is_this_computer, origin
from companion.providers.provider import Spec
from companion.settings import normalise_base_url
from companion.vault import KeyState

if TYPE_CHECKING:
    from companion.providers.catalogue import ModelEntry

CARDS = 4
"""Providers shown large; the others are small buttons."""
_NO_KEY = KeyState(present=False)


class RolePage(SettingsPage):
    """Base of Thinking, Hearing and Voice."""

    role: ClassVar[Role]

    def __init__(self, host: SettingsHost, look: Look, title: str) -> None:
        super().__init__(host, look, title)
        self._keys: dict[str, KeyState] = {}
        self._healths: dict[str, Health] = {}
        self._specs = {spec.name: spec for spec in host.provider_specs(self.role)}
        self.open_name = self._active
        self._grid = QGridLayout()
        self._grid.setSpacing(14)
        self._grid.setColumnStretch(0, 1)
        self._grid.setColumnStretch(1, 1)
        self.column.addLayout(self._grid)
        self._chip_box, self._chip_row = self._build_chip_box()
        self.cards = {name: self._build_card(spec) for name, spec in self._specs.items()}
        self.chips = {name: self._build_chip(spec) for name, spec in self._specs.items()}
        self._placed: tuple[str, ...] = ()
        self._details = QVBoxLayout()
        self._details.setSpacing(14)
        self.column.addLayout(self._details)
        self.setup: ProviderSetup | None = None
        self.add_own_rows()
        self.column.addWidget(self._chip_box)
        self.column.addStretch(1)

    def add_own_rows(self) -> None:
        """Rows of this role that belong to no provider."""

    def opened(self, spec: Spec) -> None:
        """The details of `spec` are shown now."""

    def further_models(self, spec: Spec) -> Mapping[str, str]:
        """Models the catalogue does not hold: name -> words for it."""
        return {}

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

    def _state_of(self, spec: Spec) -> tuple[str, str]:
        """What the card says at the right, and how."""
        health, key = self._healths.get(spec.name), self._keys.get(spec.name, _NO_KEY)
        if spec.needs_key and not key.present:
            return "needs a key", "small"
        if health is not None and not health.ok:
            return ("not found" if self.is_here(spec) else "does not work"), "warn"
        if self.is_here(spec):
            return "on this computer", "small"
        if health is not None:
            latency = f" · {health.latency_ms:.0f} ms" if health.latency_ms is not None else ""
            return f"{'Key works' if key.present else 'Works'}{latency}", "good"
        kept = {
            "keyring": "key kept",
            "memory": "key for this run",
            "environment": "key from the environment",
        }
        return kept.get(key.where, ""), "small"

    # -- showing --------------------------------------------------------------------------------------------

    def appeared(self) -> None:
        self.open_name = self._active
        super().appeared()
        self.work.start(self._look_around(), "look around")

    def refresh(self) -> None:
        super().refresh()
        names = self._order()
        large = names[:CARDS] if len(names) > CARDS else names
        if tuple(large) != self._placed:
            self._place(large)
        active = self._active
        for name, card in self.cards.items():
            text, kind = self._state_of(self._specs[name])
            card.show_state(text, kind, is_active=name == active, is_open=name == self.open_name)
        spec = self._specs.get(self.open_name)
        if spec is None:
            self.notice.tell(f"There is no provider called {active}. Choose one.")
        elif self.setup is None or self.setup.spec is not spec:
            self._open(spec)
        if self.setup is not None:
            self.setup.refresh(
                self._keys.get(self.setup.spec.name, _NO_KEY), self._healths.get(self.setup.spec.name)
            )

    def _order(self) -> list[str]:
        """Active and opened first, then what works without a key or has one, then the rest."""

        def rank(name: str) -> int:
            if name == self._active:
                return 0
            if name == self.open_name:
                return 1
            spec = self._specs[name]
            return 2 if self.is_ready(spec) and spec.needs_key else 3 if self.is_here(spec) else 4

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
        for place, name in enumerate(large):
            self._grid.addWidget(self.cards[name], place // 2, place % 2)
        for name in self._specs:
            self.cards[name].setVisible(name in large)
            self.chips[name].setVisible(name not in large)
        self._chip_box.setVisible(len(large) < len(self._specs))
        for before, after in pairwise(large):
            QWidget.setTabOrder(self.cards[before], self.cards[after])

    def _build_card(self, spec: Spec) -> ProviderCard:
        card = ProviderCard(spec, self.look, self)
        card.clicked.connect(lambda: self.choose(spec.name))
        return card

    def _build_chip(self, spec: Spec) -> QPushButton:
        chip = QPushButton(spec.display_name)
        chip.setProperty("tone", "chip")
        chip.setToolTip(spec.summary)
        chip.clicked.connect(lambda: self._choose_chip(spec.name))
        self._chip_row.addWidget(chip)
        return chip

    def _build_chip_box(self) -> tuple[QFrame, FlowLayout]:
        box = QFrame()
        box.setProperty("card", "true")
        column = QVBoxLayout(box)
        column.setContentsMargins(18, 13, 18, 15)
        column.setSpacing(10)
        column.addWidget(text_label("More providers", "strong"))
        row = FlowLayout()
        column.addLayout(row)
        return box, row

    # -- choosing -------------------------------------------------------------------------------------------

    def _choose_chip(self, name: str) -> None:
        self.choose(name)
        self.cards[name].setFocus(Qt.FocusReason.OtherFocusReason)

    def choose(self, name: str) -> None:
        """Opens a provider, and gives it the role if it is ready."""
        spec = self._specs[name]
        self.open_name = name
        self.notice.tell("")
        self.refresh()
        if name == self._active:
            return
        if not self.is_ready(spec):
            present = self._specs.get(self._active)
            stays = f" {present.display_name} stays until then." if present is not None else ""
            self.notice.tell(f"{spec.display_name} needs a key first.{stays}", kind="small")
        elif self.is_here(spec) and (spec.base_url or spec.install):
            self.work.start(self._activate_if_found(spec), "choose")
        else:
            self.activate(name)

    async def _activate_if_found(self, spec: Spec) -> None:
        self.notice.tell(f"Looking for {spec.display_name} on this computer …", kind="small")
        await self._check(spec)
        health = self._healths[spec.name]
        if health.ok:
            self.activate(spec.name)
            return
        self.notice.tell(health.detail, [("Use it anyway", lambda: self.activate(spec.name))])

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
        for spec in self._specs.values():
            if self.is_here(spec) and (spec.base_url or spec.install):
                await self._check(spec)

    async def _check(self, spec: Spec) -> None:
        self._healths[spec.name] = await self.host.check(spec.name, self.role, None)
        self.refresh()

    def _open(self, spec: Spec) -> None:
        if self.setup is not None:
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


class ProviderSetup(QWidget):
    """How one provider is set up for one role: model, key, address."""

    def __init__(self, page: RolePage, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        self._page = page
        self._prefix = f"providers.{page.role.value}.{spec.name}"
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        self.model: QComboBox | None = None
        self.key: KeyRow | None = None
        self._models: dict[str, ModelEntry | None] = {}
        entries = page.host.models(page.role, spec.name)
        if entries or spec.base_url or spec.default_models.get(page.role):
            self._model_note = text_label("", "caption")
            self.model = self._build_model(entries)
            box = QVBoxLayout()
            box.setSpacing(0)
            box.addWidget(labelled("Model", self.model))
            box.addWidget(self._model_note)
            column.addLayout(box)
        if spec.needs_key or spec.key_env:
            self.key = KeyRow(page.host, spec, page.role, page.work)
            self.key.checked.connect(lambda health: page.checked(spec, health))
            self.key.changed.connect(lambda name: page.work.start(page.key_changed(name), "key changed"))
            column.addWidget(self.key)
        if spec.base_url:
            self._build_address(column)

    def refresh(self, key: KeyState, health: Health | None) -> None:
        """Shows what holds now."""
        if self.model is not None:
            self._add_models(health.models if health is not None else ())
            self._show_model(self._page.host.settings.role(self._page.role).block(self.spec.name).model)
        if self.key is not None:
            self.key.show_state(key)
        if self.spec.base_url:
            self._show_address(key)
        self.setVisible(self.model is not None or self.key is not None)

    # -- model ----------------------------------------------------------------------------------------------

    def _build_model(self, entries: Sequence[ModelEntry]) -> QComboBox:
        combo = QComboBox()
        combo.setEditable(True)
        combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        line = combo.lineEdit()
        assert line is not None
        default = self.spec.default_models.get(self._page.role, "")
        label = next((entry.label for entry in entries if entry.model == default), default)
        line.setPlaceholderText(f"{label} (usual)" if label else "The provider's own choice")
        combo.addItem(f"{label} (usual)" if label else "The provider's own choice", "")
        self._models[""] = next((entry for entry in entries if entry.model == default), None)
        for entry in entries:
            combo.addItem(entry.label, entry.model)
            self._models[entry.model] = entry
        for name, words in self._page.further_models(self.spec).items():
            combo.addItem(words, name)
            self._models[name] = None
        combo.activated.connect(lambda _: self._choose_model(str(combo.currentData() or "")))
        line.editingFinished.connect(lambda: self._typed_model(line.text().strip()))
        return combo

    def _add_models(self, names: Sequence[str]) -> None:
        assert self.model is not None
        for name in names:
            if name not in self._models:
                self._models[name] = None
                self.model.addItem(name, name)

    def _typed_model(self, text: str) -> None:
        assert self.model is not None
        place = self.model.findText(text)
        self._choose_model(str(self.model.itemData(place) or "") if place >= 0 else text)

    def _choose_model(self, model: str) -> None:
        if model != self._page.host.settings.role(self._page.role).block(self.spec.name).model:
            self._page.save({f"{self._prefix}.model": model or None})

    def _show_model(self, model: str) -> None:
        assert self.model is not None
        line = self.model.lineEdit()
        if line is not None and line.hasFocus() and line.isModified():
            return
        if self.model.findData(model) < 0:
            self.model.addItem(model, model)
        self.model.setCurrentIndex(self.model.findData(model))
        note = model_note(self._models.get(model))
        self._model_note.setText(note)
        self._model_note.setVisible(bool(note))

    # -- address --------------------------------------------------------------------------------------------

    def _build_address(self, column: QVBoxLayout) -> None:
        self.fold = QToolButton()
        self.fold.setText("Server address")
        self.fold.setCheckable(True)
        self.fold.setProperty("tone", "plain")
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold.setArrowType(Qt.ArrowType.RightArrow)
        self._address_box = QWidget()
        inner = QVBoxLayout(self._address_box)
        inner.setContentsMargins(0, 0, 0, 0)
        self.address = QLineEdit()
        self.address.setPlaceholderText(self.spec.base_url)
        name_control(self.address, f"Server address of {self.spec.display_name}")
        self.address_note = text_label("", "warn")
        inner.addWidget(self.address)
        inner.addWidget(self.address_note)
        self.address_note.hide()
        column.addWidget(self.fold)
        column.addWidget(self._address_box)
        self._address_box.hide()
        self.fold.toggled.connect(self._unfold)
        self.address.editingFinished.connect(self._address_entered)

    def _unfold(self, is_open: bool) -> None:
        self._address_box.setVisible(is_open)
        self.fold.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)

    def _address_entered(self) -> None:
        try:
            address = normalise_base_url(self.address.text(), with_key=self.spec.needs_key)
        except CompanionError as error:
            self._note_address(f"{error.message} {error.hint}")
            return
        self.address.setText(address.url)
        self._note_address(address.notice)
        if address.url != self._page.host.settings.role(self._page.role).block(self.spec.name).base_url:
            self._page.save({f"{self._prefix}.base_url": address.url or None})

    def _show_address(self, key: KeyState) -> None:
        own = self._page.host.settings.role(self._page.role).block(self.spec.name).base_url
        if not self.address.hasFocus() and not self.address_note.text():
            self.address.setText(own)
        if own:
            self.fold.setChecked(True)
        wanted = origin(own or self.spec.base_url)
        if key.present and key.origin and key.origin != wanted:
            self._note_address(
                f"The key was entered for {key.origin}. It is not sent to {wanted}: enter the key for it again."
            )

    def _note_address(self, text: str) -> None:
        self.address_note.setText(text)
        self.address_note.setVisible(bool(text))


def model_note(entry: ModelEntry | None) -> str:
    """Context, price and end of a model in one line; empty: nothing is known."""
    if entry is None:
        return ""
    parts = []
    if entry.context_window:
        size = entry.context_window
        parts.append(f"{size / 1e6:g}M context" if size >= 1_000_000 else f"{size // 1000}k context")
    if entry.price_in is not None and entry.price_out is not None:
        rises = ", more for very long ones" if entry.price_rises else ""
        parts.append(f"${entry.price_in:.2f} / ${entry.price_out:.2f} per million tokens{rises}")
    if entry.price_hour is not None:
        parts.append(f"${entry.price_hour:.2f} per hour of sound")
    if entry.price_mchars is not None:
        parts.append(f"${entry.price_mchars:.2f} per million characters")
    if entry.retires is not None:
        parts.append(f"ends on {entry.retires.day} {entry.retires:%B %Y}")
    return " · ".join(parts)
