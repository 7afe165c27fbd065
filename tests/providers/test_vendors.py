"""Every row of `resources/vendors.yaml`, against a server that refuses what its vendor refuses.

The contract suites hold rows to everything else they hold OpenAI to; here is what makes each vendor another.
"""

from __future__ import annotations

import array
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import web

from companion import net
from companion.app.pool import environment_keys
from companion.calls import EmbedRequest, JsonSchema, Picture, SoundFile, Tool
from companion.errors import (
    AIProviderNotSupportedError,
    AIProviderStreamCutError,
    CompanionError,
    Kind,
)
from companion.flow import ChatDelta, ChatRequest, HearRequest, Message, Speaker, SpeakRequest
from companion.kinds import Role
from companion.net import origin
from companion.providers import AIProviderFactory, registry
from companion.providers.validator import inspect_key
from companion.providers.vendors import compatible
from companion.providers.vendors.openai.provider import OpenAIProvider
from companion.settings import find_field
from tests.servers.compatible import COMPATIBLE
from tests.servers.openai import OpenAIServer, Ways
from tests.servers.script import REPLY, SEEN, TRANSCRIPT

KEY = "key-0123456789abcdef-0123456789"
HELLO = Message(Speaker.USER, "Hello")
CITY = Tool(name="weather", description="Tells it.", parameters={"type": "object", "properties": {}})
MODELS = {role: f"my-{what}" for role, what in (
    (Role.THINKS, "luna"), (Role.HEARS, "transcribe"), (Role.SPEAKS, "voice"), (Role.EMBEDS, "vectors"),
)}  # fmt: skip
"""Deployments, where the person names the models."""


@dataclass
class Vendor:
    provider: OpenAIProvider
    server: OpenAIServer

    def model(self, role: Role) -> str:
        """Empty where the vendor's row or the server itself has one."""
        if self.server.name == "azure":
            return MODELS[role]
        if self.provider.models[role] or role is Role.THINKS:
            return ""
        return self.server.default_models[list(MODELS).index(role) % len(self.server.default_models)]

    async def ask(self, **wanted: object) -> list[ChatDelta]:
        messages = wanted.pop("messages", (HELLO,))
        request = ChatRequest(messages=messages, model=self.model(Role.THINKS), **wanted)  # type: ignore[arg-type]
        return [delta async for delta in self.provider.chat(request)]


@pytest.fixture
async def vendor(request: pytest.FixtureRequest) -> AsyncIterator[Vendor]:
    name: str = request.param
    async with COMPATIBLE[name]() as server:
        cls = registry.provider_class(name)
        assert issubclass(cls, OpenAIProvider)
        async with cls(base_url=server.url, api_key=KEY if cls.spec.needs_key else None) as provider:
            yield Vendor(provider, server)


def who(role: Role) -> list[str]:
    return [name for name, spec in compatible.specs().items() if role in spec.roles and name in COMPATIBLE]


every_thinker = pytest.mark.parametrize("vendor", who(Role.THINKS), indirect=True)
every_ear = pytest.mark.parametrize("vendor", who(Role.HEARS), indirect=True)
every_mouth = pytest.mark.parametrize("vendor", who(Role.SPEAKS), indirect=True)
every_embedder = pytest.mark.parametrize("vendor", who(Role.EMBEDS), indirect=True)


def test_every_row_has_a_server_and_every_server_a_row() -> None:
    assert set(compatible.rows()) == set(COMPATIBLE)


@pytest.mark.parametrize("name", compatible.rows())
def test_a_row_says_what_a_person_needs_to_know(name: str) -> None:
    spec = registry.find(name)
    assert spec.display_name
    assert spec.summary.endswith(".")
    assert spec.needs_key == bool(spec.key_page)
    assert spec.base_url.startswith("https://" if spec.needs_key else "http://127.0.0.1:")
    assert spec.key_env
    assert Role.THINKS in spec.roles
    assert all(registry.find(alias) is spec for alias in spec.aliases)
    assert spec.own_address or spec.default_models.keys() == spec.roles


@pytest.mark.parametrize("name", [name for name, spec in compatible.specs().items() if not spec.own_address])
def test_the_model_a_vendor_starts_with_is_in_the_catalogue(name: str) -> None:
    from companion.providers.catalogue import Catalogue

    for model in compatible.specs()[name].default_models.values():
        entry = Catalogue.load().find(model, name)
        assert entry is not None, model
        assert not entry.is_retired()


# -- thinking -----------------------------------------------------------------------------------------------


@every_thinker
async def test_an_answer_has_words_an_end_and_its_cost(vendor: Vendor) -> None:
    *words, last = await vendor.ask()
    assert "".join(delta.text for delta in words) == REPLY
    assert last.finish_reason == "stop"
    assert last.usage is not None
    assert last.usage.output_tokens > 1
    assert not last.notices


