"""When an engine fails, those the person ticked stand in, in their order; nobody else hears of it, and it is told."""

from __future__ import annotations

import statistics
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from companion.app.fallbacks import Fallbacks, Member
from companion.app.pool import ProviderPool, instead
from companion.conversation.written_answer import TurnProviders
from companion.errors import Action, CompanionError, Kind
from companion.events import Event, Events, Note, Trouble
from companion.flow import Audio, HearRequest, Message, Speaker, SpeakRequest, Transcript
from companion.hosts import origin
from companion.kinds import Role
from companion.log import Secret
from companion.net import Net
from companion.settings import Settings, changed
from companion.vault import EnvironmentKey, MemoryVault
from tests.reliability.proof import prove
from tests.servers.anthropic import AnthropicServer
from tests.servers.deepgram import DeepgramServer
from tests.servers.openai import OpenAIServer
from tests.servers.server import VendorServer
from tests.vaults import given

KEY = "sk-ant-0123456789abcdef0123456789abcdef"
HELLO = (Message(Speaker.USER, "Hello"),)


class Vendors:
    """Three vendors, and the staff that may ask them."""

    def __init__(self, folder: Path) -> None:
        self.openai, self.anthropic, self.deepgram = OpenAIServer(), AnthropicServer(), DeepgramServer()
        self.servers: dict[str, VendorServer] = {
            "openai": self.openai,
            "anthropic": self.anthropic,
            "deepgram": self.deepgram,
        }
        self.told: list[Event] = []
        self._folder = folder
        self._net = Net()
        self.staff: ProviderPool | None = None

    def engines(self, **settings: object) -> TurnProviders:
        """This turn's engines under such settings (dots written as two underscores)."""
        addresses = {
            f"providers.{role}.{name}.base_url": server.url
            for name, server in self.servers.items()
            for role in ("llm", "stt", "tts")
        }
        wanted = {name.replace("__", "."): value for name, value in settings.items()}
        calm = {"network.max_retries": 0, "network.circuit_breaker": False}
        chosen = changed(Settings(), {**addresses, **calm, **wanted})
        keys = {
            name: EnvironmentKey(secret=Secret(KEY), origin=origin(server.url), variable="KEY")
            for name, server in self.servers.items()
        }
        vault = MemoryVault(environment=keys)

        def report(error: BaseException) -> None:
            raise error

        events = Events(report)
        events.watch(self.told.append)
        self.staff = ProviderPool(
            settings=lambda: chosen, vault=given(vault), net=self._net, events=events, models=self._folder
        )
        return self.staff.engines(frozenset())

    @property
    def troubles(self) -> list[Trouble]:
        return [event for event in self.told if isinstance(event, Trouble)]

    async def close(self) -> None:
        if self.staff is not None:
            await self.staff.aclose()
        await self._net.aclose()


@asynccontextmanager
async def vendors(folder: Path) -> AsyncIterator[Vendors]:
    found = Vendors(folder)
    async with found.openai, found.anthropic, found.deepgram:
        yield found
        await found.close()


async def text_of(engines: TurnProviders) -> str:
    return "".join([delta.text async for delta in engines.think(HELLO, "open-reflection")])


async def frames(count: int = 100) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"\x05\x01" * 320


async def heard(engines: TurnProviders) -> list[Any]:
    return [transcript async for transcript in engines.hear(frames())]


async def test_who_is_ticked_answers_and_it_is_told_and_kept(tmp_path: Path) -> None:
    async with vendors(tmp_path) as found:
        found.openai.script.status, found.anthropic.script.reply = 503, "I am here."
        engines = found.engines(providers__llm__active="openai", providers__llm__stand_ins="guide anthropic")
        assert await text_of(engines) == "I am here."
        (trouble,) = found.troubles
        assert trouble.error.message == "OpenAI is not working at the moment."
        assert trouble.error.hint == "Anthropic answered instead."
        assert trouble.role is Role.THINKS
        assert engines.names["llm"].startswith("anthropic/"), "the journal keeps who it really was"


