"""The Deepgram server, checked by Deepgram's own SDK with nothing of ours in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.servers.deepgram import DeepgramServer

KEY = "dg-sdk-0123456789"
BLOCK = bytes(2560)
"""80 ms of silence."""


@pytest.fixture
async def server() -> AsyncIterator[DeepgramServer]:
    async with DeepgramServer() as started:
        started.word_s = 0.25
        yield started


@pytest.fixture
def sdk(server: DeepgramServer) -> Any:
    from deepgram import AsyncDeepgramClient
    from deepgram.environment import DeepgramClientEnvironment

    ws = server.url.replace("http", "ws")
    where = DeepgramClientEnvironment(base=server.url, production=ws, agent=ws, agent_rest=server.url)
    return AsyncDeepgramClient(api_key=KEY, environment=where)


legacy = pytest.mark.filterwarnings("ignore:.*websockets.*:DeprecationWarning")
"""The SDK's asynchronous client stands on a part of websockets that is on its way out."""


async def _send(sock: Any, seconds: float) -> None:
    for _ in range(int(seconds / 0.08)):
        await sock.send_media(BLOCK)


@legacy
async def test_the_sdk_follows_a_turn_of_flux(server: DeepgramServer, sdk: Any) -> None:
    server.script.transcript = "I need a taxi/ to Leith.| And"
    async with sdk.listen.v2.connect(
        model="flux-general-en",
        encoding="linear16",
        sample_rate=16000,
        eager_eot_threshold=0.4,
        keyterm=["Leith"],
    ) as sock:
        told = [await sock.recv()]
        await _send(sock, 2.4)
        told += [await sock.recv() for _ in range(10)]
        await sock.send_configure({"type": "Configure", "thresholds": {"eot_threshold": 0.9}})
        told.append(await sock.recv())
        await sock.send_force_end_turn()
        told.append(await sock.recv())
        await sock.send_close_stream()
    kinds = [type(one).__name__ for one in told]
    assert kinds == [
        "ListenV2Connected",
        *["ListenV2TurnInfo"] * 10,
        "ListenV2ConfigureSuccess",
        "ListenV2TurnInfo",
    ]
    assert [one.sequence_id for one in told] == list(range(13))
    turns = [one for one in told if hasattr(one, "event")]
    assert [(turn.event, turn.turn_index, turn.transcript) for turn in turns] == [
        ("StartOfTurn", 0, "I"),
        ("Update", 0, "I need"),
        ("Update", 0, "I need a"),
        ("Update", 0, "I need a taxi"),
        ("EagerEndOfTurn", 0, "I need a taxi"),
        ("TurnResumed", 0, "I need a taxi to"),
        ("Update", 0, "I need a taxi to Leith."),
        ("EagerEndOfTurn", 0, "I need a taxi to Leith."),
        ("EndOfTurn", 0, "I need a taxi to Leith."),
        ("StartOfTurn", 1, "And"),
        ("EndOfTurn", 1, "And"),
    ]
    assert [turn.trigger for turn in turns if turn.event == "EndOfTurn"] == ["model", "manual"]
    assert all(word.confidence for turn in turns for word in turn.words)
    assert told[11].thresholds.eot_threshold == 0.9


@legacy
async def test_the_sdk_hears_with_nova(server: DeepgramServer, sdk: Any) -> None:
    server.script.transcript = "Hello there.| How are you"
    told = []
    async with sdk.listen.v1.connect(
        model="nova-3", encoding="linear16", sample_rate=16000, interim_results=True, smart_format=True
    ) as sock:
        await _send(sock, 2.4)
        await sock.send_keep_alive()
        await sock.send_finalize()
        await sock.send_close_stream()
        async for one in sock:
            told.append(one)
    assert {type(one).__name__ for one in told} == {"ListenV1Results", "ListenV1Metadata"}
    results = told[:-1]
    finals = [one.channel.alternatives[0].transcript for one in results if one.is_final]
    assert finals == ["Hello there.", "How are you"]
    assert [one.speech_final for one in results if one.is_final] == [True, False]
    assert results[-1].from_finalize
    assert told[-1].duration == pytest.approx(2.4)


@legacy
async def test_the_sdk_speaks_with_aura(server: DeepgramServer, sdk: Any) -> None:
    from deepgram.speak.v1.types import SpeakV1Text

    async with sdk.speak.v1.connect(model="aura-2-thalia-en", encoding="linear16", sample_rate=24000) as sock:
        assert (await sock.recv()).model_name == "aura-2-thalia-en"
        await sock.send_text(SpeakV1Text(text="Good evening."))
        await sock.send_flush()
        sound = b""
        while isinstance(one := await sock.recv(), bytes):
            sound += one
        assert (type(one).__name__, one.sequence_id) == ("SpeakV1Flushed", 0)
        assert sound == server.spoken[0][1]
        await sock.send_clear()
        assert (await sock.recv()).type == "Cleared"
        await sock.send_close()


@legacy
async def test_the_sdk_speaks_with_flux(server: DeepgramServer, sdk: Any) -> None:
    from deepgram.speak.v2.types import SpeakV2Speak

    async with sdk.speak.v2.connect(model="flux-alexis-en", encoding="linear16", sample_rate=24000) as sock:
        assert type(await sock.recv()).__name__ == "SpeakV2Connected"
        await sock.send_speak(SpeakV2Speak(text="Good evening."))
        await sock.send_flush()
        told, sound = [], b""
        while not told or type(told[-1]).__name__ != "SpeakV2SpeechMetadata":
            one = await sock.recv()
            if isinstance(one, bytes):
                sound += one
            else:
                told.append(one)
        assert [type(one).__name__ for one in told][:2] == ["SpeakV2SpeechStarted", "SpeakV2Flushed"]
        assert sound == server.spoken[0][1]
        await sock.send_interrupt()
        assert type(await sock.recv()).__name__ == "SpeakV2SpeechInterrupted"
        await sock.send_close()


@legacy
async def test_the_sdk_is_refused_as_by_deepgram(server: DeepgramServer, sdk: Any) -> None:
    from deepgram.core.api_error import ApiError

    server.script.keys = ["another"]
    with pytest.raises(ApiError) as caught:
        async with sdk.listen.v2.connect(model="flux-general-en", encoding="linear16", sample_rate=16000):
            pass
    assert caught.value.status_code == 401
