from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from companion.audio import devices
from companion.audio.capture import DeviceMicrophone
from companion.audio.devices import Device, in_thread, list_devices
from companion.audio.playback import DevicePlayer
from companion.errors import CompanionError, Kind
from tests.audio.signals import sine
from tests.whole.sound import SoundServer, sound_server, this_process_hears


def test_the_list_names_what_the_sound_server_offers_and_marks_the_default(sound: SoundServer) -> None:
    found = list_devices()
    for side in (found.inputs, found.outputs):
        assert {device.label for device in side} >= {"System default", "PulseAudio"}
        assert [device.name for device in side if device.is_default] == ["default"]
        assert all(device.channels and device.default_rate_hz and device.host_api for device in side)


async def test_without_any_device_both_ports_say_so_and_a_device_that_appears_is_found() -> None:
    nowhere = {"PULSE_SERVER": "unix:/nowhere/at/all"}
    with sound_server() as server, this_process_hears(nowhere):
        assert list_devices().inputs == ()
        with pytest.raises(CompanionError) as no_microphone:
            await DeviceMicrophone().open()
        player = DevicePlayer()
        player.begin(1)
        with pytest.raises(CompanionError) as no_speaker:
            await player.write(1, sine(0.1, 24_000))
        assert no_microphone.value.kind is Kind.NO_MICROPHONE
        assert str(no_microphone.value) == "No microphone was found."
        assert no_speaker.value.kind is Kind.NO_SPEAKER
        assert str(no_speaker.value) == "No speaker or headphones were found."
        with pytest.MonkeyPatch.context() as plug:
            for name, value in server.env.items():
                plug.setenv(name, value)
            take = await DeviceMicrophone().open()
            await take.close()
            await player.write(1, sine(0.1, 24_000))
            await player.drain(1)
            assert player.heard_s == pytest.approx(0.1, abs=0.001)
            await player.close()


async def test_a_named_device_that_is_gone_gives_way_to_the_default_one(sound: SoundServer) -> None:
    gone = await DeviceMicrophone("USB headset that was unplugged").open()
    there = await DeviceMicrophone("pulse").open()
    try:
        assert (gone.fell_back, gone.device_label) == (True, "System default")
        assert (there.fell_back, there.device_label) == (False, "PulseAudio")
    finally:
        await gone.close()
        await there.close()


def test_a_missing_sound_library_has_its_own_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    with pytest.raises(CompanionError) as caught:
        list_devices()
    assert caught.value.kind is Kind.NO_AUDIO_SYSTEM
    assert "libportaudio2" in caught.value.hint


class PortAudioError(Exception):
    """What PortAudio raises: text, number, and what the system beneath said."""


class Refusing:
    """A PortAudio whose devices refuse."""

    PortAudioError = PortAudioError

    def __init__(self, error: PortAudioError, only_rate_hz: int = 0) -> None:
        self._error, self._only_rate_hz = error, only_rate_hz
        self.asked_hz: list[int] = []

    def RawInputStream(self, *, samplerate: int, blocksize: int, **_: Any) -> tuple[int, int]:
        self.asked_hz.append(samplerate)
        if samplerate == self._only_rate_hz:
            return samplerate, blocksize
        raise self._error

    RawOutputStream = RawInputStream


DESK = Device(name="desk", host_api="ALSA", channels=2, default_rate_hz=44_100, is_default=True)
REFUSALS = [
    ("input", ("Device unavailable", -9985), Kind.MICROPHONE_BUSY),
    ("input", ("Host error", -9999, (0, -16, "Device or resource busy")), Kind.MICROPHONE_BUSY),
    ("input", ("Host error", -9999, (0, -13, "Permission denied")), Kind.MICROPHONE_DENIED),
    ("input", ("Host error", -9999, (0, -2147024891, "")), Kind.MICROPHONE_DENIED),
    ("input", ("Host error", -9999, (0, -2, "No such file")), Kind.NO_MICROPHONE),
    ("input", ("Invalid sample rate", -9997), Kind.NO_MICROPHONE),
    ("output", ("Device unavailable", -9985), Kind.NO_SPEAKER),
]


@pytest.mark.parametrize(("direction", "refusal", "kind"), REFUSALS)
def test_each_refusal_has_its_kind(
    direction: devices.Direction, refusal: tuple[Any, ...], kind: Kind
) -> None:
    with pytest.raises(CompanionError) as caught:
        devices._open(
            Refusing(PortAudioError(*refusal)), direction, 0, DESK, rate_hz=16_000, block_ms=20, options={}
        )
    assert caught.value.kind is kind


def test_a_device_that_refuses_the_rate_is_opened_at_its_own() -> None:
    portaudio = Refusing(PortAudioError("Invalid sample rate", -9997), only_rate_hz=44_100)
    stream = devices._open(portaudio, "input", 0, DESK, rate_hz=16_000, block_ms=20, options={})
    assert portaudio.asked_hz == [16_000, 44_100]
    assert stream == (44_100, 882)


async def test_blocking_work_that_outlasts_its_limit_is_thrown_away_when_it_is_done() -> None:
    go, discarded = threading.Event(), threading.Event()

    def work() -> str:
        go.wait(5)
        return "a stream nobody waits for"

    with pytest.raises(TimeoutError):
        await in_thread(work, limit_s=0.02, discard=lambda _: discarded.set())
    go.set()
    assert await asyncio.to_thread(discarded.wait, 5)


def test_none_busy_denied_and_silent_have_each_their_own_sentence_and_next_step() -> None:
    kinds = (Kind.NO_MICROPHONE, Kind.MICROPHONE_BUSY, Kind.MICROPHONE_DENIED, Kind.MICROPHONE_SILENT)
    cards = [CompanionError(kind) for kind in kinds]
    assert len({card.message for card in cards}) == len({card.hint for card in cards}) == len(kinds)
    assert all("settings" in card.hint for card in cards[2:]), "where this system lets one allow it"


async def test_a_chosen_device_that_does_not_open_gives_way_to_the_default_one(
    tmp_path: Path, sound: SoundServer
) -> None:
    (tmp_path / "home" / ".asoundrc").write_text("pcm.desk { type pulse device nowhere }\n")
    assert "desk" in {device.name for device in list_devices().inputs}, "it is in the list all the same"
    take = await DeviceMicrophone("desk").open()
    assert (take.fell_back, take.device_label) == (True, "System default")
    await take.close()


async def test_a_speaker_at_rest_does_not_keep_new_devices_from_being_found(
    tmp_path: Path, sound: SoundServer
) -> None:
    player = DevicePlayer()
    player.begin(1)
    await player.write(1, sine(0.1, 24_000))
    await player.drain(1)
    while not (player._output and player._output.stream and player._output.stream.is_resting):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    (tmp_path / "home" / ".asoundrc").write_text("pcm.plugged { type pulse device mic }\n")
    take = await DeviceMicrophone("plugged").open()
    assert (take.fell_back, take.device_label) == (False, "plugged")
    await take.close()
    await player.write(1, sine(0.1, 24_000))
    await player.drain(1)
    assert player.heard_s == pytest.approx(0.2, abs=0.002)
    await player.close()
