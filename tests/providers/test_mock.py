"""The provider that says what it was told."""

from __future__ import annotations

import asyncio
import io
import math
import struct
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from companion.calls import DrawRequest, Embeddings, EmbedRequest, Picture, Tool
from companion.errors import (
    AIProviderInvalidRequestError,
    AIProviderRateLimitError,
    AIProviderUnavailableError,
)
from companion.flow import Audio, ChatRequest, HearRequest, Message, Speaker, SpeakRequest, Transcript
from companion.providers import AIProviderFactory, MockAIProvider

REQUEST = ChatRequest(messages=(Message(Speaker.USER, "two words"),))


async def take() -> AsyncIterator[bytes]:
    for _ in range(5):
        yield bytes(640)


async def test_it_completes_with_the_scripted_text_word_by_word() -> None:
    provider = MockAIProvider(responses={"completion": "Take  a breath.\nThen begin."})
    assert await provider.generate_completion("Be kind.", "Hello") == "Take  a breath.\nThen begin."
    pieces = [piece async for piece in provider.generate_completion_stream("Be kind.", "Hello")]
    assert pieces == ["Take  ", "a ", "breath.\n", "Then ", "begin."]


async def test_the_same_question_gives_the_same_answer_and_a_list_is_given_in_turn() -> None:
    provider = MockAIProvider()
    assert await provider.generate_completion("s", "u") == await MockAIProvider().generate_completion(
        "s", "other"
    )
    provider = MockAIProvider(responses={"completion": ["one", "two"]})
    assert [await provider.generate_completion("s", "u") for _ in range(3)] == ["one", "two", "one"]


async def test_calls_are_written_down_once_with_their_arguments() -> None:
    provider = MockAIProvider(responses={"tts": b"ID3"})
    await provider.generate_completion("system", "user", max_tokens=9, temperature=0.1)
    async for _ in provider.generate_completion_stream("system", "more"):
        break
    await provider.generate_tts("hello", "hum", speed=1.5)
    async for _ in provider.chat(REQUEST):
        pass
    assert provider.call_history == [
        {
            "method": "generate_completion",
            "system_prompt": "system",
            "user_prompt": "user",
            "max_tokens": 9,
            "temperature": 0.1,
        },
        {
            "method": "generate_completion_stream",
            "system_prompt": "system",
            "user_prompt": "more",
            "max_tokens": 500,
            "temperature": 0.7,
        },
        {"method": "generate_tts", "text": "hello", "voice": "hum", "speed": 1.5},
        {"method": "chat", "request": REQUEST},
    ]
    provider.reset_history()
    assert provider.call_history == []


async def test_the_last_delta_names_the_model_and_counts_words() -> None:
    provider = MockAIProvider(model="mock-2")
    deltas = [delta async for delta in provider.chat(REQUEST)]
    last = deltas[-1]
    assert (last.finish_reason, last.model, last.text) == ("stop", "mock-2", "")
    assert last.usage is not None
    assert (last.usage.input_tokens, last.usage.output_tokens) == (2, len(deltas) - 1)


async def test_it_hears_partials_then_one_final() -> None:
    provider = MockAIProvider(responses={"transcript": "it rained today"})
    heard = [transcript async for transcript in provider.transcribe(HearRequest(frames=take()))]
    assert [one.text for one in heard] == ["it", "it rained", "it rained today"]
    assert [one.is_final for one in heard] == [False, False, True]


async def test_it_speaks_a_quiet_tone_whose_length_follows_the_words_and_speed() -> None:
    provider = MockAIProvider()

    async def speech(**how: object) -> Audio:
        request = SpeakRequest(text="one two three four", **how)  # type: ignore[arg-type]
        chunks = [chunk async for chunk in provider.speak(request)]
        assert {chunk.rate_hz for chunk in chunks} == {24_000}
        return Audio(pcm=b"".join(chunk.pcm for chunk in chunks), rate_hz=24_000)

    usual = await speech()
    assert usual.seconds == pytest.approx(1.2)
    assert (await speech(speed=2.0)).seconds == pytest.approx(0.6)
    samples = np.frombuffer(usual.pcm, "<i2").astype(float)
    assert 0 < np.abs(samples).max() < 0.1 * 32768
    assert await speech(voice="hum-low") != usual


async def test_speech_is_the_scripted_bytes_or_a_real_mp3() -> None:
    assert await MockAIProvider(responses={"tts": b"sound"}).generate_tts("hi", "alloy") == b"sound"
    data, rate = soundfile.read(io.BytesIO(await MockAIProvider().generate_tts("one two", "hum")))
    assert rate == 24_000
    assert len(data) >= 0.6 * rate


async def test_a_scripted_failure_comes_where_it_was_put() -> None:
    failure = AIProviderUnavailableError("down", "mock")
    provider = MockAIProvider(failure=failure, fail_after=2, fail_times=1)
    got: list[str] = []

    async def read() -> None:
        async for delta in provider.chat(REQUEST):
            got.append(delta.text)

    with pytest.raises(AIProviderUnavailableError) as caught:
        await read()
    assert caught.value is failure
    assert len(got) == 2
    assert [delta async for delta in provider.chat(REQUEST)][-1].finish_reason == "stop"


