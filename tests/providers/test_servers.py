"""Servers of a person's own: several at once, each with its own key; clusters; what they can do; what cannot be one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from companion.errors import AIProviderError, CompanionError, Kind
from companion.flow import ChatRequest, HearRequest, Message, Speaker, SpeakRequest
from companion.kinds import Role
from companion.providers import AIProviderFactory, load_config, registry
from companion.providers.model_names import use_of
from companion.providers.provider import AIProvider
from companion.providers.servers import OwnServer, class_of, declare, discover, key_variable
from tests.servers import Script
from tests.servers.compatible import CompatibleServer
from tests.servers.wyoming import WyomingServer

ATTIC_KEY = "attic-canary-key-0123456789"
WORKSHOP_KEY = "workshop-canary-key-9876543210"


@pytest.fixture(autouse=True)
def nobody_stays() -> Iterator[None]:
    yield
    declare([], alone=True)


def silent_port() -> str:
    """An address where nobody listens."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def asking(text: str = "How was it?") -> ChatRequest:
    return ChatRequest(messages=(Message(Speaker.USER, text),))


async def answer(provider: AIProvider) -> str:
    return "".join([delta.text async for delta in provider.stacked(provider.chat)(asking())])


async def frames() -> AsyncIterator[bytes]:
    for _ in range(10):
        yield b"\x01\x02" * 320


async def test_two_servers_never_see_each_others_key() -> None:
    keys = {"attic": ATTIC_KEY, "workshop": WORKSHOP_KEY}
    async with CompatibleServer() as attic, CompatibleServer() as workshop:
        servers = {"attic": attic, "workshop": workshop}
        declare([OwnServer(name=name, addresses=(server.url,)) for name, server in servers.items()])
        for name, server in servers.items():
            server.script = Script(keys=[keys[name]], reply=f"Here is the {name}.")
            async with AIProviderFactory.create(name, api_key=keys[name]) as provider:
                assert await answer(provider) == f"Here is the {name}."
                assert (await provider.check()).ok
        for name, server in servers.items():
            others = [key for other, key in keys.items() if other != name]
            assert keys[name] in str(server.requests)
            assert not any(key in str(server.requests) for key in others)


async def test_a_declared_server_is_a_provider_like_any_other() -> None:
    declare([OwnServer(name="attic", label="The attic", addresses=("http://127.0.0.1:9/v1",))])
    spec = registry.find("Attic")
    assert (spec.display_name, spec.needs_key, spec.is_server) == ("The attic", False, True)
    assert "attic" in {each.name for each in registry.with_role(Role.HEARS)}
    assert spec.key_env == ("COMPANION_KEY_ATTIC",)
    declare([], alone=True)
    with pytest.raises(AIProviderError) as caught:
        registry.find("attic")
    assert caught.value.kind is Kind.PROVIDER_UNKNOWN


@pytest.mark.parametrize(
    ("server", "says"),
    [
        (OwnServer(name="openai", addresses=("http://127.0.0.1:9/v1",)), "is there already"),
        (OwnServer(name="groq", addresses=("http://127.0.0.1:9/v1",)), "is there already"),
        (OwnServer(name="Attic", addresses=("http://127.0.0.1:9/v1",)), "small letters"),
        (OwnServer(name="attic", addresses=()), "an address is needed"),
        (OwnServer(name="attic", addresses=("http://127.0.0.1:9/v1",), kind="gopher"), "openai or wyoming"),
    ],
)
def test_what_cannot_be_a_server_is_told(server: OwnServer, says: str) -> None:
    (problem,) = declare([server])
    assert problem.startswith(f"servers.{server.name}: ")
    assert says in problem


def test_no_vendor_s_key_in_the_environment_is_taken_for_a_server_s() -> None:
    assert key_variable("my__own-box") == "COMPANION_KEY_MY_OWN_BOX"


async def test_a_key_of_the_environment_reaches_its_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPANION_KEY_ATTIC", ATTIC_KEY)
    async with CompatibleServer(Script(keys=[ATTIC_KEY])) as server:
        declare([OwnServer(name="attic", addresses=(server.url,))])
        async with AIProviderFactory.create("attic") as provider:
            assert (await provider.check()).ok


# -- clusters -----------------------------------------------------------------------------------------------


async def test_the_next_is_asked_when_one_does_not_answer_and_stays() -> None:
    async with CompatibleServer(Script(reply="From the second.")) as second:
        declare([OwnServer(name="hall", addresses=(silent_port(), second.url))])
        async with AIProviderFactory.create("hall") as hall:
            assert await answer(hall) == "From the second."
            before = len(second.asked("/chat"))
            assert await answer(hall) == "From the second."
            assert len(second.asked("/chat")) == before + 1
            health = await hall.check()
            assert health.ok
            assert health.detail.startswith("1 of 2 servers answer. 127.0.0.1:")
            assert health.detail.endswith(" does not.")


async def test_a_server_that_falls_ill_is_replaced_and_one_that_began_is_not() -> None:
    async with CompatibleServer(Script(reply="One.")) as one, CompatibleServer(Script(reply="Two.")) as two:
        declare([OwnServer(name="hall", addresses=(one.url, two.url))])
        async with AIProviderFactory.create("hall", max_retries=0) as hall:
            assert await answer(hall) == "One."
            one.script = Script(status=503)
            assert await answer(hall) == "Two."
            two.script = Script(reply="A long answer that breaks.", cut_after=2)
            with pytest.raises(AIProviderError) as caught:
                await answer(hall)
            assert caught.value.kind is Kind.CUT_OFF
            assert len(one.asked("/chat")) == 2, "a half answer is not begun anew somewhere else"


