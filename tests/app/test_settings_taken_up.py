"""Settings that another hand changes in the file while the app runs: a text editor, or a second window."""

from __future__ import annotations

from companion.events import SettingsChanged
from companion.paths import Home
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


async def test_a_key_somebody_wrote_into_the_file_is_written_down_nowhere_else(home: Home) -> None:
    home.settings.parent.mkdir(parents=True, exist_ok=True)
    home.settings.write_text("providers: {llm: {openai: {api_key: sk-canary-1234567890abcdef}}}\n")
    async with running(home):
        pass
    others = (path for path in home.state.rglob("*") if path.is_file())
    assert [path.name for path in others if b"canary" in path.read_bytes()] == []
