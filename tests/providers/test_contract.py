"""What every provider promises, whoever it is: chunks as they come, an end that is an end, errors by their names.

Thinking is here, hearing and speaking in `test_contract_sound`. The network vendors talk to the servers of `tests/servers`;
those that work without a network run the parts that make sense.
"""

from __future__ import annotations

import asyncio
import email.utils
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from companion import net as net_module
from companion.bounds import MAX_LINE
from companion.errors import (
    AIProviderAuthError,
    AIProviderContentRefusedError,
    AIProviderEmptyReplyError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderStreamCutError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import ChatDelta, ChatRequest, Message, Speaker
from companion.kinds import Role
from companion.providers import registry
from companion.providers.provider import AIProvider
from tests.servers import AnthropicServer, GoogleServer, OllamaServer, OpenAIServer, VendorServer
from tests.servers.compatible import COMPATIBLE
from tests.servers.script import REPLY, Seen

KEY = "sk-ant-contract-0123456789abcdef"
REQUEST = ChatRequest(
    messages=(Message(Speaker.SYSTEM, "Listen well."), Message(Speaker.USER, "It was a long day.")),
    max_tokens=200,
)
SERVERS: dict[str, type[VendorServer]] = {
    server.name: server
    for server in (OpenAIServer, AnthropicServer, OllamaServer, GoogleServer, *COMPATIBLE.values())
}
LONG = COMPATIBLE.keys() - {"mistral"}
"""Vendors that differ from OpenAI by a row of data. `test_vendors` asks each of them in every run, this file one."""
OFFLINE = [spec.name for spec in registry.with_role(Role.THINKS) if not (spec.base_url or spec.install)]


ASKED_AT = {"openai": "responses", "anthropic": "messages", "google": "streamGenerateContent"}
"""Part of the path of a question, where it is not `chat`."""
REFUSES = {
    **dict.fromkeys(("openai", *COMPATIBLE), "content_filter"),
    "anthropic": "refusal",
    "google": "SAFETY",
}
NO_ROOM = {"openai": "max_output_tokens", "anthropic": "max_tokens", "google": "MAX_TOKENS"}
"""Finish reasons in the vendors' words."""


def said(seen: Seen) -> list[str]:
    """What the messages of a question say."""
    if "contents" in seen.body:
        return ["".join(part["text"] for part in each["parts"]) for each in seen.body["contents"]]
    return [message["content"] for message in seen.body.get("input") or seen.body["messages"]]


def key_in(seen: Seen) -> str:
    named = seen.headers.get("x-goog-api-key") or seen.headers.get("api-key")
    return named or seen.headers["authorization"].removeprefix("Bearer ")


@dataclass
class Pair:
    """A provider and the server it talks to."""

    provider: AIProvider
    server: VendorServer

    async def ask(self, request: ChatRequest = REQUEST) -> list[ChatDelta]:
        return [delta async for delta in self.provider.chat(request)]

    async def fail(self) -> AIProviderError:
        """The error a question ends with."""
        with pytest.raises(AIProviderError) as caught:
            await self.ask()
        return caught.value


@pytest.fixture(params=[pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in SERVERS])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    name: str = request.param
    async with SERVERS[name]() as server:
        cls = registry.provider_class(name)
        key = KEY if cls.spec.needs_key else None
        model = server.default_models[0] if cls.spec.own_address else ""
        async with cls(base_url=server.url, api_key=key, model=model) as provider:
            yield Pair(provider, server)


def test_every_provider_with_an_address_has_a_server_here() -> None:
    assert {spec.name for spec in registry.with_role(Role.THINKS) if spec.base_url} == set(SERVERS)


# -- the good case ------------------------------------------------------------------------------------------


async def test_an_answer_arrives_while_it_is_written(pair: Pair) -> None:
    pair.server.script.token_delay_s = 0.02
    arrived: list[tuple[str, int]] = []
    async for delta in pair.provider.chat(REQUEST):
        arrived.append((delta.text, pair.server.asked("")[-1].chunks))
    assert "".join(text for text, _ in arrived) == REPLY
    assert len([text for text, _ in arrived if text]) > 1
    assert arrived[0][1] <= 2, "the first words were held back until more were written"


async def test_the_last_delta_says_how_it_ended_what_it_cost_and_who_spoke(pair: Pair) -> None:
    *_, last = await pair.ask()
    assert last.finish_reason == "stop"
    assert last.model
    assert last.usage is not None
    assert last.usage.input_tokens > 0
    assert last.usage.output_tokens > 1


async def test_the_whole_conversation_and_the_key_reach_the_server(pair: Pair) -> None:
    history = (
        Message(Speaker.SYSTEM, "Listen well."),
        Message(Speaker.USER, "Grüße 🌿"),
        Message(Speaker.ASSISTANT, "Hello."),
        Message(Speaker.USER, "How do I begin?"),
    )
    *_, last = await pair.ask(ChatRequest(messages=history, max_tokens=77, stop=("END",)))
    seen = pair.server.asked("")[-1]
    assert said(seen)[-3:] == ["Grüße 🌿", "Hello.", "How do I begin?"]
    assert "Listen well." in str(seen.body)
    assert "77" in str(seen.body)
    assert "END" in str(seen.body) or "stop words" in str(last.notices)
    if pair.provider.spec.needs_key:
        assert key_in(seen) == KEY
        assert KEY not in seen.path
    assert seen.headers["accept-encoding"] == "identity"


async def test_two_questions_use_one_connection(pair: Pair) -> None:
    await pair.ask()
    await pair.ask()
    assert len({seen.peer for seen in pair.server.requests}) == 1


async def test_warming_sends_no_words_and_saves_the_connection(pair: Pair) -> None:
    await pair.provider.warm()
    said_by = ("messages", "input", "contents")
    assert not any((seen.body or {}).get(name) for seen in pair.server.requests for name in said_by)
    assert not pair.server.asked("enerateContent")
    await pair.ask()
    assert len({seen.peer for seen in pair.server.requests}) == 1


async def test_warming_never_raises(pair: Pair) -> None:
    await pair.server.stop()
    await pair.provider.warm()


@pytest.mark.parametrize("crlf", [False, True], ids=["lf", "crlf"])
async def test_bytes_split_anywhere_arrive_as_the_same_words(pair: Pair, crlf: bool) -> None:
    pair.server.script.reply = "Ein Kaffee für 3 € – schön. 🌿 Und\u2028dann?"
    pair.server.script.split = True
    pair.server.script.crlf = crlf
    assert "".join(delta.text for delta in await pair.ask()) == pair.server.script.reply


# -- cancelling and closing ---------------------------------------------------------------------------------


async def test_closing_the_answer_hangs_up(pair: Pair) -> None:
    pair.server.script.token_delay_s = 0.05
    answer = pair.provider.chat(REQUEST)
    await anext(answer)
    await answer.aclose()  # type: ignore[attr-defined]
    seen = pair.server.asked("")[-1]
    await pair.server.until(lambda: seen.disconnected)
    pair.server.script.token_delay_s = 0
    assert "".join(delta.text for delta in await pair.ask()) == REPLY


async def test_cancelling_the_reader_hangs_up(pair: Pair) -> None:
    pair.server.script.stall_after = 2
    reading = asyncio.ensure_future(pair.ask())
    await pair.server.until(lambda: any(seen.chunks == 2 for seen in pair.server.requests))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    seen = pair.server.asked("")[-1]
    await pair.server.until(lambda: seen.disconnected)


async def test_cancelling_before_the_first_byte_hangs_up(pair: Pair) -> None:
    pair.server.script.header_delay_s = 30
    reading = asyncio.ensure_future(pair.ask())
    await pair.server.until(lambda: bool(pair.server.requests))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await pair.server.until(lambda: pair.server.requests[-1].disconnected)


async def test_many_interruptions_leave_the_connections_usable(pair: Pair) -> None:
    pair.server.script.token_delay_s = 0.01
    for _ in range(60):  # more than the pool holds
        answer = pair.provider.chat(REQUEST)
        await anext(answer)
        await answer.aclose()  # type: ignore[attr-defined]
    pair.server.script.token_delay_s = 0
    assert "".join(delta.text for delta in await pair.ask()) == REPLY
    await pair.server.until(lambda: pair.server.open_sockets == 1)


async def test_closing_the_provider_leaves_no_connection_open(pair: Pair) -> None:
    await pair.ask()
    pair.server.script.token_delay_s = 0.05
    answer = pair.provider.chat(REQUEST)
    await anext(answer)
    await answer.aclose()  # type: ignore[attr-defined]
    await pair.provider.aclose()
    await pair.provider.aclose()
    await pair.server.until(lambda: pair.server.open_sockets == 0)


# -- refusals -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (400, AIProviderInvalidRequestError, Kind.INVALID_REQUEST),
        (401, AIProviderAuthError, Kind.KEY_REFUSED),
        (402, AIProviderQuotaError, Kind.NO_CREDIT),
        (403, AIProviderAuthError, Kind.FORBIDDEN),
        (404, AIProviderModelNotFoundError, Kind.MODEL_UNKNOWN),
        (408, AIProviderTimeoutError, Kind.TIMEOUT),
        (413, AIProviderInvalidRequestError, Kind.INVALID_REQUEST),
        (422, AIProviderInvalidRequestError, Kind.INVALID_REQUEST),
        (429, AIProviderRateLimitError, Kind.RATE_LIMITED),
        (500, AIProviderUnavailableError, Kind.UNAVAILABLE),
        (502, AIProviderUnavailableError, Kind.UNAVAILABLE),
        (503, AIProviderUnavailableError, Kind.UNAVAILABLE),
        (504, AIProviderTimeoutError, Kind.TIMEOUT),
        (529, AIProviderUnavailableError, Kind.UNAVAILABLE),
    ],
)
async def test_a_status_becomes_its_error(
    pair: Pair, status: int, error: type[AIProviderError], kind: Kind
) -> None:
    pair.server.script.status = status
    found = await pair.fail()
    assert type(found) is error
    assert found.kind is kind
    assert found.status == status
    assert found.provider == pair.provider.spec.name
    assert found.who == pair.provider.spec.display_name
    assert found.who in found.message
    if status == 413:
        assert "too long" in found.message


