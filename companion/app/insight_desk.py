"""What the insights page shows: rows out of the journal, counted beside the loop, and kept until the journal changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from companion import days
from companion.insights.memories import same_days
from companion.insights.pictures import Figures, Returns, figures_of, returns_of
from companion.insights.rows import Choice, Row, Span
from companion.insights.themes import Background, background_of
from companion.records import Selection

if TYPE_CHECKING:
    from companion.journal.store import SqlJournal

T = TypeVar("T")
_READING_SHARE = 0.4
"""Of the time until the words are counted."""
_BACKGROUND_ROWS = 600
"""Earlier reflections, spread over all, that say how often a word is to be expected."""


class InsightDesk:
    """One per app. Methods raise `CompanionError` where the journal cannot be read."""

    def __init__(
        self,
        journal: Callable[[], AbstractAsyncContextManager[SqlJournal]],
        *,
        titles: Callable[[], Mapping[str, str]],
    ) -> None:
        """`titles`: what the practices are called, by name."""
        self._journal, self._titles = journal, titles
        self._kept: dict[tuple[type, Choice], tuple[object, Figures | Returns]] = {}

    async def figures(self, choice: Choice) -> Figures:
        today = days.now().day
        async with self._journal() as journal:
            state = (journal, await journal.insights.changes(), today)
            if (kept := self._still(Figures, choice, state)) is not None:
                return kept
            rows = await journal.insights.read(_selection(choice, today))
            is_empty = not rows and await journal.insights.first_day() is None
        found = await asyncio.to_thread(figures_of, rows, choice, today, is_empty=is_empty)
        self._kept[Figures, choice] = (state, found)
        return found

    async def returns(self, choice: Choice, told: Callable[[float], None] = lambda _: None) -> Returns:
        """`told`: the share that is done, on the loop's thread."""
        today = days.now().day
        async with self._journal() as journal:
            state = (journal, await journal.insights.changes(), today)
            if (kept := self._still(Returns, choice, state)) is not None:
                return kept
            selection = _selection(choice, today)
            rows = await journal.insights.read(
                selection, with_words=True, told=lambda share: told(_READING_SHARE * share)
            )
            first = await journal.insights.first_day()
            same = await journal.insights.of_days(same_days(today, first.year if first else today.year))
            earlier = await _earlier(journal, selection)

        loop = asyncio.get_running_loop()

        def counted(share: float) -> None:
            told(_READING_SHARE + (1 - _READING_SHARE) * share)

        found = await asyncio.to_thread(
            returns_of,
            rows,
            choice,
            today,
            same_days=same,
            titles=self._titles(),
            background=partial(_background, earlier),
            told=lambda share: loop.call_soon_threadsafe(counted, share),
        )
        self._kept[Returns, choice] = (state, found)
        return found

    def forget(self) -> None:
        """Nothing of the journal stays in memory."""
        self._kept.clear()

    def _still(self, kind: type[T], choice: Choice, state: object) -> T | None:
        kept_state, found = self._kept.get((kind, choice), (None, None))
        return found if kept_state == state and isinstance(found, kind) else None


def _selection(choice: Choice, today: date) -> Selection:
    return Selection() if choice is Choice.ALL else Selection(first_day=Span.of(choice, today).first)


async def _earlier(journal: SqlJournal, selection: Selection) -> list[Row]:
    if selection.first_day is None or selection.first_day == date.min:
        return []
    before = Selection(last_day=selection.first_day - timedelta(days=1))
    number = await journal.list.count(before)
    return await journal.insights.read(before, with_words=True, every=1 + number // _BACKGROUND_ROWS)


def _background(rows: list[Row], languages: frozenset[str]) -> Background:
    return background_of(rows, languages)
