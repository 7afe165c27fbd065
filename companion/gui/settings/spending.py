"""What was spent in this month, as a bar beside the most that may be. Main thread."""

from __future__ import annotations

from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from companion.gui.labels import text_label
from companion.language import number, tr

_STEPS = 1000


class SpentBar(QWidget):
    """Without a limit there is only the sentence."""

    def __init__(self) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
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
        self.says.setText(
            tr("Spent this month: {spent} of {limit}", spent=spent, limit=limit)
            if limit_usd
            else tr("Spent this month: {spent}", spent=spent)
        )
        self.bar.setVisible(limit_usd > 0)
        if limit_usd > 0:
            self.bar.setValue(round(min(1.0, spent_usd / limit_usd) * _STEPS))
            self.bar.setAccessibleDescription(self.says.text())


def _money(usd: float) -> str:
    return tr("less than a cent") if 0 < usd < 0.01 else f"${number(f'{usd:,.2f}')}"