@every_thinker
async def test_all_that_can_be_asked_for_is_sent_as_the_vendor_takes_it_or_told(vendor: Vendor) -> None:
    """The servers refuse what they do not know: one request shows that nothing of the kind was sent."""
    *_, last = await vendor.ask(
        messages=(Message(Speaker.SYSTEM, "Listen."), Message(Speaker.USER, "Hello", name="ada")),
        max_tokens=50, temperature=0.5, top_p=0.9, frequency_penalty=0.1, presence_penalty=0.1, seed=7, stop=("END",),
        user="u-1", metadata={"a": "b"}, reasoning_effort="low",
    )  # fmt: skip
    assert len(vendor.server.asked("chat")) == 1, last.notices
    sent = vendor.server.asked("chat")[0].body
    told = " ".join(last.notices)
    assert 50 in sent.values()
    assert sent["stop"] == ["END"]
    for name, words in {
        "temperature": "temperature", "top_p": "top-p", "frequency_penalty": "frequency penalty",
        "presence_penalty": "presence penalty", "user": "name of the user", "metadata": "metadata",
    }.items():  # fmt: skip
        assert (name in sent) != (words in told), name
    assert (7 in sent.values()) != ("seed" in told)
    assert ("name" in sent["messages"][1]) != ("names of speakers" in told)
    effort = sent.get("reasoning_effort") or sent.get("reasoning", {}).get("effort")
    assert (effort == "low") != ("reasoning effort" in told)


@every_thinker
async def test_a_tool_is_asked_for_and_answered(vendor: Vendor) -> None:
    vendor.server.script.calls = [("weather", '{"city": "Oslo"}'), ("weather", "{}")]
    *_, last = await vendor.ask(tools=(CITY,), tool_choice="required")
    assert last.finish_reason == "tool_calls"
    assert [(call.name, json.loads(call.arguments)) for call in last.tool_calls] == [
        ("weather", {"city": "Oslo"}),
        ("weather", {}),
    ]
    assert len({call.id for call in last.tool_calls} - {""}) == 2
    answers = tuple(
        Message(Speaker.TOOL, "Rain.", name=call.name, tool_call_id=call.id) for call in last.tool_calls
    )
    asked = Message(Speaker.ASSISTANT, "", tool_calls=last.tool_calls)
    vendor.server.script.calls = []
    deltas = await vendor.ask(messages=(HELLO, asked, *answers), tools=(CITY,), tool_choice="none")
    assert "".join(delta.text for delta in deltas) == REPLY


@every_thinker
async def test_what_must_not_be_left_out_is_sent_or_refused_before_anything_is(vendor: Vendor) -> None:
    form = JsonSchema(schema={"type": "object"}, name="mood")
    pictured = Message(Speaker.USER, "What is this?", images=(Picture(data=b"\x89PNG"),))
    spoken = Message(Speaker.USER, "", sounds=(SoundFile(data=b"RIFF"),))
    wishes = ({"schema": form}, {"messages": (pictured,)}, {"messages": (spoken,)})
    for wish, what, part in zip(
        wishes, ("schema", "images", "sounds"), ("mood", "data:image/png;base64,", "input_audio"), strict=True
    ):
        count = len(vendor.server.asked("chat"))
        try:
            await vendor.ask(**wish)
        except AIProviderNotSupportedError:
            assert len(vendor.server.asked("chat")) == count
        else:
            assert part in str(vendor.server.asked("chat")[-1].body)
            assert what not in vendor.provider.dialect.cannot


@every_thinker
async def test_the_key_goes_where_the_vendor_wants_it_and_nowhere_without_one(vendor: Vendor) -> None:
    await vendor.ask()
    await vendor.provider.check()
    for seen in vendor.server.requests:
        carried = [name for name, value in seen.headers.items() if KEY in value]
        assert carried == ([vendor.server.ways.key_header] if vendor.provider.spec.needs_key else [])
        if not vendor.provider.spec.needs_key:
            assert "authorization" not in seen.headers


@every_thinker
async def test_a_server_of_ones_own_may_want_a_key(vendor: Vendor) -> None:
    if vendor.provider.spec.needs_key:
        return
    vendor.server.script.keys = ["another-0123456789"]
    with pytest.raises(CompanionError) as caught:
        await vendor.ask()
    assert caught.value.kind is Kind.KEY_REFUSED
    vendor.server.script.keys = [KEY]
    async with type(vendor.provider)(base_url=vendor.server.url, api_key=KEY) as provider:
        assert (await provider.check()).ok
        assert [delta async for delta in provider.chat(ChatRequest(messages=(HELLO,)))][-1].finish_reason


