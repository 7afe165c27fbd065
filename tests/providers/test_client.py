"""The client as a program uses it: requests built step by step, over every provider, refused before anything is sent."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

import pytest

from companion.flow import ChatDelta
from companion.kinds import Role
from companion.providers import (
    AIProvider,
    AIProviderEmptyReplyError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderMalformedReplyError,
    AIProviderStreamCutError,
    AIProviderUnavailableError,
    Catalogue,
    ChatRequest,
    ChatResponse,
    Client,
    JsonSchema,
    Kind,
    Message,
    MockAIProvider,
    Picture,
    Policy,
    PromptTemplate,
    RequestBuilder,
    SoundFile,
    Speaker,
    Spec,
    TemplateError,
    Tool,
    ToolCall,
    Usage,
    catalogue,
    estimate_request,
    estimate_tokens,
    registry,
    trim_messages,
)
from companion.providers.vendors.anthropic.provider import AnthropicProvider
from companion.providers.vendors.ollama import OllamaProvider
from companion.providers.vendors.openai.provider import OpenAIProvider
from tests.servers import AnthropicServer, GoogleServer, OllamaServer, OpenAIServer, VendorServer

KEY = "sk-ant-client-0123456789"


@pytest.fixture
def mock() -> MockAIProvider:
    return MockAIProvider(responses={"completion": "Take a breath. Then begin."})


@pytest.fixture
async def server() -> AsyncIterator[AnthropicServer]:
    async with AnthropicServer() as server:
        yield server


@pytest.fixture
async def claude(server: AnthropicServer) -> AsyncIterator[AIProvider]:
    async with AnthropicProvider(base_url=server.url, api_key=KEY) as provider:
        yield provider


def asked(mock: MockAIProvider) -> ChatRequest:
    request: ChatRequest = mock.call_history[-1]["request"]
    return request


# -- asking -------------------------------------------------------------------------------------------------


async def test_a_question_is_answered(mock: MockAIProvider) -> None:
    async with Client(mock) as client:
        response = await client.request().system("Be brief.").user("How do I begin?").send()
    assert isinstance(response, ChatResponse)
    assert response.text == "Take a breath. Then begin."
    assert (response.provider, response.model, response.finish_reason) == ("mock", "mock-1", "stop")
    assert (response.id, response.notices, response.tool_calls) == ("mock-1", (), ())
    assert response.usage == Usage(input_tokens=6, output_tokens=5)
    assert response.messages[-1] == response.message == Message(Speaker.ASSISTANT, response.text)


async def test_every_step_reaches_the_provider(mock: MockAIProvider) -> None:
    call = ToolCall(id="1", name="look", arguments="{}")
    tool = Tool(name="look", parameters={"type": "object"})
    picture, sound = Picture(data=b"x"), SoundFile(data=b"y")
    request = Client(mock).request().user("Hello", name="anna").assistant("", tool_calls=(call,))
    request = request.tool(call, "rain").system("Be brief.").user("And now?").images(picture).sounds(sound)
    request = request.model("mock-7").temperature(0.3).max_tokens(50).top_p(0.9).seed(7).stop("END", "STOP")
    request = request.frequency_penalty(0.1).presence_penalty(0.2).tools(tool).tool_choice("none")
    request = request.reasoning("low").cache().end_user("u1").metadata(a="b").metadata(c="d")
    await request.send()
    assert asked(mock) == ChatRequest(
        messages=(
            Message(Speaker.SYSTEM, "Be brief."),
            Message(Speaker.USER, "Hello", name="anna"),
            Message(Speaker.ASSISTANT, "", tool_calls=(call,)),
            Message(Speaker.TOOL, "rain", name="look", tool_call_id="1"),
            Message(Speaker.USER, "And now?", images=(picture,), sounds=(sound,)),
        ),
        model="mock-7",
        temperature=0.3,
        max_tokens=50,
        top_p=0.9,
        frequency_penalty=0.1,
        presence_penalty=0.2,
        seed=7,
        stop=("END", "STOP"),
        tools=(tool,),
        tool_choice="none",
        reasoning_effort="low",
        cache=True,
        user="u1",
        metadata={"a": "b", "c": "d"},
    )


async def test_a_step_leaves_the_request_it_came_from_alone(mock: MockAIProvider) -> None:
    base = Client(mock).request().system("Be brief.")
    one, other = base.user("one").temperature(0.1), base.user("other").metadata(a="b")
    await one.send()
    assert asked(mock) == one.build()
    assert [message.content for message in other.build().messages] == ["Be brief.", "other"]
    assert (other.build().temperature, one.build().metadata) == (None, {})
    with pytest.raises(AttributeError):
        base.client = Client()  # type: ignore[misc]


async def test_a_conversation_goes_on_from_the_response(mock: MockAIProvider) -> None:
    client = Client(mock)
    first = await client.request().system("Be brief.").user("one").send()
    await client.request().messages(*first.messages).user("two").send()
    assert [message.content for message in asked(mock).messages] == ["Be brief.", "one", first.text, "two"]


async def test_the_request_is_patient_as_its_provider(mock: MockAIProvider) -> None:
    mock.failure, mock.fail_times = AIProviderUnavailableError("down", "mock"), 2
    mock.policy = Policy(attempts=3, backoff_s=0.0)
    assert (await Client(mock).request().user("hi").send()).text


# -- who is asked -------------------------------------------------------------------------------------------


async def test_the_model_chooses_the_provider(server: AnthropicServer, claude: AIProvider) -> None:
    async with OpenAIServer() as openai, OpenAIProvider(base_url=openai.url, api_key="sk-client-0123") as gpt:
        client = Client(gpt, claude)
        assert (await client.request().user("hi").send()).provider == "openai"
        assert (await client.request().user("hi").model("claude-haiku-5-5").send()).provider == "anthropic"
        response = await client.request().user("hi").model("sonnet").send()
        assert (response.provider, response.model) == ("anthropic", "claude-sonnet-5-5")
        response = await client.request().user("hi").model("anthropic/claude-opus-5-5").send()
        assert (response.provider, response.model) == ("anthropic", "claude-opus-5-5")
        assert (await client.request().user("hi").provider("claude").send()).provider == "anthropic"
        with pytest.raises(AIProviderInvalidRequestError, match="is a model of mistral"):
            await client.request().user("hi").model("mistral-large-4").send()


async def test_one_provider_is_asked_for_any_model() -> None:
    async with OllamaServer() as server, OllamaProvider(base_url=server.url) as provider:
        server.script.models = ["gpt-6-luna"]
        response = await Client(provider).request().user("hi").model("gpt-6-luna").send()
    assert (response.provider, response.model) == ("ollama", "gpt-6-luna")


async def test_a_client_without_providers_takes_whoever_has_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Client() as client:
        assert (await client.request().user("hi").send()).provider == "guide"
        assert (await client.request().user("hi").provider("mock").send()).provider == "mock"
        with pytest.raises(AIProviderError) as caught:
            await client.request().user("hi").model("claude-haiku-5-5").send()
        assert (caught.value.kind, caught.value.provider) == (Kind.KEY_MISSING, "anthropic")
        with pytest.raises(AIProviderError) as caught:
            await client.request().user("hi").provider("nobody").send()
        assert caught.value.kind is Kind.PROVIDER_UNKNOWN
    monkeypatch.setenv("AI_PROVIDER", "mock")
    async with Client() as client:
        assert (await client.request().user("hi").send()).provider == "mock"


async def test_a_model_that_ends_soon_is_told_once(
    server: AnthropicServer,
    claude: AIProvider,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalogue, "_warned", set())
    monkeypatch.setattr(catalogue, "_today", lambda: datetime.date(2026, 11, 20))
    caplog.set_level(logging.INFO)
    server.script.models = ["claude-sonnet-4-5"]
    for _ in range(2):
        await Client(claude).request().user("hi").model("claude-sonnet-4-5").send()
    (told,) = [record.getMessage() for record in caplog.records if "ends on" in record.getMessage()]
    assert "claude-sonnet-5-5" in told


async def test_a_provider_may_be_named_by_its_alias(mock: MockAIProvider) -> None:
    with pytest.raises(AIProviderError) as caught:
        await Client("mock", "claude").request().user("hi").model("haiku").send()
    assert (caught.value.kind, caught.value.provider) == (Kind.KEY_MISSING, "anthropic")
    with pytest.raises(AIProviderError, match="no provider called 'nobody'"):
        Client("nobody")


async def test_the_client_closes_what_it_made_and_nothing_else(
    mock: MockAIProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []

    async def aclose(self: AIProvider) -> None:
        closed.append(self.spec.name)

    monkeypatch.setattr(AIProvider, "aclose", aclose)
    async with Client(mock, "guide") as client:
        await client.request().user("hi").provider("guide").send()
        await client.request().user("hi").send()
    assert closed == ["guide"]


# -- refused before anything is sent --------------------------------------------------------------------------

A_CALL = ToolCall(id="1", name="look", arguments="{}")
Step = Callable[[RequestBuilder], RequestBuilder]
WRONG: dict[str, tuple[Step, str]] = {
    "nothing": (lambda r: r, "no message of the user"),
    "only the system": (lambda r: r.system("Be kind."), "no message of the user"),
    "an empty message": (
        lambda r: r.user("one").assistant("two").user("  "),
        "Message 3, of the user, is empty",
    ),
    "an empty instruction": (lambda r: r.system("").user("hi"), "of the system, is empty"),
    "the assistant last": (lambda r: r.user("hi").assistant("So"), "must end with the user's message"),
    "only the assistant": (lambda r: r.assistant("So"), "must end with"),
    "a picture of nobody": (lambda r: r.user("hi").images(Picture()), "either its bytes or an address"),
    "a picture twice": (
        lambda r: r.user("hi").images(Picture(data=b"x", url="https://x.org")),
        "either its bytes or an address",
    ),
    "a picture by http": (lambda r: r.user("hi").images(Picture(url="http://x.org")), "begins with https"),
    "a picture from disk": (lambda r: r.user("hi").images(Picture(url="file:///x")), "begins with https"),
    "a picture of a kind": (
        lambda r: r.user("hi").images(Picture(data=b"x", media_type="image/tiff")),
        "image/tiff is none of",
    ),
    "an empty sound": (lambda r: r.user("hi").sounds(SoundFile(data=b"")), "a sound is a file of"),
    "an answer to nothing": (
        lambda r: r.user("hi").messages(Message(Speaker.TOOL, "rain", tool_call_id="9")),
        "answers a tool call '9' that nobody made",
    ),
    "a call without answer": (
        lambda r: r.user("hi").assistant(tool_calls=(A_CALL,)).user("well?"),
        "'1' has no answer",
    ),
    "a call answered twice": (
        lambda r: r.user("hi").assistant(tool_calls=(A_CALL,)).tool(A_CALL, "a").tool(A_CALL, "b"),
        "that nobody made",
    ),
    "two calls of one id": (
        lambda r: r.user("hi").assistant(tool_calls=(A_CALL, A_CALL)).tool(A_CALL, "a"),
        "an id of its own",
    ),
    "temperature": (lambda r: r.user("hi").temperature(2.1), "between 0 and 2"),
    "no number": (lambda r: r.user("hi").temperature(float("nan")), "between 0 and 2"),
    "top-p": (lambda r: r.user("hi").top_p(-0.1), "between 0 and 1"),
    "penalty": (lambda r: r.user("hi").presence_penalty(3), "between -2 and 2"),
    "max_tokens": (lambda r: r.user("hi").max_tokens(0), "max_tokens must be 1 or more"),
    "stop": (lambda r: r.user("hi").stop("END", ""), "A stop word must not be empty"),
    "effort": (lambda r: r.user("hi").reasoning("hard"), "reasoning_effort must be one of"),
    "a tool's name": (lambda r: r.user("hi").tools(Tool(name="look up")), "is no name for a tool"),
    "a tool twice": (lambda r: r.user("hi").tools(Tool(name="a"), Tool(name="a")), "the same name"),
    "a tool's schema": (
        lambda r: r.user("hi").tools(Tool(name="a", parameters={"type": "objekt"})),
        "What the tool a takes is no JSON schema",
    ),
    "a tool that takes no object": (
        lambda r: r.user("hi").tools(Tool(name="a", parameters={"type": "string"})),
        "must be an object",
    ),
    "an unknown tool": (lambda r: r.user("hi").tools(Tool(name="a")).tool_choice("b"), "no tool called b"),
    "no tool to require": (lambda r: r.user("hi").tool_choice("required"), "there is none"),
    "a schema": (lambda r: r.user("hi").schema({"type": 7}), "is no JSON schema"),
    "a schema elsewhere": (
        lambda r: r.user("hi").schema({"$ref": "https://x.org/a.json"}),
        "is no JSON schema",
    ),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_request_that_makes_no_sense_is_refused_and_not_sent(
    server: AnthropicServer, claude: AIProvider, what: str
) -> None:
    step, told = WRONG[what]
    request = step(Client(claude).request())
    for ask in (request.send, request.count_tokens):
        with pytest.raises(AIProviderInvalidRequestError) as caught:
            await ask()
        assert told in caught.value.message
        assert caught.value.message.endswith(".")
    with pytest.raises(AIProviderInvalidRequestError):
        request.stream()
    assert not server.requests


async def test_pictures_need_words_to_go_with() -> None:
    for request in (Client().request(), Client().request().user("hi").assistant("yes")):
        with pytest.raises(AIProviderInvalidRequestError, match=r"call \.user\(\) first"):
            request.images(Picture(data=b"x"))


# -- streams ------------------------------------------------------------------------------------------------


async def test_an_answer_is_read_while_it_is_written(mock: MockAIProvider) -> None:
    pieces = []
    async with Client(mock).request().user("hi").stream() as answer:
        async for delta in answer:
            pieces.append(delta.text)
            assert answer.text == "".join(pieces)
        response = await answer.response()
    assert pieces == ["Take ", "a ", "breath. ", "Then ", "begin.", ""]
    assert response.text == "".join(pieces)


async def test_the_rest_of_a_stream_is_read_for_its_response(mock: MockAIProvider) -> None:
    async with Client(mock).request().user("hi").stream() as answer:
        async for _ in answer:
            break
        assert (await answer.response()).text == "Take a breath. Then begin."


async def test_a_streamed_answer_of_a_form_ends_as_its_value() -> None:
    async with Client(saying('{"word": "calm"}')).request().user("hi").schema(MOOD).stream() as answer:
        assert "".join([delta.text async for delta in answer]) == '{"word": "calm"}'
        assert (await answer.response()).parsed == {"word": "calm"}
    async with Client(saying("calm")).request().user("hi").schema(MOOD).stream() as answer:
        assert [delta async for delta in answer]
        with pytest.raises(AIProviderMalformedReplyError):
            await answer.response()


@pytest.mark.parametrize("how", ["with", "bare loop", "error", "cancel"])
async def test_leaving_a_stream_early_hangs_up(server: AnthropicServer, claude: AIProvider, how: str) -> None:
    server.script.token_delay_s = 0.05
    request = Client(claude).request().user("hi")

    async def leave() -> None:
        if how == "bare loop":
            async for _ in request.stream():
                break
            return
        async with request.stream() as answer:
            async for _ in answer:
                if how == "error":
                    raise ValueError("the program's own")
                if how == "cancel":
                    await asyncio.sleep(30)
                break

    leaving = asyncio.ensure_future(leave())
    await server.until(lambda: bool(server.requests) and server.requests[0].chunks > 0)
    if how == "cancel":
        leaving.cancel()
    await asyncio.wait([leaving])
    assert leaving.cancelled() == (how == "cancel")
    assert leaving.cancelled() or isinstance(leaving.exception(), ValueError) == (how == "error")
    await server.until(lambda: server.requests[0].disconnected)


class Halting(AIProvider):
    """Stops in the middle of a sentence without saying so."""

    spec = Spec(name="halting", display_name="Halting", roles=frozenset({Role.THINKS}))

    async def chat(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:
        yield ChatDelta(text="I was about to")


async def test_an_answer_without_an_end_is_no_response() -> None:
    with pytest.raises(AIProviderStreamCutError):
        await Client(Halting()).request().user("hi").send()


# -- answers as values ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mood:
    word: str
    strength: int
    day: Literal["good", "bad"] = "good"


class Entry(TypedDict):
    moods: list[Mood]


MOOD = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}


def saying(*answers: str) -> MockAIProvider:
    return MockAIProvider(responses={"completion": list(answers)})


async def test_an_answer_of_a_type_is_a_value_of_it() -> None:
    response = (
        await Client(saying('{"word": "calm", "strength": 3}')).request().user("hi").schema(Mood).send()
    )
    assert response.parsed == Mood("calm", 3)
    fenced = '```json\n{"moods": [{"word": "calm", "strength": 3, "day": "bad"}]}\n```'
    mock = saying(fenced)
    response = await Client(mock).request().user("hi").schema(Entry).send()
    assert response.parsed == {"moods": [Mood("calm", 3, "bad")]}
    sent = asked(mock).schema
    assert sent is not None
    assert sent.name == "entry"


async def test_a_form_is_strict_where_vendors_can_hold_a_model_to_it() -> None:
    request = Client(saying("{}")).request().user("hi")
    of_type = request.schema(Mood).build().schema
    assert of_type is not None
    assert of_type.strict
    assert of_type.schema["required"] == ["word", "strength", "day"], "a model fills in what has a default"
    for loose in (MOOD, {"type": "object", "additionalProperties": {"type": "string"}}, {"oneOf": [MOOD]}):
        form = request.schema(loose).build().schema
        assert form is not None
        assert not form.strict
    own = JsonSchema(schema=MOOD, strict=True)
    assert request.schema(own).build().schema == own


async def test_an_answer_of_a_schema_is_its_json() -> None:
    for form in (MOOD, JsonSchema(schema=MOOD, name="mood")):
        response = await Client(saying('{"word": "calm"}')).request().user("hi").schema(form).send()
        assert response.parsed == {"word": "calm"}
    response = await Client(saying('{"any": [1, 2]}')).request().user("hi").json().send()
    assert response.parsed == {"any": [1, 2]}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("I am calm.", "not JSON"),
        ('{"word": ', "not JSON"),
        ('{"word": NaN}', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"word": 3}', "$.word: it is not of type"),
        ("[]", "is not of type"),
        ("{}", '"word" is a required property'),
    ],
)
async def test_an_answer_of_another_form_is_an_error_that_says_where(text: str, told: str) -> None:
    with pytest.raises(AIProviderMalformedReplyError) as caught:
        await Client(saying(text)).request().user("hi").schema(MOOD).send()
    assert told in str(caught.value.cause)
    assert "Mock" in caught.value.message


async def test_an_error_holds_nothing_of_the_answer() -> None:
    text = '{"word": ["a thing only she knew"], "more": "of it"}'
    with pytest.raises(AIProviderMalformedReplyError) as caught:
        await Client(saying(text)).request().user("hi").schema({**MOOD, "maxProperties": 1}).send()
    assert "she knew" not in "".join(traceback.format_exception(caught.value))


async def test_any_json_is_still_an_object() -> None:
    with pytest.raises(AIProviderMalformedReplyError):
        await Client(saying("[1]")).request().user("hi").json().send()


async def test_a_wrong_answer_is_repaired_once_if_wished() -> None:
    mock = saying('{"word": 3}', '{"word": "calm"}')
    response = await Client(mock).request().user("hi").schema(MOOD, repairs=1).send()
    assert response.parsed == {"word": "calm"}
    assert response.usage is not None
    assert response.usage.output_tokens == 4, "both rounds are counted"
    wrong, complaint = asked(mock).messages[-2:]
    assert (wrong.role, wrong.content) == (Speaker.ASSISTANT, '{"word": 3}')
    assert "$.word: it is not of type" in complaint.content
    mock = saying('{"word": 3}', '{"word": 4}', '{"word": "too late"}')
    with pytest.raises(AIProviderMalformedReplyError):
        await Client(mock).request().user("hi").schema(MOOD, repairs=1).send()
    assert len(mock.call_history) == 2


async def test_a_class_that_refuses_its_values_is_a_wrong_answer() -> None:
    @dataclass
    class Strict:
        word: str

        def __post_init__(self) -> None:
            if self.word != "calm":
                raise ValueError("only calm")

    mock = saying('{"word": "angry"}', '{"word": "calm"}')
    response = await Client(mock).request().user("hi").schema(Strict, repairs=1).send()
    assert response.parsed == Strict("calm")


async def test_a_real_dialect_gives_a_value(server: AnthropicServer, claude: AIProvider) -> None:
    server.script.reply = '{"word": "ruhig", "strength": 2, "day": "bad"}'
    assert (await Client(claude).request().user("hi").schema(Mood).send()).parsed == Mood("ruhig", 2, "bad")


# -- tools --------------------------------------------------------------------------------------------------


def look(day: str) -> str:
    """Looks a day up in the journal."""
    return f"It rained {day}."


async def count(days: list[str]) -> int:
    """Counts days."""
    return len(days)


SCRIPT: list[tuple[str, dict[str, Any]]] = [("look", {"day": "today"}), ("count", {"days": ["a", "b"]})]


async def test_a_model_uses_functions_until_it_answers() -> None:
    mock = MockAIProvider(responses={"completion": "It rained.", "tool_calls": SCRIPT})
    response = await Client(mock).request().user("Did it rain?").tools(look, count).run()
    assert response.text == "It rained."
    assert [message.role.value for message in response.messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
    ]
    assert [message.content for message in response.messages[2:4]] == ["It rained today.", "2"]
    assert response.usage is not None
    assert response.usage.input_tokens > 3 + 3, "both rounds are counted"


VENDORS: dict[str, tuple[type[VendorServer], str]] = {
    "openai": (OpenAIServer, ""),
    "anthropic": (AnthropicServer, ""),
    "ollama": (OllamaServer, "qwen3:4b"),
    "google": (GoogleServer, ""),
}
"""Whose dialects are tried with everything at once: server, and a model that can."""


@pytest.mark.parametrize("name", VENDORS)
async def test_one_request_has_its_tools_run_over_every_dialect(name: str) -> None:
    kind, model = VENDORS[name]
    rain = Picture(data=b"\x89PNG rain")
    async with kind() as server:
        server.script.calls = [("look", '{"day": "today"}'), ("count", '{"days": ["a", "b"]}')]

        def look(day: str) -> str:
            """Looks a day up in the journal."""
            server.script.calls, server.script.reply = [], '{"word": "wet"}'
            return f"It rained {day}."

        cls = registry.provider_class(name)
        key = {"api_key": KEY} if cls.spec.needs_key else {}
        async with cls(base_url=server.url, **key) as provider:
            request = Client(provider).request().system("Be kind.").user("Did it rain?", images=(rain,))
            request = request.model(model).max_tokens(4000).temperature(0.4).reasoning("low").cache()
            response = await request.tools(look, count).schema(MOOD).run()
        assert response.parsed == {"word": "wet"}
        assert response.finish_reason == "stop"
        assert [m.content for m in response.messages if m.role is Speaker.TOOL] == ["It rained today.", "2"]
        assert response.usage is not None
        assert response.usage.input_tokens > 10
        first, second = (json.dumps(seen.body) for seen in server.asked("") if seen.method == "POST")
        assert "It rained today." not in first
        assert "It rained today." in second


async def test_without_run_the_calls_are_the_programs() -> None:
    mock = MockAIProvider(responses={"completion": "It rained.", "tool_calls": SCRIPT[:1]})
    request = Client(mock).request().user("Did it rain?").tools(look)
    response = await request.send()
    assert (response.finish_reason, response.text) == ("tool_calls", "")
    (call,) = response.tool_calls
    followed = request.assistant(tool_calls=response.tool_calls).tool(call, "Yes.")
    assert (await followed.send()).text == "It rained."


async def test_a_forced_tool_is_forced_only_once() -> None:
    mock = MockAIProvider(responses={"completion": "It rained.", "tool_calls": SCRIPT[:1]})
    await Client(mock).request().user("hi").tools(look).tool_choice("look").run()
    assert [entry["request"].tool_choice for entry in mock.call_history] == ["look", "auto"]


async def test_a_model_that_never_answers_is_stopped() -> None:
    class Busy(MockAIProvider):
        async def chat(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:  # type: ignore[override]
            call = ToolCall(id=f"c{len(request.messages)}", name="look", arguments='{"day": "again"}')
            yield ChatDelta(finish_reason="tool_calls", tool_calls=(call,))

    with pytest.raises(AIProviderEmptyReplyError, match="used tools 3 times and did not answer") as caught:
        await Client(Busy()).request().user("hi").tools(look).run(max_rounds=3)
    assert not caught.value.retryable


async def test_only_functions_can_be_run(mock: MockAIProvider) -> None:
    for request in (
        Client(mock).request().user("hi").tools(Tool(name="look")),
        Client(mock).request().user("hi"),
    ):
        with pytest.raises(AIProviderInvalidRequestError, match="the functions themselves"):
            await request.run()
    assert not mock.call_history


async def test_tools_and_a_form_go_together() -> None:
    mock = MockAIProvider(responses={"completion": '{"word": "wet"}', "tool_calls": SCRIPT[:1]})
    response = await Client(mock).request().user("hi").tools(look).schema(MOOD).run()
    assert response.parsed == {"word": "wet"}


# -- length -------------------------------------------------------------------------------------------------


async def test_tokens_are_counted_by_whoever_can(claude: AIProvider, mock: MockAIProvider) -> None:
    assert await Client(claude).request().user("one two three").count_tokens() == 3
    assert await Client(mock).request().user("one two three").count_tokens() > 3


async def test_a_long_conversation_is_trimmed_to_what_fits(mock: MockAIProvider) -> None:
    request = Client(mock).request().system("Be brief.")
    for n in range(50):
        request = request.user(f"question {n} " * 20).assistant(f"answer {n}")
    request = request.user("now")
    assert len(request.trimmed().build().messages) == 102, "nobody knows the window of the mock"
    kept = request.trimmed(500).build().messages
    assert kept[0].content == "Be brief."
    assert kept[-1].content == "now"
    assert 3 < len(kept) < 30
    with pytest.raises(AIProviderInvalidRequestError, match="longer than the model can read"):
        request.user("word " * 600).trimmed(500).build()


async def test_what_is_cached_keeps_its_beginning_for_many_turns(mock: MockAIProvider) -> None:
    request = Client(mock).request().system("Be brief.")
    firsts: dict[bool, list[str]] = {True: [], False: []}
    for n in range(60):
        request = request.user(f"question {n} " * 10)
        for cached, seen in firsts.items():
            seen.append(request.cache(cached).trimmed(600).build().messages[1].content)
        request = request.assistant(f"answer {n}")
    assert len(set(firsts[True])) < len(set(firsts[False])) / 2


async def test_a_known_model_is_trimmed_to_its_window() -> None:
    async with OllamaProvider(base_url="http://127.0.0.1:9") as provider:
        request = Client(provider).request().model("phi4")
        for n in range(40):
            request = request.user(f"question {n} " * 200).assistant("yes")
        kept = request.user("now").trimmed().build()
    window = Catalogue.load().find("phi4", "ollama")
    assert window is not None
    assert window.context_window is not None
    assert window.context_window * 0.5 < estimate_request(kept) < window.context_window


# -- vectors and pictures ---------------------------------------------------------------------------------------


async def test_vectors_and_pictures_come_from_whoever_has_the_model(mock: MockAIProvider) -> None:
    async with OllamaServer() as server, OllamaProvider(base_url=server.url) as ollama:
        server.script.models = ["nomic-embed-text:latest"]
        client = Client(mock, ollama)
        found = await client.embed("rain", "sun", dimensions=8)
        assert (found.model, len(found.vectors), len(found.vectors[0])) == ("mock-vectors", 2, 8)
        found = await client.embed("rain", model="nomic-embed-text")
        assert found.model == "nomic-embed-text"
    picture = await client.draw("a lake", size="8x8")
    async with Client("guide", mock) as first_cannot:
        assert (await first_cannot.embed("rain")).model == "mock-vectors"
        assert (await first_cannot.request().user("hi").send()).provider == "guide"
    assert picture.data.startswith(b"\x89PNG")
    mock.failure, mock.fail_times, mock.policy = (
        AIProviderUnavailableError(),
        1,
        Policy(attempts=2, backoff_s=0),
    )
    assert (await client.embed("rain")).vectors


async def test_nothing_is_made_of_nothing(mock: MockAIProvider) -> None:
    client = Client(mock)
    for ask in (client.embed(), client.embed("rain", " "), client.draw("  ")):
        with pytest.raises(AIProviderInvalidRequestError):
            await ask
    assert not mock.call_history


async def test_a_program_with_a_prompt_of_its_own_and_a_long_memory(
    mock: MockAIProvider, tmp_path: Path
) -> None:
    file = tmp_path / "listener.md"
    file.write_text("You listen to $name.\nIt is $part.\n", encoding="utf-8")
    prompt = PromptTemplate.load(file, variables={"name", "part"})
    with pytest.raises(TemplateError, match="line 2"):
        prompt.render(name="Anna")
    memory = [
        Message(Speaker.USER if n % 2 == 0 else Speaker.ASSISTANT, f"word {n} " * 30) for n in range(40)
    ]
    assert estimate_tokens(memory[0].content) > 30
    recent = trim_messages(memory, 600)
    assert recent[-1] is memory[-1]
    assert recent[0].role is Speaker.USER
    request = Client(mock).request().system(prompt.render(name="Anna", part="evening"))
    request = request.messages(*recent).user("Where were we?")
    assert estimate_request(request.build()) == await request.count_tokens() < 800
    await request.send()
    assert asked(mock).messages[0].content == "You listen to Anna.\nIt is evening."


@pytest.mark.parametrize("vendor", ["anthropic", "openai", "google", "deepgram"])
async def test_a_program_without_a_key_is_told_where_one_goes(
    vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = registry.find(vendor)
    for name in spec.key_env:
        monkeypatch.delenv(name, raising=False)
    async with Client(vendor) as client:
        provider, _ = client.provider_for(name=vendor)
        with pytest.raises(AIProviderError) as caught:
            provider.require_key()
    hint = caught.value.hint
    assert spec.key_env[0] in hint
    assert "`api_key`" in hint
    assert spec.key_page in hint


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.MICROPHONE_LOST}))
def test_no_program_is_told_that_what_it_said_is_kept(kind: Kind) -> None:
    error = AIProviderError(kind=kind)
    assert not any(
        words in error.hint for words in ("What you said is", "Your recording is", "What arrived is")
    )
    assert error.hint_in_window == error._hint, "the window says it, and there it is true"
