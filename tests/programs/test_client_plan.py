"""Programs of the fourth document: one client, its requests, several providers, middleware, the environment, mocks."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from companion.calls import Picture
from companion.errors import (
    AIProviderCircuitOpenError,
    AIProviderInvalidRequestError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import Audio
from companion.kinds import Role
from companion.pcm import to_wav
from companion.providers import (
    AIProvider,
    AIProviderAuthError,
    AIProviderFactory,
    CachingMiddleware,
    ChatDelta,
    ChatOptions,
    ChatRequest,
    ChatResponse,
    CircuitBreakerMiddleware,
    Client,
    Config,
    EmbeddingRequest,
    LoggingMiddleware,
    Message,
    MetricsMiddleware,
    MockProvider,
    ProviderError,
    RateLimitMiddleware,
    RetryMiddleware,
    Tool,
    ToolCall,
    ToolFunction,
    TracingMiddleware,
    Transcript,
    load_from_env,
    registry,
)
from tests.programs.conftest import KEYS, Vendors
from tests.providers.scripted import now
from tests.servers import Script

ENVIRONMENT = """\
# Provider configuration
AI_PROVIDER=openai                    # Provider: openai, anthropic, google, azure
AI_API_KEY=sk-...                     # API key
AI_BASE_URL=                          # Optional base URL override
AI_DEFAULT_MODEL=gpt-4                # Default model

# Request configuration
AI_TIMEOUT=30s                        # Request timeout
AI_MAX_RETRIES=3                      # Max retry attempts
AI_RETRY_BACKOFF=1s                   # Initial backoff duration

