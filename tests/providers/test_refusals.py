"""What refusals mean: not too fast but too much, not gone but loading, not a missing model but no such service."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiohttp import web

from companion.calls import Tool
from companion.errors import (
    AIProviderAuthError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderUnavailableError,
    Kind,
)
from companion.flow import ChatDelta, ChatRequest, Message, Speaker
from companion.kinds import Role
from companion.providers import registry
from companion.providers.provider import AIProvider, Policy
from companion.providers.wire import faults
from companion.providers.wire.refusals import LOADING, Reason
from tests.servers import AnthropicServer, GoogleServer, OllamaServer, OpenAIServer, VendorServer
from tests.servers.compatible import COMPATIBLE
from tests.servers.openai import Ways
from tests.servers.script import Script, Seen

KEY = "sk-refused-0123456789abcdef"
ASKED = ChatRequest(messages=(Message(Speaker.USER, "Hello"),))
DIALECTS: dict[str, type[VendorServer]] = {
    server.name: server for server in (OpenAIServer, AnthropicServer, GoogleServer, OllamaServer, COMPATIBLE["llamacpp"])
}  # fmt: skip


class ChatOnly(OpenAIServer):
    """An address of OpenAI's dialect that has nothing but chat completions."""

    ways = Ways()


@dataclass(frozen=True)
class Wire:
    """One way to ask a model of OpenAI's dialect."""

    server: type[VendorServer]
    path: str
    names: Mapping[str, str]
    """What is refused -> its name there; empty: it is never sent."""
    of_thinking: tuple[str, ...] = ()
    """What goes along for models that think."""


_CHAT = {"temperature": "temperature", "effort": "reasoning_effort", "seed": "seed"}
WIRES = {
    "responses": Wire(
        OpenAIServer,
        "/responses",
        {
            "temperature": "temperature",
            "max_tokens": "max_output_tokens",
            "effort": "reasoning.effort",
            "seed": "",
        },
        ("reasoning.summary", "include"),
    ),
    "chat": Wire(ChatOnly, "/chat/completions", {**_CHAT, "max_tokens": "max_completion_tokens"}),
    "compatible": Wire(COMPATIBLE["compatible"], "/chat/completions", {**_CHAT, "max_tokens": "max_tokens"}),
    "llamacpp": Wire(COMPATIBLE["llamacpp"], "/chat/completions", {**_CHAT, "max_tokens": "max_tokens"}),
    "ollama": Wire(OllamaServer, "/api/chat", {}),
}


