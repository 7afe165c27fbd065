"""Whatever costs money is paid from the month's budget, whichever road it takes; once that is spent nothing is sent."""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from companion.app import Companion, spending as spending_module
from companion.app.metered import MeteredConversation
from companion.app.spending import Spending
from companion.audio.virtual import CapturingPlayer
from companion.cli import calls, jobs
from companion.errors import CompanionError, Kind
from companion.events import Trouble
from companion.flow import ChatDelta, Message, Speaker, Usage
from companion.kinds import Role
from companion.log import Secret
from companion.net import origin
from companion.paths import Home
from companion.ports import VoiceModelEvent
from companion.providers.middleware import Budget
from companion.settings import changed
from companion.vault import EnvironmentKey, MemoryVault
from tests.app.test_companion import KeepingVault, Watched, running
from tests.servers.openai import OpenAIServer
from tests.servers.openai_realtime import RealtimeServer

ROOT = Path(__file__).parent.parent.parent
KEY = "sk-test-0123456789abcdef"
TAKE = ROOT / "tests" / "data" / "austen-0890.wav"
MODELS = {"llm": "gpt-6-luna", "stt": "whisper-1", "tts": "tts-1"}


@dataclass
class Desk:
    """An app that asks OpenAI for everything, and the server it asks."""

    app: Companion
    server: OpenAIServer
    folder: Path

    @property
    def spent_usd(self) -> float:
        return self.app.staff.budget.spent_usd

    def set(self, **settings: object) -> None:
        named = {name.replace("__", "."): value for name, value in settings.items()}
        self.app.settings = changed(self.app.settings, named)


@asynccontextmanager
async def desk_at(home: Home, folder: Path) -> AsyncIterator[Desk]:
    async with OpenAIServer() as server:
        key = EnvironmentKey(secret=Secret(KEY), origin=origin(server.url), variable="KEY")
        vault = MemoryVault(environment={"openai": key})

        async def opened() -> MemoryVault:
            return vault

        app = Companion(home, vault=opened, player=CapturingPlayer(realtime=False))
        chosen = {
            f"providers.{role}.{name}": value
            for role, model in MODELS.items()
            for name, value in (
                ("active", "openai"),
                ("stand_ins", ""),
                ("openai.base_url", server.url),
                ("openai.model", model),
            )
        }
        app.settings = changed(app.settings, {**chosen, "network.max_retries": 0})
        yield Desk(app, server, folder)
        await app.close()