# Resilience configuration
AI_CIRCUIT_BREAKER=true               # Enable circuit breaker
AI_CIRCUIT_BREAKER_THRESHOLD=5        # Failure threshold
AI_RATE_LIMIT=0                       # Rate limit (0 = disabled)
"""
DOWN = AIProviderUnavailableError("down", "mock")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from companion.providers.env_file import parse

    for name, value in parse(ENVIRONMENT).items():
        monkeypatch.setenv(name, value)


# -- configuration ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("environment")
async def test_basic_usage(vendor: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await vendor("openai")
    monkeypatch.delenv("OPENAI_API_KEY")
    server.script.keys = ["sk-..."]
    server.script.models = ["gpt-4"]

    cfg = load_from_env()
    client = Client(cfg)
    resp = (
        await client.new_request()
        .system("You are a helpful assistant.")
        .user("What is the capital of France?")
        .model("gpt-4")
        .temperature(0.7)
        .do()
    )
    await client.close()

    assert resp.message.content == server.script.reply
    assert resp.message.role == "assistant"
    policy = cfg.llm.policy
    assert (policy.total_s, policy.attempts, policy.backoff_s) == (30.0, 4, 1.0)
    assert (policy.breaker, policy.breaker_threshold, policy.requests_per_minute) == (True, 5, 0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30.0), ("500ms", 0.5), ("1m30s", 90.0), ("1.5h", 5400.0), ("12", 12.0), (" 2 s ", 2.0)],
)
def test_durations(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_TIMEOUT", text)
    assert AIProviderFactory.create("mock").policy.total_s == pytest.approx(seconds)
    assert AIProviderFactory.create("mock", timeout=text).policy.total_s == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["30x", "s", "1s1", "five", "-3s", "1e999s", "0"])
def test_what_is_no_duration_is_told(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_TIMEOUT", text)
    with pytest.raises(AIProviderInvalidRequestError, match="AI_TIMEOUT"):
        AIProviderFactory.create("mock")


def test_the_common_variables_are_those_of_the_chosen_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_API_KEY", "sk-common-12345678")
    monkeypatch.setenv("AI_DEFAULT_MODEL", "gpt-4")
    assert AIProviderFactory.create().spec.name == "openai"
    monkeypatch.setenv("AI_PROVIDER", "anthropic")
    assert AIProviderFactory.create("anthropic").require_key() == "sk-common-12345678"
    assert AIProviderFactory.create("openai").api_key is None
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-own-12345678")
    assert AIProviderFactory.create("anthropic").require_key() == "sk-ant-own-12345678"


def test_a_vendors_key_never_goes_to_an_address_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_PROVIDER", "openai")
    monkeypatch.setenv("OPENAI_API_KEY", KEYS["OPENAI_API_KEY"])
    monkeypatch.setenv("AI_BASE_URL", "https://proxy.example/v1")
    proxied = AIProviderFactory.create("openai")
    assert (proxied.base_url, proxied.api_key) == ("https://proxy.example/v1", None)
    monkeypatch.setenv("AI_API_KEY", "proxy-key-1234")
    assert AIProviderFactory.create("openai").require_key() == "proxy-key-1234"
    assert AIProviderFactory.create("anthropic").base_url == registry.find("anthropic").base_url
    config = Config(provider="openai")
    assert config.llm.require_key() == "proxy-key-1234"


def test_what_the_environment_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_PROVIDER", "openai")
    with pytest.raises(ValueError, match="needs a key"):
        load_from_env()
    monkeypatch.setenv("AI_PROVIDER", "hal9000")
    with pytest.raises(ValueError, match="hal9000"):
        load_from_env()


def test_a_config_as_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_MODEL", "gpt-6-sol")
    monkeypatch.setenv("AI_TIMEOUT", "5s")
    cfg = Config(
        provider="openai",
        api_key="sk-0123456789abcdef",
        default_model="gpt-4",
        timeout="30s",
        max_retries=1,
        rate_limit=10.0,
        organization="org-1",
    )
    cfg.validate()
    provider = cfg.llm
    assert (provider.models[Role.THINKS], provider.require_key()) == ("gpt-4", "sk-0123456789abcdef")
    assert (provider.policy.total_s, provider.policy.attempts) == (30, 2)
    assert (provider.policy.requests_per_minute, provider.policy.requests_at_once) == (600, 1)
    assert "sk-0123" not in f"{cfg!r} {provider!r}"
    with pytest.raises(AIProviderAuthError) as caught:
        Config(provider="anthropic").validate()
    assert caught.value.kind is Kind.KEY_MISSING


# -- requests -----------------------------------------------------------------------------------------------


async def test_streaming(vendor: Vendors, capsys: pytest.CaptureFixture[str]) -> None:
    server = await vendor("openai")
    client = Client("openai")
    stream = client.new_request().user("Write a short story about a robot.").stream()
    while (chunk := await stream.recv()) is not None:
        print(chunk.delta.content, end="")
    await stream.close()
    await client.close()
    assert capsys.readouterr().out == server.script.reply


async def test_several_providers(vendor: Vendors) -> None:
    openai, anthropic = await vendor("openai"), await vendor("anthropic")
    openai.script.reply, anthropic.script.reply = "one", "two"
    clients = [
        Client(Config(provider="openai", api_key=os.environ["OPENAI_API_KEY"])),
        Client(Config(provider="anthropic", api_key=os.environ["ANTHROPIC_API_KEY"])),
    ]
    said = [(await client.new_request().user("Hello").do()).message.content for client in clients]
    for client in clients:
        await client.close()
    assert said == ["one", "two"]


async def test_two_keys_of_one_vendor_in_one_client(vendor: Vendors) -> None:
    server = await vendor("openai")
    server.script.models = ["gpt-6-luna", "gpt-6-sol"]
    work, home = (AIProviderFactory.create("openai", api_key=key) for key in ("sk-work-1234", "sk-home-1234"))
    async with Client(work, home) as client, Client(work=work, home=home) as named:
        await client.request().user("hi").send()
        await client.request().user("hi").provider("openai-2").send()
        await named.request().user("hi").provider("home").send()
        await named.request().user("hi").model("gpt-6-sol").provider(work).send()
    keys = [seen.headers["authorization"].split("-")[1] for seen in server.asked("/chat/completions")]
    keys = keys or [seen.headers["authorization"].split("-")[1] for seen in server.requests]
    assert keys == ["work", "home", "home", "work"]
    await asyncio.gather(work.aclose(), home.aclose())


async def test_the_short_name_of_a_model_is_enough(vendor: Vendors) -> None:
    server = await vendor("anthropic")
    async with Client("haiku") as client:
        await client.request().user("hi").send()
    assert server.requests[-1].body["model"] == "claude-haiku-5-5"


async def test_a_class_that_only_takes_words_refuses_what_it_would_lose() -> None:
    class Words(AIProvider):
        async def generate_completion(
            self, system_prompt: str, user_prompt: str, max_tokens: int = 500, temperature: float = 0.7
        ) -> str:
            return user_prompt

    asked = Client(Words()).request().user("And then?")
    assert (await asked.send()).text == "And then?"
    with pytest.raises(NotImplementedError, match="tools"):
        await asked.tools({"name": "look"}).send()
    earlier = Client(Words()).request().user("Hi").assistant("Hello.").user("And then?")
    assert (await earlier.send()).text == "User: Hi\n\nAssistant: Hello.\n\nUser: And then?"
    with pytest.raises(TypeError, match="subclass"):
        AIProvider()
    with pytest.raises(ValueError, match="no description of a tool"):
        ChatRequest(messages=(), tools=(print,))  # type: ignore[arg-type]


async def test_ready_requests_dictionaries_and_options(vendor: Vendors) -> None:
    server = await vendor("groq")
    weather = {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Of a place.",
            "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
        },
    }
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "How is it in Rome?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"place": "Rome"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    options = ChatOptions(temperature=0.1, max_tokens=50, tools=[weather], tool_choice="auto", stop=["END"])
    async with Client("groq") as client:
        first = await client.chat(messages, options)
        second = await client.chat(ChatRequest(messages=messages, options=options))  # type: ignore[arg-type]
        third = (
            await client.request().messages(messages).tools(weather).options(options).tool_choice("auto").do()
        )
        stream = client.chat_stream(messages, temperature=0.1)
        streamed = await stream.response()
    assert first.text == second.text == third.text == streamed.text == server.script.reply
    bodies = [seen.body for seen in server.asked("/chat/completions")]
    assert bodies[0] == bodies[1]
    assert [message["role"] for message in bodies[0]["messages"]] == ["system", "user", "assistant", "tool"]
    assert bodies[0]["tools"][0]["function"]["name"] == "weather"
    assert (bodies[0]["temperature"], bodies[0]["stop"]) == (0.1, ["END"])


async def test_the_response_has_the_documented_fields(vendor: Vendors) -> None:
    server = await vendor("anthropic")
    async with Client("anthropic") as client:
        resp = await client.chat([{"role": "user", "content": "Hello"}])
    assert resp.usage is not None
    assert resp.usage.total_tokens == resp.usage.prompt_tokens + resp.usage.completion_tokens > 0
    assert (resp.provider, resp.finish_reason) == ("anthropic", "stop")
    assert resp.message == Message("assistant", server.script.reply)  # type: ignore[arg-type]
    assert resp.created_at > 1_700_000_000
    assert resp.id
    assert resp.model
    assert resp.raw_response is not None


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": ""}],
        [{"role": "narrator", "content": "hi"}],
        [{"content": "hi"}],
        ["hi"],
    ],
)
async def test_what_makes_no_sense_is_refused_before_anything_is_sent(messages: list[Any]) -> None:
    mock = MockProvider()
    with pytest.raises(ValueError, match=r".") as caught:
        await Client(mock).chat(messages)
    assert isinstance(caught.value, ProviderError)
    assert mock.call_history == []


def test_tools_and_calls_have_the_documented_parts() -> None:
    tool = ToolFunction(name="look", description="Looks.", parameters={"type": "object"})
    assert isinstance(tool, Tool)
    assert (tool.type, tool.function.name, tool.function.parameters) == (
        "function",
        "look",
        {"type": "object"},
    )
    call = ToolCall(id="c1", name="look", arguments="{}")
    assert (call.type, call.function.name, call.function.arguments) == ("function", "look", "{}")
    pictured = Message.of(
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
                {"type": "image_url", "image_url": "data:image/png;base64,iVBORw=="},
            ],
        }
    )
    assert pictured.content == "What is this?"
    assert pictured.images == (
        Picture(url="https://example.org/a.png"),
        Picture(data=b"\x89PNG", media_type="image/png"),
    )


async def test_embeddings_speech_and_recordings() -> None:
    mock = MockProvider({"transcript": "it rained"})
    async with Client(mock) as client:
        found = await client.embeddings(["rain", "sun"])
        said = await client.speak("one two three four", voice="mock-voice-1")
        heard = [
            await client.transcribe(said),
            await client.transcribe(to_wav(Audio(pcm=said.pcm, rate_hz=said.rate_hz))),
        ]
    assert len(found.vectors) == 2
    assert said.seconds == pytest.approx(1.2)
    assert {(each.text, each.is_final) for each in heard} == {("it rained", True)}


# -- middleware ---------------------------------------------------------------------------------------------


async def test_the_middleware_example(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("program")
    caplog.set_level(logging.INFO, "program")
    client = Client(MockProvider({"completion": "hello"}, failure=DOWN, fail_times=2))
    client.use(
        LoggingMiddleware(logger),
        RetryMiddleware(3, 0.001),
        CircuitBreakerMiddleware(5, 30),
        RateLimitMiddleware(1000.0),  # 1000 req/s
    )
    resp = await client.new_request().user("Hello").do()
    assert resp.text == "hello"
    assert [record.getMessage().split()[1] for record in caplog.records if record.name == "program"] == [
        "provider=mock"
    ] * 3


@pytest.mark.parametrize("by", ["middleware", "environment", "argument"])
@pytest.mark.jumping_clock
async def test_a_rate_limit_is_so_many_a_second_one_after_the_other(by: str) -> None:
    with pytest.MonkeyPatch.context() as environment:
        if by == "environment":
            environment.setenv("AI_RATE_LIMIT", "2")
        provider = AIProviderFactory.create("mock", **({"rate_limit": 2} if by == "argument" else {}))
    client = Client(provider)
    if by == "middleware":
        client.use(RateLimitMiddleware(2.0))
    began, began_at = now(), []
    for _ in range(4):
        async with client.new_request().user("Hello").stream() as stream:
            await stream.recv()
        began_at.append(round(now() - began, 3))
    assert began_at == [0.0, 0.5, 1.0, 1.5]


async def test_retries_of_the_client_take_the_place_of_the_providers_own() -> None:
    mock = MockProvider(failure=DOWN)
    mock.policy = replace(mock.policy, attempts=3, backoff_s=0.0)
    client = Client(mock).use(RetryMiddleware(1, 0.001))
    with pytest.raises(AIProviderUnavailableError):
        await client.new_request().user("Hello").do()
    assert len(mock.call_history) == 2


async def test_a_breaker_of_the_client_remembers() -> None:
    mock = MockProvider(failure=DOWN)
    client = Client(mock).use(CircuitBreakerMiddleware(2, 30.0))
    kinds = []
    for _ in range(3):
        with pytest.raises(AIProviderUnavailableError) as caught:
            await client.new_request().user("Hello").do()
        kinds.append(type(caught.value))
    assert kinds == [AIProviderUnavailableError, AIProviderUnavailableError, AIProviderCircuitOpenError]
    assert len(mock.call_history) == 2


class Metrics:
    """A collector as the document has it."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    def record_request(self, provider: str, model: str) -> None:
        self.seen.append(("request", provider, model))

    def record_response(
        self, provider: str, model: str, duration: float, tokens: int, error: BaseException | None
    ) -> None:
        assert duration >= 0
        self.seen.append(("response", tokens, type(error).__name__))

    def record_stream_chunk(self, provider: str, model: str) -> None:
        self.seen.append(("chunk",))