async def test_every_call_can_fail() -> None:
    provider = MockAIProvider(failure=AIProviderRateLimitError("slow down", "mock"))
    with pytest.raises(AIProviderRateLimitError):
        await provider.generate_completion("s", "u")
    with pytest.raises(AIProviderRateLimitError):
        await provider.generate_tts("hello", "hum")
    with pytest.raises(AIProviderRateLimitError):
        await anext(provider.transcribe(HearRequest(frames=take())))


async def test_a_factory_made_mock_retries_as_told() -> None:
    provider = AIProviderFactory.create(
        "mock", failure=AIProviderUnavailableError(), fail_times=2, max_retries=2, retry_backoff=0
    )
    assert await provider.generate_completion("s", "u")


async def test_a_slow_mock_can_be_cancelled() -> None:
    provider = MockAIProvider(delay_s=60)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await provider.generate_completion("s", "u")


def test_a_transcript_is_final_even_for_one_word() -> None:
    async def run() -> list[Transcript]:
        provider = MockAIProvider(responses={"transcript": "yes"})
        return [one async for one in provider.transcribe(HearRequest(frames=take()))]

    assert [one.is_final for one in asyncio.run(run())] == [True]


# -- tools, vectors, pictures -----------------------------------------------------------------------------------


async def test_it_asks_for_the_scripted_tools_until_they_are_answered() -> None:
    provider = MockAIProvider(responses={"tool_calls": [("look", {"day": "today"}), ("count", {})]})
    asked = replace(REQUEST, tools=(Tool(name="look"), Tool(name="count")))
    (last,) = [delta async for delta in provider.chat(asked)]
    assert last.finish_reason == "tool_calls"
    assert [(call.name, call.arguments) for call in last.tool_calls] == [
        ("look", '{"day": "today"}'),
        ("count", "{}"),
    ]
    assert len({call.id for call in last.tool_calls}) == 2
    said = Message(Speaker.ASSISTANT, "", tool_calls=last.tool_calls)
    answers = [Message(Speaker.TOOL, "rain", tool_call_id=call.id) for call in last.tool_calls]
    followed = replace(asked, messages=(*asked.messages, said, *answers))
    assert [delta async for delta in provider.chat(followed)][-1].finish_reason == "stop"
    for without in (REQUEST, replace(asked, tool_choice="none")):
        assert [delta async for delta in provider.chat(without)][-1].tool_calls == ()


async def _vectors(provider: MockAIProvider, *texts: str, dimensions: int | None = None) -> Embeddings:
    request = EmbedRequest(texts=texts, dimensions=dimensions)
    (found,) = [found async for found in provider.embed(request)]
    return found


async def test_texts_with_words_in_common_have_vectors_near_each_other() -> None:
    provider = MockAIProvider()
    found = await _vectors(provider, "I walked by the river", "By the river I sat", "Invoices are due", "")
    rain, sat, due, nothing = found.vectors

    def likeness(one: tuple[float, ...], other: tuple[float, ...]) -> float:
        return sum(x * y for x, y in zip(one, other, strict=True))

    assert likeness(rain, sat) > 0.5 > likeness(rain, due)
    assert all(math.hypot(*vector) == pytest.approx(1) for vector in (rain, sat, due, nothing))
    assert (found.model, found.input_tokens) == ("mock-vectors", 13)
    assert (await _vectors(MockAIProvider(), "I walked by the river")).vectors[0] == rain
    assert len((await _vectors(provider, "rain", dimensions=5)).vectors[0]) == 5
    assert provider.call_history[0]["method"] == "embed"


async def _picture(provider: MockAIProvider, **asked: str) -> Picture:
    (picture,) = [picture async for picture in provider.draw(DrawRequest(**asked))]  # type: ignore[arg-type]
    return picture


async def test_it_draws_a_picture_of_the_size_that_was_asked_for() -> None:
    provider = MockAIProvider()
    picture = await _picture(provider, prompt="a quiet lake", size="20x10")
    assert picture.media_type == "image/png"
    assert struct.unpack(">II", picture.data[16:24]) == (20, 10)
    at = picture.data.index(b"IDAT") + 4
    assert len(zlib.decompress(picture.data[at:])) == 10 * (1 + 20 * 3)
    assert await _picture(MockAIProvider(), prompt="a quiet lake", size="20x10") == picture
    assert (await _picture(provider, prompt="a loud city", size="20x10")).data != picture.data
    assert (await _picture(MockAIProvider(responses={"picture": b"own"}), prompt="x")).data == b"own"
    with pytest.raises(AIProviderInvalidRequestError, match="no size"):
        await _picture(provider, prompt="a quiet lake", size="huge")


async def test_vectors_and_pictures_can_fail_as_scripted() -> None:
    provider = MockAIProvider(failure=AIProviderUnavailableError("down", "mock"))
    with pytest.raises(AIProviderUnavailableError):
        await _vectors(provider, "rain")
    with pytest.raises(AIProviderUnavailableError):
        await _picture(provider, prompt="rain")
