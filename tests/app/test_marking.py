"""Moods and titles are kept with their reflection, whenever its journal opens, and with the one they were made in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from companion.app import Companion
from companion.errors import CompanionError, Kind
from companion.events import Note, PracticeChanged, ReflectionMarked
from companion.paths import Home
from companion.practices import summary_in, title_in
from companion.providers.here.mock import MockAIProvider
from companion.records import SessionRecord
from tests.app.test_companion import KeepingVault, NoKeyring, running

GUIDE: dict[str, object] = {"sound__speak_answers": False, "practice__current": "gratitude"}
SAID = (
    "The soup my neighbour brought when I had the flu.",
    "It was hot.",
    "She heard me cough through the wall.",
    "The first sun on the balcony.",
    "I want to return the pot.",
)


async def kept(app: Companion) -> Sequence[SessionRecord]:
    return await app.sessions()


async def settled(app: Companion) -> None:
    while app.marking._keeping is not None and not app.marking._keeping.done():
        await app.marking._keeping


async def test_the_end_of_a_practice_gives_the_reflection_its_title(home: Home) -> None:
    async with running(home, **GUIDE) as watched:
        watched.app.marking.mark_before(-1, "uneasy")
        for text in SAID:
            last = await watched.turn(text)
        offered = title_in(last.reply_text)
        assert offered
        assert watched.of(PracticeChanged)[-1].is_over
        assert watched.of(ReflectionMarked)[-1].title == offered
        watched.app.marking.mark_after(2, "lighter")
        await settled(watched.app)
        (session,) = await kept(watched.app)
        assert (session.title, session.has_own_title) == (offered, True)
        assert session.summary == summary_in(last.reply_text)
        assert "title" not in session.summary
        assert (session.mood_before, session.mood_after) == (-1, 2)
        assert session.mood_word == "uneasy → lighter"
        watched.app.marking.name("  The pot\n")
        await watched.turn("And one more thing.")
        await settled(watched.app)
        assert [each.title for each in await kept(watched.app)] == ["The pot"]


async def test_a_model_offers_a_title_as_the_guide_does(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = 'You came from the soup to the pot. If you would like a title for it: **"The soup and the pot"**.'
    answers = ['He calls it a title: "not this".', "What made it good?", "Who else?", "What else?", ends]
    mock = MockAIProvider({"completion": answers})
    async with running(home, providers__llm__active="mock", **GUIDE) as watched:
        monkeypatch.setattr(MockAIProvider, "chat", lambda _, request: mock._answer(request))
        for text in SAID:
            await watched.turn(text)
        assert watched.of(ReflectionMarked)[-1].title == "The soup and the pot"
        await settled(watched.app)
        (session,) = await kept(watched.app)
        assert session.title == "The soup and the pot"
        assert session.summary == "You came from the soup to the pot."


async def test_a_mark_waits_for_a_journal_that_is_still_opening_and_moves_with_it(home: Home) -> None:
    async with running(home, NoKeyring(), **GUIDE) as watched:
        watched.app.marking.mark_before(1)
        await watched.turn("Said before the passphrase.")
        await settled(watched.app)
        await watched.app.use_passphrase("four unrelated words here")
        watched.app.marking.mark_after(3, "warm")
        watched.app.marking.name("Before and after")
        await settled(watched.app)
        (session,) = await kept(watched.app)
        assert (session.title, session.mood_before, session.mood_after) == ("Before and after", 1, 3)
        assert session.mood_word == "warm"


async def test_a_mark_without_a_word_said_is_kept_and_taken_back(home: Home) -> None:
    vault = KeepingVault()
    async with running(home, vault, **GUIDE) as watched:
        watched.app.marking.mark_before(-3, "heavy")
    async with running(home, vault, **GUIDE) as again:
        (session,) = await kept(again.app)
        assert (session.mood_before, session.mood_word, session.turns) == (-3, "heavy", 0)
        again.app.marking.mark_before(2)
        await settled(again.app)
        again.app.marking.mark_before(None)
        await settled(again.app)
        assert len(await kept(again.app)) == 1, "a mark that was taken back leaves nothing"


async def test_marks_stay_with_the_reflection_they_were_made_in(home: Home) -> None:
    async with running(home, **GUIDE) as watched:
        await watched.turn("The first one.")
        watched.app.marking.name("First")
        watched.app.new_session()
        assert watched.of(ReflectionMarked)[-1].title == ""
        await watched.turn("The second one.")
        watched.app.marking.mark_after(0)
        await settled(watched.app)
        second, first = await kept(watched.app)
        assert (first.title, first.mood_after) == ("First", None)
        assert (second.title, second.mood_after) == ("The second one.", 0)


async def test_a_mark_that_cannot_be_kept_is_told_and_tried_again(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from companion.journal.changing import Changing

    real = Changing.set_mood
    faults = [CompanionError(Kind.DISK_FULL)] * 2

    async def full(self: Changing, *args: object, **marks: object) -> None:
        if faults:
            raise faults.pop()
        await real(self, *args, **marks)  # type: ignore[arg-type]

    monkeypatch.setattr(Changing, "set_mood", full)
    async with running(home, **GUIDE) as watched:
        watched.app.marking.mark_before(-2)
        await settled(watched.app)
        assert any("not kept yet" in note.text for note in watched.of(Note))
        await watched.turn("Room again.")
        await asyncio.sleep(0.05)
        await settled(watched.app)
        (session,) = await kept(watched.app)
        assert session.mood_before == -2


async def test_a_reflection_that_is_gone_on_with_keeps_what_was_marked(home: Home) -> None:
    async with running(home, **GUIDE) as watched:
        app = watched.app
        app.marking.mark_before(-2, "uneasy")
        await watched.turn("The soup.")
        app.marking.name("The soup and the pot")
        await settled(app)
        (first,) = await kept(app)
        app.new_session()
        assert await app.journal_desk.go_on(first.id)
        shown = watched.of(ReflectionMarked)[-1]
        assert (shown.title, shown.before, shown.word_before) == ("The soup and the pot", -2, "uneasy")
        async with app.archive.using() as journal:
            await journal.changing.set_title(first.id, "Named in the journal")
        app.marking.mark_after(1, "lighter")
        await settled(app)
        (session,) = await kept(app)
        assert (session.mood_before, session.mood_after) == (-2, 1)
        assert session.mood_word == "uneasy → lighter"
        assert session.title == "Named in the journal", "only what was changed is written"
