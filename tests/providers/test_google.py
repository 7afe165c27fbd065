"""Gemini beyond what every provider promises: its wire, its tools, its thoughts, its vectors and pictures."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator
from dataclasses import replace
from random import Random

import pytest

from companion import pcm
from companion.calls import DrawRequest, EmbedRequest, JsonSchema, Picture, SoundFile, Tool, ToolCall
from companion.errors import (
    AIProviderAuthError,
    AIProviderContentRefusedError,
    AIProviderEmptyReplyError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderNotSupportedError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderStreamCutError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import (
    Audio,
    ChatDelta,
    ChatRequest,
    HearRequest,
    Message,
    Speaker,
    SpeakRequest,
    Transcript,
)
from companion.providers.vendors.google.provider import GoogleProvider
from tests.providers.pairs import pair_of
from tests.servers import GoogleServer
from tests.servers.script import REPLY, TRANSCRIPT

KEY = "AIzaSyContract0123456789abcdefghijklmno"
USER = Message(Speaker.USER, "What is the weather in Leith?")
WEATHER = Tool(
    name="weather",
    description="The weather of a place.",
    parameters={"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)
FORM = JsonSchema(schema={"type": "object", "properties": {"mood_word": {"type": "string"}}})


server, provider = pair_of(GoogleServer, GoogleProvider, api_key=KEY)


async def ask(provider: GoogleProvider, request: ChatRequest) -> list[ChatDelta]:
    return [delta async for delta in provider.chat(request)]


async def fail(provider: GoogleProvider, request: ChatRequest | None = None) -> AIProviderError:
    with pytest.raises(AIProviderError) as caught:
        await ask(provider, request or ChatRequest(messages=(USER,)))
    return caught.value


def asked(server: GoogleServer) -> dict[str, object]:
    body = server.asked("enerateContent")[-1].body
    assert isinstance(body, dict)
    return body


def config(server: GoogleServer) -> dict[str, object]:
    found = asked(server).get("generationConfig", {})
    assert isinstance(found, dict)
    return found


# -- the question -------------------------------------------------------------------------------------------


async def test_a_question_is_put_as_documented(server: GoogleServer, provider: GoogleProvider) -> None:
    history = (
        Message(Speaker.SYSTEM, "Listen well."),
        Message(Speaker.USER, "Good evening."),
        Message(Speaker.ASSISTANT, "Good evening to you."),
        replace(USER, images=(Picture(data=b"\x89PNG", media_type="image/png"),)),
    )
    request = ChatRequest(
        messages=history,
        model="gemini-2.5-pro",
        temperature=0.5,
        top_p=0.9,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        seed=7,
        stop=("END",),
    )
    await ask(provider, request)
    seen = server.asked("gemini")[-1]
    assert seen.path == "/v1/models/gemini-2.5-pro:streamGenerateContent?alt=sse"
    assert seen.headers["x-goog-api-key"] == KEY
    assert seen.body == {
        "contents": [
            {"role": "user", "parts": [{"text": "Good evening."}]},
            {"role": "model", "parts": [{"text": "Good evening to you."}]},
            {
                "role": "user",
                "parts": [
                    {"text": USER.content},
                    {"inlineData": {"mimeType": "image/png", "data": "iVBORw=="}},
                ],
            },
        ],
        "systemInstruction": {"parts": [{"text": "Listen well."}]},
        "generationConfig": {
            "temperature": 0.5,
            "topP": 0.9,
            "frequencyPenalty": 0.1,
            "presencePenalty": 0.2,
            "seed": 7,
            "stopSequences": ["END"],
        },
    }


async def test_what_a_model_does_not_take_is_left_out_and_told(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    request = ChatRequest(
        messages=(USER,), temperature=0.3, presence_penalty=0.2, seed=3, user="u1", metadata={"a": "b"}
    )
    *_, last = await ask(provider, request)
    assert config(server) == {"seed": 3}
    told = " ".join(last.notices)
    assert len(last.notices) == 4
    for words in ("temperature", "presence penalty", "name of the user", "metadata"):
        assert words in told
    assert "Gemini 3.8 Flash" in told


async def test_a_recording_in_a_message_is_listened_to(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    sound = SoundFile(data=pcm.to_wav(Audio(pcm=bytes(3200), rate_hz=16_000)))
    *deltas, _ = await ask(provider, ChatRequest(messages=(replace(USER, sounds=(sound,)),)))
    assert "".join(delta.text for delta in deltas) == TRANSCRIPT


async def test_a_picture_somewhere_else_is_named_and_never_fetched(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    await ask(
        provider, ChatRequest(messages=(replace(USER, images=(Picture(url="https://a.invalid/b.png"),)),))
    )
    assert '"fileUri": "https://a.invalid/b.png"' in json.dumps(asked(server))


@pytest.mark.parametrize(
    ("model", "effort", "sent"),
    [
        ("gemini-3.8-flash", "none", {"thinkingLevel": "LOW"}),
        ("gemini-3.8-flash", "high", {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3.5-flash-lite", "none", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.5-flash-lite", "medium", {"thinkingLevel": "MEDIUM", "includeThoughts": True}),
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-pro", "low", {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-9-somebody-new", "none", {"thinkingLevel": "LOW"}),
    ],
)
async def test_effort_is_told_in_the_words_of_the_model(
    server: GoogleServer, provider: GoogleProvider, model: str, effort: str, sent: dict[str, object]
) -> None:
    server.script.models = [model]
    *_, last = await ask(provider, ChatRequest(messages=(USER,), model=model, reasoning_effort=effort))
    assert config(server) == {"thinkingConfig": sent}
    cannot_stop = effort == "none" and sent not in ({"thinkingLevel": "MINIMAL"}, {"thinkingBudget": 0})
    assert ["cannot do without thinking" in notice for notice in last.notices] == [True] * cannot_stop


async def test_thoughts_are_told_apart_and_counted(server: GoogleServer, provider: GoogleProvider) -> None:
    server.script.thoughts = "They ask about the weather."
    server.script.cached_tokens = 2
    *deltas, last = await ask(provider, ChatRequest(messages=(USER,), reasoning_effort="high"))
    assert "".join(delta.reasoning for delta in deltas) == "They ask about the weather."
    assert "".join(delta.text for delta in deltas) == REPLY
    assert last.usage is not None
    assert last.usage.output_tokens > 7
    assert last.usage.cached_tokens == 2
    assert last.id == "resp_test_1"
    assert last.raw is not None


@pytest.mark.parametrize(("effort", "most"), [("", 4500), ("low", 2500), ("high", 16_500)])
async def test_thinking_does_not_use_up_the_answer(
    server: GoogleServer, provider: GoogleProvider, effort: str, most: int
) -> None:
    """The vendor counts thoughts as output: without room for them a short answer comes out empty."""
    await ask(provider, ChatRequest(messages=(USER,), max_tokens=500, reasoning_effort=effort))
    assert config(server)["maxOutputTokens"] == most


async def test_an_answer_never_asks_for_more_than_the_model_can(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    await ask(provider, ChatRequest(messages=(USER,), max_tokens=65_000))
    assert config(server)["maxOutputTokens"] == 65_536


async def test_an_answer_that_was_all_thought_says_so(server: GoogleServer, provider: GoogleProvider) -> None:
    server.script.empty, server.script.finish = True, "MAX_TOKENS"
    found = await fail(provider)
    assert type(found) is AIProviderEmptyReplyError
    assert "thinking" in found.hint


async def test_an_answer_in_a_form_is_asked_for(server: GoogleServer, provider: GoogleProvider) -> None:
    await ask(provider, ChatRequest(messages=(USER,), schema=FORM))
    assert config(server) == {"responseMimeType": "application/json", "responseJsonSchema": FORM.schema}
    await ask(provider, ChatRequest(messages=(USER,), json=True))
    assert config(server) == {"responseMimeType": "application/json"}


async def test_what_a_model_cannot_do_is_refused_before_it_is_sent(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    found = await fail(provider, ChatRequest(messages=(USER,), model="gemini-3.8-live", schema=FORM))
    assert type(found) is AIProviderNotSupportedError
    assert "Gemini 3.8 Live" in found.message
    assert not server.requests


# -- tools --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("numbered", [False, True])
async def test_tools_are_called_answered_and_signed(
    server: GoogleServer, provider: GoogleProvider, numbered: bool
) -> None:
    server.script.calls = [("weather", '{"place": "Leith"}'), ("weather", '{"place": "Perth"}')]
    server.numbers_calls = numbered
    request = ChatRequest(messages=(USER,), tools=(WEATHER,))
    *_, last = await ask(provider, request)
    assert last.finish_reason == "tool_calls"
    first, second = last.tool_calls
    assert (first.name, json.loads(first.arguments)) == ("weather", {"place": "Leith"})
    assert first.id != second.id
    assert first.opaque
    assert not second.opaque, "of calls made together the vendor signs the first"
    answers = (
        Message(Speaker.TOOL, '{"sky": "grey"}', name="weather", tool_call_id=first.id),
        Message(Speaker.TOOL, "sunny", tool_call_id=second.id),
    )
    turns = (USER, Message(Speaker.ASSISTANT, "", tool_calls=last.tool_calls), *answers)
    *deltas, last = await ask(provider, replace(request, messages=turns))
    assert "".join(delta.text for delta in deltas) == REPLY
    assert last.finish_reason == "stop"
    sent = asked(server)["contents"]
    assert isinstance(sent, list)
    one, two = ({"id": "fc_1"}, {"id": "fc_2"}) if numbered else ({}, {})
    assert sent[1:] == [
        {
            "role": "model",
            "parts": [
                {
                    "functionCall": {"name": "weather", "args": {"place": "Leith"}, **one},
                    "thoughtSignature": first.opaque.removeprefix("google:"),
                },
                {"functionCall": {"name": "weather", "args": {"place": "Perth"}, **two}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "weather", "response": {"sky": "grey"}, **one}},
                {"functionResponse": {"name": "weather", "response": {"result": "sunny"}, **two}},
            ],
        },
    ]  # fmt: skip


async def test_a_call_another_vendors_model_made_is_understood(provider: GoogleProvider) -> None:
    call = ToolCall(id="call_1", name="weather", arguments="not json")
    turns = (
        USER,
        Message(Speaker.ASSISTANT, "", tool_calls=(call,)),
        Message(Speaker.TOOL, "rain", tool_call_id="call_1"),
    )
    *_, last = await ask(provider, ChatRequest(messages=turns, tools=(WEATHER,)))
    assert last.finish_reason == "stop"


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", None),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("weather", {"mode": "ANY", "allowedFunctionNames": ["weather"]}),
    ],
)
async def test_a_choice_of_tools_is_passed_on(
    server: GoogleServer, provider: GoogleProvider, choice: str, sent: dict[str, object] | None
) -> None:
    await ask(provider, ChatRequest(messages=(USER,), tools=(WEATHER,), tool_choice=choice))
    told = asked(server).get("toolConfig")
    assert told == (None if sent is None else {"functionCallingConfig": sent})
    declared = asked(server)["tools"]
    assert declared == [
        {
            "functionDeclarations": [
                {
                    "name": "weather",
                    "description": WEATHER.description,
                    "parametersJsonSchema": WEATHER.parameters,
                }
            ]
        }
    ]


async def test_a_tool_that_is_not_there_cannot_be_wanted(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    found = await fail(provider, ChatRequest(messages=(USER,), tools=(WEATHER,), tool_choice="oracle"))
    assert type(found) is AIProviderInvalidRequestError
    assert not server.requests


# -- refusals -----------------------------------------------------------------------------------------------


async def test_a_wrong_key_is_called_so_although_the_vendor_says_invalid_argument(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    server.script.keys = ["AIzaSyAnother"]
    found = await fail(provider)
    assert (type(found), found.kind, found.status) == (AIProviderAuthError, Kind.KEY_REFUSED, 400)
    assert KEY not in f"{found} {found!r} {found.hint}"
    assert not (await provider.check()).ok


@pytest.mark.parametrize(
    ("refusal", "error", "kind"),
    [
        ((400, "FAILED_PRECONDITION", ""), AIProviderAuthError, Kind.FORBIDDEN),
        ((403, "", "BILLING_DISABLED"), AIProviderQuotaError, Kind.NO_CREDIT),
        ((403, "", "SERVICE_DISABLED"), AIProviderAuthError, Kind.FORBIDDEN),
        ((404, "", ""), AIProviderModelNotFoundError, Kind.MODEL_UNKNOWN),
        ((429, "", ""), AIProviderRateLimitError, Kind.RATE_LIMITED),
        ((503, "", ""), AIProviderUnavailableError, Kind.UNAVAILABLE),
    ],
)
async def test_a_refusal_is_read_in_the_vendors_words(
    server: GoogleServer,
    provider: GoogleProvider,
    refusal: tuple[int, str, str],
    error: type[AIProviderError],
    kind: Kind,
) -> None:
    server.script.status, server.script.code, server.reason = refusal
    found = await fail(provider)
    assert (type(found), found.kind) == (error, kind)


@pytest.mark.parametrize(("delay", "seconds"), [("1s", 1), ("0.5s", 0.5), ("37.2s", 37.2), ("soon", None)])
async def test_the_wait_is_read_from_the_details(
    server: GoogleServer, provider: GoogleProvider, delay: str, seconds: float | None
) -> None:
    server.script.status, server.retry_delay = 429, delay
    assert (await fail(provider)).retry_after_s == seconds


@pytest.mark.parametrize("shape", ["nested", "flat", "list", "bare"])
async def test_a_failure_inside_an_open_stream_is_read_in_every_shape(
    server: GoogleServer, provider: GoogleProvider, shape: str
) -> None:
    server.script.error_after, server.script.error_shape = 0, shape
    found = await fail(provider)
    assert type(found) is AIProviderUnavailableError
    server.script.code = "RESOURCE_EXHAUSTED"
    server.retry_delay = "3s"
    found = await fail(provider)
    assert type(found) is AIProviderRateLimitError
    assert found.retry_after_s == 3


async def test_a_failure_with_a_good_status_is_a_failure(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    refused = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    for body in (refused, [refused]):
        server.script.raw = json.dumps(body, indent=2)
        server.script.content_type = "application/json; charset=UTF-8"
        assert type(await fail(provider)) is AIProviderUnavailableError


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "BLOCKLIST", "OTHER"])
async def test_a_question_that_is_blocked_was_refused(
    server: GoogleServer, provider: GoogleProvider, reason: str
) -> None:
    server.block_reason = reason
    assert type(await fail(provider)) is AIProviderContentRefusedError


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "SPII", "PROHIBITED_CONTENT", "LANGUAGE"])
async def test_an_answer_that_is_stopped_keeps_what_was_said(
    server: GoogleServer, provider: GoogleProvider, reason: str
) -> None:
    server.script.finish = reason
    *deltas, last = await ask(provider, ChatRequest(messages=(USER,)))
    assert "".join(delta.text for delta in deltas) == REPLY
    assert last.finish_reason == "content_filter"
    server.script.empty = True
    assert type(await fail(provider)) is AIProviderContentRefusedError


async def test_a_model_that_stumbles_over_its_tools_failed(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    server.script.finish, server.script.empty = "MALFORMED_FUNCTION_CALL", True
    found = await fail(provider)
    assert type(found) is AIProviderUnavailableError
    assert found.retryable
    server.script.empty = False
    assert type(await fail(provider)) is AIProviderStreamCutError


async def test_a_lost_signature_is_the_requests_fault(server: GoogleServer, provider: GoogleProvider) -> None:
    server.script.finish, server.script.empty = "MISSING_THOUGHT_SIGNATURE", True
    found = await fail(provider)
    assert type(found) is AIProviderInvalidRequestError
    assert not found.retryable


async def test_a_line_that_stays_open_after_the_last_word_is_let_go(
    server: GoogleServer, provider: GoogleProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.wire.faults.PAUSE_S", 0.05)
    server.script.hang_at_end = True
    async with asyncio.timeout(3):
        assert (await ask(provider, ChatRequest(messages=(USER,))))[-1].finish_reason == "stop"
    await server.until(lambda: server.asked("stream")[-1].disconnected)


async def test_a_stream_that_is_spoiled_anywhere_is_an_answer_or_a_failure(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    """What passes for whole has its end; nothing that is no failure of a provider escapes."""
    dice = Random(11)
    event = '{"candidates":[{"content":{"parts":[{"text":"%s"}]}%s}],"usageMetadata":{"promptTokenCount":3}}'
    words = ["That ", "sounds ", "like ", "a ", "day."]
    last = ',"finishReason":"STOP"'
    good = "".join(f"data: {event % (word, last * (word == words[-1]))}\r\n\r\n" for word in words)
    junk = ["null", "[]", "{}", '"', "\\ud800", "\x00", "\udcff", "\r", "\n\n", "data: ", "NaN", "9" * 5000, "[" * 2000,
            '"parts":null', '"content":7', '"text":5', '"finishReason":1', '{"error":', '"usageMetadata":"x"']  # fmt: skip
    whole = 0
    for _ in range(300):
        spoiled = good
        for _ in range(dice.randint(1, 3)):
            at, size = dice.randrange(len(spoiled)), dice.randint(0, 30)
            spoiled = spoiled[:at] + dice.choice(["", dice.choice(junk)]) + spoiled[at + size :]
        server.script.raw = spoiled or "\n"
        try:
            deltas = await ask(provider, ChatRequest(messages=(USER,)))
        except AIProviderError:
            continue
        whole += 1
        assert deltas[-1].finish_reason
        assert '"finishReason"' in spoiled
    assert 0 < whole < 300


async def test_a_finish_reason_nobody_knows_ends_the_answer(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    server.script.finish = "TIRED"
    assert (await ask(provider, ChatRequest(messages=(USER,))))[-1].finish_reason == "stop"


# -- hearing and speaking -----------------------------------------------------------------------------------


async def take() -> AsyncIterator[bytes]:
    for _ in range(50):
        yield bytes(640)


async def hear(provider: GoogleProvider, request: HearRequest) -> list[Transcript]:
    return [transcript async for transcript in provider.transcribe(request)]


async def test_a_recording_is_sent_with_its_language_and_likely_words(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    heard = await hear(
        provider, HearRequest(frames=take(), language="en-GB", context="Bingley, Mr Darcy\nLeith")
    )
    assert heard[-1].text == TRANSCRIPT
    assert config(server) == {
        "audioTranscriptionConfig": {
            "languageCodes": ["en-GB"],
            "customVocabulary": ["Bingley", "Mr Darcy", "Leith"],
        }
    }
    contents = asked(server)["contents"]
    assert isinstance(contents, list)
    assert [list(part) for part in contents[0]["parts"]] == [["inlineData"]]


async def test_a_model_that_is_no_recogniser_is_told_what_to_do(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    heard = await hear(provider, HearRequest(frames=take(), model="gemini-3.8-flash", context="Darcy"))
    assert heard[-1].text == TRANSCRIPT
    assert [transcript.is_final for transcript in heard].count(True) == 1
    said = json.dumps(asked(server))
    assert "word for word" in said
    assert "Darcy" in said
    assert "audioTranscriptionConfig" not in said


async def test_a_transcript_without_room_for_all_of_it_is_cut_off(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    server.script.finish = "MAX_TOKENS"
    with pytest.raises(AIProviderStreamCutError):
        await hear(provider, HearRequest(frames=take()))


async def say(provider: GoogleProvider, request: SpeakRequest) -> list[Audio]:
    return [audio async for audio in provider.speak(request)]


@pytest.mark.parametrize(
    ("voice", "sent"),
    [
        ("", {"prebuiltVoiceConfig": {"voiceName": "Sulafat"}}),
        ("Puck", {"prebuiltVoiceConfig": {"voiceName": "Puck"}}),
        ("voice_abc1", {"voice": "voice_abc1"}),
    ],
)
async def test_a_text_is_spoken_by_the_voice_asked_for(
    server: GoogleServer, provider: GoogleProvider, voice: str, sent: dict[str, object]
) -> None:
    sound = await say(provider, SpeakRequest(text="Good evening.", voice=voice))
    assert {audio.rate_hz for audio in sound} == {24_000}
    assert sum(audio.seconds for audio in sound) > 0.4
    assert config(server) == {"responseModalities": ["AUDIO"], "speechConfig": {"voiceConfig": sent}}


async def test_the_rate_is_the_one_the_sound_names(server: GoogleServer, provider: GoogleProvider) -> None:
    server.media_type = "audio/L16;codec=pcm;rate=16000"
    assert {audio.rate_hz for audio in await say(provider, SpeakRequest(text="Hello."))} == {16_000}
    server.media_type = "audio/pcm"
    assert {audio.rate_hz for audio in await say(provider, SpeakRequest(text="Hello."))} == {24_000}


async def test_a_pace_is_a_style(server: GoogleServer, provider: GoogleProvider) -> None:
    for speed, words in ((1.5, "faster"), (0.7, "slowly"), (1.0, None)):
        await say(provider, SpeakRequest(text="Hello.", speed=speed))
        contents = asked(server)["contents"]
        assert isinstance(contents, list)
        [part] = contents[0]["parts"]
        assert part["text"] == "Hello."
        assert (words in part["speechMetadata"]["style"]) if words else "speechMetadata" not in part


async def test_a_long_piece_of_sound_in_one_event_is_taken(
    server: GoogleServer, provider: GoogleProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence of ten seconds is more than any line of text may be."""
    monkeypatch.setattr("tests.servers.google._BLOCK", 10**9)
    text = "This sentence goes on and on, as sentences do when nobody stops them. " * 4
    [audio] = await say(provider, SpeakRequest(text=text))
    assert audio.seconds > 10


