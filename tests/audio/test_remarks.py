"""What is told of devices, on real ones: which stands in for which, what was lost, and what stays open by choice."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from pathlib import Path

import pytest

from companion.audio.capture import DeviceMicrophone
from companion.audio.devices import Device, Stream
from companion.audio.playback import DevicePlayer
from companion.audio.remarks import Remarks
from companion.errors import CompanionError
from companion.events import DeviceNoted, Event
from companion.ports import Take
from companion.tasks import spawn
from tests.audio.signals import DATA, chirp, find, samples, sine
from tests.audio.test_capture import Unread, read_all
from tests.whole.sound import SoundServer

GONE = "USB headset that was unplugged"


def name_device(home: Path, name: str) -> None:
    """A device that stays in the list when its end at the sound server is gone."""
    (home / ".asoundrc").write_text(f"pcm.{name} {{ type pulse device {name} }}\n")


@pytest.fixture
def told() -> list[Event]:
    return []


def texts(told: list[Event]) -> list[str]:
    return [event.text for event in told if isinstance(event, DeviceNoted)]


async def test_a_device_that_is_not_there_is_told_once_and_again_when_it_is_back(
    tmp_path: Path, sound: SoundServer, told: list[Event]
) -> None:
    name_device(tmp_path / "home", "studio")
    microphone = DeviceMicrophone("studio", tell=told.append)
    player = DevicePlayer(GONE, tell=told.append)
    for _ in range(2):
        await (await microphone.open()).close()
    player.begin(1)
    await player.write(1, sine(0.1, 24_000))
    await player.drain(1)
    await player.close()
    assert texts(told) == [
        "studio is not there; System default listens instead.",
        f"{GONE} is not there; System default speaks instead.",
    ]
    modules = sound.plug_microphone("studio")
    take = await microphone.open()
    assert (take.device_label, take.fell_back) == ("Studio", False)
    await take.close()
    assert texts(told)[2:] == ["Studio is back."]
    sound.unplug(modules)


async def test_a_take_goes_on_when_the_sound_system_starts_again_and_tells_what_was_lost(
    mortal_sound: SoundServer, told: list[Event]
) -> None:
    take = await DeviceMicrophone(tell=told.append).open()
    reading = spawn(read_all(take.frames()), name="read")
    await asyncio.sleep(0.2)
    await asyncio.to_thread(mortal_sound.crash)
    async with asyncio.timeout(5):
        while not texts(told):  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.02)
    assert take.is_open
    speaker = mortal_sound.speak_into_mic(DATA / "austen-0870.wav")
    await asyncio.to_thread(speaker.wait, 30)
    await asyncio.sleep(0.2)
    await take.close()
    heard = samples(await reading)
    spoken = samples((DATA / "austen-0870.wav").read_bytes()[44:])
    assert find(spoken[16_000:48_000], heard)[1] > 0.9
    assert texts(told)[0].startswith("The microphone went away; ")
    assert 0 < take.dropped_frames < 100, "what passed meanwhile counts as lost"


async def test_frames_nobody_read_in_time_are_told_when_the_take_ends(told: list[Event]) -> None:
    take = Unread(16_000, kept_s=1)
    take._microphone.remarks = Remarks("input", "", told.append)
    take.hear(chirp(2.0, 16_000).pcm)
    await take.close()
    assert texts(told) == ["1.0 s of what you said were lost on the way from the microphone."]


async def test_a_microphone_kept_open_begins_before_the_press_and_is_closed_when_asked(
    sound: SoundServer,
) -> None:
    microphone = DeviceMicrophone(keeps_open=True)
    await (await microphone.open()).close()
    assert sound.open_microphones() == ["mic"]
    sound.speak_into_mic(DATA / "austen-0870.wav")
    await asyncio.sleep(1.0)
    take = await microphone.open()
    await take.close()
    heard = samples(await read_all(take.frames()))
    assert len(heard) >= 16_000 * 0.28, "what was said just before is in it"
    assert find(heard[:4_000], samples((DATA / "austen-0870.wav").read_bytes()[44:]))[1] > 0.8
    await microphone.rest()
    assert sound.open_microphones() == []
    await (await microphone.open()).close()
    await microphone.close()
    await (await microphone.open()).close()
    assert sound.open_microphones() == []


async def test_a_microphone_kept_open_does_not_reach_back_into_the_apps_own_voice(sound: SoundServer) -> None:
    microphone = DeviceMicrophone(keeps_open=True, may_reach_back=lambda: False)
    await (await microphone.open()).close()
    await asyncio.sleep(0.5)
    take = await microphone.open()
    await take.close()
    assert len(await read_all(take.frames())) < 0.15 * 32_000
    await microphone.close()


async def test_by_default_the_microphone_is_closed_after_each_take(sound: SoundServer) -> None:
    await (await DeviceMicrophone().open()).close()
    assert sound.open_microphones() == []


class Opened:
    """What PortAudio gives for a stream."""

    samplerate, latency = 16_000, 0.02


@pytest.mark.parametrize(
    ("name", "rate_hz", "is_told"),
    [
        ("Headset (WH-1000XM4 Hands-Free AG Audio)", 48_000, True),
        ("AirPods Pro", 24_000, True),
        ("Jabra Evolve", 16_000, True),
        ("MacBook Pro Microphone", 48_000, False),
    ],
)
def test_a_wireless_headset_as_microphone_hints_once_at_the_built_in_one(
    name: str, rate_hz: int, is_told: bool, told: list[Event]
) -> None:
    device = Device(name=name, host_api="", channels=1, default_rate_hz=rate_hz, is_default=True)
    remarks = Remarks("input", "", told.append)
    for _ in range(2):
        remarks.opened(Stream(Opened(), "input", device, fell_back=False))
    hint = (
        f"While {name} listens, what it plays sounds like a telephone; the built-in microphone avoids that."
    )
    assert texts(told) == [hint] * is_told


async def opened_as_soon_as_it_is_there(microphone: DeviceMicrophone) -> Take:
    """A sound system on its way up has no microphone; the person presses again."""
    async with asyncio.timeout(20):
        while True:
            with suppress(CompanionError):
                return await microphone.open()
            await asyncio.sleep(0.2)


@pytest.mark.long
async def test_forty_crashes_of_the_sound_system_end_neither_the_take_nor_the_process(
    mortal_sound: SoundServer,
    told: list[Event],
    expected_warnings: pytest.LogCaptureFixture,  # a start that hangs is given up
) -> None:
    dice, player, gone_on = random.Random(5), DevicePlayer(), 0
    for number in range(40):
        player.begin(number)
        take = await opened_as_soon_as_it_is_there(DeviceMicrophone(tell=told.append))
        reading = spawn(read_all(take.frames()), name="read", is_awaited=True)
        speaking = spawn(player.write(number, sine(2.0, 24_000)), name="write", is_awaited=True)
        await asyncio.sleep(dice.random() * 0.5)
        await asyncio.to_thread(mortal_sound.crash)
        await asyncio.sleep(dice.random() * 1.5)
        await take.close()
        with suppress(CompanionError):  # the sound system took too long
            await reading
            gone_on += 1
        await asyncio.wait([speaking])
        player.flush()
    await player.close()
    print(f"{gone_on} of 40 takes went on")
    assert gone_on >= 36