@pytest.fixture(params=["responses", "chat", "compatible"])
def wire(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def choosy(wire: str, *refusals: Any) -> Any:
    """A server that refuses requests in the words it is given while a field is in them: `name, says` or pairs of these."""
    pairs = [refusals] if isinstance(refusals[0], str) else refusals
    kind: Any = WIRES[wire].server

    class Choosy(kind):
        def knows_model(self, model: object, script: Script) -> bool:
            return True

        def _problem(self, asked: dict[str, Any]) -> tuple[str, str] | None:
            for name, says in pairs:
                whole, _, part = name.partition(".")
                if name and (asked.get(whole) if not part else part in (asked.get(whole) or ())):
                    return name, says.replace("{}", name)
            return None

        def _problem_of_response(self, asked: dict[str, Any]) -> tuple[str, str, str] | None:
            found = self._problem(asked)
            return found and (found[0], "invalid_value", found[1])

    return Choosy()


def made(server: VendorServer, **settings: Any) -> AIProvider:
    cls = registry.provider_class(server.name)
    model = server.default_models[0] if cls.spec.own_address else ""
    key = KEY if cls.spec.needs_key else None
    provider = cls(**{"base_url": server.url, "api_key": key, "model": model, **settings})
    provider.policy = replace(provider.policy, backoff_s=0.001)
    return provider


@pytest.fixture(params=list(DIALECTS))
async def server(request: pytest.FixtureRequest) -> AsyncIterator[VendorServer]:
    async with DIALECTS[request.param]() as server:
        yield server


async def deltas(provider: AIProvider, request: ChatRequest = ASKED) -> list[ChatDelta]:
    return [delta async for delta in provider.stacked(provider.chat)(request)]


async def said(provider: AIProvider, request: ChatRequest = ASKED) -> str:
    return "".join(delta.text for delta in await deltas(provider, request))


async def refused(provider: AIProvider, request: ChatRequest = ASKED) -> AIProviderError:
    with pytest.raises(AIProviderError) as caught:
        await said(provider, request)
    return caught.value


# -- words of many vendors ------------------------------------------------------------------------------------


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


TOO_MUCH = [
    (413, error("Request too large on tokens per minute (TPM): Limit 6000, Requested 14810.", code="rate_limit_exceeded")),
    (429, error("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 45000.", type="tokens")),
    (429, error("Rate limit reached on tokens per day (TPD): Limit 100000, Used 0, Requested 200000.")),
    (400, error("This model's maximum context length is 8192 tokens.", code=400)),
    (400, {"error": {"code": 400, "message": "too big", "type": "exceed_context_size_error"}}),
    (400, error("Provider returned error", metadata={"raw": json.dumps(error("prompt is too long: 2 > 1"))})),
]  # fmt: skip
TODAY = [
    (error("Rate limit: tokens per day (TPD): Limit 100000, Used 99990, Requested 500. Please try again in 7m12s."), 432.0),
    (error("Rate limit: requests per day (RPD): Limit 200, Used 200, Requested 1. Please try again in 1h2m."), 3720.0),
    (error("Rate limit exceeded: free-models-per-day. Add 10 credits.", code=429), None),
    (error("Daily limit exceeded"), None),
]  # fmt: skip
NO_SERVICE = [
    {"detail": "Not Found"},
    {"error": "Not Found", "status": 404, "path": "/v1/chat/completions"},
    {"message": "Route POST:/v1/chat/completions not found", "error": "Not Found", "statusCode": 404},
    {"message": "Cannot POST /v1/chat/completions", "error": "Not Found", "statusCode": 404},
    {"message": "The route v1/chat/completions could not be found."},
    {"title": "Not Found", "status": 404},
    {"message": "no Route matched with those values"},
    error("Invalid URL (POST /v1/chat/completions)", type="invalid_request_error"),
    error("Unknown request URL: POST /x. Please check the URL for typos", code="unknown_url"),
    {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}},
    "404 page not found",
    "<html><body>404 Not Found</body></html>",
    "",
]
NO_MODEL = [
    error("The model `x` does not exist", code="model_not_found"),
    {"error": "model 'x' not found, try pulling it first"},
    {"type": "error", "error": {"type": "not_found_error", "message": "model: claude-x"}},
    {
        "error": {
            "code": "DeploymentNotFound",
            "message": "The API deployment for this resource does not exist.",
        }
    },
    {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404},
    {"status": 404, "title": "Not Found", "detail": "Function 'abc': Not found for account 'x'"},
    {"detail": "Model x not found"},
    "model x not found",
]
IS_LOADING = [
    {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
    {"error": "Model meta/llama is currently loading", "estimated_time": 20.5},
    {"error": "the model is still being loaded"},
    error("Model is warming up, please try again"),
]


def verdict(status: int | None, body: object) -> Any:
    return Reason.of(body).verdict(status)


@pytest.mark.parametrize(("status", "body"), TOO_MUCH)
def test_more_than_may_be_sent_at_once_is_too_long_and_not_too_fast(status: int, body: object) -> None:
    found = verdict(status, body)
    assert found.error is AIProviderInvalidRequestError
    assert "too long" in found.sentence


@pytest.mark.parametrize(("body", "wait_s"), TODAY)
def test_an_allowance_of_the_day_is_used_up_for_today(body: object, wait_s: float | None) -> None:
    found = verdict(429, body)
    assert found.error is AIProviderRateLimitError
    assert "today" in found.sentence
    assert found.retryable is False
    assert Reason.of(body).wait_s == wait_s


def test_too_fast_is_still_too_fast_and_says_how_long_to_wait() -> None:
    body = error(
        "Rate limit: tokens per minute (TPM): Limit 6000, Used 5500, Requested 1200. Please try again in 7.5s."
    )
    assert verdict(429, body).error is AIProviderRateLimitError
    assert verdict(429, body).retryable is None
    assert Reason.of(body).wait_s == 7.5
    assert (
        verdict(429, error("Quota exceeded for metric: x, limit: 0, model: y")).error is AIProviderQuotaError
    )


@pytest.mark.parametrize("body", NO_SERVICE)
def test_the_404_of_a_web_framework_is_no_missing_model(body: object) -> None:
    assert verdict(404, body).kind is Kind.NOT_AN_API


@pytest.mark.parametrize("body", NO_MODEL)
def test_a_missing_model_is_no_wrong_address(body: object) -> None:
    assert verdict(404, body).error is AIProviderModelNotFoundError


@pytest.mark.parametrize("body", IS_LOADING)
def test_a_model_that_is_being_loaded_is_not_gone(body: object) -> None:
    assert verdict(503, body) is LOADING


@pytest.mark.parametrize("text", ["error loading model: broken file", "failed to load model", "overloaded"])
def test_a_model_that_cannot_be_loaded_is(text: str) -> None:
    assert verdict(500, {"error": text}).error is AIProviderUnavailableError
    assert verdict(500, {"error": text}) is not LOADING


def test_a_refusal_of_fields_is_quoted() -> None:
    body = {"detail": [{"type": "too_big", "loc": ["body", "top_p"], "msg": "must be below 1"}]}
    assert Reason.of(body).text == "'top_p': must be below 1"


# -- what follows from it -------------------------------------------------------------------------------------


async def test_what_is_too_long_or_for_today_is_sent_once(server: VendorServer) -> None:
    async with made(server) as provider:
        server.script.status = 429
        for message, says in (
            (TOO_MUCH[1][1]["error"]["message"], "too long"),
            (TODAY[0][0]["error"]["message"], "today"),
        ):
            before = len(server.requests)
            server.script.message = message
            found = await refused(provider)
            assert says in found.message
            assert not found.retryable
            assert len(server.requests) == before + 1
        assert re.search(r"at about \d\d:\d\d", found.hint)


@pytest.mark.parametrize("wire", list(WIRES))
async def test_a_model_that_is_being_loaded_is_waited_for(monkeypatch: pytest.MonkeyPatch, wire: str) -> None:
    monkeypatch.setattr(faults, "LOADING_S", 0.001)
    async with WIRES[wire].server() as server, made(server) as provider:
        script = server.script
        script.status, script.message, script.times = 503, "Loading model", 6
        script.only = path = WIRES[wire].path
        assert await said(provider) == script.reply
        assert len(server.asked(path)) == 7


async def test_it_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "LOADING_S", 0.3)
    async with COMPATIBLE["llamacpp"]() as server, made(server) as provider:
        provider.policy = Policy(first_s=1.0, attempts=1)
        server.script.status, server.script.message = 503, "Loading model"
        found = await refused(provider)
    assert "still being loaded" in found.message
    assert found.retryable