async def test_metrics() -> None:
    metrics = Metrics()
    client = Client(MockProvider({"completion": "one two"}, failure=DOWN, fail_times=1)).use(
        MetricsMiddleware(metrics)
    )
    with pytest.raises(AIProviderUnavailableError):
        await client.new_request().user("Hello there").do()
    await client.new_request().user("Hello there").do()
    async with client.new_request().user("Hello there").stream() as stream:
        await stream.recv()
    *seen, (_, tokens, error) = metrics.seen
    assert (tokens > 0, error) == (True, "GeneratorExit")
    assert seen == [
        ("request", "mock", "mock-1"),
        ("response", 0, "AIProviderUnavailableError"),
        ("request", "mock", "mock-1"),
        *[("chunk",)] * 3,
        ("response", 4, "NoneType"),
        ("request", "mock", "mock-1"),
        ("chunk",),
    ]


class OwnCache:
    """A cache as the document has it: `get` also says whether there was something."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.ttl = 0.0

    def get(self, key: str) -> tuple[Any, bool]:
        return self.kept.get(key), key in self.kept

    def set(self, key: str, resp: Any, ttl: float) -> None:
        self.kept[key], self.ttl = resp, ttl


async def test_a_cache_of_ones_own() -> None:
    cache, mock = OwnCache(), MockProvider({"completion": ["first", "second"]})
    client = Client(mock).use(CachingMiddleware(cache, 60))
    said = [(await client.new_request().user("Hello").do()) for _ in range(2)]
    other = await client.new_request().user("Other").do()
    sound = [await client.speak("one") for _ in range(2)]
    assert [each.text for each in said] == ["first", "first"]
    assert other.text == "second"
    assert sound[0] == sound[1]
    assert [call["method"] for call in mock.call_history] == ["chat", "chat", "speak"]
    assert said[0].usage is not None
    assert said[1].usage is None  # nothing was used
    assert cache.ttl == 60
    (kept, *_) = cache.kept.values()
    assert isinstance(kept, ChatResponse)
    assert all(isinstance(key, str) for key in cache.kept)


def test_the_key_of_a_request_is_the_same_in_every_process() -> None:
    code = (
        "from companion.providers import ChatRequest, Message\n"
        "from companion.providers.middleware.memory import cache_key\n"
        "print(cache_key(ChatRequest(messages=(Message('user', 'hi'),), metadata={'b': '1', 'a': '2'})))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(keys) == 1


async def test_a_function_is_middleware_too() -> None:
    seen: list[str] = []

    def noting(call: Any) -> Any:
        def run(request: Any) -> Any:
            seen.append(type(request).__name__)
            return call(request)

        return run

    client = Client(MockProvider()).use(noting)
    await client.chat([{"role": "user", "content": "hi"}])
    await client.speak("one")
    assert seen == ["ChatRequest", "SpeakRequest"]


class Spans:
    """A tracer of OpenTelemetry's shape that keeps what it is told."""

    def __init__(self) -> None:
        self.name, self.told, self.ended = "", {}, 0  # type: tuple[str, dict[str, Any], int]

    def start_span(self, name: str, attributes: dict[str, Any]) -> Spans:
        self.name = name
        self.told |= attributes
        return self

    def set_attribute(self, name: str, value: Any) -> None:
        self.told[name] = value

    def set_status(self, status: Any) -> None:
        self.told["status"] = status

    def end(self) -> None:
        self.ended += 1