async def test_one_question_is_one_request(pair: Pair) -> None:
    """Retrying is the middleware's; an SDK that retries by itself would double every wait."""
    pair.server.script.status = 500
    pair.server.script.only = ASKED_AT.get(pair.server.name, "chat")
    await pair.fail()
    assert len(pair.server.asked(pair.server.script.only)) == 1


async def test_a_gateways_web_page_is_an_outage(pair: Pair) -> None:
    pair.server.script.status = 502
    pair.server.script.html = True
    assert (await pair.fail()).kind is Kind.UNAVAILABLE


async def test_a_sign_in_page_is_not_the_service(pair: Pair) -> None:
    pair.server.script.html = True
    assert (await pair.fail()).kind is Kind.NOT_AN_API


async def test_a_redirect_is_refused_and_named(pair: Pair) -> None:
    async with type(pair.server)() as elsewhere:
        pair.server.script.redirect_to = elsewhere.url.replace("127.0.0.1", "localhost") + "/other"
        found = await pair.fail()
        assert found.kind is Kind.NOT_AN_API
        assert "localhost" in found.message
        assert not elsewhere.requests


@pytest.mark.parametrize(
    ("header", "value", "least", "most"),
    [
        ("retry_after", "7", 7, 7),
        ("retry_after", "0.5", 0.5, 0.5),
        ("retry_after_ms", "1500", 1.5, 1.5),
        ("retry_after", "1000000000", 1e9, 1e9),
        ("retry_after", "date", 15, 21),
    ],
)
async def test_the_wait_a_vendor_asks_for_is_kept(
    pair: Pair, header: str, value: str, least: float, most: float
) -> None:
    if value == "date":
        value = email.utils.formatdate(time.time() + 20, usegmt=True)
    pair.server.script.status = 429
    setattr(pair.server.script, header, value)
    found = await pair.fail()
    assert found.retry_after_s is not None
    assert least <= found.retry_after_s <= most


