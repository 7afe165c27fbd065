"""Who may stand in when the chosen provider of a role fails: ticked one by one, asked in that order. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QCheckBox, QFrame

from companion.gui.boxes import in_column
from companion.gui.labels import text_label
from companion.gui.settings.chips import FlowLayout
from companion.gui.wrapping import WrappingCheckBox
from companion.language import mark, sentence, tr
from companion.providers.provider import Spec

_NOBODY = mark("Nobody. You are told, and can try again or choose someone else.")


class StandIns(QFrame):
    """Tick boxes, one per provider that is ready.

    Args:
        offline: registered name of whoever always works here; asked last, whatever the order of the ticks.
        chosen: hears the new order as the setting holds it.
    """

    def __init__(self, specs: Sequence[Spec], offline: str, chosen: Callable[[str], None]) -> None:
        super().__init__()
        self._offline, self._chosen = offline, chosen
        self._order: list[str] = []
        self.setProperty("card", "true")
        column = in_column(
            text_label(tr("If it fails, ask instead"), "strong"),
            inside=self,
            spacing=8,
            margins=(18, 13, 18, 15),
        )
        row = FlowLayout()
        self.boxes = {spec.name: self._build(spec) for spec in specs}
        for box in self.boxes.values():
            row.addWidget(box)
        column.addLayout(row)
        self._says = text_label("", "caption")
        column.addWidget(self._says)
        self._labels = {spec.name: spec.display_name for spec in specs}

    def show_order(self, ticked: str, *, active: str, is_ready: Callable[[str], bool]) -> None:
        """Shows who is ticked; those without a key are left out, and so is who has the role."""
        self._order = [name for name in ticked.replace(",", " ").split() if name in self.boxes]
        for name, box in self.boxes.items():
            box.setVisible(name != active and (is_ready(name) or name in self._order))
            box.blockSignals(True)
            box.setChecked(name in self._order)
            box.blockSignals(False)
        asked = sorted(
            (name for name in self._order if name != active), key=lambda name: name == self._offline
        )
        names = tr(", then ").join(self._labels[name] for name in asked)
        self._says.setText(
            f"{sentence(names)} {tr('What you said then goes there, and you are told who answered.')}"
            if names
            else tr(_NOBODY)
        )
        self.setVisible(any(not box.isHidden() for box in self.boxes.values()))

    def _build(self, spec: Spec) -> QCheckBox:
        box = WrappingCheckBox(spec.display_name)
        box.setAccessibleDescription(f"{tr('May stand in.')} {spec.summary}")
        box.toggled.connect(lambda is_ticked: self._ticked(spec.name, is_ticked))
        return box

    def _ticked(self, name: str, is_ticked: bool) -> None:
        rest = [each for each in self._order if each != name]
        self._chosen(" ".join([*rest, name] if is_ticked else rest))