async def test_whoever_always_works_here_comes_last(tmp_path: Path) -> None:
    async with vendors(tmp_path) as found:
        found.openai.script.status = found.anthropic.script.status = 503
        engines = found.engines(providers__llm__active="openai", providers__llm__stand_ins="guide anthropic")
        assert "?" in await text_of(engines)
        assert len(found.anthropic.requests) == 1
        assert found.troubles[-1].error.hint == "Offline guide answered instead."
        assert Action.ANSWER_OFFLINE not in found.troubles[-1].error.actions
        assert engines.names["llm"] == "guide/guide"


async def test_nobody_who_is_not_ticked_hears_of_it(tmp_path: Path) -> None:
    async with vendors(tmp_path) as found:
        found.openai.script.status = 503
        engines = found.engines(providers__llm__active="openai", providers__llm__stand_ins="")
        with pytest.raises(CompanionError) as caught:
            await text_of(engines)
        assert caught.value.kind is Kind.UNAVAILABLE
        assert found.anthropic.requests == []


async def test_in_offline_mode_no_stand_in_is_elsewhere(tmp_path: Path) -> None:
    async with vendors(tmp_path) as found:
        engines = found.engines(
            providers__llm__active="openai",
            providers__llm__openai__base_url="https://api.openai.com/v1",
            providers__llm__anthropic__base_url="https://api.anthropic.com",
            providers__llm__stand_ins="anthropic",
            network__offline=True,
        )
        assert await text_of(engines)
        assert engines.names["llm"] == "guide/guide"


async def test_once_something_was_said_nobody_takes_over(tmp_path: Path) -> None:
    async with vendors(tmp_path) as found:
        found.openai.script.cut_after = 3
        engines = found.engines(providers__llm__active="openai", providers__llm__stand_ins="anthropic")
        with pytest.raises(CompanionError) as caught:
            await text_of(engines)
        assert caught.value.kind is Kind.CUT_OFF
        assert found.anthropic.requests == []


async def test_a_take_is_given_from_its_beginning_to_who_takes_over_in_the_middle(tmp_path: Path) -> None:
    async with vendors(tmp_path) as found:
        found.deepgram.script.error_after, found.deepgram.script.transcript = 3, "one two three four five six"
        found.openai.script.transcript = "one two three four five six"
        engines = found.engines(providers__stt__active="deepgram", providers__stt__stand_ins="openai")
        words = await heard(engines)
        assert (words[-1].text, words[-1].is_final) == ("one two three four five six", True)
        assert any(not transcript.is_final for transcript in words), "words were shown before it failed"
        (upload,) = [seen for seen in found.openai.requests if "transcriptions" in seen.path]
        assert len(next(iter(upload.files.values()))) > 100 * 640, "the whole take"
        assert found.troubles[-1].error.hint == "OpenAI listened instead."


async def test_a_stand_in_keeps_the_voice_for_the_rest_of_the_turn(tmp_path: Path) -> None:
    async with vendors(tmp_path) as found:
        found.deepgram.script.status = 503
        engines = found.engines(providers__tts__active="deepgram", providers__tts__stand_ins="openai")
        assert engines.speak is not None
        for sentence in ("One.", "Two.", "Three."):
            assert [audio async for audio in engines.speak(sentence)]
        assert len(found.deepgram.requests) == 1
        assert len(found.troubles) == 1


async def test_text_that_is_still_written_goes_to_a_stand_in_piece_by_piece(tmp_path: Path) -> None:
    async def pieces() -> AsyncIterator[str]:
        for piece in ("One sentence. ", "Another one. "):
            yield piece

    async with vendors(tmp_path) as found:
        found.deepgram.script.status = 503
        engines = found.engines(providers__tts__active="deepgram", providers__tts__stand_ins="openai")
        assert engines.speak_stream is not None
        sound = [audio async for audio in engines.speak_stream(pieces())]
        assert sorted({audio.piece for audio in sound}) == [0, 1]
        said = [seen.body["input"].strip() for seen in found.openai.requests if "speech" in seen.path]
        assert said == ["One sentence.", "Another one."]


