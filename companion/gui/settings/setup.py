"""How one provider is set up for one role: its model with price, its key, its server address. Main thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLineEdit, QToolButton, QVBoxLayout, QWidget

from companion.days import date_in_words
from companion.errors import CompanionError
from companion.flow import Health
from companion.gui.boxes import NONE, in_column
from companion.gui.labels import text_label
from companion.gui.settings.form import labelled, name_control, narrow
from companion.gui.settings.key_row import KeyRow
from companion.kinds import Role
from companion.language import tr
from companion.net import origin
from companion.providers.catalogue import Catalogue
from companion.providers.here.models.listing import ModelKind
from companion.providers.model_names import is_for_no_turn, label_of_model, use_of
from companion.providers.provider import Spec
from companion.settings.address import normalise_base_url
from companion.vault import KeyState

if TYPE_CHECKING:
    from companion.gui.settings.role_page import RolePage
    from companion.providers.catalogue import ModelEntry


class ProviderSetup(QWidget):
    """How one provider is set up for one role: model, key, address."""

    def __init__(self, page: RolePage, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        self._page = page
        self._prefix = f"providers.{page.role.value}.{spec.name}"
        column = in_column(inside=self, spacing=14, margins=NONE)
        self.model: QComboBox | None = None
        self.key: KeyRow | None = None
        self._models: dict[str, ModelEntry | None] = {}
        entries = page.host.models(page.role, spec.name)
        has_list_of_its_own = spec.name in (kind.provider for kind in ModelKind)
        if not has_list_of_its_own and (entries or spec.base_url):
            self._model_note = text_label("", "caption")
            self._model_warning = text_label("", "warn")
            self.model = self._build_model(entries)
            box = in_column(spacing=4)
            shown = labelled(tr("Model"), self.model)
            shown.setObjectName("model")
            box.addWidget(shown)
            box.addWidget(self._model_note)
            box.addWidget(self._model_warning)
            column.addLayout(box)
        if spec.needs_key or spec.key_env:
            self.key = KeyRow(page.host, spec, page.role, page.work)
            self.key.checked.connect(lambda health: page.checked(spec, health))
            self.key.changed.connect(lambda name: page.work.start(page.key_changed(name), "key changed"))
            column.addWidget(self.key)
        self._has_address = bool(spec.base_url) and not spec.is_server
        if self._has_address:
            self._build_address(column)

    def refresh(self, key: KeyState, health: Health | None) -> None:
        """Shows what holds now."""
        if self.model is not None:
            self._add_models(health.models if health is not None else ())
            self._show_model(self._page.host.settings.role(self._page.role).block(self.spec.name).model)
        if self.key is not None:
            self.key.show_state(key)
        if self._has_address:
            self._show_address(key)
        self.setVisible(self.model is not None or self.key is not None)

    # -- model ----------------------------------------------------------------------------------------------

    def _build_model(self, entries: Sequence[ModelEntry]) -> QComboBox:
        combo = narrow(QComboBox())
        combo.setEditable(True)
        combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        line = combo.lineEdit()
        assert line is not None
        default = self.spec.default_models.get(self._page.role, "")
        label = next((entry.label for entry in entries if entry.model == default), default)
        line.setPlaceholderText(
            tr("{label} (usual)", label=label) if label else tr("The provider's own choice")
        )
        combo.addItem(tr("{label} (usual)", label=label) if label else tr("The provider's own choice"), "")
        self._models[""] = next((entry for entry in entries if entry.model == default), None)
        for entry in entries:
            combo.addItem(entry.label, entry.model)
            self._models[entry.model] = entry
        combo.activated.connect(lambda _: self._choose_model(str(combo.currentData() or "")))
        line.editingFinished.connect(lambda: self._typed_model(line.text().strip()))
        return combo

    def _add_models(self, names: Sequence[str]) -> None:
        assert self.model is not None
        for name in names:
            if name not in self._models and self._can_do_it(name):
                self._models[name] = None
                self.model.addItem(label_of_model(name), name)

    def _can_do_it(self, name: str) -> bool:
        """As far as its name tells: vendors list all their models together."""
        use = use_of(name)
        says_nothing = use is Role.THINKS is not self._page.role and Role.THINKS not in self.spec.roles
        return says_nothing or (use is self._page.role and not is_for_no_turn(name))

    def _typed_model(self, text: str) -> None:
        assert self.model is not None
        line = self.model.lineEdit()
        assert line is not None
        line.setModified(False)
        place = self.model.findText(text)
        typed = Catalogue.load().model_id(text, self.spec.name, self._page.role)  # `haiku` is an id, too
        self._choose_model(str(self.model.itemData(place) or "") if place >= 0 else typed)

    def _choose_model(self, model: str) -> None:
        if model != self._page.host.settings.role(self._page.role).block(self.spec.name).model:
            self._page.save({f"{self._prefix}.model": model or None})

    def _show_model(self, model: str) -> None:
        assert self.model is not None
        line = self.model.lineEdit()
        if line is not None and line.hasFocus() and line.isModified():
            return
        if self.model.findData(model) < 0:
            self.model.addItem(label_of_model(model), model)
        self.model.setCurrentIndex(self.model.findData(model))
        catalogue = Catalogue.load()
        entry = self._models.get(model) or catalogue.find(model, self.spec.name, self._page.role)
        warning = catalogue.warning(entry.model, entry.provider) if entry is not None else ""
        for label, text in ((self._model_note, model_note(entry)), (self._model_warning, warning)):
            label.setText(text)
            label.setVisible(bool(text))

    # -- address --------------------------------------------------------------------------------------------

    def _build_address(self, column: QVBoxLayout) -> None:
        self.fold = QToolButton()
        self.fold.setText(tr("Server address"))
        self.fold.setCheckable(True)
        self.fold.setProperty("tone", "link")
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold.setArrowType(Qt.ArrowType.RightArrow)
        self._address_box = QWidget()
        inner = in_column(inside=self._address_box, margins=NONE)
        self.address = QLineEdit()
        self.address.setPlaceholderText(self.spec.base_url)
        name_control(
            self.address, tr("Server address of {display_name}", display_name=self.spec.display_name)
        )
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
            address = normalise_base_url(
                self.address.text(),
                with_key=self.spec.needs_key,
                trusts_own_network=self._page.host.settings.network.keys_in_own_network,
            )
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
                tr(
                    "The key was entered for {origin}. It is not sent to {wanted}: enter the key for it "
                    "again.",
                    origin=key.origin,
                    wanted=wanted,
                )
            )

    def _note_address(self, text: str) -> None:
        self.address_note.setText(text)
        self.address_note.setVisible(bool(text))


def model_note(entry: ModelEntry | None) -> str:
    """Context and price of a model in one line, and its end while that is far; empty: nothing is known."""
    if entry is None:
        return ""
    parts = []
    if entry.context_window:
        size = entry.context_window
        parts.append(
            tr("{size:g}M context", size=size / 1e6)
            if size >= 1_000_000
            else tr("{size}k context", size=size // 1000)
        )
    if entry.price_in is not None and entry.price_out is not None:
        price = (
            tr(
                "${in_:.2f} / ${out:.2f} per million tokens, more for very long ones",
                in_=entry.price_in,
                out=entry.price_out,
            )
            if entry.price_rises
            else tr("${in_:.2f} / ${out:.2f} per million tokens", in_=entry.price_in, out=entry.price_out)
        )
        parts.append(price)
    if entry.price_hour is not None:
        parts.append(tr("${price_hour:.2f} per hour of sound", price_hour=entry.price_hour))
    if entry.price_mchars is not None:
        parts.append(tr("${price_mchars:.2f} per million characters", price_mchars=entry.price_mchars))
    if entry.retires is not None and not entry.ends_soon():
        parts.append(tr("ends on {day}", day=date_in_words(entry.retires)))
    return " · ".join(parts)