async def test_a_take_is_heard_by_the_one_that_is_there() -> None:
    async with CompatibleServer(Script(transcript="It was a long day.", models=["whisper-1"])) as second:
        server = OwnServer(name="hall", addresses=(silent_port(), second.url))
        async with class_of(server)() as hall:
            heard = [each async for each in hall.stacked(hall.transcribe)(HearRequest(frames=frames()))]
        assert heard[-1].text == "It was a long day."
        assert len(second.asked("/transcriptions")[0].files["file"]) > 10 * 640, "all of the take"


async def test_nobody_answers_in_a_cluster() -> None:
    declare([OwnServer(name="hall", label="The hall", addresses=(silent_port(), silent_port()))])
    async with AIProviderFactory.create("hall", max_retries=0) as hall:
        with pytest.raises(CompanionError) as caught:
            await answer(hall)
        assert caught.value.kind is Kind.UNREACHABLE
        assert "The hall (127.0.0.1:" in str(caught.value)
        assert (await hall.check()).detail.startswith("None of the 2 servers answers.")


async def test_the_one_that_is_there_says_what_is_wrong() -> None:
    async with CompatibleServer(Script(keys=[ATTIC_KEY])) as second:
        declare([OwnServer(name="hall", addresses=(silent_port(), second.url))])
        async with AIProviderFactory.create("hall", api_key=WORKSHOP_KEY, max_retries=0) as hall:
            with pytest.raises(CompanionError) as caught:
                await answer(hall)
    assert caught.value.kind is Kind.KEY_REFUSED


# -- what a server can do -----------------------------------------------------------------------------------


async def test_what_a_server_has_is_found_out() -> None:
    listed = ["qwen3-8b", "Systran/faster-whisper-small", "speaches-ai/Kokoro-82M-v1.0-ONNX", "bge-small-en"]
    async with (
        CompatibleServer(Script(models=listed)) as server,
        class_of(OwnServer(name="box", addresses=(server.url,)))() as box,
    ):
        found = await discover(box, "openai")
    assert found.roles == {Role.THINKS, Role.HEARS, Role.SPEAKS, Role.EMBEDS}
    assert found.models[Role.HEARS] == ("Systran/faster-whisper-small",)
    for words in ("think (qwen3-8b)", "hear (Systran/faster-whisper-small)", "compare texts (bge-small-en)"):
        assert words in found.sentence


async def test_each_role_asks_the_model_made_for_it() -> None:
    listed = ["qwen3-8b", "Systran/faster-whisper-small", "speaches-ai/Kokoro-82M-v1.0-ONNX"]
    async with CompatibleServer(Script(models=listed)) as server:
        async with class_of(OwnServer(name="box", addresses=(server.url,)))() as box:
            await answer(box)
            _ = [each async for each in box.transcribe(HearRequest(frames=frames()))]
            _ = [each async for each in box.speak(SpeakRequest(text="Hello."))]
        asked = [seen.body["model"] for seen in server.requests if seen.method == "POST"]
    assert asked == listed


async def test_a_wyoming_server_is_found_out_under_its_name() -> None:
    async with WyomingServer() as server:
        own = OwnServer(name="attic", kind="wyoming", addresses=(server.url,))
        async with class_of(own)() as attic:
            found = await discover(attic, "wyoming")
    assert found.roles == {Role.HEARS, Role.SPEAKS}
    assert "hear (small) and speak (3 voices)" in found.sentence


async def test_a_server_that_is_not_there_is_told_in_a_sentence() -> None:
    async with class_of(OwnServer(name="attic", label="The attic", addresses=(silent_port(),)))() as attic:
        found = await discover(attic, "openai")
    assert not found.health.ok
    assert not found.roles
    assert "The attic" in found.sentence


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", Role.THINKS),
        ("whisper-large-v3-turbo", Role.HEARS),
        ("nvidia/parakeet-tdt-0.6b-v3", Role.HEARS),
        ("openai/gpt-4o-mini-transcribe", Role.HEARS),
        ("speaches-ai/piper-en_US-lessac-medium", Role.SPEAKS),
        ("tts-1", Role.SPEAKS),
        ("nomic-embed-text", Role.EMBEDS),
        ("gpt-7", Role.THINKS),
    ],
)
def test_a_name_tells_what_a_model_is_for(name: str, role: Role) -> None:
    assert use_of(name) is role


# -- the configuration of a program -------------------------------------------------------------------------


async def test_a_program_declares_its_servers_in_its_file(tmp_path: Path) -> None:
    async with CompatibleServer(Script(keys=[WORKSHOP_KEY], reply="Sawdust.", models=["big"])) as server:
        path = tmp_path / "companion.yaml"
        path.write_text(f"""
servers:
  workshop: {{address: "{silent_port()}, {server.url}", label: The workshop}}
  attic: {{address: [tcp://127.0.0.1:10300], kind: wyoming, does: stt}}
providers:
  llm: {{active: workshop, workshop: {{model: big, api_key: "${{WORKSHOP}}"}}}}
  stt: {{active: attic}}
""")
        async with load_config(path, {"WORKSHOP": WORKSHOP_KEY}) as config:
            assert await answer(config.llm) == "Sawdust."
            assert config.stt.spec.roles == {Role.HEARS}
        assert server.asked("/chat")[0].body["model"] == "big"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("openai: {address: http://127.0.0.1/v1}", "is there already"),
        ("attic: {kind: wyoming}", "an address is needed"),
        ("attic: {adress: http://127.0.0.1/v1}", "has no adress"),
        ("attic: 7", "names with values"),
    ],
)
def test_a_wrong_declaration_names_its_place(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "companion.yaml"
    path.write_text(f"servers:\n  {line}\n")
    with pytest.raises(CompanionError, match=says) as caught:
        load_config(path, {})
    assert "companion.yaml:2" in str(caught.value)
