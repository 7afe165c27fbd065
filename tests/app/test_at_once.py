"""Whatever two or three things happen in one tick: no word is lost, no microphone stays open unshown, settings are one.

Each take carries its number in its samples, so that every recording that held speech can be followed to where its words
are: said, offered for review, waiting, or thrown away by Esc.
"""

from __future__ import annotations

import array
import asyncio
import itertools
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from companion import tasks
from companion.app import Companion
from companion.audio.virtual import CapturingPlayer, FileMicrophone, FileTake
from companion.errors import Action, CompanionError
from companion.events import (
    DraftOffered,
    Event,
    HandsFreeChanged,
    Phase,
    PhaseChanged,
    TakeDiscarded,
    UserSaid,
)
from companion.flow import Audio, HearRequest, SpeakRequest, Transcript
from companion.paths import Home
from companion.pcm import tone
from companion.providers import registry
from companion.providers.here.mock import SPEC, MockAIProvider
from companion.settings import changed, load_settings
from tests.app.test_companion import KeepingVault
from tests.vaults import given

pytestmark = pytest.mark.virtual_clock
SPEECH = Path(__file__).parent.parent / "data" / "austen-0890.wav"
PASSPHRASE = "four unrelated words here"
TRIPLES = 2_000


class Scripted(MockAIProvider):
    """Hears which take it is given, in a moment as recognisers do; speaks briefly."""

    spec: ClassVar = replace(SPEC, name="scripted", display_name="Scripted", hears_live=True)

    def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        return self._sound()

    async def _sound(self) -> AsyncGenerator[Audio, None]:
        yield tone(0.3)

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        return self._number(request)

    async def _number(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        first = b""
        async for frame in request.frames:
            first = first or frame
        await asyncio.sleep(0.4)
        yield Transcript(text=f"take {array.array('h', first)[0]}", is_final=True)


class Takes:
    """A microphone that numbers its takes and knows which are open."""

    def __init__(self) -> None:
        self.made: list[FileTake] = []
        self.most_open = 0
        self._frames = FileMicrophone(SPEECH)._frames

    @property
    def open_now(self) -> int:
        return sum(take.is_open for take in self.made)

    async def open(self) -> FileTake:
        await asyncio.sleep(0.03)  # a device takes that long
        number = array.array("h", [len(self.made)]).tobytes()
        frames = [number + frame[2:] for frame in self._frames]
        self.made.append(FileTake(frames, asyncio.Event(), realtime=True))
        self.most_open = max(self.most_open, self.open_now)
        return self.made[-1]


@dataclass
class Desk:
    app: Companion
    takes: Takes
    seen: list[Event] = field(default_factory=list)
    unforeseen: list[BaseException] = field(default_factory=list)
    errands: set[asyncio.Task[Any]] = field(default_factory=set)

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.seen if isinstance(event, kind)]

    @property
    def phase(self) -> Phase:
        return self.app.engine.state.phase

    def begin(self, work: Any) -> None:
        """What a window spawns: its refusals are cards, everything else is unforeseen."""

        async def guarded() -> None:
            try:
                await work
            except CompanionError:
                return

        task = tasks.spawn(guarded(), name="of the window")
        self.errands.add(task)
        task.add_done_callback(self.errands.discard)

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(120):
                while not holds():  # noqa: ASYNC110 - looked at from outside
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"{what}: {self.phase}, {tasks.alive()}") from None


Do = Callable[[Desk], object]
ACTIONS: dict[str, Do] = {
    "press": lambda d: d.app.press_talk(),
    "release": lambda d: d.app.release_talk(),
    "toggle": lambda d: d.app.toggle_talk(),
    "focus lost": lambda d: d.app.focus_lost(),
    "escape": lambda d: d.app.cancel(),
    "undo": lambda d: d.app.undo_discard(),
    "hush": lambda d: d.app.hush(),
    "type": lambda d: d.app.submit("typed"),
    "new": lambda d: d.app.new_session(),
    "practice": lambda d: d.app.choose_practice("gratitude"),
    "try again": lambda d: d.app.act(Action.RETRY),
    "go on": lambda d: d.app.act(Action.CONTINUE),
    "here": lambda d: d.app.act(Action.HEAR_OFFLINE),
    "waiting": lambda d: d.app.act(Action.HEAR_WAITING),
    "preview": lambda d: d.begin(d.app.settings_backend.preview_voice("scripted", "hum", 1.0)),
    "free": lambda d: d.begin(d.app.change({"talk.mode": "free"})),
    "hold": lambda d: d.begin(d.app.change({"talk.mode": "hold"})),
    "other microphone": lambda d: d.begin(d.app.change({"sound.microphone": "Another"})),
    "loudness": lambda d: d.begin(d.app.change({"sound.volume": 0.5})),
    "mute": lambda d: d.app.mute(True),
    "unmute": lambda d: d.app.mute(False),
    "dialog": lambda d: d.app.pause_hands_free("dialog"),
    "dialog closed": lambda d: d.app.resume_hands_free("dialog"),
    "keep nothing": lambda d: d.begin(d.app.change({"journal.keep": False})),
    "keep": lambda d: d.begin(d.app.change({"journal.keep": True})),
    "passphrase": lambda d: d.begin(d.app.use_passphrase(PASSPHRASE)),
    "sleep": lambda d: d.app.engine.slept(),
    "lock": lambda d: d.app.engine.locked(),
    "connections": lambda d: d.begin(d.app.renew_connections()),
    "draft forgotten": lambda d: d.app.forget_draft(),
}