async def test_a_call_is_a_span_without_a_word_of_its_content() -> None:
    spans = Spans()
    client = Client(MockProvider({"completion": "secret answer"})).use(TracingMiddleware(spans))
    await client.new_request().user("secret question").temperature(0.5).do()
    assert (spans.name, spans.ended) == ("chat mock-1", 1)
    assert spans.told["gen_ai.provider.name"] == "mock"
    assert spans.told["gen_ai.request.temperature"] == 0.5
    assert spans.told["gen_ai.usage.output_tokens"] == 2
    assert "secret" not in str(spans.told)
    failing = Client(MockProvider(failure=DOWN)).use(TracingMiddleware(spans))
    with pytest.raises(AIProviderUnavailableError):
        await failing.new_request().user("x").do()
    assert (spans.told["error.type"], spans.ended) == ("unavailable", 2)


async def test_without_opentelemetry_tracing_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    client = Client(MockProvider({"completion": "hello"})).use(TracingMiddleware())
    assert (await client.new_request().user("x").do()).text == "hello"


# -- testing ------------------------------------------------------------------------------------------------


async def test_the_test_of_the_document() -> None:
    mock_provider = MockProvider(
        chat_func=lambda req: ChatResponse(message=Message(role="assistant", content="Test response")),  # type: ignore[arg-type]
        name_func=lambda: "tested",
    )
    client = Client(mock_provider)
    resp = await client.new_request().user("Test message").do()
    assert resp.message.content == "Test response"
    assert mock_provider.name == "tested"