async def test_a_sound_file_is_no_bare_sound(server: GoogleServer, provider: GoogleProvider) -> None:
    server.media_type = "audio/wav"
    with pytest.raises(AIProviderError) as caught:
        await say(provider, SpeakRequest(text="Hello."))
    assert caught.value.kind is Kind.VOICE_FAILED


async def test_voices_are_known_and_ones_own_are_found(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    server.own_voices = [
        {"id": f"voice_{n}", "type": "prompted", "display_name": f"Narrator {n}", "description": "Warm.",
         "language_code": "en-GB"}
        for n in range(5)
    ]  # fmt: skip
    server.page = 2
    voices = await provider.voices()
    assert len(voices) == 35
    assert (voices[0].name, voices[0].description) == ("Sulafat", "warm")
    assert (voices[-1].id, voices[-1].name, voices[-1].language) == ("voice_4", "Narrator 4", "en-GB")
    server.script.status = 500
    assert len(await provider.voices()) == 30
    provider.api_key = None
    assert len(await provider.voices()) == 30


# -- vectors, pictures, lists -------------------------------------------------------------------------------


async def test_vectors_come_in_order_and_at_length_one(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    texts = tuple(f"text {n}" for n in range(250))
    [made] = [each async for each in provider.embed(EmbedRequest(texts=texts, dimensions=32))]
    [alone] = [each async for each in provider.embed(EmbedRequest(texts=("text 249",), dimensions=32))]
    assert len(made.vectors) == 250
    assert made.vectors[249] == alone.vectors[0]
    assert all(math.isclose(math.hypot(*vector), 1.0) for vector in made.vectors)
    assert {len(vector) for vector in made.vectors} == {32}
    assert made.input_tokens > 250
    assert len(server.asked("batchEmbedContents")) == 4


@pytest.mark.parametrize(
    ("asked_for", "text", "task"),
    [
        (("gemini-embedding-2", True), "task: search result | query: calm", None),
        (("gemini-embedding-2", False), "title: none | text: calm", None),
        (("gemini-embedding-001", True), "calm", "RETRIEVAL_QUERY"),
        (("gemini-embedding-001", False), "calm", "RETRIEVAL_DOCUMENT"),
    ],
)
async def test_what_a_text_is_for_is_told_in_the_words_of_the_model(
    server: GoogleServer, provider: GoogleProvider, asked_for: tuple[str, bool], text: str, task: str | None
) -> None:
    model, is_query = asked_for
    request = EmbedRequest(texts=("calm",), model=model, is_query=is_query)
    assert [each async for each in provider.embed(request)]
    [sent] = server.asked("batchEmbedContents")[-1].body["requests"]
    assert sent["content"]["parts"] == [{"text": text}]
    assert sent.get("taskType") == task


async def test_no_text_is_no_request(server: GoogleServer, provider: GoogleProvider) -> None:
    [made] = [each async for each in provider.embed(EmbedRequest(texts=()))]
    assert made.vectors == ()
    assert not server.requests


@pytest.mark.parametrize(
    ("size", "sent"),
    [
        ("", None),
        ("1024x1024", {"aspectRatio": "1:1"}),
        ("1920x1080", {"aspectRatio": "16:9", "imageSize": "2K"}),
        ("768x1024", {"aspectRatio": "3:4"}),
        ("4096x1700", {"aspectRatio": "21:9", "imageSize": "4K"}),
    ],
)
async def test_a_picture_is_drawn(
    server: GoogleServer, provider: GoogleProvider, size: str, sent: dict[str, str] | None
) -> None:
    [picture] = [each async for each in provider.draw(DrawRequest(prompt="A calm sea.", size=size))]
    assert picture.data.startswith(b"\x89PNG")
    assert picture.media_type == "image/png"
    assert config(server).get("imageConfig") == sent


async def test_a_picture_that_is_not_drawn_says_why(server: GoogleServer, provider: GoogleProvider) -> None:
    server.script.empty, server.script.finish = True, "IMAGE_SAFETY"
    with pytest.raises(AIProviderContentRefusedError):
        [each async for each in provider.draw(DrawRequest(prompt="A calm sea."))]
    server.script.finish = "NO_IMAGE"
    with pytest.raises(AIProviderEmptyReplyError):
        [each async for each in provider.draw(DrawRequest(prompt="A calm sea."))]


async def test_models_are_listed_page_by_page(server: GoogleServer, provider: GoogleProvider) -> None:
    server.page = 3
    health = await provider.check()
    assert health.models == server.default_models
    assert len(server.asked("/models")) == 3


async def test_everything_sent_at_once_keeps_its_own_key_out_of_addresses(
    server: GoogleServer, provider: GoogleProvider
) -> None:
    await asyncio.gather(ask(provider, ChatRequest(messages=(USER,))), provider.check(), provider.voices())
    assert all(KEY not in seen.path for seen in server.requests)
    assert all(seen.headers["x-goog-api-key"] == KEY for seen in server.requests)


async def test_tokens_are_counted_by_the_vendor(server: GoogleServer, provider: GoogleProvider) -> None:
    request = ChatRequest(messages=(Message(Speaker.SYSTEM, "Listen well."), USER), tools=(WEATHER,))
    assert await provider.count_tokens(request) > 0
    [seen] = server.asked(":countTokens")
    assert set(seen.body["generateContentRequest"]) == {"model", "contents", "systemInstruction", "tools"}
    server.script.status = 503
    with pytest.raises(AIProviderUnavailableError):
        await provider.count_tokens(request)
