"""The app without a window: what it keeps and where, and switching the kind of engine while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.errors import Action, CompanionError, Kind
from companion.events import EngineInUse, Event, HandsFreeChanged, JournalOpened, Trouble, TurnFinished
from companion.flow import TurnRecord
from companion.log import Secret
from companion.net import origin
from companion.paths import Home
from companion.settings import changed
from companion.vault import EnvironmentKey, MemoryVault, Vault
from tests.servers.google_live import GeminiLiveServer
from tests.servers.openai_realtime import RealtimeServer


class Watched:
    """An app and what it told."""

    def __init__(self, app: Companion) -> None:
        self.app, self.events = app, list[Event]()
        self.news = asyncio.Event()
        app.events.watch(self._note)

    def _note(self, event: Event) -> None:
        self.events.append(event)
        self.news.set()

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, holds: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self.news.clear()
                await self.news.wait()

    async def turn(self, text: str) -> TurnRecord:
        done = len(self.of(TurnFinished))
        assert self.app.submit(text)
        await self.until(lambda: len(self.of(TurnFinished)) > done)
        record: TurnRecord = self.of(TurnFinished)[-1].record
        return record


class KeepingVault(MemoryVault):
    """Stands for a keyring: what it holds outlives the app."""

    where = "keyring"  # type: ignore[assignment]


class NoKeyring(MemoryVault):
    async def put_journal_key(self, journal_id: str, key: bytes, *, this_run_only: bool = False) -> None:
        raise CompanionError(Kind.NO_KEYRING)


@asynccontextmanager
async def running(home: Home, vault: Vault | None = None, **settings: object) -> AsyncIterator[Watched]:
    async def opened() -> Vault:
        return vault or KeepingVault()

    app = Companion(home, vault=opened, player=CapturingPlayer(realtime=False))
    app.settings = changed(app.settings, {name.replace("__", "."): value for name, value in settings.items()})
    watched = Watched(app)
    await app.open()
    yield watched
    await app.close()


async def texts(app: Companion) -> list[str]:
    return [turn.user_text for session in await app.sessions() for turn in await app.turns(session.id)]


async def test_turns_are_there_at_the_next_start(home: Home) -> None:
    vault = KeepingVault()
    async with running(home, vault) as first:
        await first.turn("Keep this for tomorrow.")
    async with running(home, vault) as second:
        assert await texts(second.app) == ["Keep this for tomorrow."]
        assert second.of(JournalOpened)[0].storage == "keyring"


async def test_what_is_carried_into_a_journal_stays_on_its_day(
    home: Home, travel: Callable[[str], None]
) -> None:
    async with running(home, NoKeyring()) as first:
        travel("<+1345>-13:45")
        said = await first.turn("Said before the passphrase, and before the flight.")
        (before,) = await first.app.sessions()
        travel("PST8")
        await first.app.use_passphrase("four unrelated words here")
        (session,) = await first.app.sessions()
        (turn,) = await first.app.turns(session.id)
        assert (turn.at, turn.offset_s) == (said.at, 13 * 3600 + 45 * 60)
        assert (session.started_at, session.offset_s) == (before.started_at, 13 * 3600 + 45 * 60)


async def test_without_a_keyring_a_passphrase_takes_what_was_said_meanwhile(home: Home) -> None:
    async with running(home, NoKeyring()) as first:
        assert first.of(JournalOpened)[0].storage == "memory"
        assert first.of(Trouble)[0].error.kind is Kind.NO_KEYRING
        await first.turn("Said before the passphrase.")
        assert await first.app.journal_needs() == "choose"
        await first.app.use_passphrase("four unrelated words here")
        assert first.of(JournalOpened)[-1].storage == "passphrase"
        await first.turn("Said after it.")
        assert await texts(first.app) == ["Said before the passphrase.", "Said after it."]
        assert len(await first.app.sessions()) == 1, "the session goes on"
    async with running(home, NoKeyring()) as second:
        assert second.of(Trouble)[0].error.kind is Kind.JOURNAL_LOCKED
        assert await second.app.journal_needs() == "enter"
        with pytest.raises(CompanionError, match="not the journal's passphrase"):
            await second.app.use_passphrase("something else entirely")
        await second.app.use_passphrase("four unrelated words here")
        assert await texts(second.app) == ["Said before the passphrase.", "Said after it."]


async def test_a_journal_that_is_missing_is_not_replaced_unasked(home: Home) -> None:
    vault = KeepingVault()
    async with running(home, vault) as first:
        await first.turn("Gone with the file.")
    home.journal.unlink()
    async with running(home, vault) as second:
        assert second.of(Trouble)[0].error.kind is Kind.JOURNAL_MISSING
        assert not home.journal.exists()
        await second.turn("Said into memory.")
        second.app.act(Action.NEW_JOURNAL)
        await second.until(lambda: len(second.of(JournalOpened)) > 1)
        assert await texts(second.app) == ["Said into memory."]
        assert home.journal.exists()
        assert [path.name for path in home.data.glob("set-aside-*/keyslots.json")] == ["keyslots.json"]


async def test_a_person_who_keeps_nothing_leaves_nothing(home: Home) -> None:
    async with running(home, journal__keep=False) as first:
        await first.turn("Forget this.")
        assert await texts(first.app) == ["Forget this."]
        assert first.of(Trouble) == []
    assert not home.journal.exists()
    assert not home.takes.exists()


async def test_speech_to_speech_is_chosen_and_left_like_any_other_engine(home: Home) -> None:
    async with RealtimeServer() as server:
        key = EnvironmentKey(secret=Secret("sk-test-0123456789abc"), origin=origin(server.url), variable="")
        vault = KeepingVault(environment={"openai": key})
        async with running(home, vault, providers__llm__openai__base_url=server.url) as watched:
            app = watched.app
            first = await watched.turn("To the guide.")
            await app.change({"talk.engine": "openai-realtime"})
            assert {event.label for event in watched.of(EngineInUse)[-3:]} == {"GPT Realtime 2.1"}
            record = await watched.turn("To the voice model.")
            assert record.engines["llm"].startswith("openai/")
            await app.change({"talk.engine": "separate"})
            last = await watched.turn("To the guide again.")
            assert last.engines["llm"].startswith("guide")
            assert first.session_id == record.session_id == last.session_id, "the conversation goes on"
            assert await texts(app) == ["To the guide.", "To the voice model.", "To the guide again."]
            assert watched.of(Trouble) == []


async def test_one_voice_model_follows_another_in_the_same_conversation(home: Home) -> None:
    async with RealtimeServer() as openai, GeminiLiveServer() as google:
        keys = {
            name: EnvironmentKey(secret=Secret(key), origin=origin(server.url), variable="")
            for name, key, server in (
                ("openai", "sk-test-0123456789abc", openai),
                ("google", "AIzaSyTest0123456789abcdefghijklmnop", google),
            )
        }
        places = {
            "providers__llm__openai__base_url": openai.url,
            "providers__llm__google__base_url": google.url,
        }
        async with running(home, KeepingVault(environment=keys), **places) as watched:
            app = watched.app
            await app.change({"talk.engine": "openai-realtime", "talk.realtime_voice": "cedar"})
            first = await watched.turn("To one of them.")
            await app.change({"talk.engine": "google-realtime"})
            second = await watched.turn("To the other.")
            assert first.engines["llm"].startswith("openai/")
            assert second.engines["llm"].startswith("google/")
            assert first.session_id == second.session_id
            await app.change({"talk.engine": "nobody-realtime"})
            third = await watched.turn("To nobody of that name.")
            assert third.engines["llm"].startswith("guide"), "a voice model nobody knows is none"
            assert watched.of(Trouble) == []


async def test_hands_free_without_a_microphone_says_so_and_the_rest_works(home: Home) -> None:
    class Broken:
        async def open(self) -> Any:
            raise CompanionError(Kind.NO_MICROPHONE)

    async with running(home) as watched:
        watched.app._microphone = Broken()
        await watched.app.change({"talk.mode": "free"})
        assert watched.of(Trouble)[-1].error.kind is Kind.NO_MICROPHONE
        assert not watched.of(HandsFreeChanged)[-1].is_on
        await watched.turn("I write.")