@pytest.mark.parametrize("value", ["", "soon", "nan", "inf", "-3", "Fri, 99 Nov 2026"])
async def test_a_wait_that_makes_no_sense_is_left_out(pair: Pair, value: str) -> None:
    pair.server.script.status = 429
    pair.server.script.retry_after = value
    assert (await pair.fail()).retry_after_s is None


async def test_a_key_the_vendor_echoes_is_in_no_message(pair: Pair) -> None:
    for status in (400, 401, 422):
        pair.server.script.status = status
        pair.server.script.message = f"The key {KEY} is wrong. Authorization: Bearer {KEY}"
        found = await pair.fail()
        shown = " ".join((str(found), repr(found), found.message, found.hint))
        assert KEY not in shown
        assert KEY[8:] not in shown


# -- the network --------------------------------------------------------------------------------------------


async def test_nobody_listening_is_unreachable(pair: Pair) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        pair.provider.base_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        found = await pair.fail()
    assert isinstance(found, AIProviderUnavailableError)
    assert found.kind is Kind.UNREACHABLE
    assert found.retryable


async def test_a_server_that_never_answers_is_a_timeout(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_module, "READ_S", 0.2)
    pair.server.script.header_delay_s = 30
    assert type(await pair.fail()) is AIProviderTimeoutError