async def test_mock_functions_may_be_anything_that_answers() -> None:
    async def whole(request: ChatRequest) -> str:
        return f"heard {request.messages[-1].content}"

    async def stream(request: ChatRequest) -> AsyncIterator[ChatDelta | str]:
        yield "one "
        yield ChatDelta(text="two")

    for function, said in ((whole, "heard hi"), (stream, "one two"), (lambda _: ["a", "b"], "ab")):
        mock = MockProvider(chat_func=function)
        assert (await Client(mock).new_request().user("hi").do()).text == said
        assert await mock.generate_completion("", "hi") == said
    assert (
        await Client(MockProvider({"completion": whole})).new_request().user("hi").do()
    ).text == "heard hi"


async def test_a_provider_whose_chat_gives_a_whole_response() -> None:
    class Echo(AIProvider):
        async def chat(self, request: ChatRequest) -> ChatResponse:  # type: ignore[override]
            return ChatResponse(message=Message("assistant", request.messages[-1].content))  # type: ignore[arg-type]

    assert Echo.spec.roles == {Role.THINKS}
    assert (await Client(Echo()).new_request().user("Test message").do()).message.content == "Test message"
    assert await Echo().generate_completion("", "again") == "again"


async def test_a_provider_written_as_the_plans_interface() -> None:
    class Own(AIProvider):
        async def chat(self, request: ChatRequest) -> ChatResponse:  # type: ignore[override]
            return ChatResponse(text="whole")

        async def chat_stream(self, request: ChatRequest) -> AsyncIterator[ChatDelta]:  # type: ignore[override]
            yield ChatDelta(text="in ")
            yield ChatDelta(text="pieces")

        async def embeddings(self, request: Any) -> Any:
            return [[3.0, 4.0] for _ in request.texts]

    assert Own.spec.roles == {Role.THINKS, Role.EMBEDS}
    async with Client(Own()) as client:
        stream = client.new_request().user("hi").stream()
        assert [chunk.delta.content async for chunk in stream] == ["in ", "pieces", ""]
        assert (await client.embeddings(EmbeddingRequest(texts=("a", "b")))).vectors == ((0.6, 0.8),) * 2
    assert (await Own().chat(ChatRequest(messages=()))).text == "whole"


