"""Which reflections are listed: a button with a menu, and in a line what was chosen. Main thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import partial

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from companion import days
from companion.gui import icons
from companion.gui.theme import Look
from companion.kinds import mood_name
from companion.language import mark, tr
from companion.records import Selection

EVERYTHING = Selection()
_MOST_LABELS = 20
_ICON_PX = 20


def _since(count: int) -> Callable[[], tuple[date | None, date | None]]:
    return lambda: (days.now().day - timedelta(days=count - 1), None)


def _this_year() -> tuple[date | None, date | None]:
    return date(days.now().day.year, 1, 1), None


_ANY = mark("Any time")
_TIMES: Mapping[str, Callable[[], tuple[date | None, date | None]]] = {
    _ANY: lambda: (None, None),
    mark("Last 7 days"): _since(7),
    mark("Last 30 days"): _since(30),
    mark("This year"): _this_year,
}


class FilterButton(QToolButton):
    """Opens the menu; `changed` when another selection was made."""

    changed = Signal()

    def __init__(self, look: Look, titles: Mapping[str, str], parent: QWidget | None = None) -> None:
        """`titles`: of the practices, by name."""
        super().__init__(parent)
        self._look, self._titles = look, titles
        self._labels: dict[str, Sequence[str]] = {"tag": (), "person": ()}
        self._time = _ANY
        self.selection = EVERYTHING
        self.setAccessibleName(tr("Filter reflections"))
        self.setToolTip(tr("Filter by time, practice, mood, tag or person"))
        self.setProperty("tone", "plain")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setMenu(QMenu(self))
        self.menu().setToolTipsVisible(True)
        self.menu().aboutToShow.connect(self._fill)
        look.changed.connect(self._dress)
        self._dress()

    def know(self, kind: str, names: Sequence[str]) -> None:
        """The "tag"s or "person"s that can be chosen."""
        self._labels[kind] = names[:_MOST_LABELS]

    def choose(self, selection: Selection, time: str = _ANY) -> None:
        self.selection, self._time = selection, time
        self._dress()
        self.changed.emit()

    def clear(self) -> None:
        self.choose(EVERYTHING)

    def in_words(self) -> str:
        """What is chosen; empty: everything is listed."""
        chosen = self.selection
        if chosen.is_deleted:
            return tr("Recently deleted")
        parts = [tr(self._time) if self._time != _ANY else ""]
        parts += [self._titles.get(name, name) for name in sorted(chosen.practices)]
        parts += [mood_name(mood) for mood in sorted(chosen.moods)]
        parts += [f"#{name}" for name in sorted(chosen.tags)] + sorted(chosen.people)
        parts += [tr("starred")] if chosen.is_starred else []
        return " · ".join(part for part in parts if part)

    # -- the menu -------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        menu, chosen = self.menu(), self.selection
        menu.clear()
        times = menu.addMenu(tr("Time"))
        for name, span in _TIMES.items():
            self._entry(times, tr(name), name == self._time, partial(self._choose_time, name, span))
        practices = menu.addMenu(tr("Practice"))
        for name, title in self._titles.items():
            self._entry(practices, title, name in chosen.practices, partial(self._toggle, "practices", name))
        moods = menu.addMenu(tr("Mood"))
        for mood in range(-3, 4):
            title = mood_name(mood).capitalize()
            self._entry(moods, title, mood in chosen.moods, partial(self._toggle, "moods", mood))
        for title, field, kind in ((tr("Tag"), "tags", "tag"), (tr("Person"), "people", "person")):
            labels = menu.addMenu(title)
            labels.setEnabled(bool(self._labels[kind]))
            for name in self._labels[kind]:
                is_on = name in getattr(chosen, field)
                self._entry(labels, name, is_on, partial(self._toggle, field, name))
        self._entry(menu, tr("Starred"), chosen.is_starred, self._toggle_star)
        menu.addSeparator()
        self._entry(menu, tr("Recently deleted"), chosen.is_deleted, self._toggle_deleted)
        clear = menu.addAction(tr("Show everything"))
        clear.setEnabled(chosen != EVERYTHING)
        clear.triggered.connect(self.clear)

    def _entry(self, menu: QMenu, title: str, is_on: bool, chosen: Callable[[], None]) -> QAction:
        entry = menu.addAction(title.replace("&", "&&"))
        entry.setCheckable(True)
        entry.setChecked(is_on)
        entry.triggered.connect(lambda _=False: chosen())
        return entry

    def _choose_time(self, name: str, span: Callable[[], tuple[date | None, date | None]]) -> None:
        first, last = span()
        self.choose(replace(self.selection, first_day=first, last_day=last), name)

    def _toggle(self, field: str, name: object) -> None:
        self.choose(replace(self.selection, **{field: getattr(self.selection, field) ^ {name}}), self._time)

    def _toggle_star(self) -> None:
        self.choose(replace(self.selection, is_starred=not self.selection.is_starred), self._time)

    def _toggle_deleted(self) -> None:
        self.choose(EVERYTHING if self.selection.is_deleted else Selection(is_deleted=True))

    def _dress(self) -> None:
        colour = "accent" if self.selection != EVERYTHING else "soft"
        side = self._look.px(_ICON_PX)
        self.setIcon(icons.icon("filter", self._look.colour(colour), side))
        self.setIconSize(QSize(side, side))
