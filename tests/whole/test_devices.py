"""Microphones and speakers that come and go under the running app: nothing said is lost, and the person is told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from companion.decoding import read_file
from companion.pcm import write_file
from tests.audio.signals import DATA
from tests.whole.desk import Desk, RunningApp, desk
from tests.whole.test_offline import AUSTEN, likeness, sounding_s

pytestmark = pytest.mark.whole
QUIET = "sound: {cues: false%s}\n"


@pytest.fixture
def place() -> Iterator[Desk]:
    """A desk of its own for each test: devices are taken away for good."""
    with desk() as own:
        name_devices(own, "headset", "booth")
        yield own


def name_devices(place: Desk, *names: str) -> None:
    """Devices that programs see under a name of their own, beside the system's default one."""
    lines = [f"pcm.{name} {{ type pulse device {name} }}" for name in names]
    (Path(place.env["HOME"]) / ".asoundrc").write_text("\n".join(lines))


def hold_and_say(place: Desk, app: RunningApp, *, microphone: str = "vmic") -> str:
    """One take with the key; the words that were heard."""
    since = app.mark()
    place.press()
    app.wait_for("PhaseChanged", phase="listening", since=since)
    place.sound.speak_into_mic(DATA / "austen-0870.wav", wait=True, microphone=microphone)
    place.release()
    said = app.wait_for("UserSaid", since=since)
    place.tap("Escape")
    app.wait_for("PhaseChanged", phase="ready", since=app.events.index(said))
    return str(said["text"])


def kinds_of_trouble(app: RunningApp) -> list[str]:
    return [event["error"]["kind"] for event in app.of("Trouble")]