# -- vendors ------------------------------------------------------------------------------------------------


async def test_organization_and_versions(vendor: Vendors) -> None:
    openai, anthropic = await vendor("openai"), await vendor("anthropic")
    async with AIProviderFactory.create("openai", organization="org-1", project="proj-1") as provider:
        await provider.generate_completion("", "hi")
        assert (await provider.check()).ok
    for seen in openai.requests:
        assert (seen.headers["openai-organization"], seen.headers["openai-project"]) == ("org-1", "proj-1")
    async with AIProviderFactory.create("anthropic", version="2023-06-01") as older:
        await older.generate_completion("Be brief.", "hi")
        await older.list_models()
    assert {seen.headers["anthropic-version"] for seen in anthropic.requests} == {"2023-06-01"}
    azure = AIProviderFactory.create("azure", api_key="k-12345678", api_version="2026-01-01")
    assert azure.query == {"api-version": "2026-01-01"}  # type: ignore[attr-defined]


async def test_switching_by_the_environment_alone(vendor: Vendors, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = {}
    for name in ("openai", "anthropic"):
        (await vendor(name)).script = Script(reply=f"I am {name}")
    for name in ("openai", "anthropic"):
        monkeypatch.setenv("AI_PROVIDER", name)
        async with Client(load_from_env()) as client:
            replies[name] = (await client.new_request().user("Hello").do()).text
    assert replies == {"openai": "I am openai", "anthropic": "I am anthropic"}


async def test_plain_words_for_roles(vendor: Vendors) -> None:
    server = await vendor("anthropic")
    messages = (Message("system", "S"), Message("user", "a"), Message("assistant", "b"), Message("user", "c"))  # type: ignore[arg-type]
    async with AIProviderFactory.create("anthropic") as provider:
        words = [delta.text async for delta in provider.chat(ChatRequest(messages=messages))]
    assert "".join(words) == server.script.reply
    assert [each["role"] for each in server.requests[-1].body["messages"]] == ["user", "assistant", "user"]
    client = Client(MockProvider())
    assert client.provider_for(role="stt")[0].name == "mock"
    assert isinstance(Transcript(text=""), Transcript)
