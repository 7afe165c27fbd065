"""Recordings that wait: failing ones stay, another recogniser finds their words, discarded ones can be taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from companion.app import Companion, recovery
from companion.audio.virtual import CapturingPlayer, FileMicrophone
from companion.decoding import read_file
from companion.errors import Action, CompanionError, Kind
from companion.events import JournalOpened, Note, Phase, PhaseChanged, Trouble, TurnFinished, UserSaid
from companion.hosts import origin
from companion.journal import spool
from companion.log import Secret
from companion.paths import Home
from companion.settings import changed
from companion.tasks import spawn
from companion.vault import EnvironmentKey
from tests.app.test_companion import KeepingVault, Watched
from tests.servers.openai import OpenAIServer
from tests.vaults import given

TAKE = Path(__file__).parent.parent / "data" / "austen-0890.wav"


@asynccontextmanager
async def running(
    home: Home, server: OpenAIServer, vault: KeepingVault, *, realtime: bool = False
) -> AsyncIterator[Watched]:
    player = CapturingPlayer(realtime=realtime)
    microphone = FileMicrophone(read_file(TAKE), realtime=False)
    app = Companion(home, vault=given(vault), player=player, microphone=microphone)
    app.settings = changed(
        app.settings,
        {
            "providers.stt.active": "openai",
            "providers.stt.openai.base_url": server.url,
            "network.max_retries": 0,
            "network.circuit_breaker": False,
        },
    )
    watched = Watched(app)
    try:
        await app.open()
        yield watched
    finally:
        await app.close()


def vault_for(server: OpenAIServer) -> KeepingVault:
    key = EnvironmentKey(secret=Secret("sk-test-0123456789abc"), origin=origin(server.url), variable="KEY")
    return KeepingVault(environment={"openai": key})


async def fail_to_hear(watched: Watched) -> None:
    """One take that the recogniser cannot make out."""
    seen = len(watched.of(Trouble))
    watched.app.press_talk()
    await watched.until(lambda: any(e.phase is Phase.LISTENING for e in watched.of(PhaseChanged)))
    await asyncio.sleep(0.3)
    watched.app.release_talk()
    await watched.until(lambda: len(watched.of(Trouble)) > seen)
    await watched.until(lambda: watched.of(PhaseChanged)[-1].phase is Phase.READY)


async def test_a_recording_that_failed_finds_its_words_with_another_recogniser(home: Home) -> None:
    async with OpenAIServer() as server:
        vault = vault_for(server)
        async with running(home, server, vault) as first:
            server.script.status = 503
            await fail_to_hear(first)
            (take,) = await first.app.recovery.waiting()
            assert take.seconds > 1
        async with running(home, server, vault) as second:
            assert [each.id for each in await second.app.recovery.waiting()] == [take.id]
            assert {"builtin", "openai"} <= set(await second.app.recovery.hearers())

            await second.app.recovery.hear(take.id)  # the same one fails again
            await second.until(lambda: any(t.error.kind is Kind.UNAVAILABLE for t in second.of(Trouble)))
            await second.until(lambda: second.of(PhaseChanged)[-1].phase is Phase.READY)
            assert [each.id for each in await second.app.recovery.waiting()] == [take.id]

            await second.app.recovery.hear(take.id, "builtin")
            await second.until(lambda: second.of(TurnFinished))
            record = second.of(TurnFinished)[-1].record
            assert record.engines["stt"] == "builtin"
            assert second.of(UserSaid)[-1].saved
            assert await second.app.recovery.waiting() == []


async def test_playing_sounds_and_a_new_one_stops_the_last(home: Home) -> None:
    async with OpenAIServer() as server, running(home, server, vault_for(server)) as watched:
        server.script.status = 503
        await fail_to_hear(watched)
        (take,) = await watched.app.recovery.waiting()
        await watched.app.recovery.play(take.id)
        player = watched.app.player()
        assert isinstance(player, CapturingPlayer)
        assert abs(player.audio().seconds - take.seconds) < 0.5
        with pytest.raises(CompanionError) as caught:
            await watched.app.recovery.play("1700000000000-00000000")
        assert caught.value.kind is Kind.BAD_FILE


async def test_a_discarded_recording_can_be_taken_back_for_a_moment(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OpenAIServer() as server:
        vault = vault_for(server)
        async with running(home, server, vault) as watched:
            server.script.status = 503
            await fail_to_hear(watched)
            keeper = watched.app.recovery
            (take,) = await keeper.waiting()
            keeper.discard(take.id)
            assert await keeper.waiting() == []
            assert list(home.takes.glob("*.take")), "it is still there"
            assert keeper.take_back(take.id)
            assert len(await keeper.waiting()) == 1

            monkeypatch.setattr(recovery, "UNDO_S", 0.05)
            keeper.discard(take.id)
            await asyncio.sleep(0.4)
            assert not list(home.takes.glob("*.take")), "now it is gone"
            assert not keeper.take_back(take.id)


async def test_the_end_of_the_app_ends_the_time_to_take_it_back(home: Home) -> None:
    async with OpenAIServer() as server:
        async with running(home, server, vault_for(server)) as watched:
            server.script.status = 503
            await fail_to_hear(watched)
            (take,) = await watched.app.recovery.waiting()
            watched.app.recovery.discard(take.id)
        assert not list(home.takes.glob("*.take"))


# -- several of them ----------------------------------------------------------------------------------------


async def leave_recordings(watched: Watched, count: int) -> list[str]:
    """Recordings whose words are not known, oldest first."""
    pcm, ids = read_file(TAKE).pcm, []
    async with watched.app.archive.using() as journal:
        for _ in range(count):
            take = journal.spool()
            take.write(pcm)
            await take.finish()
            ids.append(take.id)
            await asyncio.sleep(0.002)  # ids tell milliseconds apart
    return ids


def damage(home: Home, take_id: str, *, records: int = 1_000) -> None:
    """Changes one byte of each of the first records; their lengths stay right."""
    file = home.takes / f"{take_id}.take"
    content = bytearray(file.read_bytes())
    at = len(spool.MAGIC)
    while records and at < len(content):
        content[at + 30] ^= 1
        at += 4 + int.from_bytes(content[at : at + 4], "big")
        records -= 1
    file.write_bytes(content)


def damaged(home: Home, take_id: str) -> None:
    damage(home, take_id)


def unreadable(home: Home, take_id: str) -> None:
    file = home.takes / f"{take_id}.take"
    content = bytearray(file.read_bytes())
    content[len(spool.MAGIC) : len(spool.MAGIC) + 4] = b"\xff\xff\xff\xff"
    file.write_bytes(content)


@pytest.mark.parametrize("harm", [damaged, unreadable])
async def test_one_that_cannot_be_opened_is_told_once_and_the_others_are_heard(home: Home, harm: Any) -> None:
    async with OpenAIServer() as server, running(home, server, vault_for(server)) as watched:
        app = watched.app
        bad, *_ = await leave_recordings(watched, 3)
        harm(home, bad)
        for count in (1, 2):
            app.act(Action.HEAR_WAITING)
            await watched.until(lambda: len(watched.of(TurnFinished)) == count)  # noqa: B023 - awaited here
            await watched.until(lambda: app.engine.state.phase is Phase.READY)
        app.act(Action.HEAR_WAITING)
        await watched.until(lambda: watched.of(Note))
        (trouble,) = watched.of(Trouble)
        assert (trouble.error.kind, trouble.error.actions) == (Kind.TAKE_DAMAGED, (Action.SHOW_WAITING,))
        assert [take.id for take in await app.recovery.waiting()] == [bad], "it can still be discarded"
        for use in (app.recovery.hear, app.recovery.play):
            with pytest.raises(CompanionError, match="damaged"):
                await use(bad)
        app.recovery.discard(bad)
        assert await app.recovery.waiting() == []


async def test_one_that_is_gone_is_passed_over(home: Home) -> None:
    async with OpenAIServer() as server, running(home, server, vault_for(server)) as watched:
        gone, _ = await leave_recordings(watched, 2)
        listed = await watched.app.recovery.waiting()
        (home.takes / f"{gone}.take").unlink()
        assert len(listed) == 2
        watched.app.act(Action.HEAR_WAITING)
        await watched.until(lambda: watched.of(TurnFinished))
        assert watched.of(Trouble) == []


async def test_a_damaged_part_is_told_and_the_rest_is_heard(home: Home) -> None:
    async with OpenAIServer() as server, running(home, server, vault_for(server)) as watched:
        (take_id,) = await leave_recordings(watched, 1)
        damage(home, take_id, records=2)
        watched.app.act(Action.HEAR_WAITING)
        await watched.until(lambda: watched.of(TurnFinished))
        assert "2 s of that recording are damaged" in watched.of(Note)[0].text
        assert watched.of(Trouble) == []


async def test_one_nobody_can_make_out_does_not_stand_before_the_others(home: Home) -> None:
    async with OpenAIServer() as server, running(home, server, vault_for(server)) as watched:
        app = watched.app
        first, _ = await leave_recordings(watched, 2)
        server.script.status = 503
        app.act(Action.HEAR_WAITING)
        await watched.until(lambda: watched.of(Trouble))
        await watched.until(lambda: app.engine.state.phase is Phase.READY)
        server.script.status = 0
        app.act(Action.HEAR_WAITING)
        await watched.until(lambda: watched.of(TurnFinished))
        assert [take.id for take in await app.recovery.waiting()] == [first]
        await watched.until(lambda: app.engine.state.phase is Phase.READY)
        app.act(Action.HEAR_WAITING)  # all were tried: from the beginning
        await watched.until(lambda: len(watched.of(TurnFinished)) == 2)
        assert await app.recovery.waiting() == []


async def test_while_somebody_talks_no_other_recording_is_heard(home: Home) -> None:
    async with OpenAIServer() as server, running(home, server, vault_for(server)) as watched:
        app = watched.app
        (take_id,) = await leave_recordings(watched, 1)
        app.toggle_talk()
        await watched.until(lambda: app.engine.state.phase is Phase.LISTENING)
        app.act(Action.HEAR_WAITING)
        await watched.until(lambda: watched.of(Note))
        assert app.engine.state.phase is Phase.LISTENING
        app.toggle_talk()
        await watched.until(lambda: watched.of(TurnFinished))
        assert [take.id for take in await app.recovery.waiting()] == [take_id]


# -- playing, and what silences it --------------------------------------------------------------------------


def press(app: Companion) -> None:
    app.press_talk()


def begin_anew(app: Companion) -> None:
    app.new_session()


def choose_another_practice(app: Companion) -> None:
    app.choose_practice("gratitude")


def write_something(app: Companion) -> None:
    app.submit("I write instead.")


def escape(app: Companion) -> None:
    app.cancel()


@pytest.mark.parametrize("does", [press, begin_anew, choose_another_practice, write_something, escape])
async def test_whatever_the_person_does_silences_a_recording_that_is_played(home: Home, does: Any) -> None:
    async with (
        OpenAIServer() as server,
        running(home, server, vault_for(server), realtime=True) as watched,
    ):
        app = watched.app
        player = app.player()
        (take_id,) = await leave_recordings(watched, 1)
        playing = spawn(app.recovery.play(take_id), name="play")
        while not player.heard_s:  # noqa: ASYNC110 - a speaker has no event
            await asyncio.sleep(0.005)
        does(app)
        async with asyncio.timeout(1):
            await playing
        assert player.heard_s < 5, "it is not played to its end"


# -- what comes during a take -------------------------------------------------------------------------------


async def a_recording_is_played(app: Companion, take_id: str) -> None:
    await app.recovery.play(take_id)


async def a_voice_is_previewed(app: Companion, take_id: str) -> None:
    await app.settings_backend.preview_voice("builtin", "", 1.0)


async def another_reflection_begins(app: Companion, take_id: str) -> None:
    app.new_session()


async def another_practice_begins(app: Companion, take_id: str) -> None:
    app.choose_practice("gratitude")


async def the_journal_is_unlocked(app: Companion, take_id: str) -> None:
    await app.use_passphrase("four unrelated words here")
    app.hush()


async def nothing_is_kept_any_more(app: Companion, take_id: str) -> None:
    await app.change({"journal.keep": False})
    app.hush()


@pytest.mark.parametrize(
    "comes",
    [
        a_recording_is_played,
        a_voice_is_previewed,
        another_reflection_begins,
        another_practice_begins,
        the_journal_is_unlocked,
        nothing_is_kept_any_more,
    ],
)
async def test_whatever_comes_during_a_take_loses_no_words(home: Home, comes: Any) -> None:
    class Keyless(KeepingVault):
        async def put_journal_key(self, journal_id: str, key: bytes, *, this_run_only: bool = False) -> None:
            raise CompanionError(Kind.NO_KEYRING)

    async with OpenAIServer() as server:
        key = EnvironmentKey(
            secret=Secret("sk-test-0123456789abc"), origin=origin(server.url), variable="KEY"
        )
        async with running(home, server, Keyless(environment={"openai": key})) as watched:
            app = watched.app
            (take_id,) = await leave_recordings(watched, 1)
            app.toggle_talk()
            await watched.until(lambda: app.engine.state.phase is Phase.LISTENING)
            await asyncio.sleep(0.3)
            await comes(app, take_id)
            await watched.until(lambda: watched.of(UserSaid))
            assert watched.of(UserSaid)[0].saved
            await watched.until(lambda: watched.of(TurnFinished))
            kept = [] if comes is nothing_is_kept_any_more else [take_id]
            assert [take.id for take in await app.recovery.waiting()] == kept, "only the old one waits"


async def test_one_the_disk_does_not_let_go_of_goes_at_the_next_try(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with OpenAIServer() as server, running(home, server, vault_for(server)) as watched:
        (take_id,) = await leave_recordings(watched, 1)
        monkeypatch.setattr(recovery, "UNDO_S", 0.0)

        def refuse(path: Path) -> None:
            raise OSError(30, "Read-only file system")

        with monkeypatch.context() as broken:
            broken.setattr(spool, "_remove", refuse)
            watched.app.recovery.discard(take_id)
            await watched.until(lambda: watched.of(Trouble))
        assert len(await watched.app.recovery.waiting()) == 1
        seen = len(watched.of(JournalOpened))
        watched.app.act(Action.RETRY, watched.of(Trouble)[-1].error)
        await watched.until(lambda: len(watched.of(JournalOpened)) > seen)
        assert await watched.app.recovery.waiting() == []