def first_half(place: Desk) -> Path:
    whole = read_file(DATA / "austen-0870.wav")
    path = place.folder / "half.wav"
    write_file(path, type(whole)(pcm=whole.pcm[: len(whole.pcm) // 4 * 2], rate_hz=whole.rate_hz))
    return path


def test_a_microphone_that_goes_in_the_middle_of_a_take_gives_way_to_another_and_nothing_said_is_lost(
    place: Desk,
) -> None:
    place.sound.plug_microphone("headset")
    place.settle(QUIET % ", microphone: headset")
    app = place.start_ready()
    since = app.mark()
    place.press()
    app.wait_for("PhaseChanged", phase="listening", since=since)
    assert place.sound.open_microphones() == ["headset"]
    place.sound.speak_into_mic(first_half(place), wait=True, microphone="headset_in")
    place.sound.crash()  # and starts again, without the headset
    gone_s = time.monotonic()
    noted = app.wait_for("DeviceNoted", since=since)
    assert noted["text"] == f"The microphone went away; {noted['device']} goes on."
    assert noted["fell_back"]
    assert noted["t"] - gone_s < 2.0
    place.speak("austen-0890.wav")
    place.release()
    said = app.wait_for("UserSaid", since=since)["text"]
    assert likeness(said, "and mister john dashwood had then leisure to consider") > 0.4, said
    assert "selfish" in said, said
    assert [event["error"]["kind"] for event in app.of("Trouble", since)] == []

    place.tap("Escape")
    assert likeness(hold_and_say(place, app), AUSTEN) > 0.6
    place.sound.plug_microphone("headset")
    since = app.mark()
    assert likeness(hold_and_say(place, app, microphone="headset_in"), AUSTEN) > 0.6
    back = app.wait_for("DeviceNoted", since=since)
    assert (back["text"], back["fell_back"]) == ("Headset is back.", False)
    assert app.close() == 0


def test_a_microphone_that_is_gone_for_good_ends_the_take_with_what_was_said(place: Desk) -> None:
    place.settle(QUIET % "")
    app = place.start_ready()
    since = app.mark()
    place.press()
    app.wait_for("PhaseChanged", phase="listening", since=since)
    place.speak("austen-0870.wav")
    place.sound.kill()
    killed_s = time.monotonic()
    trouble = app.wait_for("Trouble", since=since)
    assert trouble["error"]["kind"] == "microphone_lost"
    assert trouble["error"]["message"] == "The microphone went away."
    assert trouble["error"]["actions"] == ["choose_microphone", "retry"]
    assert trouble["t"] - killed_s < 2.0
    said = app.wait_for("UserSaid", since=since)
    assert likeness(said["text"], AUSTEN) > 0.6
    assert said["saved"]
    record = app.wait_for("TurnFinished", since=since)["record"]
    assert record["reply_text"], "text never waits for speech"
    place.release()
    place.sound.start()
    assert likeness(hold_and_say(place, app), AUSTEN) > 0.6
    assert app.close() == 0


def test_a_speaker_that_goes_in_the_middle_of_an_answer(place: Desk) -> None:
    place.sound.plug_speaker("booth")
    place.settle(QUIET % ", speaker: booth")
    app = place.start_ready()
    since = app.mark()
    there = place.sound.record_speaker("booth")
    place.write("We walked along the river and I noticed that I was still writing letters in my head")
    app.wait_for("PhaseChanged", phase="speaking", since=since)
    time.sleep(1.5)
    before = there.stop()
    place.sound.crash()  # and starts again, without the booth
    here = place.sound.record_speaker()
    noted = app.wait_for("DeviceNoted", since=since)
    assert noted["text"] == f"The speaker went away; {noted['device']} goes on."
    record = app.wait_for("TurnFinished", since=since)["record"]
    after = here.stop()
    assert record["reply_state"] == "whole"
    assert record["heard_text"] == record["reply_text"]
    length_s = len(record["reply_text"]) / 15
    assert sounding_s(before) > 0.8
    assert sounding_s(after) > length_s / 4, "the rest is spoken elsewhere"

    place.sound.kill()
    since = app.mark()
    place.write("And then nobody was there")
    trouble = app.wait_for("Trouble", since=since)
    assert trouble["error"]["kind"] in ("speaker_lost", "no_speaker")
    record = app.wait_for("TurnFinished", since=since)["record"]
    assert record["reply_state"] == "whole"
    assert record["heard_text"] == record["reply_text"], "it was there to be read"
    place.sound.start()
    since = app.mark()
    here = place.sound.record_speaker()
    place.write("Now you are back")
    app.wait_for("PhaseChanged", phase="speaking", since=since)
    app.wait_for("TurnFinished", since=since)
    assert sounding_s(here.stop()) > 1.0, "speech returns"
    assert app.close() == 0


def test_another_default_is_used_by_the_next_take_and_the_next_answer_and_a_chosen_device_stays(
    place: Desk,
) -> None:
    place.sound.plug_microphone("headset")
    place.sound.plug_speaker("booth")
    place.settle(QUIET % "")
    app = place.start_ready()
    assert likeness(hold_and_say(place, app), AUSTEN) > 0.6
    place.sound.pactl("set-default-source", "headset")
    place.sound.pactl("set-default-sink", "booth")
    since = app.mark()
    old, new = place.sound.record_speaker(), place.sound.record_speaker("booth")
    place.press()
    app.wait_for("PhaseChanged", phase="listening", since=since)
    assert place.sound.open_microphones() == ["headset"]
    place.sound.speak_into_mic(DATA / "austen-0870.wav", wait=True, microphone="headset_in")
    place.release()
    said = app.wait_for("UserSaid", since=since)
    assert likeness(said["text"], AUSTEN) > 0.6
    app.wait_for("TurnFinished", since=since, turn=said["turn"])
    assert sounding_s(new.stop()) > 1.0
    assert sounding_s(old.stop()) == 0.0
    assert app.close() == 0

    place.settle(QUIET % ", microphone: headset", "chosen")
    place.sound.pactl("set-default-source", "mic")
    app = place.start_ready(home="chosen")
    for default in ("mic", "headset", "mic"):
        place.sound.pactl("set-default-source", default)
        assert likeness(hold_and_say(place, app, microphone="headset_in"), AUSTEN) > 0.6
    assert app.of("DeviceNoted") == []
    assert app.close() == 0


def test_hands_free_goes_on_after_the_microphone_was_away(place: Desk) -> None:
    place.settle("talk: {mode: free}\n" + QUIET % "")
    app = place.start_ready()
    app.wait_for("HandsFreeChanged", is_on=True)
    since = app.mark()
    place.sound.kill()
    assert app.wait_for("Trouble", since=since)["error"]["kind"] == "microphone_lost"
    app.wait_for("HandsFreeChanged", is_on=False, since=since)
    since = app.mark()
    place.sound.start()
    app.wait_for("HandsFreeChanged", is_on=True, is_muted=False, since=since)
    place.speak("austen-0870.wav")
    assert likeness(app.wait_for("UserSaid", since=since)["text"], AUSTEN) > 0.6
    assert app.close() == 0


def test_a_microphone_that_gives_only_zeros_is_named_within_three_seconds_hands_free_too(place: Desk) -> None:
    place.settle("talk: {mode: free}\n" + QUIET % "")
    app = place.start_ready()
    opened_s = app.wait_for("HandsFreeChanged", is_on=True)["t"]
    trouble = app.wait_for("Trouble")
    assert trouble["error"]["kind"] == "microphone_silent"
    assert trouble["t"] - opened_s < 3.5
    assert app.close() == 0


def test_the_monitor_that_is_left_when_the_microphone_is_unplugged_is_not_listened_to(place: Desk) -> None:
    place.settle("talk: {mode: free, headphones: true}\n" + QUIET % "")
    app = place.start_ready()
    app.wait_for("HandsFreeChanged", is_on=True)
    since = app.mark()
    modules = [line.split("\t") for line in place.sound.pactl("list", "short", "modules").splitlines()]
    place.sound.unplug([number for number, name, *_ in modules if name == "module-remap-source"])
    app.wait_for("HandsFreeChanged", is_on=False, since=since)
    assert "microphone_lost" in kinds_of_trouble(app)
    assert place.sound.open_microphones() == []
    place.write("I worry about the meeting")
    record = app.wait_for("TurnFinished", since=since)["record"]
    assert record["heard_text"] == record["reply_text"], "nothing interrupts it"
    assert len(app.of("UserSaid", since)) == 1
    since = app.mark()
    place.sound.plug_microphone("headset")
    app.wait_for("HandsFreeChanged", is_on=True, is_muted=False, since=since)
    assert place.sound.open_microphones() == ["headset"]
    assert app.close() == 0


def test_hands_free_follows_the_default_and_goes_back_to_the_chosen_microphone(place: Desk) -> None:
    place.settle("talk: {mode: free}\n" + QUIET % ", microphone: desk")
    app = place.start_ready()
    app.wait_for("HandsFreeChanged", is_on=True)
    assert place.sound.open_microphones() == ["mic"]
    for name, microphone in (("headset", "headset_in"), ("desk", "desk_in")):
        since = app.mark()
        place.sound.plug_microphone(name)
        if name == "headset":
            place.sound.pactl("set-default-source", name)
        app.wait_for("DeviceNoted", device=name.capitalize(), since=since)
        assert place.sound.open_microphones() == [name]
        place.sound.speak_into_mic(DATA / "austen-0870.wav", microphone=microphone)
        assert likeness(app.wait_for("UserSaid", since=since)["text"], AUSTEN) > 0.5
        place.tap("Escape")
        app.wait_for("PhaseChanged", phase="ready", since=since)
        assert app.of("Trouble", since) == []
    assert app.close() == 0


def test_an_app_that_hears_its_own_loudspeaker_is_muted_and_told(place: Desk) -> None:
    place.settle("talk: {mode: free, headphones: true}\n" + QUIET % ", microphone: vspk.monitor")
    app = place.start_ready()
    app.wait_for("HandsFreeChanged", is_on=True)
    assert place.sound.open_microphones() == ["vspk.monitor"], "it was chosen by its own name"
    place.write("I worry about the meeting")
    app.wait_for("HandsFreeChanged", is_on=True, is_muted=True)
    assert "hears_itself" in kinds_of_trouble(app)
    assert place.sound.open_microphones() == []
    assert len(app.of("UserSaid")) < 12
    assert app.close() == 0
