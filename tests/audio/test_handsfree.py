from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from companion.audio.capture import DeviceMicrophone
from companion.audio.echo import EchoCanceller
from companion.audio.handsfree import GUARD_S, SILENT_FRAMES, OpenMicrophone, Utterance, _CaptureClock
from companion.audio.playback import DevicePlayer
from companion.audio.virtual import FileMicrophone
from companion.decoding import read_file
from companion.errors import CompanionError, Kind
from companion.events import Event, Trouble, TroubleCleared
from companion.flow import FRAME_BYTES, Audio, TurnSignal
from companion.pcm import SILENCE_DB
from companion.segment import Endpointing
from companion.tasks import alive, spawn, stop
from tests.audio import room
from tests.audio.room import RATE_HZ, SAID, Stage, Wave, mix, silence
from tests.audio.signals import DATA, find, samples
from tests.whole.sound import SoundServer

STARTED, EAGER_END, RESUMED, ENDED = TurnSignal
RULES = Endpointing()


async def signals(near: Wave) -> list[TurnSignal]:
    stage = Stage(near)
    return [told.signal for _, told in await stage.listen(OpenMicrophone(stage))]


async def words_of(utterance: Utterance) -> bytes:
    return b"".join([frame async for frame in utterance.frames()])


# -- what begins a turn and what does not -----------------------------------------------------------------------

NO_TURN = {
    "a quiet room": room.noise(4, -62),
    "loud white noise": room.noise(4, -18),
    "pink noise": room.pink(4, -22),
    "music": room.chords(6),
    "music over noise": mix((0, room.chords(6)), (0, room.pink(6, -40))),
    "typing": room.typing(4),
    "knocks on the desk": room.knocks(4),
}


@pytest.mark.parametrize("name", NO_TURN)
async def test_what_nobody_said_begins_no_turn(name: str) -> None:
    assert await signals(NO_TURN[name]) == []


def test_the_beginning_of_a_take_stays_where_it_is_while_its_blocks_come_now_so_now_so() -> None:
    clock, now_s = _CaptureClock(), 100.0
    for number in range(2_000):
        late_s = 0.02 if number % 500 < 250 else 0.0
        clock.tick(now_s + (number + 1) * 0.02 + late_s, 0)
    began_s = clock.at_s - 2_000 * 0.02
    assert began_s == pytest.approx(now_s + 0.02, abs=0.001)
    clock.tick(now_s + 2_001 * 0.02 + 3.0, 150)  # a hole of three seconds
    assert clock.at_s == pytest.approx(began_s + 2_151 * 0.02, abs=0.03)


@pytest.mark.parametrize("background", [room.noise(8, -41), room.pink(8, -36), room.typing(8)])
async def test_a_person_is_heard_over_a_room_with_its_noises(background: Wave) -> None:
    said = room.person("austen-0890.wav")
    stage = Stage(mix((0, background), (1.5, said)))
    told = await stage.listen(OpenMicrophone(stage, clock=lambda: stage.now_s))
    assert [signal.signal for _, signal in told if signal.signal in (STARTED, ENDED)] == [STARTED, ENDED]
    (started_at_s, started), (ended_at_s, ended) = told[0], told[-1]
    assert 1.4 < started.at_s < 1.8
    assert started_at_s < 2.0
    end_s = 1.5 + len(said) / RATE_HZ
    assert abs(ended.at_s - end_s) < 0.3
    assert ended_at_s < end_s + RULES.end_pause_s + 0.4
    assert ended.speech_s > 3.0


@pytest.mark.parametrize("start_s", [0.2, 1.0, 1.013, 2.345])
async def test_the_first_word_is_whole_and_the_take_ends_with_the_turn(start_s: float) -> None:
    said = room.person("austen-0870.wav")
    stage = Stage(mix((0, room.noise(start_s + 10, -60)), (start_s, said)))
    told = await stage.listen(OpenMicrophone(stage))
    utterance = told[0][1].utterance
    assert {signal.utterance for _, signal in told} == {utterance}
    heard = samples(await words_of(utterance))
    at, likeness = find(samples(room.pcm(said))[: round(0.3 * RATE_HZ)], heard)
    assert likeness > 0.98
    assert at <= (RULES.pre_roll_s + 0.15) * RATE_HZ
    assert len(heard) / RATE_HZ < len(said) / RATE_HZ + RULES.pre_roll_s + RULES.end_pause_s + 0.5
    assert not utterance.is_open
    assert (utterance.is_silent, utterance.dropped_frames) == (False, 0)


async def test_a_pause_to_think_is_an_eager_end_that_is_taken_back() -> None:
    said = room.person("austen-0890.wav")
    first, second = said[: 2 * RATE_HZ], said[2 * RATE_HZ :]
    quiet_s = 0.5
    near = mix((0, room.noise(9, -60)), (1, first), (3 + quiet_s, second))
    told = await signals(near)
    assert told[0] is STARTED
    assert told[-1] is ENDED
    assert told.count(ENDED) == 1
    assert told[1:3] == [EAGER_END, RESUMED]