# -- values and parameters ------------------------------------------------------------------------------------


VALUES = ChatRequest(
    messages=ASKED.messages,
    model="gpt-7",
    temperature=1.5,
    max_tokens=9_999_999,
    seed=3,
    reasoning_effort="max",
)
REFUSED_VALUES = [
    ("temperature", "'temperature' must be less than or equal to 1"),
    ("temperature", "Invalid 'temperature': decimal above maximum value. Expected a value <= 1"),
    ("max_tokens", "{max_tokens} is too large: 9999999. This model supports at most 16384."),
    ("effort", "Invalid value: 'max'. Supported values are: 'low', 'medium', and 'high' ('{effort}')."),
    ("seed", "'{seed}': Input should be a valid integer"),
]


@pytest.mark.parametrize(("name", "says"), REFUSED_VALUES, ids=range(len(REFUSED_VALUES)))
async def test_a_refused_value_is_told_and_not_left_out(wire: str, name: str, says: str) -> None:
    names, path = WIRES[wire].names, WIRES[wire].path
    async with choosy(wire, names[name], says.format_map(names)) as server, made(server) as provider:
        if not names[name]:  # never sent: nobody can refuse it
            assert any(name in notice for notice in (await deltas(provider, VALUES))[-1].notices)
            return
        found = await refused(provider, VALUES)
        assert type(found) is AIProviderInvalidRequestError
        assert says.format_map(names)[:40] in found.hint
        assert len(server.asked(path)) == 1


