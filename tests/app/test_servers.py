"""Servers of the person's own in the app and on the command line: declared once, used everywhere, gone when removed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from companion.app import Companion, servers
from companion.app.checkup import examine
from companion.errors import CompanionError, Kind
from companion.events import EngineInUse, Trouble
from companion.hosts import is_this_computer, origin
from companion.kinds import Role
from companion.log import Secret
from companion.paths import Home
from companion.providers import registry
from companion.providers.servers import declare, roles_of
from companion.settings import Settings, changed, load_settings
from companion.settings.address import normalise_tcp_address
from tests.app.test_companion import KeepingVault, running
from tests.servers import Script
from tests.servers.compatible import CompatibleServer
from tests.servers.wyoming import WyomingServer

SPEECH = str(Path(__file__).parent.parent / "data" / "austen-0890.wav")
KEY = "attic-canary-key-0123456789"


@pytest.fixture(autouse=True)
def nobody_stays() -> Iterator[None]:
    yield
    declare([], alone=True)


def write(home: Home, text: str) -> None:
    home.config.mkdir(parents=True, exist_ok=True)
    home.settings.write_text(text)


async def companion(*arguments: str) -> tuple[int, str, str]:
    """The command line, in a process of its own: its exit code, what it printed and what it remarked."""
    command = [sys.executable, "-m", "companion", *arguments]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


# -- in the app ---------------------------------------------------------------------------------------------


async def test_a_server_added_while_the_app_runs_thinks_with_its_own_key(home: Home) -> None:
    vault = KeepingVault()
    async with (
        CompatibleServer(Script(keys=[KEY], reply="From the attic.")) as attic,
        running(home, vault) as app,
    ):
        backend = app.app.settings_backend
        server = servers.drafted(app.app.settings, "The attic", (attic.url,), "openai")
        refused = await backend.discover(server)
        assert refused.health.kind in (Kind.KEY_REFUSED, Kind.KEY_MISSING)
        found = await backend.discover(server, Secret(KEY))
        assert "think" in found.sentence
        await backend.add_server(server, found.roles, Secret(KEY))
        await app.app.change({"providers.llm.active": "the-attic"})
        record = await app.turn("Hello?")
        assert record.reply_text == "From the attic."
        assert record.engines["llm"] == "the-attic"
        assert app.of(EngineInUse)[-3].label == "The attic"
        assert (await vault.describe("the-attic")).origin == origin(attic.url)
    assert load_settings(home).settings.servers.server("the-attic").label == "The attic"
    assert KEY not in home.settings.read_text()


async def test_a_key_does_not_follow_its_server_to_another_address(home: Home) -> None:
    async with (
        CompatibleServer(Script(keys=[KEY])) as attic,
        CompatibleServer() as cellar,
        running(home) as app,
    ):
        server = servers.drafted(app.app.settings, "attic", (attic.url,), "openai")
        await app.app.settings_backend.add_server(server, frozenset(), Secret(KEY))
        await app.app.change({"providers.llm.active": "attic", "servers.attic.address": cellar.url})
        assert app.app.submit("Hello?")
        await app.until(lambda: app.of(Trouble))
        assert app.of(Trouble)[0].error.kind is Kind.KEY_ELSEWHERE
        assert KEY not in str(cellar.requests)


async def test_a_renamed_server_is_called_so_at_once_and_keeps_its_key(home: Home) -> None:
    async with CompatibleServer(Script(keys=[KEY])) as attic, running(home) as app:
        backend = app.app.settings_backend
        server = servers.drafted(app.app.settings, "attic", (attic.url,), "openai")
        await backend.add_server(server, frozenset(), Secret(KEY))
        await app.app.change({"providers.llm.active": "attic"})
        await app.turn("Hello?")
        await backend.add_server(replace(server, label="Loft"), frozenset())
        assert registry.find("attic").display_name == "Loft"
        attic.script = Script(keys=[KEY], status=402)
        assert app.app.submit("And now?")
        await app.until(lambda: app.of(Trouble))
        assert "Loft" in app.of(Trouble)[0].error.message


async def test_a_server_that_is_ticked_stands_in_for_another(home: Home) -> None:
    async with CompatibleServer(Script(reply="From the cellar.")) as cellar, running(home) as app:
        for name, address in (("attic", "http://127.0.0.1:9/v1"), ("cellar", cellar.url)):
            server = servers.drafted(app.app.settings, name, (address,), "openai")
            await app.app.settings_backend.add_server(server, frozenset())
        await app.app.change(
            {
                "providers.llm.active": "attic",
                "providers.llm.stand_ins": "cellar",
                "network.max_retries": 0,
            }
        )
        record = await app.turn("Hello?")
        assert record.reply_text == "From the cellar."
        assert record.engines["llm"] == "cellar"
        assert app.of(Trouble)[0].error.hint == "cellar answered instead."


async def test_removing_a_server_gives_its_roles_back_and_forgets_its_key(home: Home) -> None:
    vault = KeepingVault()
    async with CompatibleServer() as attic, running(home, vault) as app:
        server = servers.drafted(app.app.settings, "attic", (attic.url,), "openai")
        await app.app.settings_backend.add_server(server, frozenset(), Secret(KEY))
        await app.app.change(
            {
                "providers.llm.active": "attic",
                "providers.llm.attic.model": "local-model",
                "providers.stt.stand_ins": "attic whisper",
            }
        )
        await app.app.settings_backend.remove_server("attic")
        settings = app.app.settings
        assert settings.providers.llm.active == "guide"
        assert settings.providers.stt.stand_ins == "whisper"
        assert not settings.servers.by_name
        assert not (await vault.describe("attic")).present
        assert not any("attic" in spec.name for spec in registry.specs())
        assert "attic" not in home.settings.read_text()
        assert (await app.turn("Hello?")).reply_text, "the offline guide answers"


async def test_a_declaration_that_cannot_be_is_told_and_the_others_hold(home: Home) -> None:
    write(
        home,
        "servers:\n  openai: {address: 'http://127.0.0.1:9/v1'}\n  attic: {address: '127.0.0.1:9/v1'}\n"
        "  cellar: {address: 'ftp://127.0.0.1/'}\n",
    )
    async with running(home) as app:
        (trouble,) = app.of(Trouble)
        assert "servers.openai: a provider of that name is there already" in trouble.error.message
        assert "servers.cellar" in trouble.error.message
        assert registry.find("attic").base_url == "http://127.0.0.1:9/v1"


async def test_the_doctor_names_a_declaration_that_cannot_be(home: Home) -> None:
    write(home, "servers:\n  cellar: {address: 'ftp://127.0.0.1/'}\n")
    (settings,) = [finding for finding in await examine(home) if finding.subject == "Settings"]
    assert settings.level == "problem"
    assert settings.detail.startswith("servers.cellar: ")


def test_without_servers_of_ones_own_nothing_is_loaded_for_them(home: Home) -> None:
    Companion(home)
    assert not any(spec.is_server for spec in registry.specs())


# -- what a person types ------------------------------------------------------------------------------------


def test_several_addresses_are_a_cluster() -> None:
    text = "192.168.1.20:8000/v1,\n  http://192.168.1.21:8000/v1/ http://192.168.1.20:8000/v1"
    addresses, notice = servers.read_addresses(text, "openai")
    assert addresses == ("http://192.168.1.20:8000/v1", "http://192.168.1.21:8000/v1")
    assert "unencrypted through your own network" in notice
    assert not is_this_computer("http://127.0.0.1:1/v1 http://192.168.1.20/v1"), "one elsewhere is elsewhere"


@pytest.mark.parametrize(
    ("text", "kind", "says"),
    [
        ("", "openai", "An address is needed"),
        ("ftp://attic", "openai", "begins with https://"),
        ("http://exa mple/v1, http://[::1", "openai", "not a server address"),
        ("https://attic", "wyoming", "begins with tcp://"),
        ("tcp://attic:99999", "wyoming", "not a server address"),
        ("tcp://", "wyoming", "not a server address"),
        (" ".join(f"http://10.0.0.{n}/v1" for n in range(20)), "openai", "16 addresses"),
    ],
)
def test_what_is_no_address_is_told(text: str, kind: str, says: str) -> None:
    with pytest.raises(CompanionError, match=says) as caught:
        servers.read_addresses(text, kind)
    assert caught.value.kind is Kind.UNSAFE_ADDRESS
    assert caught.value.hint


def test_a_key_is_not_sent_in_clear_beyond_this_computer() -> None:
    with pytest.raises(CompanionError):
        servers.read_addresses("http://192.168.1.20:8000/v1", "openai", with_key=True)
    servers.read_addresses("http://192.168.1.20/v1", "openai", with_key=True, trusts_own_network=True)


def test_a_wyoming_address_may_leave_out_what_goes_without_saying() -> None:
    assert normalise_tcp_address(" attic.local ").url == "tcp://attic.local"
    assert normalise_tcp_address("wyoming://attic.local:10300").url == "tcp://attic.local:10300"
    assert normalise_tcp_address("[::1]:10200") == ("tcp://[::1]:10200", "")


@pytest.mark.parametrize(
    ("label", "says"),
    [
        ("", "needs a name"),
        ("!!!", "needs a name"),
        ("The Attic", "called The Attic already"),
        ("OpenAI", "OpenAI is called"),
        ("claude", "is called here"),
    ],
)
def test_a_name_that_cannot_be_is_told(label: str, says: str) -> None:
    settings = changed(
        Settings(), {"servers.attic.address": "http://127.0.0.1/v1", "servers.attic.label": "the attic"}
    )
    with pytest.raises(CompanionError, match=says):
        servers.drafted(settings, label, ("http://127.0.0.1/v1",), "openai")


# -- on the command line ------------------------------------------------------------------------------------


async def test_a_wyoming_server_hears_and_speaks_a_whole_turn(home: Home, tmp_path: Path) -> None:
    async with WyomingServer() as server:
        code, out, _ = await companion("servers", "add", "attic", server.url)
        assert code == 0
        assert "attic is a provider now." in out
        assert "hear (small) and speak (3 voices)" in out
        home.settings.write_text(
            home.settings.read_text() + "providers:\n  stt: {active: attic}\n  tts: {active: attic}\n"
        )
        sound = tmp_path / "answer.wav"
        code, out, err = await companion(
            "reflect", "--mic", SPEECH, "--speaker", str(sound), "--fast", "--incognito", "--json"
        )
        assert code == 0, err
        told = json.loads(out)
        assert told["transcript"] == server.script.text
        assert told["engines"]["stt"] == told["engines"]["tts"] == "attic"
        assert len(server.heard) > 32_000
        with wave.open(str(sound)) as file:
            assert file.getnframes() / file.getframerate() > 0.4


async def test_servers_are_listed_checked_and_removed(home: Home) -> None:
    async with CompatibleServer() as box:
        assert (await companion("servers", "add", "Box", box.url))[0] == 0
        code, out, _ = await companion("providers", "box", "--check")
        assert code == 0
        assert "READY" in out
        code, out, _ = await companion("ask", "Hello?", "--provider", "box")
        assert out.strip() == box.script.reply
        (row,) = json.loads((await companion("servers", "--json"))[1])
        assert (row["name"], row["label"], row["addresses"]) == ("box", "Box", [box.url])
        assert set(row["roles"]) == {"llm", "stt", "tts", "embeddings"}
        assert (await companion("servers", "remove", "box"))[0] == 0
        assert "None yet" in (await companion("servers"))[1]
        assert "no server called box" in (await companion("servers", "remove", "box"))[2]
        assert (await companion("servers", "add", "box"))[0] == 2
        assert Role.THINKS not in load_settings(home).settings.servers.by_name


async def test_a_server_added_without_its_key_is_added_again_with_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with CompatibleServer(Script(keys=[KEY])) as attic:
        code, out, _ = await companion("servers", "add", "attic", attic.url)
        assert code == 0
        assert "COMPANION_KEY_ATTIC; then add it once more" in out
        assert roles_of(load_settings(home).settings.servers.server("attic").does) == frozenset()
        monkeypatch.setenv("COMPANION_KEY_ATTIC", KEY)
        code, out, err = await companion("servers", "add", "attic", attic.url)
        assert code == 0, err
        assert Role.THINKS in roles_of(load_settings(home).settings.servers.server("attic").does)
        assert "use it:" in out
    code, _, err = await companion("servers", "add", "attic", "http://127.0.0.1:9/v1")
    assert code == 1, "another address is another server"
    assert "There is a server called attic already" in err


async def test_a_server_that_is_added_again_while_it_is_down_keeps_what_it_can(home: Home) -> None:
    async with CompatibleServer() as attic:
        await companion("servers", "add", "attic", attic.url)
    before = load_settings(home).settings.servers.server("attic").does
    assert (await companion("servers", "add", "attic", attic.url))[0] == 0
    assert load_settings(home).settings.servers.server("attic").does == before != ""


async def test_a_model_that_its_server_names_by_a_path_is_shown_by_its_file(home: Home) -> None:
    path = "/home/ann/models/Qwen3-4B-Q4_K_M.gguf"
    async with CompatibleServer(Script(models=[path])) as attic, running(home) as app:
        server = servers.drafted(app.app.settings, "attic", (attic.url,), "openai")
        found = await app.app.settings_backend.discover(server)
        assert "think (Qwen3-4B-Q4_K_M)" in found.sentence
        await app.app.settings_backend.add_server(server, found.roles)
        await app.app.change({"providers.llm.active": "attic", "providers.llm.attic.model": path})
        assert [each.label for each in app.of(EngineInUse) if each.role is Role.THINKS][
            -1
        ] == "Qwen3-4B-Q4_K_M"