@every_thinker
async def test_a_refusal_in_the_vendors_own_shape_has_its_name(vendor: Vendor) -> None:
    for status, kind in (
        (401, Kind.KEY_REFUSED),
        (404, Kind.MODEL_UNKNOWN),
        (429, Kind.RATE_LIMITED),
        (500, Kind.UNAVAILABLE),
    ):
        vendor.server.script.status = status
        with pytest.raises(CompanionError) as caught:
            await vendor.ask()
        assert caught.value.kind is kind
        assert vendor.provider.spec.display_name in caught.value.message


@every_thinker
async def test_a_check_lists_the_models(vendor: Vendor) -> None:
    health = await vendor.provider.check()
    assert health.ok
    assert health.models == vendor.server.default_models


# -- the other roles ----------------------------------------------------------------------------------------


async def take() -> AsyncIterator[bytes]:
    for _ in range(50):
        yield b"\x10\x00" * 320


@every_ear
async def test_a_recording_becomes_words_in_one_request(vendor: Vendor) -> None:
    request = HearRequest(frames=take(), language="en-GB", context="Leith", model=vendor.model(Role.HEARS))
    heard = [transcript async for transcript in vendor.provider.transcribe(request)]
    assert [transcript.is_final for transcript in heard].count(True) == 1
    assert heard[-1].text == TRANSCRIPT
    assert len(vendor.server.asked("transcriptions")) == 1
    assert vendor.server.asked("transcriptions")[0].body["language"] == "en"


@every_mouth
async def test_a_long_text_is_said_whole_in_requests_the_vendor_takes(vendor: Vendor) -> None:
    text = "This goes on for a while, and then some more of it comes. " * 6
    request = SpeakRequest(text=text, model=vendor.model(Role.SPEAKS))
    sound = [chunk async for chunk in vendor.provider.speak(request)]
    assert {chunk.rate_hz for chunk in sound} == {24_000}
    said = [seen.body["input"] for seen in vendor.server.asked("speech")]
    assert " ".join(" ".join(said).split()) == " ".join(text.split())
    samples = array.array("h", b"".join(chunk.pcm for chunk in sound))
    assert len(samples) / 24_000 > 10
    assert max(samples) > 3000


@every_mouth
async def test_a_voice_can_be_chosen_from_what_the_vendor_has(vendor: Vendor) -> None:
    voices = await vendor.provider.voices()
    assert {voice.id for voice in voices} == set(vendor.server.voices)
    request = SpeakRequest(text="Hello.", voice=voices[1].id, model=vendor.model(Role.SPEAKS))
    assert [chunk async for chunk in vendor.provider.speak(request)]
    assert voices[1].id in vendor.server.asked("speech")[-1].body.values()


@every_embedder
async def test_texts_become_vectors_of_length_one_in_their_order(vendor: Vendor) -> None:
    texts = ("dusk by the sea", "the sea by dusk", "a bill to pay")
    request = EmbedRequest(texts=texts, model=vendor.model(Role.EMBEDS), is_query=True, dimensions=16)
    (found,) = [each async for each in vendor.provider.embed(request)]
    same, alike, other = found.vectors
    assert len(same) == 16
    assert sum(x * x for x in same) == pytest.approx(1)
    closeness = [sum(x * y for x, y in zip(same, each, strict=True)) for each in (alike, other)]
    assert closeness[0] > closeness[1]
    assert found.input_tokens > 0


async def test_a_sound_file_that_ends_before_its_end_is_cut_off() -> None:
    async with (
        COMPATIBLE["groq"]() as server,
        registry.provider_class("groq")(base_url=server.url, api_key=KEY) as groq,
    ):
        server.script.end_after = 3
        sound = groq.speak(SpeakRequest(text="This takes a little while to say."))
        assert (await anext(sound)).pcm
        with pytest.raises(AIProviderStreamCutError) as caught:
            [chunk async for chunk in sound]
        assert not caught.value.retryable


# -- servers of one's own -----------------------------------------------------------------------------------


def test_the_wire_is_more_patient_than_a_person_can_be() -> None:
    field = find_field("network.timeout_s")
    assert field is not None
    longest = field.declared.high
    assert longest is not None
    assert longest < net.READ_S, "the clock that ends a wait is the policy's"


def test_the_key_of_a_server_of_ones_own_may_look_like_any_vendors() -> None:
    pasted = "sk-local-0123456789abcdef"
    for name, is_ready in (
        ("compatible", True),
        ("vllm", True),
        ("openai", True),
        ("groq", False),
        ("azure", False),
    ):
        assert inspect_key(pasted, registry.find(name), registry.specs()).is_ready == is_ready


