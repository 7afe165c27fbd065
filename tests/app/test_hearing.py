"""Who hears on this computer, as the window is told; and what is said of the language."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from companion.app import languages, roles
from companion.app.pool import ProviderPool
from companion.events import EngineInUse, Event, Events, Note
from companion.flow import HearRequest, Transcript
from companion.kinds import Role
from companion.net import Net
from companion.providers.here.builtin import BuiltinProvider
from companion.settings import Settings, changed
from companion.vault import MemoryVault
from tests.vaults import given


async def no_frames() -> AsyncIterator[bytes]:
    for frame in (b"",):
        yield frame


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def staff(told: list[Event], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProviderPool:
    """A pool whose built-in recogniser has found Whisper, and hears German."""

    async def transcribe(self: BuiltinProvider, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        self.recogniser = "base"
        yield Transcript(text="Ich bin")
        yield Transcript(text="Ich bin müde.", is_final=True, language="de")

    monkeypatch.setattr(BuiltinProvider, "transcribe", transcribe)
    events = Events(lambda error: pytest.fail(str(error)))
    events.watch(told.append)

    settings = changed(Settings(), {"talk.language": "en"})
    return ProviderPool(
        settings=lambda: settings, vault=given(MemoryVault()), net=Net(), events=events, models=tmp_path
    )


async def hear(staff: ProviderPool) -> dict[str, Any]:
    engines = staff.engines(frozenset())
    heard = [each.text async for each in engines.hear(no_frames())]
    assert heard == ["Ich bin", "Ich bin müde."]
    return dict(engines.names)


async def test_the_pill_and_the_journal_name_the_recogniser_that_was_found(
    staff: ProviderPool, told: list[Event]
) -> None:
    names = await hear(staff)
    await hear(staff)
    shown = [(each.label, each.host) for each in told if isinstance(each, EngineInUse)]
    assert shown == [("This computer, Whisper base", "")]
    assert names["stt"] == "builtin/base"
    assert roles.label_of(names["stt"]) == "This computer"
    assert roles.in_use(Settings(), Role.HEARS).label == "This computer"
    assert roles.in_use(Settings(), Role.SPEAKS, "Joe").label == "This computer, Joe"
    await staff.aclose()


@pytest.mark.parametrize(
    ("role", "changes", "found", "label"),
    [
        (Role.HEARS, {"providers.stt.active": "whisper"}, "", "This computer, Whisper base"),
        (
            Role.HEARS,
            {"providers.stt.active": "whisper", "providers.stt.whisper.model": "tiny.en"},
            "base",
            "This computer, Whisper tiny, English",
        ),
        (
            Role.SPEAKS,
            {"providers.tts.active": "piper", "providers.tts.piper.voice": "kokoro-82m#af_heart"},
            "",
            "This computer, Kokoro",
        ),
        (Role.SPEAKS, {"providers.tts.active": "piper"}, "", "A natural voice on this computer"),
        (Role.THINKS, {"providers.llm.active": "mind"}, "", "A model on this computer"),
        (Role.THINKS, {"providers.llm.active": "mind"}, "qwen3-1.7b", "This computer, Qwen3 1.7B"),
        (
            Role.THINKS,
            {"providers.llm.active": "mind", "providers.llm.mind.model": "/home/me/mine.gguf"},
            "",
            "This computer, mine",
        ),
        (Role.THINKS, {}, "qwen3-1.7b", "Offline guide"),
    ],
)
def test_the_pill_names_the_model_of_this_computer(
    role: Role, changes: dict[str, object], found: str, label: str
) -> None:
    assert roles.in_use(changed(Settings(), changes), role, found).label == label


async def test_another_language_than_is_set_is_told_once(staff: ProviderPool, told: list[Event]) -> None:
    for _ in range(3):
        await hear(staff)
    notes = [each.text for each in told if isinstance(each, Note)]
    assert notes == ["That sounded like German, but English is set: Settings, Hearing"]
    await staff.aclose()


@pytest.mark.parametrize(
    ("chosen", "heard", "begins"),
    [
        ("", "de", ""),
        ("de-AT", "de", ""),
        ("en", "", ""),
        ("pt_BR", "es", "That sounded like Spanish, but Portuguese is set"),
        ("en", "mi", "That sounded like mi, but English is set"),
        ("nb-NO", "no", ""),
        ("zh_Hant_TW", "zh", ""),
        ("yue-HK", "zh", ""),
    ],
)
def test_nothing_is_said_where_nothing_differs(chosen: str, heard: str, begins: str) -> None:
    assert languages.remark(chosen, heard).startswith(begins)
    assert bool(languages.remark(chosen, heard)) is bool(begins)


@pytest.mark.parametrize(("set_to", "language"), [("", ""), ("auto", ""), (" de ", "de")])
def test_the_language_is_found_out_unless_it_is_set(set_to: str, language: str) -> None:
    assert roles.language_of(Settings()) == ""
    assert roles.language_of(changed(Settings(), {"talk.language": set_to})) == language
