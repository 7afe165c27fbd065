"""Where a turn was said is kept with it, and a journal of before that becomes one that keeps it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from companion import days
from companion.days import When
from companion.errors import CompanionError
from companion.journal import migrations
from companion.journal.spool import SealedTake
from companion.journal.store import SqlJournal
from companion.paths import Home
from tests.journal import child
from tests.journal.conftest import Opener, tell

AUCKLAND_S = 13 * 3600
SUNDAY_0930 = 1_773_520_200.0
"""In Auckland on 15 March 2026; Saturday in most other places."""
NOW = migrations.MIGRATIONS
FIRST = NOW[:1]


@pytest.mark.parametrize("offset_s", [AUCKLAND_S, -12 * 3600, 14 * 3600, 20_700, -12_600, 0, None])
async def test_turn_and_session_keep_where_they_were(journal: SqlJournal, offset_s: int | None) -> None:
    session_id = await journal.begin_session("open", SUNDAY_0930, offset_s)
    turn_id = await journal.save_user(session_id, "Before the flight.", SUNDAY_0930, offset_s)
    await child.finish(journal, turn_id, "Go well.")
    (session,), (turn,) = await journal.sessions(), await journal.turns(session_id)
    assert (session.started_at, session.offset_s) == (SUNDAY_0930, offset_s)
    assert (turn.at, turn.offset_s) == (SUNDAY_0930, offset_s)


async def test_the_order_is_that_of_time_wherever_it_was(journal: SqlJournal) -> None:
    """Sunday in Auckland, then Saturday in Los Angeles, then a clock of the last century, which is where it says."""
    for at, offset_s in ((SUNDAY_0930, AUCKLAND_S), (SUNDAY_0930 + 3600, -7 * 3600), (-1e9, 0)):
        session_id = await journal.begin_session("open", at, offset_s)
        await journal.save_user(session_id, "Said.", at, offset_s)
    kept = [When.of(session.started_at, session.offset_s) for session in await journal.sessions()]
    assert [(when.weekday, when.day.year) for when in kept[:2]] == [("Saturday", 2026), ("Sunday", 2026)]
    assert kept[2].day.year == 1938


@pytest.mark.parametrize("offset_s", [AUCKLAND_S, 0, -43_200, 50_400, -1_172])
@pytest.mark.parametrize("at", [SUNDAY_0930, 1.5, -86_400.0])
async def test_a_recording_that_waits_keeps_where_it_was_made(
    journal: SqlJournal, monkeypatch: pytest.MonkeyPatch, at: float, offset_s: int
) -> None:
    """Whatever the clock says, it is listed and can be heard."""
    monkeypatch.setattr(days, "now", lambda: When(at, offset_s))
    spool = journal.spool()
    spool.write(child.frame(1))
    await spool.finish()
    (take,) = await journal.waiting_takes()
    assert (take.recorded_at, take.offset_s) == (max(0.0, at), offset_s)
    assert await journal.read_take(take.id) == child.frame(1)


async def test_recordings_of_before_are_still_there(opened: Opener, home: Home) -> None:
    journal = await opened()
    take_id = "1773520200000-00ab12cd"
    spool = SealedTake(take_id, home.takes / f"{take_id}.take", b"k" * 32, journal._writer, {})
    spool.write(child.frame(1))
    await spool.finish()
    (take,) = await journal.waiting_takes()
    assert (take.id, take.recorded_at, take.offset_s) == (take_id, SUNDAY_0930, None)


# -- a journal of before ------------------------------------------------------------------------------------


@pytest.fixture
async def old(home: Home, opened: Opener, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose journal was made before offsets were kept: one turn with an answer."""
    monkeypatch.setattr(migrations, "MIGRATIONS", FIRST)
    journal = await opened(wrapping_key=child.KEY)
    connection = journal.tables.connection

    def write() -> None:
        connection.execute("INSERT INTO session (started_at, practice) VALUES (?, 'open')", (SUNDAY_0930,))
        connection.execute(
            "INSERT INTO turn (session_id, at, user_text, reply_text) VALUES (1, ?, 'Kept.', 'Yes.')",
            (SUNDAY_0930,),
        )

    await journal._writer.run(write)
    await journal.close()
    monkeypatch.setattr(migrations, "MIGRATIONS", NOW)
    return home


async def test_what_was_kept_before_stays_and_is_shown_as_this_place_has_it(
    old: Home, opened: Opener, travel: Callable[[str], None]
) -> None:
    journal = await opened(wrapping_key=child.KEY)
    (session,), (turn,) = await journal.sessions(), await journal.turns(1)
    assert (turn.user_text, turn.reply_text, turn.offset_s, session.offset_s) == ("Kept.", "Yes.", None, None)
    travel("<+10>-10")
    assert When.of(turn.at, turn.offset_s).clock == "06:30"
    await tell(journal, "After.")
    assert [session.title for session in await journal.sessions()] == ["After.", "Kept."]


async def test_a_failure_in_the_middle_leaves_the_journal_as_it_was(
    old: Home, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = (*NOW[:1], (*NOW[1], "ALTER TABLE nowhere ADD COLUMN x"))
    monkeypatch.setattr(migrations, "MIGRATIONS", broken)
    with pytest.raises(CompanionError):
        await opened(wrapping_key=child.KEY)
    monkeypatch.setattr(migrations, "MIGRATIONS", NOW)
    journal = await opened(wrapping_key=child.KEY)
    assert [turn.user_text for turn in await journal.turns(1)] == ["Kept."]