async def test_two_turns_are_two_takes_that_share_nothing() -> None:
    said = room.person("austen-0890.wav")
    stage = Stage(mix((0, room.noise(13, -60)), (0.5, said), (7, said)))
    told = await stage.listen(OpenMicrophone(stage))
    takes = [signal.utterance for _, signal in told if signal.signal is STARTED]
    assert len(takes) == 2
    lengths = [len(await words_of(take)) for take in takes]
    assert abs(lengths[0] - lengths[1]) < 10 * FRAME_BYTES


async def test_a_turn_that_is_given_up_says_nothing_more_and_the_rest_of_the_sentence_begins_no_other() -> (
    None
):
    stage = Stage(mix((0, room.noise(9, -60)), (0.5, room.person("austen-0890.wav")[: 4 * RATE_HZ])))
    ear = OpenMicrophone(stage)
    told: list[TurnSignal] = []

    async def read() -> None:
        async for signal in ear.signals():
            told.append(signal.signal)
            await signal.utterance.close()
            assert not signal.utterance.is_open

    await ear.open()
    reading = spawn(read(), name="read signals")
    await stage.ended.wait()
    await ear.close()
    await reading
    assert told == [STARTED]


# -- the app's own voice ----------------------------------------------------------------------------------------


def while_the_app_speaks(near: Wave, far: Audio) -> Stage:
    """The app speaks from the first second on; the room echoes it."""
    quiet = room.noise(far.seconds + 2.5, -62)
    return Stage(mix((0, quiet), (1, room.echo(far)), (0, near)), far, far_at_s=1.0)


def ear_on(stage: Stage, **more: object) -> OpenMicrophone:
    return OpenMicrophone(stage, stage, clock=lambda: stage.now_s, **more)  # type: ignore[arg-type]


async def test_the_apps_own_voice_begins_no_turn_though_it_sounds_like_speech() -> None:
    far = room.app_voice(SAID[0])
    stage = while_the_app_speaks(silence(0.1), far)
    assert await stage.listen(ear_on(stage)) == []
    unguarded = while_the_app_speaks(silence(0.1), far)
    assert await unguarded.listen(OpenMicrophone(unguarded)) != []


async def test_a_person_can_talk_over_it() -> None:
    far, said = room.app_voice(SAID[0]), room.person("austen-0890.wav", -22.0)
    stage = while_the_app_speaks(mix((3.0, said[: 2 * RATE_HZ])), far)
    told = await stage.listen(ear_on(stage))
    heard_at_s, first = told[0]
    assert first.signal is STARTED
    assert 3.0 < heard_at_s < 4.0


async def test_a_scrap_of_speech_while_it_speaks_is_no_interruption_though_it_would_begin_a_turn_in_silence() -> (
    None
):
    far, said = room.app_voice(SAID[1]), samples(read_file(DATA / "austen-0870.wav").pcm).astype(float)
    scrap = said[round(3.1 * RATE_HZ) : round(3.28 * RATE_HZ)]
    near = mix((0, room.noise(6, -64)), (3, scrap))
    guarded = Stage(near, far, far_at_s=1.0)
    assert await guarded.listen(ear_on(guarded, canceller=Leaking())) == []
    silent = Stage(near)
    assert [told.signal for _, told in await silent.listen(ear_on(silent))] == [STARTED, EAGER_END, ENDED]


class Leaking(EchoCanceller):
    """One that leaves everything in."""

    def near(self, frame: bytes, at_s: float) -> bytes:
        return frame


class Deaf(EchoCanceller):
    """As it is without the optional install."""

    def __init__(self) -> None:
        super().__init__()
        self._canceller = None


async def test_without_a_canceller_nobody_is_heard_while_it_speaks_but_right_after() -> None:
    far, said = room.app_voice(SAID[1]), room.person("austen-0890.wav")
    after_s = 1.0 + far.seconds + GUARD_S + 0.05
    over_it = said[: round((far.seconds - 3) * RATE_HZ)]
    stage = while_the_app_speaks(mix((3, over_it), (after_s, said)), far)
    ear = ear_on(stage, canceller=Deaf())
    assert not ear.cancels_echo
    told = await stage.listen(ear)
    assert told[0][1].signal is STARTED
    assert told[0][0] > after_s - 0.25
    at, likeness = find(
        samples(room.pcm(said))[: round(0.3 * RATE_HZ)], samples(await words_of(told[0][1].utterance))
    )
    assert likeness > 0.9
    assert at < 0.12 * RATE_HZ  # none of the app's own words come before


# -- the microphone itself --------------------------------------------------------------------------------------


async def test_muting_closes_the_device_ends_the_turn_and_can_be_taken_back() -> None:
    ear = OpenMicrophone(FileMicrophone(DATA / "austen-0870.wav"))
    assert (ear.is_open, ear.is_muted) == (False, True)
    told: list[TurnSignal] = []
    async with asyncio.timeout(10), aclosing(ear.signals()) as turns:  # type: ignore[type-var]
        await ear.open()
        assert (ear.is_open, ear.is_muted) == (True, False)
        async for signal in turns:
            told.append(signal.signal)
            if told == [STARTED]:
                assert ear.level_db > -50
                await ear.mute()
                assert (ear.is_open, ear.is_muted, ear.level_db) == (False, True, SILENCE_DB)
            elif told[-1] is ENDED:
                await ear.open()
            elif len(told) > 2:
                break
    assert told == [STARTED, ENDED, STARTED]
    assert not ear.is_open


