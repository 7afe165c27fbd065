"""What is changed in the journal is so in the conversation under way, and recordings stay as long as the person wants."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from companion.audio.virtual import CapturingPlayer
from companion.errors import CompanionError, Kind
from companion.events import LocalTimeChanged, PracticeChanged, SessionBegan, Trouble, TurnFinished, UserSaid
from companion.paths import Home
from companion.records import Selection, SoundSide
from tests.app.test_companion import KeepingVault, Watched, running, texts
from tests.app.test_recovery import fail_to_hear, running as talking, vault_for
from tests.servers.openai import OpenAIServer


def known(watched: Watched) -> str:
    """All that a model would be told with the next words."""
    return " ".join(message.content for message in watched.app.engine.next_question())


async def test_what_is_deleted_while_it_goes_on_is_told_to_nobody(home: Home) -> None:
    async with running(home) as watched:
        desk = watched.app.journal_desk
        record = await watched.turn("The heron stood by the weir.")
        began = len(watched.of(SessionBegan))
        token = await desk.delete([record.session_id])
        assert len(watched.of(SessionBegan)) == began + 1
        assert "heron" not in known(watched)
        other = await watched.turn("Something else.")
        assert await texts(watched.app) == ["Something else."]
        await desk.undo(token)
        assert sorted(await texts(watched.app)) == ["Something else.", "The heron stood by the weir."]
        await desk.delete([record.session_id])  # another one than is under way
        assert len(watched.of(SessionBegan)) == began + 1
        await desk.delete_for_good([record.session_id, other.session_id])
        assert "Something else" not in known(watched)
        assert await texts(watched.app) == []
        assert watched.of(Trouble) == []


async def test_one_turn_is_deleted_and_another_put_right_in_what_is_told_next(home: Home) -> None:
    async with running(home) as watched:
        desk = watched.app.journal_desk
        first = await watched.turn("The heron stood by the weir.")
        second = await watched.turn("I went to the see.")
        token = await desk.delete_turn(first.id)
        await desk.edit_words(second.id, "I went to the sea.")
        assert "heron" not in known(watched)
        assert "the see" not in known(watched)
        assert "I went to the sea." in known(watched)
        watched.app.new_session()
        await watched.turn("And home again.")
        (last,) = {each.id for each in await watched.app.sessions()} - {first.session_id}
        await desk.merge(first.session_id, [last])
        await desk.undo(token)
        await watched.turn("Late.")  # in what was merged
        assert len(await watched.app.sessions()) == 1
        assert await texts(watched.app) == [
            "The heron stood by the weir.",
            "I went to the sea.",
            "And home again.",
            "Late.",
        ]


async def test_a_turn_deleted_while_it_is_answered_is_not_told_next(home: Home) -> None:
    async with OpenAIServer() as server, talking(home, server, vault_for(server)) as watched:
        server.script.header_delay_s = 0.5
        await watched.app.change(
            {"providers.llm.active": "openai", "providers.llm.openai.base_url": server.url}
        )
        assert watched.app.submit("The heron stood by the weir.")
        await watched.until(lambda: watched.of(UserSaid))
        (session,) = await watched.app.sessions()
        (turn,) = await watched.app.turns(session.id)
        assert watched.of(TurnFinished) == []
        await watched.app.journal_desk.delete_turn(turn.id)
        await watched.until(lambda: watched.of(TurnFinished))
        assert "heron" not in known(watched)
        assert watched.of(Trouble) == []


async def test_a_reflection_of_another_day_is_gone_on_with(home: Home) -> None:
    vault = KeepingVault()
    async with running(home, vault, practice__current="gratitude") as watched:
        first = await watched.turn("The heron stood by the weir.")
        async with watched.app.archive.using() as journal:
            sql = "UPDATE turn SET at = at - 900000"
            await journal.tables.write(lambda connection: connection.execute(sql))
    async with running(home, vault) as watched:
        desk = watched.app.journal_desk
        await watched.turn("Today's words.")
        assert await desk.go_on(first.session_id)
        assert [turn.user_text for turn in watched.of(SessionBegan)[-1].turns] == [
            "The heron stood by the weir."
        ]
        assert watched.of(PracticeChanged)[-1].name == "gratitude"
        assert "heron" in known(watched)
        await watched.turn("It flew.")
        async with watched.app.archive.using() as journal:
            turns = await journal.turns(first.session_id)
        assert [turn.user_text for turn in turns] == ["The heron stood by the weir.", "It flew."]
        assert not await desk.go_on(99)
        await desk.delete([first.session_id])
        assert not await desk.go_on(first.session_id)


async def test_the_same_numbers_in_another_journal_mean_something_else(home: Home) -> None:
    """The private one counts from 1 too."""
    async with running(home) as watched:
        kept = await watched.turn("Kept.")
        await watched.app.change({"journal.keep": False})
        private = await watched.turn("Private.")
        assert private.session_id == kept.session_id
        await watched.app.change({"journal.keep": True})
        await watched.turn("Kept too.")
        await watched.app.change({"journal.keep": False})
        began = len(watched.of(SessionBegan))
        await watched.app.journal_desk.delete([private.session_id])
        assert len(watched.of(SessionBegan)) == began
        assert await texts(watched.app) == []
        await watched.app.change({"journal.keep": True})
        assert sorted(await texts(watched.app)) == ["Kept too.", "Kept."]


async def test_what_was_deleted_a_week_ago_goes_at_the_start_and_when_a_day_begins(home: Home) -> None:
    vault = KeepingVault()
    async with running(home, vault) as watched:
        for _ in range(2):
            await watched.turn("Gone.")
            watched.app.new_session()
        ids = [each.id for each in await watched.app.sessions()]
        await watched.app.journal_desk.delete(ids)
        await _grow_old(watched, ids[0])
    async with running(home, vault) as watched:
        await _until_left(watched, 1)
        await _grow_old(watched, ids[1])
        await _until_left(watched, 0)


async def _grow_old(watched: Watched, session_id: int) -> None:
    long_ago = time.time() - 8 * 86_400
    sql = "UPDATE session SET deleted_at = ? WHERE id = ?"
    async with watched.app.archive.using() as journal:
        await journal.tables.write(lambda connection: connection.execute(sql, (long_ago, session_id)))


async def _until_left(watched: Watched, count: int) -> None:
    async with asyncio.timeout(10), watched.app.archive.using() as journal:
        while await journal.list.count(Selection(is_deleted=True)) != count:
            watched.app.events.emit(LocalTimeChanged(is_other_day=True, is_other_zone=False))
            await asyncio.sleep(0.01)


async def test_the_journal_is_read_aloud_where_answers_are_silent_too(home: Home) -> None:
    async with running(home, sound__speak_answers=False) as watched:
        player = watched.app.player()
        assert isinstance(player, CapturingPlayer)
        await watched.app.journal_desk.read_aloud("The heron stood by the weir. *Then* it flew.")
        whole = player.audio().seconds
        await watched.app.journal_desk.read_aloud("**")
        assert player.audio().seconds == whole > 1


# -- recordings ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["never", "until_written", "days", "always"])
async def test_recordings_stay_as_long_as_is_wanted(home: Home, way: str) -> None:
    async with OpenAIServer() as server, talking(home, server, vault_for(server)) as watched:
        await watched.app.change({"journal.keep_sound": way})
        server.script.status = 503
        await fail_to_hear(watched)
        waiting = await watched.app.recovery.waiting()
        assert len(waiting) == (0 if way == "never" else 1)
        server.script.status = 0
        if waiting:
            await watched.app.recovery.hear(waiting[0].id)
            await watched.until(lambda: watched.of(TurnFinished))
            record = watched.of(TurnFinished)[-1].record
            await watched.app.engine.settle()
            (turn,) = await watched.app.journal_desk.turns(record.session_id)  # as the journal page reads it
            stays = way in ("days", "always")
            said = [sound.take_id for sound in turn.sounds if sound.side is SoundSide.SAID]
            assert said == ([waiting[0].id] if stays else [])
            assert len(turn.sounds) == (2 if stays else 0)  # the answer's too
            assert await watched.app.recovery.waiting() == []
            assert len(list(home.takes.glob("*.take"))) == len(turn.sounds)
        if way == "always":
            await watched.app.recovery.play(waiting[0].id)
            player = watched.app.player()
            assert isinstance(player, CapturingPlayer)
            assert player.audio().seconds >= waiting[0].seconds
            await watched.app.journal_desk.delete_for_good([record.session_id])
            with pytest.raises(CompanionError) as caught:
                await watched.app.recovery.play(waiting[0].id)
            assert caught.value.kind is Kind.BAD_FILE


async def test_a_take_that_was_heard_stays_with_its_words(home: Home) -> None:
    async with OpenAIServer() as server, talking(home, server, vault_for(server)) as watched:
        await watched.app.change({"journal.keep_sound": "days", "journal.sound_days": 2})
        watched.app.press_talk()
        await asyncio.sleep(0.4)
        watched.app.release_talk()
        await watched.until(lambda: watched.of(TurnFinished))
        await watched.app.engine.settle()
        record = watched.of(TurnFinished)[-1].record
        async with watched.app.archive.using() as journal:
            (turn,) = await journal.turns(record.session_id)
            sound, answer = sorted(turn.sounds, key=lambda sound: sound.side, reverse=True)
            assert (sound.side, answer.side) == (SoundSide.SAID, SoundSide.ANSWER)
            assert sound.seconds > 1
            assert await journal.waiting_takes() == []
            sql = "UPDATE kept_sound SET kept_at = kept_at - 200000"
            await journal.tables.write(lambda connection: connection.execute(sql))
        watched.app.events.emit(LocalTimeChanged(is_other_day=True, is_other_zone=False))
        async with asyncio.timeout(10):
            while list(home.takes.glob("*.take")):  # noqa: ASYNC110 - the disk tells nobody
                await asyncio.sleep(0.01)


async def test_an_answer_is_heard_again_as_far_as_it_was_heard(home: Home, tmp_path: Path) -> None:
    async with OpenAIServer() as server, talking(home, server, vault_for(server), realtime=True) as watched:
        await watched.app.change({"journal.keep_sound": "always"})
        player = watched.app.player()
        assert isinstance(player, CapturingPlayer)
        assert watched.app.submit("I walked by the river.")
        await watched.until(lambda: player.heard_s > 0.5)
        watched.app.cancel()
        await watched.until(lambda: watched.of(TurnFinished))
        await watched.app.engine.settle()
        record = watched.of(TurnFinished)[-1].record
        heard_s = player.audio().seconds
        (turn,) = await watched.app.journal_desk.turns(record.session_id)
        (sound,) = turn.sounds
        assert sound.side is SoundSide.ANSWER
        assert abs(sound.seconds - heard_s) < 0.1
        assert await watched.app.recovery.waiting() == []  # it is no recording that waits for its words
        await watched.app.recovery.play(sound.take_id)
        assert player.audio().seconds - heard_s == pytest.approx(sound.seconds, abs=0.1)
        done = await watched.app.exchange.export(tmp_path / "out.zip", "jsonl", with_sound=True)
        assert done.recordings == 1
        await watched.app.journal_desk.delete_for_good([record.session_id])
        assert not list(home.takes.glob("*.take"))


async def test_another_try_replaces_the_sound_of_an_answer_and_a_rest_is_kept_beside(home: Home) -> None:
    async with running(home) as watched:
        record = await watched.turn("The heron stood by the weir.")
        second_s = b"\1\0" * 16_000
        async with watched.app.archive.using() as journal:
            await journal.keep_answer(record.id, second_s, goes_on=False)
            (first,) = (await journal.turns(record.session_id))[0].sounds
            await journal.keep_answer(record.id, second_s, goes_on=True)
            assert len((await journal.turns(record.session_id))[0].sounds) == 2
            await journal.keep_answer(record.id, second_s, goes_on=False)
            (last,) = (await journal.turns(record.session_id))[0].sounds
            assert last.take_id != first.take_id
            assert [path.stem for path in home.takes.glob("*.take")] == [last.take_id]
            assert await journal.read_take(last.take_id) == second_s