@pytest.mark.parametrize(
    "says",
    [
        "Unsupported parameter: 'temperature' is not supported with this model.",
        "Unsupported value: 'temperature' does not support 1.5 with this model. Only the default (1) value is supported.",
        "Unrecognized request argument supplied: 'temperature'",
        "property 'temperature' is unsupported",
        "'temperature': Extra inputs are not permitted",
    ],
    ids=range(5),
)
async def test_a_refused_parameter_is_left_out_and_that_is_told(wire: str, says: str) -> None:
    async with choosy(wire, "temperature", says) as server, made(server) as provider:
        for count in (2, 3):  # from then on it is not even tried
            came = await deltas(provider, VALUES)
            assert "".join(delta.text for delta in came) == server.script.reply
            assert "temperature" in " ".join(came[-1].notices)
            assert "temperature" not in server.requests[-1].body
            assert len(server.asked(WIRES[wire].path)) == count


async def test_who_does_not_think_gets_none_of_what_belongs_to_thinking(wire: str) -> None:
    names = WIRES[wire].names
    async with (
        choosy(
            wire,
            *[(names[name], "Unsupported parameter: '{}'.") for name in ("effort", "max_tokens")],
            *[(name, "'{}' is not supported with this model.") for name in WIRES[wire].of_thinking],
        ) as server,
        made(server) as provider,
    ):
        request = replace(VALUES, tools=(Tool(name="look"),))
        assert await said(provider, request) == server.script.reply
        assert not {"reasoning", "reasoning_effort", "include"} & server.requests[-1].body.keys()


@pytest.mark.parametrize(
    "says",
    [
        "Your organization must be verified to stream this model. Please go to: https://platform.openai.com/settings",
        "Streaming is not supported for this model.",
        "This model does not support streaming.",
        "Unsupported value: 'stream' does not support true with this model. Supported values are: false.",
        "Streaming responses are not supported.",
        "stream=true is not supported",
    ],
    ids=range(6),
)
async def test_who_may_not_stream_is_asked_for_the_whole_answer(wire: str, says: str) -> None:
    async with choosy(wire, "stream", says) as server, made(server) as provider:
        for count in (2, 3):
            assert await said(provider) == server.script.reply
            assert len(server.asked(WIRES[wire].path)) == count
        assert not {"stream_options"} & server.requests[-1].body.keys()


# -- the check ------------------------------------------------------------------------------------------------


class Unlisted(GoogleServer):
    """Lets nobody read the list of models."""

    def refuse(self, seen: Seen, script: Script) -> web.Response | None:
        if seen.method == "GET" and seen.path.split("?")[0].endswith("/models"):
            return self.error(script.status, "", "")
        return super().refuse(seen, Script())


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("name", ["openai", "anthropic", "google", "llamacpp"])
async def test_a_key_that_may_not_list_models_and_a_server_without_a_list_are_accepted(
    name: str, status: int
) -> None:
    async with (Unlisted if name == "google" else DIALECTS[name])() as server, made(server) as provider:
        server.script.status, server.script.only = status, "/models"
        health = await provider.check()
        assert health.ok, health.detail
        assert health.models == ()


@pytest.mark.parametrize(
    ("status", "kind"), [(401, Kind.KEY_REFUSED), (403, Kind.FORBIDDEN), (404, Kind.MODEL_UNKNOWN)]
)
async def test_a_check_says_what_is_wrong_where_nothing_works(status: int, kind: Kind) -> None:
    async with OpenAIServer() as server, made(server) as provider:
        server.script.status = status
        health = await provider.check()
    assert not health.ok
    assert health.kind is kind