async def test_a_turn_can_be_begun_with_another_engine_than_the_settings_say(tmp_path: Path) -> None:
    async with vendors(tmp_path) as found:
        found.engines(providers__stt__active="deepgram")
        assert found.staff is not None
        with instead({Role.HEARS: "openai"}):
            engines = found.staff.engines(frozenset())
        assert (await heard(engines))[-1].text
        assert engines.names["stt"].startswith("openai/")
        assert found.deepgram.requests == []
        assert found.staff.engines(frozenset()).names["stt"].startswith("deepgram/")


async def test_a_vendor_that_dies_at_any_moment_is_replaced_quickly(tmp_path: Path) -> None:
    """Before the first word another answers; after it the answer is cut off, and says so."""
    waits, cut = [], list[Kind]()
    async with vendors(tmp_path) as found:
        found.openai.script.times = 1
        engines = found.engines(providers__llm__active="openai", providers__llm__stand_ins="anthropic")
        assert found.staff is not None
        for number in range(40):
            for name in ("status", "cut_after", "end_after", "error_after"):
                setattr(found.openai.script, name, 0 if name == "status" else None)
            how = ("status", "cut_after", "end_after", "error_after")[number % 4]
            setattr(found.openai.script, how, 503 if how == "status" else number // 4 % 3)
            found.openai.script.times = 1
            engines, began = found.staff.engines(frozenset()), time.perf_counter()
            try:
                async for delta in engines.think(HELLO, ""):
                    if delta.text and engines.names["llm"].startswith("anthropic/"):
                        waits.append(time.perf_counter() - began)
                        break
            except CompanionError as error:
                cut.append(error.kind)
    assert waits
    p95 = statistics.quantiles(waits, n=20)[-1]
    prove(25, "first word of a stand-in, p95", p95, 4.0, cases=len(waits), unit="s", clock="real")
    assert len(cut) + len(waits) == 40
    assert set(cut) <= {Kind.CUT_OFF, Kind.UNAVAILABLE}


async def test_a_budget_that_is_used_up_ends_what_costs_and_only_that(tmp_path: Path) -> None:
    async with vendors(tmp_path) as found:
        budget = {"reply__monthly_budget_usd": 0.000_001}
        engines = found.engines(providers__llm__active="openai", providers__llm__stand_ins="", **budget)
        assert await text_of(engines), "the call that crosses the limit is finished"
        assert found.staff is not None
        with pytest.raises(CompanionError) as caught:
            await text_of(found.staff.engines(frozenset()))
        assert caught.value.kind is Kind.BUDGET_SPENT
        assert len(found.openai.requests) == 1
        engines = found.engines(providers__llm__active="guide", **budget)
        assert await text_of(engines)


async def test_what_a_voice_or_recogniser_did_otherwise_is_told_once_a_turn() -> None:
    async def hear(_: HearRequest) -> AsyncGenerator[Transcript, None]:
        yield Transcript(text="ja", is_final=True, notices=("It does not take “tlh” as a language.",))

    async def speak(_: SpeakRequest) -> AsyncGenerator[Audio, None]:
        for _ in range(2):
            yield Audio(pcm=b"\0\0", rate_hz=24_000, notices=("It has no voice “x”.",))

    told: list[Event] = []
    events = Events(report=print)
    events.watch(told.append)
    ear = Fallbacks(Role.HEARS, [Member("a", "A", hear)], events, print)
    mouth = Fallbacks(Role.SPEAKS, [Member("a", "A", speak)], events, print)

    async def frames() -> AsyncGenerator[bytes, None]:
        yield b"\0\0"

    for _ in range(2):
        async with aclosing(ear.hear(frames(), lambda each: HearRequest(frames=each))) as words:
            assert [transcript.text async for transcript in words] == ["ja"]
        async with aclosing(mouth.ask(lambda: SpeakRequest(text="Hello."))) as sound:
            assert len([audio async for audio in sound]) == 2
    assert [event.text for event in told if isinstance(event, Note)] == [
        "It does not take “tlh” as a language.",
        "It has no voice “x”.",
    ]
