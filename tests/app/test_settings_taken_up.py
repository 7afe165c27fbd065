"""Settings that another hand changes in the file while the app runs: a text editor, or a second window."""

from __future__ import annotations

import pytest

from companion.app.crashes import plain_settings
from companion.events import SettingsChanged
from companion.paths import Home
from companion.settings import Settings
from tests.app.test_companion import running


def write(home: Home, text: str) -> None:
    home.config.mkdir(parents=True, exist_ok=True)
    home.settings.write_text(text, encoding="utf-8")


async def test_what_is_written_into_the_file_holds_when_it_is_looked_at(home: Home) -> None:
    write(home, "talk:\n  tap_ms: 300\n")
    async with running(home) as app:
        write(home, "talk:\n  tap_ms: 400\n  headphones: true\n")
        await app.app.settings_backend.take_up()
        assert (app.app.settings.talk.tap_ms, app.app.settings.talk.headphones) == (400, True)
        assert set(app.of(SettingsChanged)[-1].names) == {"talk.tap_ms", "talk.headphones"}
        told = len(app.of(SettingsChanged))
        await app.app.settings_backend.take_up()
        assert len(app.of(SettingsChanged)) == told, "nothing has changed since"
        await app.app.settings_backend.change({"talk.tail_ms": 500})
        await app.app.settings_backend.take_up()
        assert (app.app.settings.talk.tail_ms, app.app.settings.talk.tap_ms) == (500, 400)


async def test_a_file_with_a_fault_waits_until_it_is_mended(home: Home) -> None:
    write(home, "talk:\n  tap_ms: 300\n")
    async with running(home) as app:
        write(home, "talk: {tap_ms: 400\n")
        await app.app.settings_backend.take_up()
        assert app.app.settings.talk.tap_ms == 300
        assert home.settings.read_text("utf-8") == "talk: {tap_ms: 400\n", "it is still being written"
        write(home, "talk: {tap_ms: 450}\n")
        await app.app.settings_backend.take_up()
        assert app.app.settings.talk.tap_ms == 450


async def test_a_server_and_a_provider_that_are_taken_out_of_the_file_are_gone(home: Home) -> None:
    write(
        home,
        "servers: {attic: {address: 'http://10.0.0.8/v1'}}\nproviders: {llm: {ollama: {model: llama3.2}}}\n",
    )
    async with running(home) as app:
        write(home, "talk:\n  tap_ms: 400\n")
        await app.app.settings_backend.take_up()
        assert app.app.settings.servers == Settings().servers
        assert app.app.settings.providers.llm.block("ollama").model == ""


async def test_what_is_saved_here_brings_back_nothing_that_a_plain_start_left_out(home: Home) -> None:
    write(home, "providers: {llm: {active: ollama}}\ntalk: {mode: free}\n")
    async with running(home) as app:
        app.app.settings = plain_settings(app.app.settings)
        await app.app.settings_backend.change({"talk.tail_ms": 500})
        await app.app.settings_backend.take_up()
        assert app.app.settings.providers.llm.active == "guide"
        assert (app.app.settings.talk.mode, app.app.settings.talk.tail_ms) == ("hold", 500)
        assert app.app.settings.network.offline


async def test_what_is_chosen_here_holds_against_a_variable(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPANION_TALK__TAP_MS", "300")
    async with running(home) as app:
        await app.app.settings_backend.change({"talk.tap_ms": 450})
        await app.app.settings_backend.take_up()
        assert app.app.settings.talk.tap_ms == 450


@pytest.mark.parametrize("moment", ["before", "meanwhile"])
async def test_a_key_somebody_wrote_into_the_file_is_written_down_nowhere_else(
    home: Home, moment: str
) -> None:
    with_key = "providers: {llm: {openai: {api_key: sk-canary-1234567890abcdef}}}\n"
    write(home, with_key if moment == "before" else "talk:\n  tap_ms: 300\n")
    async with running(home):
        write(home, with_key)
    others = (path for path in home.state.rglob("*") if path.is_file())
    assert [path.name for path in others if b"canary" in path.read_bytes()] == []


async def test_what_a_variable_in_the_file_stands_for_is_written_down_nowhere(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY", "https://me:canary@gateway.example/canary/v1")
    write(home, "providers: {llm: {active: openai, openai: {base_url: '${GATEWAY}'}}}\n")
    async with running(home) as app:
        assert "canary" in app.app.settings.providers.llm.block("openai").base_url
    others = (path for path in home.state.rglob("*") if path.is_file())
    assert [path.name for path in others if b"canary" in path.read_bytes()] == []
