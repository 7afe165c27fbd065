"""Wyoming against the server classes of the protocol's own package."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from companion.errors import AIProviderError, CompanionError, Kind
from companion.flow import Audio, HearRequest, SpeakRequest, Transcript
from companion.net import Net
from companion.providers import AIProviderFactory
from companion.providers.vendors.wyoming import WyomingProvider
from tests.audio.signals import samples
from tests.providers.pairs import pair_of
from tests.servers.wyoming import WyomingServer
from tests.waiting import until

FRAME = b"\x10\x00" * 320


server, provider = pair_of(WyomingServer, WyomingProvider)


async def take(frames: int = 50) -> AsyncIterator[bytes]:
    for _ in range(frames):
        yield FRAME
        await asyncio.sleep(0)


async def heard(provider: WyomingProvider, **asks: str) -> list[Transcript]:
    return [t async for t in provider.transcribe(HearRequest(frames=take(), **asks))]


async def spoken(provider: WyomingProvider, text: str = "Good evening.", voice: str = "") -> list[Audio]:
    return [audio async for audio in provider.speak(SpeakRequest(text=text, voice=voice))]


async def fails(work: object) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        await work  # type: ignore[misc]
    return caught.value


# -- hearing ------------------------------------------------------------------------------------------------


async def test_a_take_reaches_the_server_whole_and_comes_back_as_words(
    server: WyomingServer, provider: WyomingProvider
) -> None:
    transcripts = await heard(provider, language="de-AT", model="small")
    assert [(t.text, t.is_final) for t in transcripts] == [("It was a long day.", True)]
    assert bytes(server.heard) == FRAME * 50
    kinds = [event.type for event in server.asked]
    assert kinds == ["transcribe", "audio-start", "audio-stop"]
    assert server.asked[0].data == {"language": "de", "name": "small"}
    assert server.asked[1].data["rate"] == 16_000


async def test_sound_goes_out_while_the_person_still_speaks(
    server: WyomingServer, provider: WyomingProvider
) -> None:
    more = asyncio.Event()

    async def talking() -> AsyncIterator[bytes]:
        yield FRAME
        await more.wait()
        yield FRAME

    task = asyncio.ensure_future(anext(aiter(provider.transcribe(HearRequest(frames=talking())))))
    await until(lambda: server.heard)
    assert not task.done()
    more.set()
    assert (await task).is_final


async def test_words_of_a_streaming_server_come_as_they_are_told(
    server: WyomingServer, provider: WyomingProvider
) -> None:
    server.script.partial = ("It was", " a long day.")
    transcripts = await heard(provider)
    assert [t.text for t in transcripts] == ["It was", "It was a long day.", "It was a long day."]
    assert [t.is_final for t in transcripts] == [False, False, True]


async def test_who_stops_listening_hangs_up(server: WyomingServer, provider: WyomingProvider) -> None:
    server.script.silent = True
    task = asyncio.ensure_future(heard(provider))
    await until(lambda: len(server.asked) == 3)
    task.cancel()
    await asyncio.wait([task])
    await until(lambda: server.gone)


# -- speaking -----------------------------------------------------------------------------------------------


async def test_a_text_is_spoken_at_the_rate_of_the_server(
    server: WyomingServer, provider: WyomingProvider
) -> None:
    chunks = await spoken(provider, voice="choir#b")
    assert {chunk.rate_hz for chunk in chunks} == {22_050}
    assert sum(chunk.seconds for chunk in chunks) == pytest.approx(0.5, abs=0.01)
    assert server.asked[0].data == {"text": "Good evening.", "voice": {"name": "choir", "speaker": "b"}}


async def test_two_channels_become_one(server: WyomingServer, provider: WyomingProvider) -> None:
    server.script.channels = 2
    chunks = await spoken(provider)
    assert sum(chunk.seconds for chunk in chunks) == pytest.approx(0.5, abs=0.01)
    assert set(b"".join(chunk.pcm for chunk in chunks)) == {0x10, 0x00}


async def test_closing_early_hangs_up(server: WyomingServer, provider: WyomingProvider) -> None:
    server.script.seconds = 60
    sound = aiter(provider.speak(SpeakRequest(text="A long story.")))
    await anext(sound)
    await sound.aclose()  # type: ignore[attr-defined]
    await until(lambda: server.gone)


async def test_voices_are_listed_with_their_speakers(provider: WyomingProvider) -> None:
    voices = {voice.id: voice for voice in await provider.voices()}
    assert set(voices) == {"lessac", "choir#a", "choir#b"}
    assert voices["lessac"].language == "en_US"
    assert voices["lessac"].description == "calm"


# -- failures -----------------------------------------------------------------------------------------------


async def test_an_error_of_the_server_is_told(server: WyomingServer, provider: WyomingProvider) -> None:
    server.script.error = "model crashed"
    assert (await fails(heard(provider))).kind is Kind.UNAVAILABLE
    assert (await fails(spoken(provider))).kind is Kind.UNAVAILABLE


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"{}\n",
        b"[1]\n",
        b'{"type": "audio-chunk", "data_length": 99999999999}\n',
        b'{"type": "audio-chunk", "payload_length": -5}\n',
        b"[" * 100_000 + b"\n",
        b"x" * 400_000 + b"\n",
    ],
    ids=["ssh", "http", "no type", "no object", "huge data", "negative", "deep", "one long line"],
)
async def test_what_is_no_wyoming_server_is_called_so(
    server: WyomingServer, provider: WyomingProvider, raw: bytes
) -> None:
    server.script.raw = raw
    assert (await fails(heard(provider))).kind is Kind.NOT_AN_API


async def test_a_connection_that_breaks_in_the_middle_cuts_off(
    server: WyomingServer, provider: WyomingProvider
) -> None:
    server.script.cut_after = 3
    assert (await fails(spoken(provider))).kind is Kind.CUT_OFF


@pytest.mark.parametrize("form", [{"width": 8}, {"channels": 0}, {"rate_hz": 500}])
async def test_sound_that_is_not_understood_makes_no_noise(
    server: WyomingServer, provider: WyomingProvider, form: dict[str, int]
) -> None:
    for name, value in form.items():
        setattr(server.script, name, value)
    assert (await fails(spoken(provider))).kind is Kind.VOICE_FAILED


@pytest.mark.parametrize(
    "form", [{"width": 1}, {"width": 3}, {"width": 4}, {"channels": 2}, {"channels": 6, "width": 3}]
)
async def test_sound_of_any_form_is_heard(
    server: WyomingServer, provider: WyomingProvider, form: dict[str, int]
) -> None:
    for name, value in form.items():
        setattr(server.script, name, value)
    said = await spoken(provider)
    assert sum(audio.seconds for audio in said) == pytest.approx(0.5, abs=0.05)
    assert {sample for audio in said for sample in samples(audio.pcm).tolist()} == {
        16 if form.get("width", 2) > 1 else 0
    }


async def test_nobody_there_is_unreachable(unused_tcp_port: int) -> None:
    async with WyomingProvider(base_url=f"tcp://127.0.0.1:{unused_tcp_port}") as provider:
        assert (await fails(heard(provider))).kind is Kind.UNREACHABLE
        health = await provider.check()
        assert not health.ok
        assert "cannot be reached" in health.detail


async def test_offline_mode_opens_nothing() -> None:
    net = Net()
    net.shut = True
    provider = WyomingProvider(base_url="tcp://192.0.2.7:10300", net=net)
    assert (await fails(heard(provider))).kind is Kind.NETWORK_SHUT
    await net.aclose()


@pytest.mark.parametrize(
    "written", ["127.0.0.1:{port}", "http://127.0.0.1:{port}", "tcp://127.0.0.1:{port}/"]
)
async def test_its_address_is_understood_as_people_write_it(server: WyomingServer, written: str) -> None:
    async with WyomingProvider(base_url=written.format(port=server.port)) as provider:
        assert (await heard(provider))[-1].is_final


async def test_an_address_without_a_host_is_refused() -> None:
    async with WyomingProvider(base_url="tcp://:10300") as provider:
        error = await fails(heard(provider))
    assert isinstance(error, AIProviderError)
    assert "address" in error.message


async def test_the_check_says_what_is_there(server: WyomingServer) -> None:
    provider = AIProviderFactory.create("wyoming", base_url=server.url)
    health = await provider.check()
    assert health.ok
    assert health.models == ("small",)
    assert "3 voices" in health.detail
    await provider.aclose()
