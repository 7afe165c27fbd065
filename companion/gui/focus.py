"""Tab follows the eye: the next control is the next one that is read, whenever it was made. Main thread.

Within a container controls come row by row, and a container is read whole before the one beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QScrollArea, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator

_AROUND_PX = 50
"""What is seen above and below a control that gets the focus."""


def reading_order(root: QWidget) -> list[QWidget]:
    """Every control below `root` that Tab can reach now."""
    return list(_controls(root, is_root=True))


def step(root: QWidget, *, forward: bool) -> bool:
    """Gives the focus to the next control, or the one before; False: there is none."""
    order = reading_order(root)
    if not order:
        return False
    now = QApplication.focusWidget()
    if now is not None and now is not root and root.isAncestorOf(now) and not now.isVisible():
        return _give_beside(now, order)
    while now is not None and now not in order and now is not root:
        now = now.parentWidget()
    if now is None or now is root:
        place = 0 if forward else -1
    else:
        place = (order.index(now) + (1 if forward else -1)) % len(order)
    to = order[place]
    reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
    give(to, reason)
    return True


def _give_beside(gone: QWidget, order: list[QWidget]) -> bool:
    """What had the focus is hidden: the first control of the smallest part of the window in which it was."""
    around = gone.parentWidget()
    while around is not None:
        inside = [each for each in order if around.isAncestorOf(each)]
        if inside:
            give(inside[0])
            return True
        around = around.parentWidget()
    return False


def give(widget: QWidget, reason: Qt.FocusReason = Qt.FocusReason.OtherFocusReason) -> None:
    """The focus, and a place in view."""
    widget.setFocus(reason)
    show(widget)


def show(widget: QWidget) -> None:
    """Scrolls what it lies in, so that it is in view."""
    around = widget.parentWidget()
    while around is not None:
        if isinstance(around, QScrollArea):
            _show_in(around, widget)
        around = around.parentWidget()


def _show_in(area: QScrollArea, widget: QWidget) -> None:
    """All of it, where there is room: Qt is content with the chosen line of a list."""
    inside = area.widget()
    if inside is None or widget.height() > area.viewport().height():
        area.ensureWidgetVisible(widget)
        return
    place = QRect(widget.mapTo(inside, QPoint(0, 0)), widget.size())
    margin = min(_AROUND_PX, (area.viewport().height() - place.height()) // 2)
    area.ensureVisible(place.right(), place.bottom(), 0, margin)
    area.ensureVisible(place.left(), place.top(), 0, margin)


def _controls(widget: QWidget, *, is_root: bool = False) -> Iterator[QWidget]:
    if not is_root:
        if not widget.isVisible() or widget.isWindow():
            return
        if widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isEnabled():
            # What is inside belongs to it; an area that scrolls is a stop only where nothing in it is one.
            inside = list(_inside(widget)) if isinstance(widget, QScrollArea) else []
            yield from inside or [widget]
            return
    yield from _inside(widget)


def _inside(widget: QWidget) -> Iterator[QWidget]:
    children = [each for each in widget.children() if isinstance(each, QWidget)]
    for row in _rows(children):
        for child in row:
            yield from _controls(child)


def _rows(widgets: list[QWidget]) -> list[list[QWidget]]:
    """From above to below; side by side are those whose middles lie within each other's height."""
    shown = [each for each in widgets if each.isVisible() and not each.isWindow()]
    rows: list[list[QWidget]] = []
    for widget in sorted(shown, key=lambda each: (each.y(), each.x())):
        for row in rows:
            if _are_beside(row[0].geometry(), widget.geometry()):
                row.append(widget)
                break
        else:
            rows.append([widget])
    is_mirrored = QApplication.layoutDirection() is Qt.LayoutDirection.RightToLeft
    for row in rows:
        row.sort(key=lambda each: each.geometry().center().x(), reverse=is_mirrored)
    rows.sort(key=lambda row: min(each.geometry().center().y() for each in row))
    return rows


def _are_beside(one: QRect, other: QRect) -> bool:
    if one.intersects(other) and one.width() and other.width():
        shared = one.intersected(other)
        if shared.width() > min(one.width(), other.width()) // 2:
            return False  # one lies over the other
    return (
        one.top() <= other.center().y() <= one.bottom() or other.top() <= one.center().y() <= other.bottom()
    )