async def ready(desk: Desk) -> None:
    """Nothing is under way."""


async def listening(desk: Desk) -> None:
    """In the middle of a take, with speech in it."""
    desk.app.press_talk()
    await desk.until(lambda: desk.phase is Phase.LISTENING, "no take")
    await asyncio.sleep(0.9)


async def being_heard(desk: Desk) -> None:
    await listening(desk)
    desk.app.release_talk()
    await desk.until(lambda: desk.phase is Phase.TRANSCRIBING, "not heard")


async def speaking(desk: Desk) -> None:
    desk.app.submit("typed before")
    await desk.until(lambda: desk.phase is Phase.SPEAKING, "no answer")


MOMENTS = (ready, listening, being_heard, speaking)


@pytest.fixture
async def desk(home: Home) -> AsyncIterator[Desk]:
    registry.register("scripted", Scripted, replace_existing=True)

    takes = Takes()
    app = Companion(
        home, vault=given(KeepingVault()), microphone=takes, player=CapturingPlayer(realtime=True)
    )
    choice = {f"providers.{role}.active": "scripted" for role in ("stt", "llm", "tts")}
    app.settings = changed(app.settings, {**choice, "talk.headphones": True, "talk.mode": "hold"})
    made = Desk(app, takes)
    app.events.watch(made.seen.append)
    tasks.report_to(made.unforeseen.append)
    await app.open()
    yield made
    await app.close()
    tasks.report_to(None)
    registry.unregister("scripted")
    assert takes.open_now == 0, "a microphone outlived the app"
    assert made.unforeseen == []


async def settle(desk: Desk) -> None:
    """Lets go of every key and waits until nothing is under way."""
    app = desk.app
    app.release_talk()
    app.resume_hands_free("dialog")
    app.settings_backend.stop_preview()
    desk.begin(app.change({"talk.mode": "hold"}))
    app.focus_lost()
    await asyncio.sleep(0.1)
    app.engine.locked()
    await desk.until(lambda: desk.phase is Phase.READY and not desk.errands, "never ready")
    await app.engine.settle()
    await desk.until(lambda: desk.takes.open_now == 0, "a microphone stays open")


async def check(desk: Desk) -> None:
    """Every recording that held speech is somewhere, and what the window shows is what the file holds."""
    said = " ".join(event.text for event in desk.of(UserSaid) + desk.of(DraftOffered)).split()
    waiting = set()
    for keeps in (False, True):  # what was said while nothing was to be kept waits elsewhere
        await desk.app.change({"journal.keep": keeps})
        waiting |= {take.id for take in await desk.app.recovery.waiting()}
    thrown = sum(event.can_undo for event in desk.of(TakeDiscarded))
    heard = [
        number
        for number, take in enumerate(desk.takes.made)
        if take._read > 40 and str(number) not in said  # 0.8 s: the gate has heard speech in it
    ]
    assert len(heard) <= len(waiting) + thrown, f"takes {heard} are nowhere; waiting {waiting}"
    assert desk.takes.most_open <= 1, "two microphones at once"
    assert desk.phase is Phase.READY
    shown = desk.of(HandsFreeChanged)
    is_shown = bool(shown) and shown[-1].is_on and not (shown[-1].is_muted or shown[-1].is_paused)
    assert is_shown is (desk.takes.open_now > 0), "the light is not the microphone"
    on_disk = load_settings(desk.app.home).settings
    for name in ("talk.mode", "sound.volume", "sound.microphone", "journal.keep", "practice.current"):
        group, value = name.split(".")
        here, there = (getattr(getattr(each, group), value) for each in (desk.app.settings, on_disk))
        assert here == there, f"{name} is {here} in the window and {there} on disk"
    assert desk.unforeseen == []


async def play(desk: Desk, moment: Callable[[Desk], Any], names: tuple[str, ...]) -> None:
    await moment(desk)
    for name in names:
        ACTIONS[name](desk)
    await settle(desk)
    await check(desk)
    desk.seen[:] = [event for event in desk.seen if not isinstance(event, PhaseChanged)]


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
@pytest.mark.parametrize("share", range(4))
async def test_every_pair_in_one_tick(desk: Desk, moment: Callable[[Desk], Any], share: int) -> None:
    pairs = list(itertools.product(ACTIONS, repeat=2))
    number = MOMENTS.index(moment)
    for at, names in enumerate(pairs):
        if at % len(MOMENTS) == number and at // len(MOMENTS) % 4 == share:
            try:
                await play(desk, moment, names)
            except AssertionError as error:
                raise AssertionError(f"{moment.__name__}: {names}: {error}") from error


@pytest.mark.long
@pytest.mark.parametrize("seed", range(10))
async def test_triples_in_one_tick(desk: Desk, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(TRIPLES // 10):
        moment, names = dice.choice(MOMENTS), tuple(dice.choices(list(ACTIONS), k=3))
        try:
            await play(desk, moment, names)
        except AssertionError as error:
            raise AssertionError(f"{moment.__name__}: {names}: {error}") from error