# -- our own mistakes -----------------------------------------------------------------------------------------


class Thing:
    """What JSON has no word for."""


UNSENDABLE = {
    "byte": (replace(ASKED, messages=(Message(Speaker.USER, "caf\udce9"),)), "cannot be sent"),
    "half": (replace(ASKED, messages=(Message(Speaker.USER, "\ud83d"),)), "half a character"),
    "system": (
        replace(ASKED, messages=(Message(Speaker.SYSTEM, "\ud83d"), *ASKED.messages)),
        "half a character",
    ),
    "stop": (replace(ASKED, stop=("\udfff",)), "half a character"),
    "object": (replace(ASKED, messages=(Message(Speaker.USER, Thing()),)), ""),  # type: ignore[arg-type]
    "number": (replace(ASKED, max_tokens=Thing()), ""),  # type: ignore[arg-type]
}
CASES = [
    (name, what)
    for name in (*DIALECTS, "chat")
    for what in UNSENDABLE
    if (name, what) != ("openai", "stop")  # the Responses API has no stop words: they are left out and told
]


@pytest.mark.parametrize(("name", "what"), CASES)
async def test_what_cannot_be_sent_is_the_requests_fault_and_is_not_sent(name: str, what: str) -> None:
    request, says = UNSENDABLE[what]
    async with (ChatOnly if name == "chat" else DIALECTS[name])() as server, made(server) as provider:
        if name == "chat":
            await said(provider)  # found out that it has nothing else
        if name == "ollama":
            provider.models = {**provider.models, Role.THINKS: server.default_models[0]}
        before = len([seen for seen in server.requests if seen.body])
        found = await refused(provider, request)
        assert found.kind is Kind.INVALID_REQUEST
        assert says in found.message
        assert len([seen for seen in server.requests if seen.body]) == before


@pytest.mark.parametrize(
    ("server_", "place"),
    [(OpenAIServer, "input[1].content"), (COMPATIBLE["llamacpp"], "messages[1].content")],
)
async def test_a_field_is_named_by_its_place(server_: type[VendorServer], place: str) -> None:
    async with server_() as server, made(server) as provider:
        found = await refused(
            provider, replace(ASKED, messages=(*ASKED.messages, Message(Speaker.USER, "\ud83d")))
        )
        assert place in found.message


@pytest.mark.parametrize("key", ["sk-кл", "sk-a\nb", "sk-\x00x", "sk-\udce9"])
async def test_a_key_that_no_header_can_carry_is_the_keys_fault(server: VendorServer, key: str) -> None:
    async with registry.provider_class(server.name)(base_url=server.url, api_key=key, model="m") as provider:
        found = await refused(provider)
    assert type(found) is AIProviderAuthError
    assert found.kind is Kind.KEY_MALFORMED


async def test_halves_that_come_in_two_pieces_are_one_character(server: VendorServer) -> None:
    server.script.reply = "Smile 😊 and 𝄞!"
    server.script.split = True
    async with made(server) as provider:
        came = [delta async for delta in provider.chat(ASKED)]
    assert "".join(delta.text for delta in came) == server.script.reply


@pytest.mark.parametrize(
    ("model", "effort", "waits"),
    [("gpt-7", "", False), ("qwq-32b", "", True), ("deepseek-r1:8b", "", True), ("gpt-7", "high", True)],
)
async def test_a_model_that_nobody_knows_is_given_time_to_think_by_its_name_or_the_request(
    model: str, effort: str, *, waits: bool
) -> None:
    async with OpenAIServer() as server, made(server, model=model) as provider:
        provider.policy = Policy(first_s=0.3, attempts=1)
        server.script.models, server.script.header_delay_s = [model], 0.6
        request = replace(ASKED, reasoning_effort=effort)
        if waits:
            assert await said(provider, request) == server.script.reply
        else:
            assert (await refused(provider, request)).kind is Kind.TIMEOUT
