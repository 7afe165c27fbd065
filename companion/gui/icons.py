"""Line icons from `resources/icons`, in any colour and size. Main thread."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap

from companion.paths import resources


@cache
def _drawing(name: str) -> str:
    return (resources() / "icons" / f"{name}.svg").read_text(encoding="utf-8")


def paint(painter: QPainter, name: str, colour: QColor, box: QRectF) -> None:
    """Draws an icon into `box`.

    Raises:
        FileNotFoundError: there is no such icon.
    """
    from PySide6.QtSvg import QSvgRenderer

    painter.save()
    painter.setOpacity(painter.opacity() * colour.alphaF())
    drawing = _drawing(name).replace("currentColor", colour.name())
    QSvgRenderer(QByteArray(drawing.encode())).render(painter, box)
    painter.restore()


def pixmap(name: str, colour: QColor, size: int, ratio: float = 1.0) -> QPixmap:
    """An icon `size` logical pixels wide, sharp at the screen's `ratio`."""
    result = QPixmap(QSize(size, size) * ratio)
    result.fill(Qt.GlobalColor.transparent)
    painter = QPainter(result)
    paint(painter, name, colour, QRectF(0, 0, size * ratio, size * ratio))
    painter.end()
    result.setDevicePixelRatio(ratio)
    return result


def icon(name: str, colour: QColor, size: int = 20, *, checked: QColor | None = None) -> QIcon:
    """An icon for a button; `checked` is its colour while the button is on."""
    result = QIcon()
    for ratio in {screen.devicePixelRatio() for screen in QGuiApplication.screens()}:
        result.addPixmap(pixmap(name, colour, size, ratio))
        if checked is not None:
            result.addPixmap(pixmap(name, checked, size, ratio), QIcon.Mode.Normal, QIcon.State.On)
    return result
