"""Batches as a program meets them: many requests in one job, answers in their order, and what fails fails alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from companion.calls import JsonSchema, SoundFile, Tool
from companion.errors import (
    AIProviderContentRefusedError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderNotSupportedError,
    AIProviderRateLimitError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import ChatRequest, Message, Speaker, Usage
from companion.jobs import BatchAnswer, BatchProgress, BatchRequest
from companion.providers import ChatResponse, Client, MockAIProvider, registry
from companion.providers.catalogue import BATCH_SHARE, Catalogue, cost_usd
from companion.providers.middleware import Budget, MemoryPurse
from companion.providers.provider import AIProvider, Policy
from companion.providers.vendors.anthropic.provider import AnthropicProvider
from companion.providers.vendors.openai.provider import OpenAIProvider
from companion.providers.wire import batches
from tests.servers import AnthropicServer, OpenAIServer
from tests.servers.script import REPLY

KEY = "sk-ant-batch-0123456789abcdef"
QUICK = Policy(attempts=1, breaker=False, poll_s=0.0)


def ask(text: str, **wanted: Any) -> ChatRequest:
    return ChatRequest(messages=(Message(Speaker.SYSTEM, "Be brief."), Message(Speaker.USER, text)), **wanted)


QUESTIONS = tuple(ask(f"question {n}") for n in range(12))


@dataclass
class Desk:
    """A provider that takes batches and the server it talks to."""

    provider: AIProvider
    server: OpenAIServer | AnthropicServer

    @property
    def jobs(self) -> Any:
        return self.server.jobs if isinstance(self.server, OpenAIServer) else self.server.batches

    async def batch(self, *requests: ChatRequest, **wanted: Any) -> list[BatchProgress]:
        request = BatchRequest(requests=requests, **wanted)
        return [each async for each in self.provider.stacked(self.provider.batch)(request)]

    async def answers(self, *requests: ChatRequest, **wanted: Any) -> tuple[BatchAnswer, ...]:
        *_, last = await self.batch(*requests, **wanted)
        assert last.answers is not None
        return last.answers

    async def fail(self, *requests: ChatRequest, **wanted: Any) -> CompanionError:
        with pytest.raises(CompanionError) as caught:
            await self.batch(*requests, **wanted)
        return caught.value

    def sent(self) -> list[dict[str, Any]]:
        """The bodies of the requests of the first batch."""
        if isinstance(self.server, OpenAIServer):
            return [json.loads(line)["body"] for line in self.jobs.files["file-1"].splitlines()]
        return [each["params"] for each in self.server.requests[0].body["requests"]]


@pytest.fixture(params=["openai", "anthropic"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    kind, cls = {
        "openai": (OpenAIServer, OpenAIProvider),
        "anthropic": (AnthropicServer, AnthropicProvider),
    }[request.param]
    async with kind() as server, cls(base_url=server.url, api_key=KEY) as provider:
        provider.policy = QUICK
        yield Desk(provider, server)


def fails(desk: Desk, *places: int) -> None:
    if isinstance(desk.server, OpenAIServer):
        desk.jobs.failing = dict.fromkeys(places, (429, "rate_limit_exceeded"))
    else:
        desk.jobs.outcome = dict.fromkeys(places, "errored")


async def test_answers_come_in_the_order_of_their_requests(desk: Desk) -> None:
    *progress, last = await desk.batch(*QUESTIONS)
    assert progress
    assert {each.job for each in progress} == {last.job}
    assert all(each.answers is None and each.total == 12 for each in progress)
    assert last.answers is not None
    assert (last.done, last.failed) == (12, 0)
    assert [each.index for each in last.answers] == list(range(12))
    for n, each in enumerate(last.answers):
        assert each.error is None
        assert each.answer is not None
        assert each.answer.text == f"{REPLY} (question {n})"
        assert each.answer.finish_reason == "stop"
        assert each.answer.usage is not None
        assert each.answer.model == desk.provider.models[next(iter(desk.provider.models))]
    assert all("stream" not in body and "Be brief." in str(body) for body in desk.sent())


async def test_what_fails_fails_alone(desk: Desk) -> None:
    fails(desk, 1, 3)
    found = await desk.answers(*QUESTIONS[:5])
    assert [each.error is None for each in found] == [True, False, True, False, True]
    assert all((each.answer is None) is (each.error is not None) for each in found)
    error = AIProviderRateLimitError if isinstance(desk.server, OpenAIServer) else AIProviderUnavailableError
    assert isinstance(found[1].error, error)
    assert found[1].error.who == desk.provider.spec.display_name


async def test_an_answer_that_is_none_does_not_take_the_others_with_it(desk: Desk) -> None:
    desk.server.script.reply = ""
    if isinstance(desk.server, OpenAIServer):
        desk.jobs._answer = lambda index, *_: (200, {"choices": "none"} if index else {"object": "response"})
        found = await desk.answers(*QUESTIONS[:3])
        assert all(isinstance(each.error, AIProviderError) for each in found)
        return
    desk.jobs.outcome = {1: "refused"}
    found = await desk.answers(*QUESTIONS[:3])
    assert isinstance(found[1].error, AIProviderContentRefusedError)
    assert found[0].answer is not None
    assert found[2].answer is not None


async def test_what_the_vendor_did_not_get_to_is_said(desk: Desk) -> None:
    if isinstance(desk.server, OpenAIServer):
        desk.jobs.outcome, desk.jobs.unasked = "expired", 2
    else:
        desk.jobs.outcome = {3: "expired", 4: "expired"}
    found = await desk.answers(*QUESTIONS[:5])
    assert [each.error is None for each in found] == [True, True, True, False, False]
    assert isinstance(found[4].error, AIProviderTimeoutError)
    assert "within a day" in found[4].error.message


async def test_a_batch_without_any_answer_still_has_an_entry_for_each(desk: Desk) -> None:
    desk.jobs.is_silent = True
    found = await desk.answers(*QUESTIONS[:3])
    assert [each.index for each in found] == [0, 1, 2]
    assert all(each.error is not None for each in found)


async def test_one_that_was_begun_before_is_taken_up_by_its_id(desk: Desk) -> None:
    desk.jobs.looks = 50
    progress = desk.provider.batch(BatchRequest(requests=QUESTIONS[:3], keeps_running=True))
    job = (await anext(progress)).job
    await progress.aclose()
    assert not desk.server.asked("/cancel")
    desk.jobs.looks = 1
    before = len(desk.server.requests)
    found = await desk.answers(job=job)
    assert [each.answer and each.answer.text[-12:-1] for each in found] == [
        "(question 0",
        "(question 1",
        "(question 2",
    ]
    assert all(seen.method == "GET" for seen in desk.server.requests[before:])


async def test_closing_it_cancels_the_batch_and_what_was_not_asked_is_told_later(desk: Desk) -> None:
    desk.jobs.looks = 3
    progress = desk.provider.stacked(desk.provider.batch)(BatchRequest(requests=QUESTIONS[:3]))
    job = (await anext(progress)).job
    await progress.aclose()
    assert len(desk.server.asked("/cancel")) == 1
    found = await desk.answers(job=job)
    assert len(found) == 3
    assert all(each.error is not None and "cancelled" in each.error.message for each in found)


async def test_one_given_up_while_it_begins_is_cancelled_as_soon_as_it_is_known(desk: Desk) -> None:
    desk.server.script.header_delay_s = 0.05
    waiting = asyncio.ensure_future(desk.batch(*QUESTIONS))
    await desk.server.until(lambda: bool(desk.server.requests))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert desk.server.asked("/cancel")


@pytest.mark.parametrize("keeps_running", [False, True])
async def test_a_wait_that_is_too_long_ends(desk: Desk, keeps_running: bool) -> None:
    desk.jobs.looks = 1_000_000
    error = await desk.fail(*QUESTIONS[:2], wait_s=0.05, keeps_running=keeps_running)
    assert error.kind is Kind.TIMEOUT
    assert bool(desk.server.asked("/cancel")) is not keeps_running


async def test_a_refused_batch_is_one_error(desk: Desk) -> None:
    desk.server.script.status, desk.server.script.only = 402, "batches"
    assert (await desk.fail(*QUESTIONS)).kind is Kind.NO_CREDIT
    assert (await desk.fail(job="batch_9")).kind is Kind.NO_CREDIT
    desk.server.script.status = 0
    error = await desk.fail(job="batch_9")
    assert "has no job with the id batch_9" in error.message


async def test_a_file_that_is_not_taken_says_why() -> None:
    async with OpenAIServer() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        provider.policy = QUICK
        error = await Desk(provider, server).fail(*(replace(each, model="gpt-0") for each in QUESTIONS))
    assert isinstance(error, AIProviderModelNotFoundError | AIProviderInvalidRequestError)


async def test_what_cannot_be_sent_is_told_before_anything_is(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for requests, said in (
        ((), "no requests"),
        ((ask("a", model="one"), ask("b", model="two")), "go to one model"),
    ):
        assert said in (await desk.fail(*requests)).message
    name = "openai" if isinstance(desk.server, OpenAIServer) else "anthropic"
    monkeypatch.setattr(f"companion.providers.vendors.{name}.batch.MOST_REQUESTS", 3)
    assert "takes 3 at once" in (await desk.fail(*QUESTIONS)).message
    monkeypatch.setattr(batches, "MOST_BYTES", 100)
    assert "can be sent at once" in (await desk.fail(*QUESTIONS[:3])).message
    assert not desk.server.requests


async def test_results_without_end_are_stopped(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "openai" if isinstance(desk.server, OpenAIServer) else "anthropic"
    monkeypatch.setattr(f"companion.providers.vendors.{name}.batch.MOST_RESULTS", 1000)
    assert "more than an answer can be" in (await desk.fail(*QUESTIONS)).message


async def test_results_arrive_whole_however_they_are_cut(desk: Desk) -> None:
    desk.server.script.reply = "Grüße 🌿 – ja."
    desk.server.script.split = True
    found = await desk.answers(*QUESTIONS[:2])
    assert found[1].answer is not None
    assert found[1].answer.text == "Grüße 🌿 – ja. (question 1)"


async def test_what_was_left_out_of_a_request_is_told_with_its_answer(desk: Desk) -> None:
    found = await desk.answers(ask("a"), ask("b", temperature=0.3))
    assert found[0].answer is not None
    assert found[1].answer is not None
    assert not found[0].answer.notices
    assert "temperature" in found[1].answer.notices[0]


async def test_a_batch_goes_where_its_model_would_be_asked() -> None:
    async with OpenAIServer() as server, OpenAIProvider(base_url=server.url, api_key=KEY) as provider:
        provider.policy = QUICK
        server.script.models = ["gpt-6-luna", "gpt-hears"]
        desk = Desk(provider, server)
        await desk.answers(*QUESTIONS[:2])
        spoken = Message(Speaker.USER, "What is said?", sounds=(SoundFile(data=b"RIFF"),))
        (found,) = await desk.answers(ChatRequest(messages=(spoken,), model="gpt-hears"))
        begun = [seen.body["endpoint"] for seen in server.asked("/batches") if seen.method == "POST"]
    assert begun == ["/v1/responses", "/v1/chat/completions"]
    assert found.answer is not None
    assert "What is said?" in found.answer.text


async def test_tools_and_thoughts_come_back_from_a_batch() -> None:
    async with AnthropicServer() as server, AnthropicProvider(base_url=server.url, api_key=KEY) as provider:
        provider.policy = QUICK
        server.script.thoughts, server.script.calls = "Rain?", [("weather", '{"city": "Oslo"}')]
        tool = Tool(name="weather", parameters={"type": "object", "properties": {}})
        request = ask("Oslo?", tools=(tool,), reasoning_effort="low")
        (found,) = await Desk(provider, server).answers(request)
    assert found.answer is not None
    assert found.answer.reasoning == "Rain?"
    (call,) = found.answer.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Oslo"})
    assert "Rain?" in call.opaque


# -- who can, and what it costs -------------------------------------------------------------------------------


async def test_who_takes_no_batches_says_so() -> None:
    able = {spec.name for spec in registry.specs() if spec.batches}
    assert able == {"openai", "anthropic", "mock"}
    for spec in registry.specs():
        if spec.name in able:
            continue
        async with registry.provider_class(spec.name)(api_key=KEY if spec.needs_key else None) as provider:
            with pytest.raises(AIProviderNotSupportedError, match="batches"):
                await anext(provider.batch(BatchRequest(requests=QUESTIONS)))


async def test_a_batch_costs_half_and_what_failed_nothing(desk: Desk) -> None:
    desk.provider.budget = budget = Budget(MemoryPurse())
    fails(desk, 0)
    found = await desk.answers(*QUESTIONS[:3])
    model = "gpt-6-luna" if isinstance(desk.server, OpenAIServer) else "claude-haiku-5-5"
    entry = Catalogue.load().find(model)
    whole = sum(cost_usd(entry, each.answer.usage or Usage()) or 0 for each in found if each.answer)
    assert 0 < budget.spent_usd == pytest.approx(BATCH_SHARE * whole)
    assert not budget.unpriced


async def test_a_batch_that_is_left_is_not_known_to_be_free(desk: Desk) -> None:
    desk.provider.budget = budget = Budget(MemoryPurse())
    desk.jobs.looks = 1000
    progress = desk.provider.stacked(desk.provider.batch)(BatchRequest(requests=QUESTIONS))
    await anext(progress)
    await progress.aclose()
    assert (budget.spent_usd, budget.unpriced) == (0.0, 1)
    budget.limit_usd = 0.0
    assert (await desk.fail(*QUESTIONS)).kind is Kind.BUDGET_SPENT


async def test_a_program_asks_for_many_answers() -> None:
    broken = AIProviderUnavailableError("It broke.", "mock")
    mock = MockAIProvider(responses={"completion": ['{"word": "wet"}', broken, "no JSON"]})
    client, heard = Client(mock), list[BatchProgress]()
    form = JsonSchema(
        schema={"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
    )
    requests = [client.request().user(f"question {n}").schema(form) for n in range(3)]
    first, second, third = await client.batch(*requests, on_progress=heard.append)
    assert isinstance(first, ChatResponse)
    assert first.parsed == {"word": "wet"}
    assert first.messages[-1].content == '{"word": "wet"}'
    assert second is broken
    assert isinstance(third, AIProviderError)
    assert third.kind is Kind.MALFORMED_REPLY
    assert [each.done for each in heard] == [0, 1, 2, 3]
    with pytest.raises(AIProviderInvalidRequestError):
        await client.batch()


async def test_a_program_takes_a_batch_up_by_its_id(desk: Desk) -> None:
    job = (await desk.batch(*QUESTIONS[:2]))[-1].job
    found = await Client(desk.provider).batch(job=job)
    assert [each.text[-12:] for each in found if isinstance(each, ChatResponse)] == [
        "(question 0)",
        "(question 1)",
    ]


async def test_the_requests_of_a_batch_go_to_one_provider() -> None:
    client = Client(MockAIProvider(), "guide")
    with pytest.raises(AIProviderInvalidRequestError, match="one provider"):
        await client.batch(client.request().user("a"), client.request().user("b").provider("guide"))
