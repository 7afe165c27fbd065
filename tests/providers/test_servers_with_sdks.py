"""The vendor servers, checked by somebody else's clients: the vendors' own SDKs, with nothing of ours in between."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator

import anthropic
import httpx2
import openai
import pytest

from companion.flow import Audio
from companion.pcm import to_wav
from tests.servers import AnthropicServer, OpenAIServer
from tests.servers.compatible import COMPATIBLE
from tests.servers.openai_jobs import MP4
from tests.servers.script import REPLY, TRANSCRIPT

KEY = "sk-sdk-0123456789"
WAV = ("take.wav", to_wav(Audio(pcm=b"\1\0" * 16_000, rate_hz=16_000)), "audio/wav")
ASKED = [{"role": "user", "content": "Good evening to you"}]


@pytest.fixture
async def oai() -> AsyncIterator[tuple[OpenAIServer, openai.AsyncOpenAI]]:
    async with (
        OpenAIServer() as server,
        openai.AsyncOpenAI(api_key=KEY, base_url=server.url, max_retries=0) as client,
    ):
        yield server, client


@pytest.fixture
async def ant() -> AsyncIterator[tuple[AnthropicServer, anthropic.AsyncAnthropic]]:
    async with (
        AnthropicServer() as server,
        anthropic.AsyncAnthropic(api_key=KEY, base_url=server.url, max_retries=0) as client,
    ):
        yield server, client


# -- OpenAI -------------------------------------------------------------------------------------------------


async def test_openai_streams_a_chat(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    stream = await client.chat.completions.create(
        model="gpt-6-luna", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == REPLY
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert not chunks[-1].choices
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.prompt_tokens == 4
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_openai_counts_only_when_asked(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    _, client = oai
    stream = await client.chat.completions.create(model="gpt-6-luna", messages=ASKED, stream=True)
    chunks = [chunk async for chunk in stream]
    assert all(chunk.usage is None for chunk in chunks)
    assert all(chunk.choices for chunk in chunks)


async def test_openai_answers_a_chat_at_once(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    _, client = oai
    whole = await client.chat.completions.create(model="gpt-6-luna", messages=ASKED)
    assert whole.choices[0].message.content == REPLY


async def test_openai_transcribes(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    assert (await client.audio.transcriptions.create(file=WAV, model="whisper-1")).text == TRANSCRIPT
    plain = await client.audio.transcriptions.create(file=WAV, model="whisper-1", response_format="text")
    assert plain.strip() == TRANSCRIPT
    stream = await client.audio.transcriptions.create(
        file=WAV, model="gpt-transcribe", stream=True, language="en"
    )
    events = [event async for event in stream]
    assert "".join(e.delta for e in events if e.type == "transcript.text.delta") == TRANSCRIPT
    assert events[-1].type == "transcript.text.done"
    assert server.requests[-1].body["language"] == "en"
    assert server.requests[-1].files["file"] == WAV[1]


async def test_openai_speaks(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    _, client = oai
    asked = {"model": "gpt-4o-mini-tts", "voice": "sage", "input": "Good evening."}
    async with client.audio.speech.with_streaming_response.create(**asked, response_format="pcm") as reply:
        blocks = [block async for block in reply.iter_bytes()]
    pcm = b"".join(blocks)
    assert len(pcm) > 24_000
    assert len(pcm) % 2 == 0
    assert (
        max(abs(int.from_bytes(pcm[i : i + 2], "little", signed=True)) for i in range(0, len(pcm), 200))
        > 1000
    )
    mp3 = (await client.audio.speech.create(**asked)).content
    assert mp3[:3] == b"ID3" or mp3[0] == 0xFF


TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}


async def test_openai_uses_tools(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    server.script.calls = [("weather", '{"city": "Oslo"}'), ("weather", "{}")]
    asking = {"model": "gpt-7", "messages": ASKED, "tools": [TOOL]}
    with pytest.raises(openai.BadRequestError, match="use /v1/responses"):
        await client.chat.completions.create(**asking)
    async with client.chat.completions.stream(**asking, reasoning_effort="none") as stream:
        whole = (await stream.get_final_completion()).choices[0]
    assert whole.finish_reason == "tool_calls"
    calls = whole.message.tool_calls or []
    assert [(call.id, call.function.arguments) for call in calls] == [
        ("call_1", '{"city": "Oslo"}'),
        ("call_2", "{}"),
    ]
    asked = {"role": "assistant", "tool_calls": [call.to_dict() for call in calls]}
    for tool_call_id in ("call_1", "unknown"):
        answer = {"role": "tool", "tool_call_id": tool_call_id, "content": "Rain."}
        asking = client.chat.completions.create(model="gpt-7", messages=[*ASKED, asked, answer])
        if tool_call_id == "call_1":
            assert (await asking).choices[0].message.content == REPLY
        else:
            with pytest.raises(openai.BadRequestError, match="preceding message"):
                await asking


async def test_openai_refuses_what_a_model_does_not_take(
    oai: tuple[OpenAIServer, openai.AsyncOpenAI],
) -> None:
    _, client = oai
    for wanted in ({"max_tokens": 5}, {"temperature": 0.5}):
        with pytest.raises(openai.BadRequestError) as caught:
            await client.chat.completions.create(model="gpt-6-luna", messages=ASKED, **wanted)
        assert caught.value.param in wanted


async def test_openai_makes_vectors_and_pictures(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    found = await client.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=4)
    plain = await client.embeddings.create(
        model="text-embedding-3-small", input=["two"], dimensions=4, encoding_format="float"
    )
    assert server.asked("embeddings")[0].body["encoding_format"] == "base64"
    by_index = {each.index: each.embedding for each in found.data}
    assert by_index[1] == pytest.approx(plain.data[0].embedding)
    drawn = await client.images.generate(model="gpt-image-2.5-flare", prompt="dusk")
    assert drawn.data is not None
    assert base64.b64decode(drawn.data[0].b64_json or "").startswith(b"\x89PNG")


@pytest.mark.parametrize("name", COMPATIBLE)
async def test_compatible_servers_answer_openais_client(name: str) -> None:
    async with COMPATIBLE[name]() as server:
        headers = {} if server.ways.key_header == "authorization" else {server.ways.key_header: KEY}
        async with openai.AsyncOpenAI(
            api_key=KEY, base_url=server.url, max_retries=0, default_headers=headers
        ) as client:
            stream = await client.chat.completions.create(
                model=server.default_models[0], messages=ASKED, stream=True
            )
            contents = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]
    texts = [part["text"] for each in contents if isinstance(each, list) for part in each]
    assert "".join(texts or [each or "" for each in contents]) == REPLY


async def test_openai_lists_models(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    assert tuple(model.id for model in (await client.models.list()).data) == server.default_models


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "", openai.BadRequestError),
        (401, "", openai.AuthenticationError),
        (403, "", openai.PermissionDeniedError),
        (404, "", openai.NotFoundError),
        (422, "", openai.UnprocessableEntityError),
        (429, "insufficient_quota", openai.RateLimitError),
        (500, "", openai.InternalServerError),
    ],
)
async def test_openai_errors_are_the_sdks_errors(
    oai: tuple[OpenAIServer, openai.AsyncOpenAI], status: int, code: str, error: type[openai.APIStatusError]
) -> None:
    server, client = oai
    server.script.status, server.script.code = status, code
    with pytest.raises(error) as caught:
        await client.chat.completions.create(model="gpt-6-luna", messages=ASKED, stream=True)
    assert caught.value.request_id == "req_test_1"
    assert caught.value.type
    if code:
        assert caught.value.code == code


async def test_openai_refuses_a_wrong_key_and_an_unknown_model(
    oai: tuple[OpenAIServer, openai.AsyncOpenAI],
) -> None:
    server, client = oai
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(model="gpt-2", messages=ASKED)
    server.script.keys = ["sk-another"]
    with pytest.raises(openai.AuthenticationError):
        await client.models.list()


async def test_openai_retries_and_recovers(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    server.script.status, server.script.times, server.script.retry_after_ms = 503, 2, "5"
    assert (await client.with_options(max_retries=2).models.list()).data
    assert len(server.requests) == 3


async def test_openai_nested_error_inside_a_stream(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    server.script.error_after = 2
    stream = await client.chat.completions.create(model="gpt-6-luna", messages=ASKED, stream=True)
    with pytest.raises(openai.APIError):
        [chunk async for chunk in stream]


async def test_openai_cut_body_is_a_broken_connection(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    server.script.cut_after = 2
    stream = await client.chat.completions.create(model="gpt-6-luna", messages=ASKED, stream=True)
    with pytest.raises(openai.APIConnectionError):
        [chunk async for chunk in stream]


async def test_openai_takes_batches(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    server.jobs.failing = {1: (429, "rate_limit_exceeded")}
    path = "/v1/chat/completions"
    lines = [
        {
            "custom_id": f"n{n}",
            "method": "POST",
            "url": path,
            "body": {"model": "gpt-6-luna", "messages": ASKED},
        }
        for n in range(3)
    ]
    raw = "\n".join(map(json.dumps, lines)).encode() + b"\n"
    file = await client.files.create(file=("asked.jsonl", raw), purpose="batch")
    batch = await client.batches.create(input_file_id=file.id, endpoint=path, completion_window="24h")
    assert batch.request_counts is not None
    assert batch.request_counts.total == 3
    while batch.status not in ("completed", "failed"):
        batch = await client.batches.retrieve(batch.id)
    assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 1)
    assert batch.output_file_id is not None
    assert batch.error_file_id is not None
    told = [json.loads(line) for line in (await client.files.content(batch.output_file_id)).text.splitlines()]
    assert {row["custom_id"] for row in told} == {"n0", "n2"}
    assert told[0]["response"]["body"]["choices"][0]["message"]["content"].startswith(REPLY)
    (failed,) = (await client.files.content(batch.error_file_id)).text.splitlines()
    assert json.loads(failed)["response"]["status_code"] == 429
    again = await client.batches.create(input_file_id=file.id, endpoint=path, completion_window="24h")
    assert (await client.batches.cancel(again.id)).status == "cancelling"
    with pytest.raises(openai.NotFoundError):
        await client.batches.retrieve("batch_0")


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
async def test_openai_makes_videos(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    server.jobs.poll_after_ms = "1"
    asked = {"prompt": "A lake.", "model": "sora-2", "seconds": "8", "size": "1280x720"}
    video = await client.videos.create(**asked, input_reference=("first.png", b"\x89PNG", "image/png"))
    assert (video.status, video.progress, video.seconds) == ("queued", 0, "8")
    with pytest.raises(openai.BadRequestError):
        await client.videos.delete(video.id)
    video = await client.videos.poll(video.id)
    assert (video.status, video.progress) == ("completed", 100)
    assert (await client.videos.download_content(video.id)).content == MP4
    assert (await client.videos.delete(video.id)).deleted
    server.jobs.outcome = "failed"
    failed = await client.videos.create_and_poll(prompt="A lake.")
    assert failed.error is not None
    assert failed.error.code == "server_error"


# -- OpenAI, the Responses API ------------------------------------------------------------------------------

LOOK = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {}},
    "strict": False,
}


async def test_responses_stream_in_the_documented_order(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    server.script.thoughts, server.script.cached_tokens = "Let me see.", 1
    stream = await client.responses.create(
        model="gpt-6-luna",
        input="Good evening to you",
        instructions="Be kind.",
        reasoning={"effort": "low", "summary": "auto"},
        include=["reasoning.encrypted_content"],
        store=False,
        stream=True,
    )
    events = [event async for event in stream]
    kinds = [event.type for event in events]
    assert kinds[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == REPLY
    thoughts = [e.delta for e in events if e.type == "response.reasoning_summary_text.delta"]
    assert "".join(thoughts) == "Let me see."
    whole = events[-1].response
    assert (whole.output_text, whole.status) == (REPLY, "completed")
    assert whole.output[0].encrypted_content
    assert whole.usage.input_tokens_details.cached_tokens == 1


async def test_the_sdks_own_accumulator_accepts_the_responses(
    oai: tuple[OpenAIServer, openai.AsyncOpenAI],
) -> None:
    server, client = oai
    async with client.responses.stream(model="gpt-6-luna", input="Hello") as stream:
        assert (await stream.get_final_response()).output_text == REPLY
    whole = await client.responses.create(model="gpt-6-luna", input="Hello")
    assert whole.output_text == REPLY
    server.script.finish = "refusal"
    refused = await client.responses.create(model="gpt-6-luna", input="Hello")
    assert refused.output[0].content[0].refusal == REPLY
    server.script.finish = "max_output_tokens"
    cut = await client.responses.create(model="gpt-6-luna", input="Hello")
    assert (cut.status, cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")


async def test_responses_use_tools_and_take_their_thoughts_back(
    oai: tuple[OpenAIServer, openai.AsyncOpenAI],
) -> None:
    server, client = oai
    server.script.thoughts = "Oslo first."
    server.script.calls = [("weather", '{"city": "Oslo"}'), ("weather", "{}")]
    asking = {"model": "gpt-7", "include": ["reasoning.encrypted_content"], "tools": [LOOK], "store": False}
    async with client.responses.stream(**asking, input=ASKED) as stream:
        whole = await stream.get_final_response()
    calls = [item for item in whole.output if item.type == "function_call"]
    assert [(call.call_id, call.arguments) for call in calls] == [
        ("call_1", '{"city": "Oslo"}'),
        ("call_2", "{}"),
    ]
    kinds = ("reasoning", "function_call")
    told = [
        item.model_dump(exclude_none=True, exclude={"status", "parsed_arguments"}) for item in whole.output
    ]
    assert [item["type"] for item in told] == [kinds[0], kinds[1], kinds[1]]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": "Rain."} for call in calls]
    server.script.calls = []
    answer = await client.responses.create(**asking, input=[*ASKED, *told, *results])
    assert answer.output_text == REPLY
    spoiled = [{**told[0], "encrypted_content": "somebody else's"}, *told[1:]]
    for wrong, why in (
        ([*ASKED, *told], "No tool output found"),
        ([*ASKED, *results], "No tool call found"),
        ([*ASKED, *spoiled, *results], "could not be verified"),
        ([*ASKED, told[0]], "required following item"),
    ):
        with pytest.raises(openai.BadRequestError, match=why):
            await client.responses.create(**asking, input=wrong)


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ({"temperature": 0.5}, "temperature"),
        ({"max_output_tokens": 5}, "max_output_tokens"),
        ({"extra_body": {"stop": ["X"]}}, "stop"),
        ({"extra_body": {"messages": []}}, "messages"),
        ({"text": {"format": {"type": "json_object"}}}, "input"),
        ({"tools": [TOOL]}, "tools[0].name"),
        ({"tools": [LOOK], "tool_choice": {"type": "function", "name": "snow"}}, "tool_choice"),
    ],
)
async def test_responses_refuse_what_the_api_does_not_take(
    oai: tuple[OpenAIServer, openai.AsyncOpenAI], wanted: dict[str, object], param: str
) -> None:
    _, client = oai
    with pytest.raises(openai.BadRequestError) as caught:
        await client.responses.create(**{"model": "gpt-6-luna", "input": "Hello", **wanted})
    assert caught.value.param == param


async def test_a_failure_inside_a_response_is_an_event(oai: tuple[OpenAIServer, openai.AsyncOpenAI]) -> None:
    server, client = oai
    server.script.error_after = 2
    for shape, kind in (("nested", "response.failed"), ("flat", "error")):
        server.script.error_shape = shape
        stream = await client.responses.create(model="gpt-6-luna", input="Hello", stream=True)
        events = [event async for event in stream]
        assert events[-1].type == kind
        told = events[-1].response.error if kind == "response.failed" else events[-1]
        assert told.code == "server_error" or told.code is None
        assert "error" in told.message


# -- Anthropic ----------------------------------------------------------------------------------------------


async def test_anthropic_streams_in_the_documented_order(
    ant: tuple[AnthropicServer, anthropic.AsyncAnthropic],
) -> None:
    server, client = ant
    stream = await client.messages.create(
        model="claude-haiku-5-5", max_tokens=50, messages=ASKED, system="Be kind.", stream=True
    )
    events = [event async for event in stream]
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == REPLY
    assert events[0].message.usage.input_tokens == 6
    assert events[-2].delta.stop_reason == "end_turn"
    seen = server.requests[0]
    assert seen.headers["anthropic-version"] == "2026-10-21"
    assert seen.body["system"] == "Be kind."


async def test_anthropics_own_accumulator_accepts_the_stream(
    ant: tuple[AnthropicServer, anthropic.AsyncAnthropic],
) -> None:
    _, client = ant
    async with client.messages.stream(model="claude-haiku-5-5", max_tokens=50, messages=ASKED) as stream:
        message = await stream.get_final_message()
    assert message.content[0].text == REPLY
    assert message.stop_reason == "end_turn"
    whole = await client.messages.create(model="claude-haiku-5-5", max_tokens=50, messages=ASKED)
    assert whole.content[0].text == REPLY


async def test_anthropic_lists_models(ant: tuple[AnthropicServer, anthropic.AsyncAnthropic]) -> None:
    server, client = ant
    assert tuple([model.id async for model in client.models.list()]) == server.default_models


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, anthropic.AuthenticationError, "authentication_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (529, anthropic.InternalServerError, "overloaded_error"),
    ],
)
async def test_anthropic_errors_are_the_sdks_errors(
    ant: tuple[AnthropicServer, anthropic.AsyncAnthropic],
    status: int,
    error: type[anthropic.APIStatusError],
    kind: str,
) -> None:
    server, client = ant
    server.script.status = status
    with pytest.raises(error) as caught:
        await client.messages.create(model="claude-haiku-5-5", max_tokens=50, messages=ASKED)
    assert caught.value.type == kind
    assert caught.value.request_id == "req_test_1"


async def test_anthropic_error_inside_a_stream(ant: tuple[AnthropicServer, anthropic.AsyncAnthropic]) -> None:
    server, client = ant
    server.script.error_after = 2
    stream = await client.messages.create(
        model="claude-haiku-5-5", max_tokens=50, messages=ASKED, stream=True
    )
    with pytest.raises(anthropic.APIStatusError) as caught:
        [event async for event in stream]
    assert caught.value.type == "overloaded_error"


async def test_anthropic_refuses_sampling_and_a_missing_version(
    ant: tuple[AnthropicServer, anthropic.AsyncAnthropic],
) -> None:
    server, client = ant
    with pytest.raises(anthropic.BadRequestError):
        await client.messages.create(
            model="claude-haiku-5-5", max_tokens=50, messages=ASKED, extra_body={"temperature": 0.7}
        )
    with pytest.raises(anthropic.BadRequestError):
        await client.models.list(extra_headers={"anthropic-version": "1999-01-01"})
    headers = {"x-api-key": KEY, "anthropic-version": "2023-06-01"}
    async with httpx2.AsyncClient(trust_env=False) as bare:
        assert (await bare.get(f"{server.url}/v1/models", headers=headers)).status_code == 200


# -- a process of its own -----------------------------------------------------------------------------------


async def test_a_server_runs_as_a_process_and_is_steered_over_http() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.servers", "openai", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        told = json.loads(await process.stdout.readline())
        control = told["url"].removesuffix("/v1") + "/_control"
        async with (
            httpx2.AsyncClient(trust_env=False) as bare,
            openai.AsyncOpenAI(api_key=KEY, base_url=told["url"], max_retries=0) as client,
        ):
            await bare.post(f"{control}/script", json={"reply": "Scripted from outside."})
            whole = await client.chat.completions.create(model="gpt-6-luna", messages=ASKED)
            assert whole.choices[0].message.content == "Scripted from outside."
            requests = (await bare.get(f"{control}/requests")).json()
            assert [request["path"] for request in requests] == ["/v1/chat/completions"]
            assert requests[0]["headers"]["authorization"] == f"Bearer {KEY}"
            assert (await bare.post(f"{control}/script", json={"nonsense": 1})).status_code == 400
            await bare.post(f"{control}/reset")
            assert (await bare.get(f"{control}/requests")).json() == []
    finally:
        process.terminate()
        await process.wait()


async def test_anthropic_takes_batches(ant: tuple[AnthropicServer, anthropic.AsyncAnthropic]) -> None:
    server, client = ant
    server.batches.outcome = {1: "errored", 2: "expired"}
    params = {"model": "claude-haiku-5-5", "max_tokens": 99, "messages": ASKED}
    requests = [{"custom_id": f"n{n}", "params": params} for n in range(3)]
    batch = await client.messages.batches.create(requests=requests)  # type: ignore[arg-type]
    assert (batch.processing_status, batch.request_counts.processing) == ("in_progress", 3)
    while batch.processing_status != "ended":
        batch = await client.messages.batches.retrieve(batch.id)
    assert (batch.request_counts.succeeded, batch.request_counts.errored) == (1, 1)
    assert batch.results_url is not None
    assert batch.results_url.endswith(f"{batch.id}/results")
    server.batches.batches[batch.id]["results_url"] = f"{server.url}/v1/messages/batches/{batch.id}/results"
    results = {row.custom_id: row.result async for row in await client.messages.batches.results(batch.id)}
    good, bad = results["n0"], results["n1"]
    assert good.type == "succeeded"
    assert good.message.content[0].type == "text"
    assert good.message.content[0].text.startswith(REPLY)
    assert bad.type == "errored"
    assert bad.error.error.type == "api_error"
    assert results["n2"].type == "expired"
    again = await client.messages.batches.create(requests=requests)  # type: ignore[arg-type]
    assert (await client.messages.batches.cancel(again.id)).processing_status == "canceling"
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.batches.retrieve("msgbatch_0")
