"""What is changed can be changed back, and what is deleted is gone at once and can be brought back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from companion.errors import CompanionError, Kind
from companion.journal.store import SqlJournal
from companion.journal.tables import insert
from companion.records import Selection
from tests.journal import child
from tests.journal.conftest import tell

DELETED = Selection(is_deleted=True)


async def words(journal: SqlJournal, session_id: int) -> list[str]:
    return [turn.user_text for turn in await journal.turns(session_id)]


async def say(
    journal: SqlJournal, *texts: str, at: float = 1_000.0, practice: str = "open"
) -> tuple[int, list[int]]:
    session_id = await journal.begin_session(practice, at, 0)
    return session_id, [await journal.save_user(session_id, text, at, 0) for text in texts]


async def test_edited_words_keep_what_the_recogniser_wrote_once(journal: SqlJournal) -> None:
    session_id, turn_id = await tell(journal, "I went to the see.")
    for text in ("I went to the sea.", "I went to the sea today.", "half a pair \ud83d"):
        await journal.changing.edit_words(turn_id, text)
        (turn,) = await journal.turns(session_id)
        assert (turn.user_text, turn.said_text) == (text.replace("\ud83d", "?"), "I went to the see.")
        assert turn.edited_at is not None
    await journal.changing.edit_words(turn_id, "I went to the see.")
    (turn,) = await journal.turns(session_id)
    assert (turn.user_text, turn.said_text, turn.edited_at) == ("I went to the see.", None, None)


async def test_deleted_is_gone_from_every_list_and_can_be_undone(journal: SqlJournal) -> None:
    kept, _ = await tell(journal, "Kept.")
    gone, _ = await tell(journal, "Gone.")
    await journal.changing.set_labels(gone, tags=["sea"])
    before = await journal.sessions()
    token = await journal.changing.delete([gone, 99])
    assert [each.id for each in await journal.sessions()] == [kept]
    assert await journal.list.count() == 1
    assert await journal.list.labels("tag") == []
    assert sum(count for _, count in await journal.list.days()) == 1
    (seen,) = await journal.list.page(selection=DELETED)
    assert (seen.title, seen.deleted_at is not None) == ("Gone.", True)
    await journal.changing.undo(token)
    await journal.changing.undo(token)
    assert await journal.sessions() == before
    await journal.changing.delete([gone])
    await journal.changing.restore([gone])
    assert await journal.sessions() == before


@pytest.mark.parametrize("which", [0, 1, 2])
async def test_a_turn_is_deleted_alone_and_comes_back_to_its_place(journal: SqlJournal, which: int) -> None:
    session_id, turns = await say(journal, "One.", "Two.", "Three.")
    token = await journal.changing.delete_turn(turns[which])
    rest = ["One.", "Two.", "Three."]
    del rest[which]
    assert await words(journal, session_id) == rest
    (hidden,) = await journal.list.page(selection=DELETED)
    assert hidden.title == ["One.", "Two.", "Three."][which]
    await journal.save_sentence(turns[which], "Its answer came late.")
    await journal.changing.undo(token)
    assert await words(journal, session_id) == ["One.", "Two.", "Three."]
    assert (await journal.turns(session_id))[which].reply_text == "Its answer came late."
    assert await journal.list.page(selection=DELETED) == []


async def test_the_only_turn_takes_its_reflection_with_it(journal: SqlJournal) -> None:
    session_id, turns = await say(journal, "One.", "Two.")
    await journal.changing.set_title(session_id, "Mine")
    first = await journal.changing.delete_turn(turns[0])
    second = await journal.changing.delete_turn(turns[1])
    assert await journal.sessions() == []
    await journal.changing.undo(second)
    await journal.changing.undo(first)
    (seen,) = await journal.sessions()
    assert (seen.title, await words(journal, seen.id)) == ("Mine", ["One.", "Two."])


async def test_a_turn_whose_reflection_is_deleted_too_comes_back_by_itself(journal: SqlJournal) -> None:
    session_id, turns = await say(journal, "One.", "Two.")
    token = await journal.changing.delete_turn(turns[0])
    await journal.changing.delete([session_id])
    await journal.changing.undo(token)
    (seen,) = await journal.sessions()
    assert (seen.id != session_id, seen.title) == (True, "One.")


async def test_words_said_in_a_deleted_reflection_begin_another(journal: SqlJournal) -> None:
    """The window deletes what is under way: nothing that is said later may be hidden with it."""
    session_id, _ = await say(journal, "Before.", practice="gratitude")
    token = await journal.changing.delete([session_id])
    for text in ("After.", "And on."):
        await journal.save_user(session_id, text, 2_000.0, 3600)
    (seen,) = await journal.sessions()
    assert (await words(journal, seen.id), seen.practice) == (["After.", "And on."], "gratitude")
    assert (seen.started_at, seen.offset_s) == (2_000.0, 3600)
    await journal.changing.delete([seen.id])
    await journal.save_user(session_id, "Third.", 3_000.0)
    assert [each.title for each in await journal.sessions()] == ["Third."]
    await journal.changing.undo(token)
    await journal.save_user(session_id, "Back in it.", 4_000.0)
    assert await words(journal, session_id) == ["Before.", "Back in it."]


# -- merging ------------------------------------------------------------------------------------------------


async def test_merged_turns_follow_each_other_as_they_were_said(journal: SqlJournal) -> None:
    """Also where the older one came later into the journal, as what is imported does."""
    noon, _ = await say(journal, "Noon.", "After noon.", at=2_000.0)
    morning, _ = await say(journal, "Morning.", at=1_000.0)
    evening, _ = await say(journal, "Evening.", at=3_000.0)
    change = journal.changing
    await change.set_mood(morning, before=-2)
    await change.set_mood(evening, before=1, after=2, word="calm")
    await change.set_labels(noon, tags=["home"])
    await change.set_labels(evening, tags=["home", "sea"], people=["Ida"])
    await change.star(morning, True)
    await change.set_title(evening, "The evening")
    before = await journal.sessions()
    token = await change.merge(noon, [evening, morning, noon])
    (seen,) = await journal.sessions()
    assert await words(journal, noon) == ["Morning.", "Noon.", "After noon.", "Evening."]
    assert (seen.id, seen.title, seen.started_at, seen.turns) == (noon, "The evening", 1_000.0, 4)
    assert (seen.mood_before, seen.mood_after, seen.mood_word) == (-2, 2, "calm")
    assert (seen.tags, seen.people, seen.is_starred) == (("home", "sea"), ("Ida",), True)
    assert await journal.list.page(selection=DELETED) == []
    await journal.save_user(noon, "Late.", 500.0)
    await journal.save_user(morning, "Later.", 500.0)  # whoever still knows it by its old number
    assert (await words(journal, noon))[-3:] == ["Evening.", "Late.", "Later."]
    await change.undo(token)
    assert await words(journal, noon) == ["Noon.", "After noon.", "Late.", "Later."]
    after = await journal.sessions()
    assert [(each.id, each.title, each.tags, each.mood_after) for each in after] == [
        (each.id, each.title, each.tags, each.mood_after) for each in before
    ]


async def test_a_turn_of_what_was_merged_comes_back_into_the_whole(journal: SqlJournal) -> None:
    into, _ = await say(journal, "One.")
    other, turns = await say(journal, "Two.", "Three.", at=2_000.0)
    token = await journal.changing.delete_turn(turns[1])
    await journal.changing.merge(into, [other])
    await journal.changing.undo(token)
    assert await words(journal, into) == ["One.", "Two.", "Three."]
    assert len(await journal.sessions()) == 1


async def test_what_was_imported_and_merged_is_still_known(journal: SqlJournal) -> None:
    row = {"started_at": 1.0, "practice": "", "source": "jrnl:1", "title": "From before"}
    imported = await journal.tables.write(lambda connection: insert(connection, "session", row))
    own, _ = await say(journal, "Mine.")
    await journal.changing.merge(own, [imported])
    with pytest.raises(CompanionError):
        await journal.tables.write(lambda connection: insert(connection, "session", row))


async def test_nothing_hidden_comes_to_light_by_merging(journal: SqlJournal) -> None:
    own, _ = await say(journal, "Mine.")
    gone, _ = await say(journal, "Gone.")
    await journal.changing.delete([gone])
    with pytest.raises(CompanionError) as caught:
        await journal.changing.merge(own, [gone])
    assert caught.value.kind is Kind.JOURNAL_UNSAVED
    assert await words(journal, own) == ["Mine."]


MISSING: dict[str, Callable[[SqlJournal], Awaitable[object]]] = {
    "title": lambda journal: journal.changing.set_title(99, "x"),
    "mood": lambda journal: journal.changing.set_mood(99, after=1),
    "a mood that is none": lambda journal: journal.changing.set_mood(1, after=4),
    "labels": lambda journal: journal.changing.set_labels(99, tags=["x"]),
    "star": lambda journal: journal.changing.star(99, True),
    "words": lambda journal: journal.changing.edit_words(99, "x"),
    "turn": lambda journal: journal.changing.delete_turn(99),
    "restore": lambda journal: journal.changing.restore([99]),
    "merge": lambda journal: journal.changing.merge(1, [99]),
}


@pytest.mark.parametrize("name", MISSING)
async def test_what_is_not_there_is_told_and_nothing_changes(journal: SqlJournal, name: str) -> None:
    session_id, turn_id = await tell(journal, "Kept.")
    await child.finish(journal, turn_id, "Yes.")
    before = await journal.sessions(), await journal.turns(session_id)
    with pytest.raises(CompanionError) as caught:
        await MISSING[name](journal)
    assert caught.value.kind is Kind.JOURNAL_UNSAVED
    assert (await journal.sessions(), await journal.turns(session_id)) == before