async def test_muting_before_anybody_spoke_leaves_nothing_running() -> None:
    ear = OpenMicrophone(FileMicrophone(DATA / "austen-0870.wav"))
    reading = spawn(anext(ear.signals(), None), name="read signals")
    for _ in range(3):
        await ear.open()
        await ear.mute()
    await asyncio.sleep(0.05)
    assert [task.get_name() for task in alive()] == ["read signals"]
    await ear.close()
    assert await reading is None
    await ear.open()
    assert not ear.is_open


class Stalling:
    """A microphone that delivers its recording and then nothing, though it says it is open."""

    dropped_frames = 0
    is_silent = False
    level_db = -20.0

    def __init__(self, frames: list[bytes]) -> None:
        self._frames = frames
        self._closed = asyncio.Event()

    async def open(self) -> Stalling:
        return self

    @property
    def is_open(self) -> bool:
        return not self._closed.is_set()

    async def frames(self) -> AsyncIterator[bytes]:
        for frame in self._frames:
            yield frame
        await self._closed.wait()

    async def close(self) -> None:
        self._closed.set()


async def test_a_microphone_that_falls_silent_for_good_is_told_and_what_was_said_is_kept() -> None:
    said = room.person("austen-0890.wav")
    ear = OpenMicrophone(Stalling(Stage(said).frames))
    told: list[TurnSignal] = []
    utterance: Utterance | None = None
    await ear.open()
    async with asyncio.timeout(5):
        with pytest.raises(CompanionError) as caught:  # noqa: PT012 - it is raised once the turn was ended
            async for signal in ear.signals():
                told.append(signal.signal)
                utterance = signal.utterance
    assert caught.value.kind is Kind.MICROPHONE_LOST
    assert (told[0], told[-1]) == (STARTED, ENDED)
    assert (ear.is_open, ear.is_muted) == (False, True)
    assert utterance is not None
    assert len(await words_of(utterance)) > len(said) * 2 * 0.9


class Unmuting(Stalling):
    """Digital silence until somebody turns it on."""

    is_silent = True

    async def frames(self) -> AsyncIterator[bytes]:
        for _ in range(SILENT_FRAMES):
            yield bytes(FRAME_BYTES)
        self.is_silent = False
        yield self._frames[0]


async def test_a_microphone_that_is_turned_on_again_is_told() -> None:
    told: list[Event] = []
    is_told = asyncio.Event()

    def tell(event: Event) -> None:
        told.append(event)
        if isinstance(event, TroubleCleared):
            is_told.set()

    ear = OpenMicrophone(Unmuting(Stage(room.person("austen-0890.wav")).frames), tell=tell)
    await ear.open()
    listening = spawn(anext(ear.signals(), None), name="listen")
    async with asyncio.timeout(5):
        await is_told.wait()
    await ear.close()
    await stop(listening)
    assert [type(event) for event in told] == [Trouble, TroubleCleared]


class Roundabout(Stalling):
    """One that begins after a second, and whose frames need some turns of the loop to get here."""

    async def frames(self) -> AsyncIterator[bytes]:
        began_s = time.monotonic() + 1.0
        for number, frame in enumerate(self._frames):
            await asyncio.sleep(max(0.0, began_s + number * 0.02 - time.monotonic()))
            for _ in range(5):
                await asyncio.sleep(0)
            if self._closed.is_set():
                return
            yield frame
        await self._closed.wait()


async def test_a_busy_loop_is_not_taken_for_a_lost_microphone() -> None:
    ear = OpenMicrophone(Roundabout(Stage(room.person("austen-0890.wav")).frames))
    await ear.open()
    reading = spawn(anext(ear.signals(), None), name="read signals")
    await asyncio.sleep(0.1)
    time.sleep(1.3)  # noqa: ASYNC251 - the loop stands still, as it does in a window that is being laid out
    signal = await reading
    assert signal is not None
    assert signal.signal is STARTED
    await ear.close()


async def test_on_real_devices_it_does_not_hear_itself_and_a_person_interrupts(sound: SoundServer) -> None:
    player = DevicePlayer()
    ear = OpenMicrophone(DeviceMicrophone(), player)
    far = room.app_voice(SAID[0], -26.0)
    with sound.echo():
        await ear.open()
        first = spawn(anext(ear.signals(), None), name="read signals")
        player.begin(1)
        await player.write(1, far)
        await asyncio.sleep(3.0)
        assert not first.done()
        assert player.heard_s > 2.0
        sound.speak_into_mic(DATA / "austen-0890.wav")
        async with asyncio.timeout(3.5):
            signal = await first
        assert signal is not None
        assert signal.signal is STARTED
        assert 2.0 < player.flush() < far.seconds
        await ear.close()
        await player.close()
    await stop(first)
