"""What refusals mean: not too fast but too much, not gone but loading, not a missing model but no such service."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

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
from companion.flow import ChatDelta, ChatRequest, Message, Role, Speaker
from companion.providers import registry
from companion.providers.provider import AIProvider, Policy
from companion.providers.wire import faults
from companion.providers.wire.refusals import LOADING, Reason
from tests.servers import AnthropicServer, GoogleServer, OllamaServer, OpenAIServer, VendorServer
from tests.servers.compatible import COMPATIBLE
from tests.servers.script import Script, Seen

KEY = "sk-refused-0123456789abcdef"
ASKED = ChatRequest(messages=(Message(Speaker.USER, "Hello"),))
DIALECTS: dict[str, type[VendorServer]] = {
    server.name: server for server in (OpenAIServer, AnthropicServer, GoogleServer, OllamaServer, COMPATIBLE["llamacpp"])
}  # fmt: skip


def made(server: VendorServer, **settings: Any) -> AIProvider:
    cls = registry.provider_class(server.name)
    model = server.default_models[0] if cls.spec.own_address else ""
    provider = cls(base_url=server.url, api_key=KEY if cls.spec.needs_key else None, model=model, **settings)
    provider.policy = replace(provider.policy, backoff_s=0.001)
    return provider


@pytest.fixture(params=list(DIALECTS))
async def server(request: pytest.FixtureRequest) -> AsyncIterator[VendorServer]:
    async with DIALECTS[request.param]() as server:
        yield server


async def said(provider: AIProvider, request: ChatRequest = ASKED) -> str:
    return "".join([delta.text async for delta in provider.stacked(provider.chat)(request)])


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


@pytest.mark.parametrize("name", ["llamacpp", "ollama", "openai"])
async def test_a_model_that_is_being_loaded_is_waited_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "LOADING_S", 0.001)
    async with DIALECTS[name]() as server, made(server) as provider:
        script = server.script
        script.status, script.message, script.times, script.only = 503, "Loading model", 6, "chat"
        assert await said(provider) == script.reply
        assert len(server.asked("chat")) == 7


async def test_it_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "LOADING_S", 0.001)
    async with COMPATIBLE["llamacpp"]() as server, made(server) as provider:
        provider.policy = Policy(first_s=0.05, attempts=1)
        server.script.status, server.script.message = 503, "Loading model"
        found = await refused(provider)
    assert "still being loaded" in found.message
    assert found.retryable


# -- values and parameters ------------------------------------------------------------------------------------


class Choosy(OpenAIServer):
    """Refuses a request in the words it is given while `when` is in it."""

    says = ""
    when = ""

    def _problem(self, asked: dict[str, Any]) -> tuple[str, str] | None:
        return (self.when, self.says) if asked.get(self.when) else None


VALUES = ChatRequest(
    messages=ASKED.messages,
    model="gpt-7",
    temperature=1.5,
    max_tokens=9_999_999,
    seed=3,
    reasoning_effort="max",
)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("temperature", "'temperature' must be less than or equal to 1"),
        ("temperature", "Invalid 'temperature': decimal above maximum value. Expected a value <= 1"),
        (
            "max_completion_tokens",
            "max_completion_tokens is too large: 9999999. This model supports at most 16384.",
        ),
        (
            "reasoning_effort",
            "Invalid value: 'max'. Supported values are: 'low', 'medium', and 'high' (reasoning_effort).",
        ),
        ("seed", "'seed': Input should be a valid integer"),
    ],
)
async def test_a_refused_value_is_told_and_not_left_out(
    monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setattr(Choosy, "when", name)
    monkeypatch.setattr(Choosy, "says", says)
    async with Choosy() as server, made(server) as provider:
        found = await refused(provider, VALUES)
        assert type(found) is AIProviderInvalidRequestError
        assert says[:40] in found.hint
        assert len(server.asked("chat")) == 1


@pytest.mark.parametrize(
    "says",
    [
        "Unsupported parameter: 'temperature' is not supported with this model.",
        "Unsupported value: 'temperature' does not support 1.5 with this model. Only the default (1) value is supported.",
        "Unrecognized request argument supplied: 'temperature'",
        "property 'temperature' is unsupported",
        "'temperature': Extra inputs are not permitted",
    ],
)
async def test_a_refused_parameter_is_left_out(monkeypatch: pytest.MonkeyPatch, says: str) -> None:
    monkeypatch.setattr(Choosy, "when", "temperature")
    monkeypatch.setattr(Choosy, "says", says)
    async with Choosy() as server, made(server) as provider:
        assert await said(provider, VALUES) == server.script.reply
        assert "temperature" not in server.requests[-1].body


@pytest.mark.parametrize(
    "says",
    [
        "Your organization must be verified to stream this model. Please go to: https://platform.openai.com/settings",
        "Streaming is not supported for this model.",
        "This model does not support streaming.",
    ],
)
async def test_who_may_not_stream_is_asked_for_the_whole_answer(
    monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    monkeypatch.setattr(Choosy, "when", "stream")
    monkeypatch.setattr(Choosy, "says", says)
    async with Choosy() as server, made(server) as provider:
        for count in (2, 3):
            assert await said(provider) == server.script.reply
            assert len(server.asked("chat")) == count
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


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (replace(ASKED, messages=(Message(Speaker.USER, "caf\udce9"),)), "cannot be sent"),
        (replace(ASKED, messages=(Message(Speaker.USER, "\ud83d"),)), "half a character"),
        (replace(ASKED, stop=("\udfff",)), "half a character"),
        (replace(ASKED, messages=(Message(Speaker.USER, Thing()),)), ""),  # type: ignore[arg-type]
        (replace(ASKED, max_tokens=Thing()), ""),  # type: ignore[arg-type]
    ],
    ids=["byte", "half", "stop", "object", "number"],
)
async def test_what_cannot_be_sent_is_the_requests_fault_and_is_not_sent(
    server: VendorServer, request_: ChatRequest, names: str
) -> None:
    async with made(server) as provider:
        if server.name == "ollama":
            provider.models = {**provider.models, Role.THINKS: server.default_models[0]}
        found = await refused(provider, request_)
        assert found.kind is Kind.INVALID_REQUEST
        assert names in found.message
        assert not [seen for seen in server.requests if seen.body]


async def test_a_field_is_named_by_its_place() -> None:
    async with OpenAIServer() as server, made(server) as provider:
        found = await refused(
            provider, replace(ASKED, messages=(*ASKED.messages, Message(Speaker.USER, "\ud83d")))
        )
        assert "messages[1].content" in found.message


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
        deltas: list[ChatDelta] = [delta async for delta in provider.chat(ASKED)]
    assert "".join(delta.text for delta in deltas) == server.script.reply