async def test_silence_in_the_middle_is_a_timeout(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_module, "READ_S", 0.2)
    pair.server.script.stall_after = 2
    assert type(await pair.fail()) is AIProviderTimeoutError


@pytest.mark.parametrize("how", ["cut_after", "end_after"])
@pytest.mark.parametrize("chunks", [0, 3])
async def test_an_answer_without_its_end_is_cut_off(pair: Pair, how: str, chunks: int) -> None:
    setattr(pair.server.script, how, chunks)
    said = ""

    async def read() -> None:
        nonlocal said
        async for delta in pair.provider.chat(REQUEST):
            said += delta.text

    with pytest.raises(AIProviderStreamCutError) as caught:
        await read()
    assert REPLY.startswith(said)
    assert bool(said) == bool(chunks)
    assert caught.value.retryable == (not said), "only what nobody has heard may be asked for again"


@pytest.mark.parametrize("shape", ["nested", "flat", "string"])
@pytest.mark.parametrize("chunks", [0, 3])
async def test_an_error_inside_the_stream_is_an_error(pair: Pair, shape: str, chunks: int) -> None:
    pair.server.script.error_after = chunks
    pair.server.script.error_shape = shape
    found = await pair.fail()
    assert type(found) is AIProviderUnavailableError
    assert found.kind is Kind.UNAVAILABLE


async def test_what_is_no_json_never_escapes_as_a_parser_error(pair: Pair) -> None:
    pair.server.script.garbage_after = 3
    assert type(await pair.fail()) is AIProviderStreamCutError
    pair.server.script.garbage_after = 0
    assert (await pair.fail()).kind is Kind.NOT_AN_API


async def test_an_endless_line_is_stopped(pair: Pair) -> None:
    pair.server.script.error_after = 0
    pair.server.script.message = "x" * (MAX_LINE + 100_000)
    found = await pair.fail()
    assert "more than an answer can be" in found.message
    assert not found.retryable


async def test_an_empty_answer_is_told(pair: Pair) -> None:
    pair.server.script.empty = True
    assert type(await pair.fail()) is AIProviderEmptyReplyError
    pair.server.script.empty = False
    pair.server.script.reply = "  \n "
    assert type(await pair.fail()) is AIProviderEmptyReplyError


async def test_being_offline_by_choice_comes_out_as_itself(pair: Pair) -> None:
    pair.provider.net.shut = True
    pair.provider.base_url = "https://service.invalid/v1"
    with pytest.raises(CompanionError) as caught:
        await pair.ask()
    assert caught.value.kind is Kind.NETWORK_SHUT


