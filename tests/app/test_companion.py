"""The app without a window: what it keeps and where, and switching the kind of engine while it runs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from companion.app import Companion
from companion.audio.virtual import CapturingPlayer
from companion.errors import Action, CompanionError, Kind
from companion.events import EngineInUse, Event, HandsFreeChanged, JournalOpened, Note, Trouble, TurnFinished
from companion.flow import TurnRecord
from companion.kinds import ReplyState
from companion.log import Secret
from companion.net import origin
from companion.paths import Home
from companion.settings import changed, load_settings, value_of
from companion.tasks import report_to, spawn
from companion.vault import EnvironmentKey, MemoryVault, Vault
from tests.servers.google_live import GeminiLiveServer
from tests.servers.openai_realtime import RealtimeServer
from tests.vaults import given


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
    app = Companion(home, vault=given(vault or KeepingVault()), player=CapturingPlayer(realtime=False))
    app.settings = changed(app.settings, {name.replace("__", "."): value for name, value in settings.items()})
    watched = Watched(app)
    try:
        await app.open()
        yield watched
    finally:
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
        watched.app.sound._given_microphone = Broken()
        await watched.app.change({"talk.mode": "free"})
        await watched.until(lambda: watched.of(HandsFreeChanged))
        assert watched.of(Trouble)[-1].error.kind is Kind.NO_MICROPHONE
        assert not watched.of(HandsFreeChanged)[-1].is_on
        await watched.turn("I write.")


# -- at the same time ---------------------------------------------------------------------------------------


async def test_a_passphrase_lets_what_is_under_way_go_on(home: Home) -> None:
    async with running(home, NoKeyring()) as first:
        await first.app.use_passphrase("four unrelated words here")
        await first.turn("Old.")
    async with running(home, NoKeyring()) as second:
        opening = spawn(second.app.use_passphrase("four unrelated words here"), name="passphrase")
        record = await second.turn("Said while it was checked.")
        await opening
        assert record.reply_state is ReplyState.WHOLE
        await second.turn("Said after it.")
        assert [trouble.error.kind for trouble in second.of(Trouble)] == [Kind.JOURNAL_LOCKED]
    async with running(home, NoKeyring()) as third:
        await third.app.use_passphrase("four unrelated words here")
        assert sorted(await texts(third.app)) == ["Old.", "Said after it.", "Said while it was checked."]


async def test_keeping_nothing_holds_from_the_next_turn_on(home: Home) -> None:
    vault = KeepingVault()
    async with running(home, vault) as first:
        app = first.app
        await first.turn("Kept.")
        await app.change({"journal.keep": False})
        assert first.of(Note)[-1].text == "Nothing is kept from now on"
        await first.turn("Private.")
        assert await texts(app) == ["Private."]
        assert first.of(JournalOpened)[-1].is_by_choice
        await app.change({"journal.keep": True})
        await first.turn("Kept again.")
        assert sorted(await texts(app)) == ["Kept again.", "Kept."]
        assert first.of(Trouble) == []
        await app.change({"journal.keep": False})
    assert b"Private" not in b"".join(path.read_bytes() for path in home.data.rglob("*") if path.is_file())
    async with running(home, vault, journal__keep=True) as second:
        assert sorted(await texts(second.app)) == ["Kept again.", "Kept."]


async def test_who_keeps_nothing_leaves_no_sums_either(home: Home) -> None:
    async with running(home) as watched:
        await watched.app.change({"journal.keep": False})
        watched.app._spending.add("2026-11", 1.0)
    assert not (home.state / "spent.json").exists()


async def test_settings_changed_at_once_are_all_in_the_file_and_in_the_window(home: Home) -> None:
    wishes = {
        "talk.tail_ms": 333,
        "sound.volume": 0.5,
        "talk.review_before_sending": True,
        "journal.keep": False,
    }
    async with running(home) as watched:
        await asyncio.gather(*(watched.app.change({name: value}) for name, value in wishes.items()))
        watched.app.choose_practice("gratitude")
        shown = watched.app.settings
    on_disk = load_settings(home, {}).settings
    assert {name: value_of(on_disk, name) for name in wishes} == wishes
    assert watched.app.settings == on_disk
    assert shown.talk.tail_ms == 333
    assert on_disk.practice.current == "gratitude", "pressed in the last moment"


async def test_a_fault_of_what_follows_a_setting_does_not_keep_it_from_the_file(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[BaseException] = []

    def fails() -> None:
        raise RuntimeError("a speaker that nobody foresaw")

    async with running(home) as watched:
        monkeypatch.setattr(watched.app.sound, "follow", fails)
        report_to(reported.append)
        try:
            await watched.app.change({"sound.volume": 0.5})
        finally:
            report_to(None)
        monkeypatch.undo()
    assert load_settings(home, {}).settings.sound.volume == 0.5
    assert [str(error) for error in reported] == ["a speaker that nobody foresaw"]


async def passphrase_is_checked(watched: Watched) -> None:
    spawn(watched.app.use_passphrase("four unrelated words here"), name="dialog")
    await asyncio.sleep(0)


async def settings_change(watched: Watched) -> None:
    for keeps in (False, True, False):
        spawn(watched.app.change({"journal.keep": keeps}), name="dialog")
    await asyncio.sleep(0)


async def an_answer_is_written(watched: Watched) -> None:
    assert watched.app.submit("In the last moment.")


async def a_voice_is_previewed(watched: Watched) -> None:
    spawn(watched.app.settings_backend.preview_voice("builtin", "", 1.0), name="dialog")
    await asyncio.sleep(0.05)


async def buttons_are_pressed(watched: Watched) -> None:
    for action in (Action.NEW_JOURNAL, Action.RETRY, Action.HEAR_WAITING, Action.SPEAK_OFFLINE):
        watched.app.act(action)


@pytest.mark.parametrize(
    "moment",
    [passphrase_is_checked, settings_change, an_answer_is_written, a_voice_is_previewed, buttons_are_pressed],
)
async def test_the_end_in_any_moment_leaves_nothing_running(home: Home, moment: Any) -> None:
    reported: list[BaseException] = []
    report_to(reported.append)
    try:
        async with running(home, NoKeyring()) as watched:
            await watched.turn("Said before.")
            await moment(watched)
        await asyncio.sleep(0)
        assert [each for each in asyncio.all_tasks() if each is not asyncio.current_task()] == []
        async with asyncio.timeout(5):
            while {each.name for each in threading.enumerate()} & {"journal", "keyring"}:  # noqa: ASYNC110
                await asyncio.sleep(0.005)  # a thread that ends tells nobody
    finally:
        report_to(None)
    assert [error for error in reported if not isinstance(error, CompanionError)] == []
    on_disk = load_settings(home, {}).settings
    assert on_disk == watched.app.settings


FRUGAL = """
import os
import companion.app
from companion.care import network
network.load().read("i walked along the river this morning and thought about my sister and the old house")
print(len(os.listdir("/proc/self/task")))
"""


def test_care_reads_with_one_thread() -> None:
    """Threads that wait for each other spinning cost ten times the work itself."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    told = subprocess.run(
        [sys.executable, "-c", FRUGAL], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["1"]
