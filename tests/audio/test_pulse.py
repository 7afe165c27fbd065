"""Sources and sinks by name: which are monitors, where a stream belongs, and that an open one goes there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable

import pytest

from companion.audio import pulse
from companion.audio.capture import DeviceMicrophone, DeviceTake
from companion.audio.devices import list_devices
from companion.audio.playback import DevicePlayer
from companion.audio.pulse import Node, SoundServer
from companion.errors import CompanionError, Kind
from companion.events import DeviceNoted, Event
from companion.tasks import spawn, stop
from tests.audio.signals import sine
from tests.audio.test_capture import read_all
from tests.whole.sound import SoundServer as Server

# -- where a stream belongs -------------------------------------------------------------------------------------


def node(name: str) -> Node:
    return Node(0, name, name.title(), 48_000, 2, is_monitor=name.endswith(".monitor"))


def server(default: str, *names: str, recorded: str = "") -> SoundServer:
    return SoundServer(
        inputs=tuple(map(node, names)),
        outputs=(node("speaker"), node("booth")),
        default_input=default,
        default_output="speaker",
        recorded=frozenset(recorded.split()),
    )


@pytest.mark.parametrize(
    ("found", "chosen", "place"),
    [
        (server("mic", "mic", "headset", "speaker.monitor"), "", "mic"),
        (server("mic", "mic", "headset"), "headset", "headset"),
        (server("mic", "mic"), "headset", "mic"),
        (server("speaker.monitor", "speaker.monitor", "headset"), "", "headset"),
        (server("speaker.monitor", "speaker.monitor"), "", None),
        (server("speaker.monitor", "speaker.monitor"), "headset", None),
        (server("mic", "mic", "speaker.monitor"), "speaker.monitor", "speaker.monitor"),
        (server("unplugged", "mic", "speaker.monitor"), "", "mic"),
        (server("", "speaker.monitor"), "", None),
        (server(""), "", None),
    ],
)
def test_a_monitor_is_taken_only_by_its_own_name(found: SoundServer, chosen: str, place: str | None) -> None:
    where = found.place("input", chosen)
    assert (where and where.name) == place


@pytest.mark.parametrize(
    ("found", "chosen", "is_misplaced"),
    [
        (server("mic", "mic", "speaker.monitor", recorded="mic"), "", False),
        (server("headset", "mic", "headset", recorded="mic"), "", True),
        (server("mic", "mic", "headset", recorded="mic"), "headset", True),
        (server("mic", "mic", "speaker.monitor", recorded="speaker.monitor"), "", True),
        (server("mic", "mic", "other", recorded="other"), "", False),  # a person moved it in the mixer
        (server("mic", "mic", "speaker.monitor", recorded=""), "", False),  # it has only begun
        (server("speaker.monitor", "speaker.monitor", recorded="speaker.monitor"), "", True),
    ],
)
def test_a_stream_belongs_elsewhere_when_the_default_changes_or_the_chosen_one_is_back(
    found: SoundServer, chosen: str, is_misplaced: bool
) -> None:
    assert found.has_misplaced("input", chosen, "mic") is is_misplaced


def test_without_the_library_or_a_server_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere/at/all")
    assert pulse.look() is None

    def missing(_: str) -> None:
        raise OSError("libpulse.so.0: cannot open shared object file")

    monkeypatch.setattr(pulse.ctypes, "CDLL", missing)
    assert pulse.look() is None


# -- on a real server -------------------------------------------------------------------------------------------


def test_every_source_and_sink_is_in_the_list_by_name_and_monitors_come_last(sound: Server) -> None:
    modules = [*sound.plug_microphone("headset"), *sound.plug_speaker("booth")]
    found = list_devices()
    names = [device.name for device in found.inputs]
    assert {"mic", "headset", "vspk.monitor"} <= set(names)
    assert names.index("headset") < names.index("vspk.monitor")
    assert [device.name for device in found.inputs if device.is_monitor] == names[-4:]
    assert "vspk.monitor" not in [device.name for device in found.microphones]
    headset = next(device for device in found.inputs if device.name == "headset")
    assert (headset.label, headset.default_rate_hz, headset.is_monitor) == ("Headset", 48_000, False)
    assert {"Booth"} <= {device.label for device in found.outputs}
    sound.unplug(modules)


async def test_a_source_is_recorded_by_its_own_name_a_monitor_too_and_nothing_stays_in_the_environment(
    sound: Server,
) -> None:
    before = dict(os.environ)
    for name in ("mic", "vmic.monitor"):
        take = await DeviceMicrophone(name).open()
        assert sound.open_microphones() == [name]
        assert not take.fell_back
        await take.close()
    assert dict(os.environ) == before


def test_a_server_that_does_not_answer_is_given_up(mortal_sound: Server) -> None:
    mortal_sound.hang()
    assert pulse.look(0.05) is None
    mortal_sound.go_on()
    assert pulse.look() is not None


class Recorder:
    """A take that is read, and what was told of it."""

    def __init__(self, sound: Server, take: DeviceTake, noted: list[str]) -> None:
        self.sound, self.take, self.noted = sound, take, noted
        self.reading = spawn(read_all(take.frames()), name="read", is_awaited=True)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not await asyncio.to_thread(holds):  # noqa: ASYNC110 - seen from outside
                await asyncio.sleep(0.02)

    async def moves_to(self, source: str) -> None:
        await self.until(lambda: self.sound.open_microphones() == [source])


async def recorder(sound: Server, chosen: str = "") -> Recorder:
    noted: list[str] = []

    def note(event: Event) -> None:
        if isinstance(event, DeviceNoted):
            noted.append(event.text)

    return Recorder(sound, await DeviceMicrophone(chosen, tell=note).open(), noted)


@pytest.fixture
async def open_mic(sound: Server) -> AsyncIterator[Recorder]:
    made = await recorder(sound)
    yield made
    await made.take.close()
    await stop(made.reading)
    sound.pactl("set-default-source", "mic")


async def test_an_open_microphone_follows_another_default_but_not_to_a_monitor(
    sound: Server, open_mic: Recorder
) -> None:
    modules = sound.plug_microphone("headset")
    sound.pactl("set-default-source", "headset")
    await open_mic.until(lambda: open_mic.noted == ["Headset listens now."])
    await open_mic.moves_to("headset")
    sound.pactl("set-default-source", "vspk.monitor")
    await open_mic.until(lambda: len(open_mic.noted) == 2)
    await open_mic.moves_to("mic")
    assert open_mic.take.is_open
    sound.unplug(modules)


async def test_a_chosen_microphone_is_left_when_it_goes_and_gone_back_to_when_it_returns(
    sound: Server,
) -> None:
    made = await recorder(sound, "headset")
    assert made.take.fell_back
    for number in range(2):
        modules = sound.plug_microphone("headset")
        await made.until(lambda number=number: len(made.noted) == 2 * number + 2)
        assert sound.open_microphones() == ["headset"], made.noted
        sound.unplug(modules)
        await made.until(lambda number=number: len(made.noted) == 2 * number + 3)
        assert sound.open_microphones() == ["mic"]
    assert made.noted[0].endswith(" listens instead.")
    assert made.noted[1] == "Headset is back."
    assert made.noted[2].startswith("The microphone went away; ")
    await made.take.close()
    assert await made.reading, "it was one take all the time"
    assert sound.open_microphones() == []


async def test_when_only_monitors_are_left_the_microphone_is_lost_and_there_is_none(
    mortal_sound: Server,
) -> None:
    made = await recorder(mortal_sound)
    modules = [line.split("\t") for line in mortal_sound.pactl("list", "short", "modules").splitlines()]
    mortal_sound.unplug([number for number, name, *_ in modules if name == "module-remap-source"])
    with pytest.raises(CompanionError) as lost:
        await made.reading
    assert lost.value.kind is Kind.MICROPHONE_LOST
    assert mortal_sound.open_microphones() == []
    with pytest.raises(CompanionError) as none:
        await DeviceMicrophone().open()
    assert str(none.value) == "No microphone was found."
    assert list_devices().microphones == ()
    assert "vspk.monitor" in [device.name for device in list_devices().inputs], (
        "by its own name it can be chosen"
    )


def sinks_in_use(sound: Server) -> list[str]:
    names = dict(line.split("\t")[:2] for line in sound.pactl("list", "short", "sinks").splitlines())
    players = sound.pactl("list", "short", "sink-inputs").splitlines()
    return [names[line.split("\t")[1]] for line in players if "protocol-native" in line]


async def test_a_chosen_speaker_is_left_when_it_goes_and_gone_back_to_when_it_returns(sound: Server) -> None:
    noted: list[Event] = []
    player = DevicePlayer("booth", tell=noted.append)
    player.begin(1)
    await player.write(1, sine(2.5, 24_000))
    draining = spawn(player.drain(1), name="drain")
    modules = await asyncio.to_thread(sound.plug_speaker, "booth")
    async with asyncio.timeout(10):
        while len(noted) < 2:  # noqa: ASYNC110 - seen from outside
            await asyncio.sleep(0.02)
        assert sinks_in_use(sound) == ["booth"]
        await asyncio.to_thread(sound.unplug, modules)
        await draining
    texts = [event.text for event in noted if isinstance(event, DeviceNoted)]
    assert texts[1] == "Booth is back."
    assert texts[2].startswith("The speaker went away; ")
    assert player.heard_s == pytest.approx(2.5, abs=0.01), "nothing is left out"
    await player.close()