async def test_a_key_over_an_open_line_to_another_computer_comes_out_as_itself(pair: Pair) -> None:
    if not pair.provider.spec.needs_key:
        return
    pair.provider.base_url = "http://service.invalid/v1"
    with pytest.raises(CompanionError) as caught:
        await pair.ask()
    assert caught.value.kind is Kind.UNSAFE_ADDRESS


@pytest.mark.parametrize("address", ["nonsense", "http://[", "ftp://example.invalid/x"])
async def test_an_address_that_is_none_is_told(pair: Pair, address: str) -> None:
    pair.provider.base_url = address
    with pytest.raises(CompanionError) as caught:
        await pair.ask()
    assert caught.value.kind in (Kind.UNREACHABLE, Kind.UNSAFE_ADDRESS)
    await pair.provider.warm()


# -- the check ----------------------------------------------------------------------------------------------


async def test_a_check_that_succeeds_tells_models_and_time(pair: Pair) -> None:
    health = await pair.provider.check()
    assert health.ok
    assert health.models == pair.server.default_models
    assert health.latency_ms is not None
    assert health.latency_ms > 0


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500])
async def test_a_check_that_fails_says_it_in_one_sentence(pair: Pair, status: int) -> None:
    pair.server.script.status = status
    health = await pair.provider.check()
    assert not health.ok
    assert health.detail.endswith(".")
    assert "{" not in health.detail


async def test_a_missing_key_is_told_before_anything_is_sent(pair: Pair) -> None:
    if not pair.provider.spec.needs_key:
        return
    pair.provider.api_key = None
    assert (await pair.fail()).kind is Kind.KEY_MISSING
    assert not (await pair.provider.check()).ok
    assert not pair.server.requests


# -- those without a network --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OFFLINE)
async def test_an_offline_provider_streams_and_ends_properly(name: str) -> None:
    async with registry.provider_class(name)() as provider:
        deltas = [delta async for delta in provider.chat(REQUEST)]
    assert len([delta for delta in deltas if delta.text]) > 1
    assert deltas[-1].finish_reason == "stop"
    assert all(delta.finish_reason is None for delta in deltas[:-1])


@pytest.mark.parametrize("name", OFFLINE)
async def test_an_offline_answer_can_be_left_early(name: str) -> None:
    async with registry.provider_class(name)() as provider:
        answer = provider.chat(REQUEST)
        await anext(answer)
        await answer.aclose()  # type: ignore[attr-defined]
        assert [delta async for delta in provider.chat(REQUEST)][-1].finish_reason == "stop"


@pytest.mark.parametrize("name", [spec.name for spec in registry.specs() if not spec.base_url])
async def test_an_offline_provider_is_cheap_to_make_and_checks_without_raising(name: str) -> None:
    async with registry.provider_class(name)() as provider:
        assert (await provider.check()).detail


# -- endings that are not "stop" ------------------------------------------------------------------------------


async def test_a_refusal_without_words_is_a_refusal(pair: Pair) -> None:
    if pair.server.name not in REFUSES:
        return
    pair.server.script.finish = REFUSES[pair.server.name]
    pair.server.script.empty = True
    assert type(await pair.fail()) is AIProviderContentRefusedError
    pair.server.script.empty = False
    assert (await pair.ask())[-1].finish_reason == "content_filter"


async def test_an_answer_that_ran_out_of_room_says_so(pair: Pair) -> None:
    pair.server.script.finish = NO_ROOM.get(pair.server.name, "length")
    assert (await pair.ask())[-1].finish_reason == "length"


async def test_a_failure_is_not_taken_for_the_one_before_it(pair: Pair) -> None:
    """A second provider is often asked while the first one's error is being handled."""
    pair.server.script.status = 500
    try:
        raise AIProviderAuthError("the first one's", "first")
    except AIProviderAuthError:
        found = await pair.fail()
    assert type(found) is AIProviderUnavailableError
    assert found.provider == pair.provider.spec.name
