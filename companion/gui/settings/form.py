"""A row for one declared setting: its label, the control its type asks for, its help. Main thread.

The declaration decides everything: a bool is a check box, choices and suggestions are a list, a range is a number field
or a slider, text is a line, a path is a line with a chooser. A change goes to `save` at once; `refresh` shows what holds,
and beside what is not as usual stands the way back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLineEdit,
    QPushButton,
    QSlider,
    QSpinBox,
    QWidget,
)

from companion.gui.boxes import NONE, in_column
from companion.gui.labels import fill, text_label
from companion.gui.settings.chips import FlowLayout
from companion.gui.wrapping import WrappingCheckBox
from companion.language import tr
from companion.settings import Field, Settings, find_field, value_of

if TYPE_CHECKING:
    from companion.settings.field import Value

_SHORT_PX = 170
_IN_SPIN = (10, 0, 0, 0)
"""Margins of the text in a number field; the style sheet does not reach it."""
_SHARES = 20
"""Slider steps from 0 to 1."""
Save = Callable[[Mapping[str, object]], None]


def labelled(
    label: str,
    control: QWidget,
    help_text: str = "",
    beside: QWidget | None = None,
    after: QWidget | None = None,
) -> QWidget:
    """A control under its label, both known to each other and to a screen reader.

    Args:
        beside: a button that stands beside the label.
        after: one that stands beside the control.
    """
    box = QWidget()
    box.setProperty("labelled", "true")
    column = in_column(inside=box, spacing=5, margins=NONE)
    name_control(control, label, help_text)
    first: QWidget = control
    if not isinstance(control, QCheckBox):
        first = above = text_label(label, "small")
        above.setBuddy(control)
    fill(first)
    line = FlowLayout()
    line.addWidget(first)
    if beside is not None:
        first.setMinimumHeight(beside.sizeHint().height())  # nothing moves when it comes
        line.addWidget(beside)
    column.addLayout(line)
    if isinstance(control, QSpinBox | QDoubleSpinBox | QPushButton):  # short, whatever the width of the page
        control.setMinimumWidth(_SHORT_PX)
        column.addWidget(control, 0, Qt.AlignmentFlag.AlignLeft)
    elif first is not control:
        row = FlowLayout()
        fill(control)
        row.addWidget(control)
        if after is not None:
            row.addWidget(after)
        column.addLayout(row)
    if help_text:
        helps = text_label(help_text, "caption")
        if isinstance(control, WrappingCheckBox):
            control.explained_by(helps)
        column.addWidget(helps)
    column.addStretch(1)
    return box


def name_control(control: QWidget, label: str, help_text: str = "") -> None:
    """Gives a control its accessible name and keeps the mouse wheel, meant for the page, from changing it."""
    control.setAccessibleName(label)
    control.setAccessibleDescription(help_text)
    if isinstance(control, QComboBox) and (line := control.lineEdit()) is not None:
        line.setAccessibleName(label)  # it has the focus
    if isinstance(control, QComboBox | QSpinBox | QDoubleSpinBox | QSlider):
        control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        control.installEventFilter(_WheelGuard(control))


def narrow(combo: QComboBox) -> QComboBox:
    """It may be narrower than its longest choice, so that no page needs to be moved sideways."""
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(12)
    return combo


class _WheelGuard(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return False


class FieldRow(QWidget):
    """The row of one setting. `control` is the widget a person uses.

    Args:
        offered: values with their words that only the running app knows; others are allowed too.
    """

    def __init__(
        self,
        name: str,
        settings: Callable[[], Settings],
        save: Save,
        reset: Callable[[str], None],
        offered: Mapping[Value, str] | None = None,
    ) -> None:
        super().__init__()
        found = find_field(name)
        if found is None:
            raise KeyError(name)
        self.field: Field = found
        self._settings, self._save, self._give_back = settings, save, reset
        self._offered = offered or found.declared.choices or found.declared.suggestions
        self._is_refreshing = False
        self.control = self._build()
        self.control.setObjectName(name)
        column = in_column(inside=self, margins=NONE)
        self.usual = self._build_usual()
        is_path = found.declared.is_file or found.declared.is_folder
        self.chooser = self._build_chooser() if is_path else None
        column.addWidget(
            labelled(found.declared.label, self.control, found.declared.help, self.usual, self.chooser)
        )
        self.refresh()

    def refresh(self) -> None:
        """Shows the value that holds, unless it is being typed over."""
        value = value_of(self._settings(), self.field.name)
        self.usual.setVisible(value != self.field.default)
        self._is_refreshing = True
        match self.control:
            case QCheckBox() as box:
                box.setChecked(value is True)
            case QComboBox() as combo:
                self._show_choice(combo, value)
            case QDoubleSpinBox() | QSpinBox() as spin if spin.value() != value:
                spin.setValue(value)  # type: ignore[arg-type]  # the field's type chose the control
            case QSlider() as slider if not slider.isSliderDown() and isinstance(value, float):
                slider.setValue(round(value * _SHARES))
            case QLineEdit() as line if not (line.hasFocus() and line.isModified()):
                line.setText(str(value))
        self._is_refreshing = False

    def _commit(self, value: object) -> None:
        if not self._is_refreshing and value != value_of(self._settings(), self.field.name):
            self._save({self.field.name: value})

    def _build_usual(self) -> QPushButton:
        """Gives the default back."""
        usual = QPushButton(tr("Reset"))
        usual.setProperty("tone", "link")
        usual.setAccessibleName(tr("Reset {label}", label=self.field.declared.label))
        usual.setToolTip(tr("Back to the default"))
        usual.clicked.connect(self._reset)
        return usual

    def _reset(self) -> None:
        self.control.setFocus()  # the button goes
        if isinstance(self.control, QLineEdit):
            self.control.setModified(False)
        self._give_back(self.field.name)

    def _build_chooser(self) -> QPushButton:
        choose = QPushButton(
            tr("Choose a folder …") if self.field.declared.is_folder else tr("Choose a file …")
        )
        choose.setAccessibleDescription(self.field.declared.label)
        choose.clicked.connect(self._choose_path)
        return choose

    def _choose_path(self) -> None:
        chooser = QFileDialog(self, self.field.declared.label)
        mode = QFileDialog.FileMode
        chooser.setFileMode(mode.Directory if self.field.declared.is_folder else mode.ExistingFile)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.fileSelected.connect(self._commit)
        chooser.open()

    def _build(self) -> QWidget:
        declared = self.field.declared
        if self.field.kind is bool:
            box = WrappingCheckBox(declared.label)
            box.toggled.connect(self._commit)
            return box
        if self._offered:
            return self._build_choice()
        if self.field.kind is str:
            line = QLineEdit()
            line.editingFinished.connect(lambda: self._commit(line.text().strip()))
            return line
        return self._build_number()

    def _build_choice(self) -> QComboBox:
        combo = narrow(QComboBox())
        for value, words in self._offered.items():
            combo.addItem(words, value)
        combo.activated.connect(lambda _: self._commit(combo.currentData()))
        return combo

    def _build_number(self) -> QWidget:
        declared = self.field.declared
        low, high = declared.low or 0, declared.high or 0
        if self.field.kind is int:
            whole = QSpinBox()
            whole.setRange(int(low), int(high))
            whole.setSingleStep(max(1, int(high - low) // 40))
            return self._dressed(whole)
        if not declared.unit:
            return self._build_slider(low, high)
        number = QDoubleSpinBox()
        number.setRange(low, high)
        number.setSingleStep(0.1)
        number.setDecimals(2 if declared.unit == "$" else 1)
        return self._dressed(number)

    def _dressed(self, spin: QSpinBox | QDoubleSpinBox) -> QWidget:
        declared = self.field.declared
        if declared.unit == "$":
            spin.setPrefix(declared.unit)
        elif declared.unit:
            spin.setSuffix(f" {tr(declared.unit)}")
        spin.setSpecialValueText(declared.none)
        spin.lineEdit().setTextMargins(*_IN_SPIN)
        spin.setKeyboardTracking(False)
        spin.valueChanged.connect(self._commit)
        return spin

    def _build_slider(self, low: float, high: float) -> QSlider:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(round(low * _SHARES), round(high * _SHARES))
        slider.setPageStep(_SHARES // 5)
        slider.setTracking(False)
        slider.valueChanged.connect(lambda place: self._commit(place / _SHARES))
        return slider

    def _show_choice(self, combo: QComboBox, value: object) -> None:
        place = combo.findData(value)
        if place < 0:  # set by hand to something without a name
            words = f"{value:g}" if isinstance(value, float) else f"{value} {tr(self.field.declared.unit)}"
            combo.addItem(words.strip(), value)
            place = combo.count() - 1
        combo.setCurrentIndex(place)