@pytest.fixture
async def desk(home: Home, tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_at(home, tmp_path) as found:
        yield found


# -- all roads ----------------------------------------------------------------------------------------------


def _args(**given: Any) -> argparse.Namespace:
    usual = {
        "provider": "openai",
        "model": "",
        "json": False,
        "text": "Good evening.",
        "out": None,
        "voice": "",
    }
    return argparse.Namespace(
        **{**usual, "speed": None, "language": "", "image": [], "system": "x", "size": "", **given}
    )


async def think(desk: Desk) -> None:
    engines = desk.app.staff.engines(frozenset())
    async for _ in engines.think((Message(Speaker.USER, "Hello"),), ""):
        pass


async def think_and_drop(desk: Desk) -> None:
    """As an answer that was prepared and is not wanted."""
    engines = desk.app.staff.engines(frozenset())
    deltas = engines.think((Message(Speaker.USER, "Hello"),), "")
    await anext(deltas)
    await deltas.aclose()


async def hear(desk: Desk) -> None:
    async def frames() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"\x05\x01" * 320

    async for _ in desk.app.staff.engines(frozenset()).hear(frames()):
        pass


async def speak(desk: Desk) -> None:
    speak = desk.app.staff.engines(frozenset()).speak
    assert speak is not None
    async for _ in speak("Good evening."):
        pass


async def preview(desk: Desk) -> None:
    await desk.app.settings_backend.preview_voice("openai", "alloy", 1.0)


async def say(desk: Desk) -> None:
    await calls._say(desk.app, _args(out=str(desk.folder / "said.wav")))


async def transcribe(desk: Desk) -> None:
    await calls._transcribe(desk.app, _args(file=str(TAKE)))


async def ask(desk: Desk) -> None:
    await calls._ask(desk.app, _args())


async def embed(desk: Desk) -> None:
    await calls._embed(desk.app, _args(text=["one", "two"], model="text-embedding-3-small"))


async def draw(desk: Desk) -> None:
    await calls._draw(desk.app, _args(out=str(desk.folder / "drawn.png"), model="gpt-image-2.5-flare"))


async def film(desk: Desk) -> None:
    desk.server.jobs.poll_after_ms = "1"
    wanted = {"text": "A lake.", "size": "", "seconds": 4, "image": "", "job": "", "keep": False}
    await jobs._film(desk.app, _args(out=str(desk.folder / "lake.mp4"), model="sora-2", **wanted))


async def batch(desk: Desk) -> None:
    desk.server.jobs.poll_after_ms = "1"
    (desk.folder / "asked.txt").write_text("One?\n\nTwo?\n", encoding="utf-8")
    await jobs._batch(desk.app, _args(file=str(desk.folder / "asked.txt"), job="", keep=False))


ROADS: tuple[Callable[[Desk], Awaitable[None]], ...] = (
    think,
    think_and_drop,
    hear,
    speak,
    preview,
    say,
    transcribe,
    ask,
    embed,
    draw,
    film,
    batch,
)


@pytest.mark.parametrize("road", ROADS, ids=lambda road: road.__name__)
async def test_every_road_costs_and_ends_when_the_budget_is_spent(
    desk: Desk, road: Callable[[Desk], Awaitable[None]], capsys: pytest.CaptureFixture[str]
) -> None:
    await road(desk)
    assert desk.spent_usd > 0
    assert not desk.app.staff.budget.unpriced
    desk.set(reply__monthly_budget_usd=desk.spent_usd)
    before = len(desk.server.requests)
    with pytest.raises(CompanionError) as caught:
        await road(desk)
    assert caught.value.kind is Kind.BUDGET_SPENT
    assert len(desk.server.requests) == before, "nothing was sent"
    desk.set(**{f"providers__{role}__active": name for role, name in (("llm", "guide"), ("tts", "builtin"))})
    await think(desk)  # what costs nothing goes on


def test_no_road_passes_by_the_meter() -> None:
    """Outside the library a provider's calls are only named to be stacked; `stacked` is what pays."""
    for path in sorted((ROOT / "companion").rglob("*.py")):
        if path.relative_to(ROOT / "companion").parts[0] not in ("app", "cli", "gui"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = node.func.attr
                if called == "draw" and "gui" in path.parts:
                    continue  # on the screen
                assert called not in ("chat", "transcribe", "embed", "draw", "film", "batch"), (
                    f"{path}:{node.lineno}"
                )


async def test_every_provider_is_handed_out_with_the_budget(desk: Desk) -> None:
    for role in (Role.THINKS, Role.HEARS, Role.SPEAKS):
        for name in ("openai", "builtin", "guide", "ollama"):
            provider = await desk.app.staff.provider(role, name)
            assert provider.budget is desk.app.staff.budget
            assert provider.may_cost is (name == "openai")


async def test_what_has_no_price_is_told_in_its_receipt(desk: Desk) -> None:
    provider = await desk.app.staff.provider(Role.THINKS, "openai")
    assert provider.knows_price(Role.THINKS, "gpt-6-luna")
    assert provider.knows_price(Role.HEARS, "whisper-1")
    assert not provider.knows_price(Role.THINKS, "made-up")
    assert not provider.knows_price(Role.DRAWS, "gpt-image-2.6-flare")
    desk.set(providers__llm__openai__model="gpt-7")
    await think(desk)
    assert desk.app.staff.budget.unpriced == 1
    assert desk.spent_usd == 0


# -- the voice model ----------------------------------------------------------------------------------------


@asynccontextmanager
async def conversing(home: Home, server: RealtimeServer, **settings: object) -> AsyncIterator[Watched]:
    key = EnvironmentKey(secret=Secret(KEY), origin=origin(server.url), variable="")
    chosen = {"talk__engine": "openai-realtime", "providers__llm__openai__base_url": server.url, **settings}
    async with running(home, KeepingVault(environment={"openai": key}), **chosen) as watched:
        yield watched


async def test_a_conversation_is_paid_turn_by_turn_and_refused_when_the_budget_is_spent(home: Home) -> None:
    async with RealtimeServer() as server, conversing(home, server) as watched:
        budget = watched.app.staff.budget
        record = await watched.turn("Good evening.")
        assert budget.spent_usd == record.cost_usd
        assert record.cost_usd
        await watched.turn("And how are you?")
        assert budget.spent_usd > record.cost_usd
        sessions = len(server.sessions)
        await watched.app.change({"reply.monthly_budget_usd": budget.spent_usd})
        assert len(await server_turn(watched)) == 1
        assert len(server.sessions) == sessions, "nobody was called"
        await watched.app.change({"reply.monthly_budget_usd": 0.0})
        assert (await watched.turn("Now you may.")).reply_text


class Told:
    """A conversation that tells what it is given."""

    name, is_open, is_spoken = "openai/gpt-realtime-2.1", True, True

    def __init__(self, *told: tuple[int, VoiceModelEvent]) -> None:
        self.told = told

    async def respond(self, turn: int) -> None: ...

    async def events(self) -> AsyncIterator[tuple[int, VoiceModelEvent]]:
        for each in self.told:
            yield each

    async def close(self) -> None: ...


async def test_an_interrupted_answer_is_paid_and_one_that_was_hung_up_on_is_known_to_be_missing() -> None:
    budget = Budget(_Purse(), 0.000_001)
    usage = Usage(input_tokens=1000, output_tokens=10, audio_output_tokens=10)
    inner: Any = Told((1, ChatDelta(usage=usage)))
    conversation = MeteredConversation(inner, budget, AsyncExitStack())
    await conversation.respond(1)
    assert [turn async for turn, _ in conversation.events()] == [1]
    assert budget.spent_usd == pytest.approx((1000 * 4 + 10 * 64) / 1e6)
    assert not conversation.is_open, "the next take opens another, which is refused"
    await conversation.respond(2)
    await conversation.close()
    assert budget.unpriced == 1


async def server_turn(watched: Watched) -> list[Trouble]:
    before = len(watched.of(Trouble))
    record = await watched.turn("Is there money left?")
    assert record.reply_text == ""
    return [each for each in watched.of(Trouble)[before:] if each.error.kind is Kind.BUDGET_SPENT]


# -- odd figures --------------------------------------------------------------------------------------------

ODD = ["12", [3], -5, 1e308, float("nan"), True, {"a": 1}]


@pytest.mark.parametrize("odd", ODD, ids=repr)
async def test_odd_usage_moves_no_budget_and_ends_no_answer(desk: Desk, odd: object) -> None:
    chunk = {"choices": [{"delta": {"content": "Hi."}, "finish_reason": "stop"}]}
    usage = {"choices": [], "usage": {"prompt_tokens": odd, "completion_tokens": odd}}
    desk.server.script.raw = (
        "".join(f"data: {json.dumps(each)}\n\n" for each in (chunk, usage)) + "data: [DONE]\n\n"
    )
    await think(desk)
    assert desk.spent_usd < 0.001, "a guess by its length, at most"


@pytest.mark.parametrize("odd", ODD, ids=repr)
async def test_a_provider_from_elsewhere_may_say_anything(odd: Any) -> None:
    budget = Budget(_purse := _Purse(), 1.0)
    budget.add(odd if isinstance(odd, float) else -1.0)
    assert not Usage(input_tokens=odd).is_plausible
    assert _purse.months == {}
    assert budget.unpriced == 1
    assert ChatDelta(usage=Usage(input_tokens=odd)).usage is not None


class _Purse:
    def __init__(self) -> None:
        self.months: dict[str, float] = {}

    def spent_usd(self, month: str) -> float:
        return self.months.get(month, 0.0)

    def add(self, month: str, usd: float) -> None:
        self.months[month] = self.spent_usd(month) + usd


# -- the file -----------------------------------------------------------------------------------------------


async def test_programs_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    programs = [Spending(tmp_path / "spent.json") for _ in range(8)]
    for number, program in enumerate(programs):
        program.add("2026-11", 1.0)
        program.add("2026-12", float(number))
    await asyncio.gather(*(program.close() for program in programs))
    assert json.loads((tmp_path / "spent.json").read_text()) == {"2026-11": 8.0, "2026-12": 28.0}


async def test_what_a_command_spent_is_known_to_the_window_at_once(tmp_path: Path) -> None:
    window, command = Spending(tmp_path / "spent.json"), Spending(tmp_path / "spent.json")
    assert window.spent_usd("2026-11") == 0.0
    window.add("2026-11", 0.5)
    command.add("2026-11", 2.0)
    await command.close()
    assert window.spent_usd("2026-11") == 2.5
    await window.close()
    assert command.spent_usd("2026-11") == 2.5


async def test_a_program_that_holds_the_file_for_ever_costs_no_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spending_module, "LOCK_S", 0.01)
    file = tmp_path / "spent.json"
    mine = Spending(file)
    mine.add("2026-11", 1.0)
    with spending_module.locked(file.with_name("spent.json.lock"), 1.0):
        await mine.close()
    assert mine.spent_usd("2026-11") == 1.0
    await mine.close()
    assert json.loads(file.read_text()) == {"2026-11": 1.0}


# -- those who are hired ------------------------------------------------------------------------------------


async def test_a_hundred_changes_leave_few_providers_and_stacks(desk: Desk) -> None:
    staff = desk.app.staff
    for number in range(100):
        desk.set(
            network__timeout_s=30.0 + number,
            providers__llm__openai__model=f"model-{number % 7}",
            providers__tts__openai__base_url=f"{desk.server.url}/{number}",
        )
        provider = await staff.provider(Role.THINKS, "openai")
        provider.stacked(provider.chat)
        for name in ("ollama", "llamacpp", "vllm", "lmstudio", "compatible", "wyoming"):
            with_other = {f"providers__llm__{name}__base_url": f"http://127.0.0.1:{2000 + number}"}
            desk.set(**with_other)
            await staff.provider(Role.THINKS, name)
    assert len(staff._hired) < 12
    assert len(provider._stacks) == 1


async def test_who_is_still_used_is_closed_only_then(desk: Desk) -> None:
    staff, closed = desk.app.staff, list[str]()
    async with staff.lent(Role.THINKS, "openai") as used:
        close = used.aclose

        async def noted() -> None:
            closed.append("closed")
            await close()

        used.aclose = noted  # type: ignore[method-assign]
        desk.set(**{f"providers__{role}__openai__base_url": f"{desk.server.url}/other" for role in MODELS})
        async with staff.lent(Role.THINKS, "openai"):
            pass
        assert closed == []
    assert closed == ["closed"]


# -- how long a turn may wait -------------------------------------------------------------------------------


async def test_a_turn_waits_as_long_as_those_who_may_be_asked(desk: Desk) -> None:
    usual = desk.app.staff.patience()
    desk.set(providers__llm__openai__model="gpt-4.1")
    desk.set(providers__stt__active="builtin")
    slow = desk.app.staff.patience()
    assert slow.hearing_s > 120 > usual.hearing_s, "an engine of this computer is slow, not gone"
    desk.set(network__timeout_s=300.0, providers__stt__active="openai")
    longer = desk.app.staff.patience()
    assert longer.hearing_s > 300
    assert longer.thinking_s > 300
    provider = await desk.app.staff.provider(Role.THINKS, "openai")
    assert (provider.policy.first_s, provider.policy.idle_s) == (300.0, 300.0)


async def test_the_month_is_that_of_where_the_person_is(monkeypatch: pytest.MonkeyPatch) -> None:
    purse, new_year = _Purse(), 1798758000.0  # 2026-12-31 23:00 UTC
    monkeypatch.setattr("time.time", lambda: new_year)
    budget = Budget(purse, 1.0)
    for zone in ("UTC", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        budget.add(0.75)
    assert purse.months == {"2026-12": 0.75, "2027-01": 0.75}
    assert not budget.is_spent
    monkeypatch.undo()
    time.tzset()
