"""What was spent in this month, as a bar beside the most that may be. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import QProgressBar, QWidget

from companion.gui.boxes import NONE, in_column
from companion.gui.labels import dress, text_label
from companion.language import mark, number, sentence, tr

_STEPS = 1000
_USED_UP = mark(
    "It is used up: until the month ends, nothing that costs money is asked. What is free goes on."
)


class SpentBar(QWidget):
    """Without a limit there is only the sentence."""

    def __init__(self) -> None:
        super().__init__()
        column = in_column(inside=self, spacing=6, margins=NONE)
        self.says = text_label("", "small")
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(tr("Spent in this month"))
        self.says.setBuddy(self.bar)
        column.addWidget(self.says)
        column.addWidget(self.bar)

    def show_spent(self, spent_usd: float, limit_usd: float) -> None:
        """`limit_usd`: 0 is no limit."""
        spent, limit = _money(spent_usd), _money(limit_usd)
        is_used_up = 0 < limit_usd <= spent_usd
        says = tr("Spent this month: {spent}", spent=spent)
        if limit_usd:
            says = tr("Spent this month: {spent} of {limit}", spent=spent, limit=limit)
        if is_used_up:
            says = f"{sentence(says)} {tr(_USED_UP)}"
        self.says.setText(says)
        dress(self.says, type="warn" if is_used_up else "small")
        self.bar.setVisible(limit_usd > 0)
        if limit_usd > 0:
            self.bar.setValue(round(min(1.0, spent_usd / limit_usd) * _STEPS))
            self.bar.setAccessibleDescription(self.says.text())


def _money(usd: float) -> str:
    return tr("less than a cent") if 0 < usd < 0.01 else f"${number(f'{usd:,.2f}')}"
