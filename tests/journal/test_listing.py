"""Every reflection can be reached, page by page, and found by its day, its practice and its marks."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date

import pytest

from companion.flow import TurnRecord
from companion.journal import moving
from companion.journal.listing import key_of
from companion.journal.store import SqlJournal, open_in_memory
from companion.journal.tables import insert
from companion.records import Selection, SessionRecord
from tests.journal import child
from tests.journal.conftest import Opener, tell

DAY_S = 86_400.0
SUNDAY_0930 = 1_773_520_200.0
"""In Auckland on 15 March 2026; Saturday in most other places."""


async def begun(
    journal: SqlJournal, at: float, text: str = "Said.", offset_s: int | None = 0, **more: str
) -> int:
    session_id = await journal.begin_session(more.get("practice", "open"), at, offset_s)
    await journal.save_user(session_id, text, at, offset_s)
    return session_id


async def test_a_page_follows_the_other_until_all_were_seen(journal: SqlJournal) -> None:
    chance = random.Random(3)
    ids = [await begun(journal, float(chance.randrange(50))) for _ in range(60)]
    pages: list[SessionRecord] = []
    while page := await journal.list.page(key_of(pages[-1]) if pages else None, limit=7):
        pages += page
        if len(pages) == 21:
            await begun(journal, 1e6, "Said meanwhile.")
            await journal.changing.delete([pages[20].id])
    assert {each.id for each in pages} == set(ids)
    assert len(pages) == 60
    keys = [key_of(each) for each in pages]
    assert keys == sorted(keys, reverse=True)
    back = await journal.list.page_after(keys[-1], limit=5)
    assert [key_of(each) for each in back] == keys[-2:-7:-1]
    assert await journal.list.count() == 60


async def test_what_was_marked_is_listed(journal: SqlJournal) -> None:
    session_id, _ = await tell(journal, "The garden was quiet.")
    change = journal.changing
    await change.set_title(session_id, "  A quiet\nmorning ")
    await change.set_mood(session_id, before=-2, word="lighter")
    await change.set_mood(session_id, after=1)
    await change.set_labels(session_id, tags=["home", "  Garden ", "home"], people=["Ida"])
    await change.star(session_id, True)
    await change.set_summary(session_id, "One line.")
    (seen,) = await journal.sessions()
    assert (seen.title, seen.has_own_title, seen.summary) == ("A quiet morning", True, "One line.")
    assert (seen.mood_before, seen.mood_after, seen.mood_word) == (-2, 1, "lighter")
    assert (seen.tags, seen.people, seen.is_starred) == (("Garden", "home"), ("Ida",), True)
    assert seen == await journal.list.session(session_id)
    await change.set_title(session_id, "")
    await change.set_mood(session_id, before=None)
    await change.set_labels(session_id, tags=[])
    (seen,) = await journal.sessions()
    assert (seen.title, seen.has_own_title, seen.mood_before, seen.mood_after) == (
        "The garden was quiet.",
        False,
        None,
        1,
    )
    assert (seen.tags, seen.people) == ((), ("Ida",))


async def test_a_label_is_spelt_as_it_was_before(journal: SqlJournal) -> None:
    first, _ = await tell(journal, "One.")
    second, _ = await tell(journal, "Two.")
    await journal.changing.set_labels(first, tags=["Österreich", "work"])
    await journal.changing.set_labels(second, tags=["österreich"], people=["work"])
    assert await journal.list.labels("tag") == [("Österreich", 2), ("work", 1)]
    await journal.changing.delete([first])
    assert await journal.list.labels("tag") == [("Österreich", 1)]
    assert await journal.list.labels("person") == [("work", 1)]


SELECTIONS: dict[str, tuple[Selection, str]] = {
    "all": (Selection(), "abcd"),
    "ids": (Selection(ids=frozenset({1, 3, 99})), "ac"),
    "none": (Selection(ids=frozenset()), ""),
    "practice": (Selection(practices=frozenset({"gratitude", "decision"})), "bd"),
    "mood": (Selection(moods=frozenset({2, 3})), "bc"),
    "tag": (Selection(tags=frozenset({"sea"})), "ab"),
    "tags": (Selection(tags=frozenset({"sea", "home"})), "b"),
    "person": (Selection(people=frozenset({"Ida"})), "c"),
    "a tag is no person": (Selection(people=frozenset({"sea"})), ""),
    "star": (Selection(is_starred=True), "d"),
    "from a day": (Selection(first_day=date(2026, 3, 15)), "bcd"),
    "to a day": (Selection(last_day=date(2026, 3, 14)), "a"),
    "a day": (Selection(first_day=date(2026, 3, 15), last_day=date(2026, 3, 15)), "bc"),
    "both": (Selection(tags=frozenset({"sea"}), first_day=date(2026, 3, 15)), "b"),
    "long ago": (Selection(last_day=date(1, 1, 1)), ""),
    "deleted": (Selection(is_deleted=True), "e"),
}


@pytest.mark.parametrize("name", SELECTIONS)
async def test_a_selection_finds_those_that_fit(name: str) -> None:
    journal = await open_in_memory()
    at = SUNDAY_0930
    ids = [
        await begun(journal, at, "a", -7 * 3600),  # Saturday there
        await begun(journal, at, "b", 13 * 3600, practice="gratitude"),
        await begun(journal, at + 3600, "c", 13 * 3600),
        await begun(journal, at + DAY_S, "d", 13 * 3600, practice="decision"),
        await begun(journal, at, "e", 13 * 3600, practice="gratitude"),
    ]
    change = journal.changing
    await change.set_labels(ids[0], tags=["sea"])
    await change.set_labels(ids[1], tags=["home", "sea"])
    await change.set_labels(ids[2], people=["Ida"])
    await change.set_mood(ids[1], before=-3, after=2)
    await change.set_mood(ids[2], before=3)
    await change.star(ids[3], True)
    await change.delete([ids[4]])
    selection, expected = SELECTIONS[name]
    assert "".join(sorted(each.title for each in await journal.list.page(selection=selection))) == expected
    assert await journal.list.count(selection) == len(expected)
    assert sum(count for _, count in await journal.list.days(selection)) == len(expected)
    await journal.close()


async def test_a_day_is_the_day_where_the_person_was(
    journal: SqlJournal, travel: Callable[[str], None]
) -> None:
    travel("<+13>-13")
    await begun(journal, SUNDAY_0930, offset_s=-7 * 3600)
    await begun(journal, SUNDAY_0930, offset_s=None)  # of before offsets were kept: as this computer has it
    await begun(journal, -86_400.5, offset_s=0)
    assert await journal.list.days() == [
        (date(1969, 12, 30), 1),
        (date(2026, 3, 14), 1),
        (date(2026, 3, 15), 1),
    ]
    assert await journal.list.count(Selection(first_day=date(2026, 3, 15))) == 1


async def test_a_mood_without_words_is_a_reflection_and_an_empty_session_is_none(journal: SqlJournal) -> None:
    await journal.begin_session("open", 1.0, 0)
    marked = await journal.begin_session("open", 2.0, 0)
    await journal.changing.set_mood(marked, after=0)
    row = {"started_at": 3.0, "practice": "", "source": "daylio:1"}
    imported = await journal.tables.write(lambda connection: insert(connection, "session", row))
    assert [each.id for each in await journal.sessions()] == [imported, marked]


async def test_no_table_is_forgotten_when_a_journal_moves() -> None:
    journal = await open_in_memory()
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    names = await journal.tables.read(lambda connection: {row[0] for row in connection.execute(sql)})
    indexes = {name for name in names if "_index" in name}
    moved = await journal.tables.read(moving.dump)
    assert names - indexes - moving.DERIVED == set(moved)
    await journal.close()


async def test_all_moves_from_memory_to_disk(opened: Opener) -> None:
    memory = await open_in_memory()
    first, turn_id = await tell(memory, "Said before the key was there.")
    second, other = await tell(memory, "And then.")
    third, _ = await tell(memory, "Let go.")
    change = memory.changing
    await change.set_labels(first, tags=["sea"], people=["Ida"])
    await change.set_mood(first, before=-3, after=3, word="free")
    await change.set_title(first, "Mine")
    await change.edit_words(turn_id, "Said before the key was here.")
    await child.finish(memory, turn_id, "Yes.")
    await memory.save_user(second, "Not this.", 1_001.0)
    await change.delete_turn(other)
    await change.merge(first, [second])
    await change.delete([third])
    await memory.remembering.forget_turn(turn_id)
    await memory.remembering.add("I live by the sea.", 1.0, 0)

    async def seen(journal: SqlJournal) -> list[object]:
        sessions = [
            *await journal.list.page(),
            *await journal.list.page(selection=Selection(is_deleted=True)),
        ]
        turns = [turn for each in sessions for turn in await journal.list.turns(each.id)]
        memories = [each.text for each in await journal.remembering.all()]
        return [*(_without_ids(each) for each in (*sessions, *turns)), *memories]

    disk = await opened()
    await tell(disk, "There already.")
    there = await seen(disk)
    moved = await disk.take_in(memory)
    now = await seen(disk)
    assert sorted(map(repr, now)) == sorted(map(repr, there + await seen(memory)))
    await disk.changing.restore([moved.sessions[third]])
    hidden = await disk.list.page(selection=Selection(is_deleted=True))
    await disk.changing.restore([each.id for each in hidden])  # the turn goes back where it was
    assert [turn.user_text for turn in await disk.list.turns(moved.sessions[first])][-1] == "Not this."
    await memory.close()


def _without_ids(record: object) -> dict[str, object]:
    assert isinstance(record, SessionRecord | TurnRecord)
    ids = ("id", "session_id")
    return {name: getattr(record, name) for name in record.__slots__ if name not in ids}
