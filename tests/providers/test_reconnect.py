"""A recogniser whose connection is lost in the middle of a take: it is found again, and no sound is missing."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from companion.errors import AIProviderAuthError, AIProviderInvalidRequestError, AIProviderStreamCutError
from companion.flow import FRAME_BYTES, HearRequest, Transcript
from companion.providers.vendors.cartesia import CartesiaProvider
from companion.providers.vendors.deepgram.provider import DeepgramProvider
from companion.providers.vendors.elevenlabs import ElevenLabsProvider
from companion.providers.wire import sockets
from companion.tasks import alive
from tests.reliability.proof import prove
from tests.servers.cartesia import CartesiaServer
from tests.servers.deepgram import DeepgramServer
from tests.servers.elevenlabs import ElevenLabsServer
from tests.servers.script import Seen

VENDORS: dict[str, tuple[Any, Any]] = {
    "deepgram": (DeepgramServer, DeepgramProvider),
    "cartesia": (CartesiaServer, CartesiaProvider),
    "elevenlabs": (ElevenLabsServer, ElevenLabsProvider),
}
WORDS = "I had a long day and I am a little tired."
SECONDS = 4
every_vendor = pytest.mark.parametrize("name", VENDORS)


def frame(number: int) -> bytes:
    """A frame that no other one looks like."""
    return number.to_bytes(2, "little") * (FRAME_BYTES // 2)


TAKE = b"".join(frame(number) for number in range(SECONDS * 50))


async def frames(on_frame: Any = lambda number: None) -> AsyncIterator[bytes]:
    for number in range(SECONDS * 50):
        on_frame(number)
        if number % 5 == 4:
            await asyncio.sleep(0.002)
        yield frame(number)


@asynccontextmanager
async def line(name: str) -> AsyncIterator[tuple[Any, Any]]:
    make_server, make_provider = VENDORS[name]
    async with (
        make_server() as server,
        make_provider(api_key="key-0123456789abcdef", base_url=server.url) as provider,
    ):
        server.script.transcript = WORDS
        yield server, provider
        await provider.aclose()
        await sockets.all_closed()
        await asyncio.sleep(0)
    assert not alive(), "work went on after the provider was closed"


async def hear(provider: Any, source: AsyncIterator[bytes] | None = None, **request: Any) -> list[Transcript]:
    asked = HearRequest(frames=source or frames(), **request)
    return [transcript async for transcript in provider.transcribe(asked)]


def takes(server: Any) -> list[Seen]:
    return [
        seen
        for seen in server.requests
        if "stt" in seen.path or "listen" in seen.path or "speech-to" in seen.path
    ]


def sound_of(seen: Seen) -> bytes:
    told = (
        base64.b64decode(m["audio_base_64"])
        for m in seen.body or ()
        if isinstance(m, dict) and "audio_base_64" in m
    )
    return seen.files.get("audio", b"") or b"".join(told)


def lose(server: Any, code: int, after: int, times: int | None = 1) -> None:
    server.script.times = times
    if code == 1006:
        server.script.cut_after = after
    else:
        server.script.end_after = after
        server.close_with = (code, "")


@every_vendor
@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 1013])
@pytest.mark.parametrize("after", [0, 3])
async def test_a_lost_connection_costs_no_word(name: str, code: int, after: int) -> None:
    async with line(name) as (server, provider):
        lose(server, code, after)
        heard = await hear(provider)
        assert (heard[-1].text, heard[-1].is_final) == (WORDS, True)
        assert [transcript.is_final for transcript in heard].count(True) == 1
        lost, found = takes(server)
        assert TAKE.startswith(sound_of(lost))
        assert sound_of(found) == TAKE, "what was said in the gap, and before it, was sent again"


@every_vendor
async def test_words_that_were_shown_are_not_taken_back_while_they_are_heard_again(name: str) -> None:
    async with line(name) as (server, provider):
        lose(server, 1006, 4)
        lengths = [len(transcript.text) for transcript in await hear(provider)]
        assert lengths == sorted(lengths)


@every_vendor
async def test_it_is_looked_for_five_times_and_no_more(name: str) -> None:
    async with line(name) as (server, provider):
        lose(server, 1012, 2, times=None)
        with pytest.raises(AIProviderStreamCutError):
            await hear(provider)
        assert len(takes(server)) == 1 + sockets.MOST_RECONNECTS
        prove(23, "tries after a lost socket", len(takes(server)) - 1, 5, cases=len(takes(server)))


@every_vendor
@pytest.mark.parametrize("code", [1003, 1007, 1008, 1009])
async def test_what_a_vendor_cannot_take_is_not_sent_again(name: str, code: int) -> None:
    async with line(name) as (server, provider):
        lose(server, code, 2)
        with pytest.raises(AIProviderInvalidRequestError):
            await hear(provider)
        assert len(takes(server)) == 1


@every_vendor
async def test_a_service_that_is_being_restarted_is_waited_for(name: str) -> None:
    async with line(name) as (server, provider):
        lose(server, 1012, 2)
        refused = 0

        def restarts(number: int) -> None:
            nonlocal refused
            if number == 100 and not refused:
                refused = 1
                server.script.times, server.script.end_after, server.script.status = 3, None, 503

        heard = await hear(provider, frames(restarts))
        assert heard[-1].text == WORDS
        assert sound_of(takes(server)[-1]) == TAKE


@every_vendor
async def test_a_key_that_was_revoked_meanwhile_is_said(name: str) -> None:
    async with line(name) as (server, provider):
        lose(server, 1012, 4)

        async def listen() -> None:
            async for _ in provider.transcribe(HearRequest(frames=frames())):
                server.script.keys = ["another"]

        with pytest.raises(AIProviderAuthError):
            await listen()
        assert len(takes(server)) == 2


@pytest.mark.parametrize("model", ["flux-general-en", "nova-3"])
async def test_settled_words_stay_and_only_the_sound_after_them_goes_out_again(model: str) -> None:
    async with line("deepgram") as (server, provider):
        server.word_s = 0.25
        server.script.transcript = "One two three four.|Five six seven eight nine."
        lose(server, 1006, 7)
        heard = await hear(provider, model=model)
        assert heard[-1].text.startswith("One two three four. ")
        found = takes(server)[1]
        again = sound_of(found)
        assert TAKE.endswith(again)
        assert 0.5 * len(TAKE) < len(again) < len(TAKE)


async def test_a_take_that_nobody_wants_any_more_ends_while_it_is_reconnecting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sockets, "RECONNECT_S", 60.0)
    async with line("cartesia") as (server, provider):
        lose(server, 1006, 1, times=None)

        async def listen() -> None:
            await hear(provider)

        task = asyncio.create_task(listen())
        while not takes(server) or takes(server)[0].ended_at is None:  # noqa: ASYNC110 - the loss has no event
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task], timeout=2)
        assert task.cancelled()