async def test_a_server_without_a_chosen_model_is_asked_for_the_one_it_has() -> None:
    async with (
        COMPATIBLE["llamacpp"]() as server,
        registry.provider_class("llamacpp")(base_url=server.url) as own,
    ):
        for _ in range(2):
            assert [delta async for delta in own.chat(ChatRequest(messages=(HELLO,)))][
                -1
            ].finish_reason == "stop"
        assert [seen.body["model"] for seen in server.asked("chat")] == ["tinystories.gguf"] * 2
        assert len(server.asked("models")) == 1


async def test_a_deployment_that_was_not_named_is_told_before_anything_is_sent() -> None:
    async with COMPATIBLE["azure"]() as server:
        async with registry.provider_class("azure")(base_url=server.url, api_key=KEY) as azure:
            with pytest.raises(CompanionError) as caught:
                [delta async for delta in azure.chat(ChatRequest(messages=(HELLO,)))]
        assert caught.value.kind is Kind.MODEL_UNKNOWN
        assert not server.requests


async def test_a_vendor_whose_address_is_ones_own_asks_for_it() -> None:
    async with registry.provider_class("azure")(api_key=KEY, model="my-luna") as azure:
        with pytest.raises(CompanionError) as caught:
            [delta async for delta in azure.chat(ChatRequest(messages=(HELLO,)))]
        assert "address of your own resource" in caught.value.message
        assert not caught.value.retryable
        assert not (await azure.check()).ok


async def test_a_server_somebody_named_is_a_provider_like_the_others() -> None:
    row = {"display_name": "The box in the attic", "base_url": "http://127.0.0.1:9/v1", "needs_key": False,
           "models": {"llm": "", "embeddings": "nomic"}, "dialect": {"max_tokens": "max_tokens"}}  # fmt: skip
    attic = compatible.compatible("attic-box", row)
    assert attic.spec.roles == {Role.THINKS, Role.EMBEDS}
    registry.register("attic-box", attic)
    try:
        assert registry.find("attic-box").display_name == "The box in the attic"
        async with (
            COMPATIBLE["compatible"]() as server,
            registry.provider_class("attic-box")(base_url=server.url) as own,
        ):
            assert [delta async for delta in own.chat(ChatRequest(messages=(HELLO,)))][
                -1
            ].finish_reason == "stop"
    finally:
        registry.unregister("attic-box")


@pytest.mark.parametrize("change", [{"colour": "blue"}, {"dialect": {"colour": "blue"}}])
def test_a_row_with_a_field_nobody_knows_is_told(change: dict[str, object]) -> None:
    row = {"base_url": "http://127.0.0.1:9/v1", "models": {"llm": ""}, **change}
    with pytest.raises(CompanionError) as caught:
        compatible.compatible("x", row)
    assert caught.value.kind is Kind.BAD_FILE


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("azure", "https://mine.openai.azure.com/", "https://mine.openai.azure.com/openai/v1"),
        ("compatible", "http://127.0.0.1:9000", "http://127.0.0.1:9000/v1"),
        ("vllm", "http://127.0.0.1:9000/serve/v1", "http://127.0.0.1:9000/serve/v1"),
        ("groq", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("compatible", "http://[", "http://["),
    ],
)
async def test_the_address_of_a_server_of_ones_own_may_be_given_short(
    name: str, given: str, meant: str
) -> None:
    async with registry.provider_class(name)(base_url=given, api_key=KEY) as provider:
        assert provider.base_url == meant


async def test_the_environment_gives_the_address_of_ones_own_resource(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with COMPATIBLE["azure"]() as server:
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.url.removesuffix("/openai/v1"))
        monkeypatch.setenv("AZURE_OPENAI_API_KEY", KEY)
        async with AIProviderFactory.create("azure", model="my-luna") as azure:
            assert await azure.generate_completion("Be brief.", "Hello") == REPLY
        bound = environment_keys()["azure"]
        assert (bound.origin, bound.variable) == (origin(server.url), "AZURE_OPENAI_API_KEY")


class WavOnly(OpenAIServer):
    """Makes sound files, and says so."""

    name = "wav-only"
    default_models = ("kokoro",)
    ways = Ways(wants_key=False, any_voice=True, sound="wav")

    async def _speak(self, request: web.Request) -> web.StreamResponse:
        if request[SEEN].body["response_format"] != "wav":
            return self._refuse_field("response_format", "Unsupported 'response_format': use wav.")
        return await super()._speak(request)


async def test_a_voice_without_bare_samples_is_asked_for_files() -> None:
    async with WavOnly() as server, registry.provider_class("compatible")(base_url=server.url) as own:
        for count in (2, 3):
            sound = [
                chunk async for chunk in own.speak(SpeakRequest(text="Hello.", voice="af", model="kokoro"))
            ]
            assert sum(chunk.seconds for chunk in sound) > 0.3
            assert len(server.asked("speech")) == count
