"""Insights out of a real journal: what is counted, what is not any more, and what is read again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone

import pytest

from companion import days
from companion.app.insight_desk import InsightDesk
from companion.days import When
from companion.insights.rows import Choice
from companion.journal.store import SqlJournal, open_in_memory
from companion.kinds import ReplyState
from companion.records import Selection

AUCKLAND = timezone(timedelta(hours=13))
NOW = datetime(2026, 11, 19, 21, 5, tzinfo=AUCKLAND)


@pytest.fixture
async def journal(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqlJournal]:
    monkeypatch.setattr(days, "now", lambda: When(NOW.timestamp(), 13 * 3600))
    made = await open_in_memory()
    yield made
    await made.close()


def desk_of(journal: SqlJournal) -> InsightDesk:
    @asynccontextmanager
    async def using() -> AsyncIterator[SqlJournal]:
        yield journal

    return InsightDesk(using, titles=dict)


async def keep(journal: SqlJournal, when: datetime, words: str, *, practice: str = "gratitude") -> int:
    """A reflection of four minutes."""
    at, offset_s = when.timestamp(), 13 * 3600
    session = await journal.begin_session(practice, at, offset_s)
    turn = await journal.save_user(session, words, at, offset_s)
    await journal.finish_reply(
        turn,
        reply_text="Yes.",
        heard_text="Yes.",
        state=ReplyState.WHOLE,
        reply_at=at + 240,
        engines={},
        timeline_ms={},
        cost_usd=None,
    )
    return session


async def test_days_marks_words_and_labels_of_a_journal(journal: SqlJournal) -> None:
    desk = desk_of(journal)
    for n in range(6):
        session = await keep(journal, NOW - timedelta(days=2 * n), "I walked along the river with my sister.")
        await journal.changing.set_mood(session, before=0, after=1)
        await journal.changing.set_labels(session, tags=("walks",), people=())
    await keep(journal, NOW.replace(year=2025, hour=0, minute=10), "Just after midnight.")
    figures, returns = await desk.figures(Choice.WEEKS), await desk.returns(Choice.WEEKS)
    assert (figures.calendar.days_practised, figures.time.words) == (6, "24 min")
    assert len(figures.mood.after.marks) == 6
    assert [theme.words for theme in returns.themes.themes] == ["walks", "the river", "my sister"]
    assert [memory.words for memory in returns.memories.memories] == [
        "On this day, 2025: “Just after midnight.”"
    ]
    assert (await desk.figures(Choice.ALL)).calendar.days_practised == 7


async def test_what_is_deleted_is_not_counted_and_what_is_new_is(journal: SqlJournal) -> None:
    desk = desk_of(journal)
    session = await keep(journal, NOW, "One.")
    before = await desk.figures(Choice.WEEKS)
    assert before.time.reflections == 1
    assert await desk.figures(Choice.WEEKS) is before, "nothing changed: nothing is counted again"
    await keep(journal, NOW, "Two.")
    assert (await desk.figures(Choice.WEEKS)).time.reflections == 2
    await journal.changing.delete([session])
    assert (await desk.figures(Choice.WEEKS)).time.reflections == 1


async def test_an_empty_journal_and_one_of_other_years_are_told_apart(journal: SqlJournal) -> None:
    desk = desk_of(journal)
    assert (await desk.figures(Choice.WEEKS)).is_empty
    await keep(journal, NOW.replace(year=2024), "Long ago.")
    figures = await desk.figures(Choice.WEEKS)
    assert not figures.is_empty
    assert figures.calendar.missing == "The calendar begins with your first reflection in the last 12 weeks."


async def test_many_are_read_in_steps_beside_which_others_write_and_how_far_it_is_told(
    journal: SqlJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.journal.insight_rows._AT_ONCE", 4)
    desk, shares = desk_of(journal), list[float]()
    for n in range(10):
        await keep(journal, NOW - timedelta(days=n), "I walked along the river with my sister.")
    reading = asyncio.create_task(journal.insights.read(Selection(), with_words=True))
    await asyncio.sleep(0)
    saved = await keep(journal, NOW, "Meanwhile.")
    rows = await reading
    assert [row.began for row in rows[:10]] == sorted(row.began for row in rows[:10])
    assert saved not in {row.session_id for row in rows}  # it was kept between two steps
    await desk.returns(Choice.ALL, shares.append)
    await asyncio.sleep(0)
    assert shares[0] > 0
    assert shares == sorted(shares)
    assert shares[-1] >= 0.4
