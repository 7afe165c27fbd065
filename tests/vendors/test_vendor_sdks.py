"""Vendors' own SDKs, in an environment of their own, against the servers here: are those faithful?"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from companion.calls import DrawRequest, EmbedRequest, JsonSchema, Picture, RealtimeChoice, Tool, ToolCall
from companion.flow import ChatRequest, HearRequest, Message, Speaker, SpeakRequest
from companion.jobs import VideoRequest
from companion.providers.vendors.google.provider import GoogleProvider
from tests.environments import environment
from tests.servers import GoogleServer, OllamaServer, VendorServer
from tests.servers.compatible import GroqServer, MistralServer
from tests.servers.google import _camel
from tests.servers.google_live import GeminiLiveServer
from tests.servers.script import Script, Seen

HERE = Path(__file__).parent
KEY = "sk-vendor-0123456789abcdef"
_LIMIT_S = 120
pytestmark = pytest.mark.long


@pytest.fixture(scope="session")
def vendors_python() -> Path:
    """The interpreter of an environment with the SDKs."""
    lines = (HERE / "requirements.txt").read_text().splitlines()
    return environment("vendors", *(line for line in lines if line and not line.startswith("#")))


async def run(python: Path, script: str, argument: str) -> list[str]:
    """Names of the checks that passed; fails with what the script said if one did not."""
    process = await asyncio.create_subprocess_exec(
        str(python), str(HERE / script), argument, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(_LIMIT_S):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().split()


VENDORS: dict[str, type[VendorServer]] = {
    server.name: server for server in (GoogleServer, GroqServer, MistralServer, OllamaServer)
}


@pytest.mark.parametrize("name", VENDORS)
async def test_a_vendors_own_sdk_finds_its_service(name: str, vendors_python: Path) -> None:
    async with VENDORS[name]() as server:
        if isinstance(server, GoogleServer):
            server.retry_delay = "3s"
        passed = await run(vendors_python, f"check_{name}.py", server.url)
    assert len(passed) > 5


def test_every_script_is_run() -> None:
    scripts = {path.stem.removeprefix("check_") for path in HERE.glob("check_*.py")}
    assert scripts == {*VENDORS, "google_live"}


# -- what we send, against what the vendor's own SDK sends ----------------------------------------------------

_FREE = ("args", "response", "parametersJsonSchema", "responseJsonSchema")
WEATHER = Tool(name="weather", description="Of a place.", parameters={"type": "object"})
USER = Message(Speaker.USER, "What is this?")


def names(found: Any, at: str = "") -> Iterator[str]:
    """The path of every field of a body; entries of a list share one."""
    if isinstance(found, list):
        for each in found:
            yield from names(each, at)
    elif isinstance(found, dict):
        for name, value in found.items():
            yield f"{at}.{name}"
            if name not in _FREE:
                yield from names(value, f"{at}.{name}")


async def frames() -> AsyncIterator[bytes]:
    for _ in range(20):
        yield bytes(640)


async def use_everything(provider: GoogleProvider, out: Path) -> None:
    picture = Picture(data=b"\x89PNG")
    calls = (ToolCall(id="fc_1", name="weather", arguments="{}", opaque="c2lnbmVk"),)
    history = (
        Message(Speaker.SYSTEM, "Listen well."),
        replace(USER, images=(picture, Picture(url="https://a.invalid/b.png"))),
        Message(Speaker.ASSISTANT, "", tool_calls=calls),
        Message(Speaker.TOOL, "{}", name="weather", tool_call_id="fc_1"),
    )
    numbers = {"temperature": 0.5, "top_p": 0.9, "frequency_penalty": 0.1, "presence_penalty": 0.2, "seed": 3}
    asked = ChatRequest(
        messages=history, tools=(WEATHER,), tool_choice="weather", max_tokens=50, stop=("END",)
    )
    form = JsonSchema(schema={"type": "object"})
    thinks = replace(asked, model="gemini-2.5-pro", reasoning_effort="low", **numbers)  # type: ignore[arg-type]
    for request in (thinks, ChatRequest(messages=(USER,), schema=form, reasoning_effort="high")):
        assert [delta async for delta in provider.chat(request)]
    heard = HearRequest(frames=frames(), language="en-GB", context="Leith")
    assert [transcript async for transcript in provider.transcribe(heard)]
    for voice in ("Kore", "voice_abc"):
        assert [audio async for audio in provider.speak(SpeakRequest(text="Hello.", voice=voice, speed=2.0))]
    for model in ("gemini-embedding-001", "gemini-embedding-2"):
        vectors = EmbedRequest(texts=("calm",), model=model, dimensions=16)
        assert [made async for made in provider.embed(vectors)]
    assert [drawn async for drawn in provider.draw(DrawRequest(prompt="A sea.", size="1920x1080"))]
    provider.policy = replace(provider.policy, poll_s=0.0)
    shot = VideoRequest(prompt="A sea.", out=out, size="1080x1920", seconds=8, image=picture)
    assert [each async for each in provider.film(shot)]
    begun = provider.film(shot)
    await anext(begun)
    await begun.aclose()
    assert (await provider.check()).ok


class Recording(GoogleServer):
    """Keeps what it was asked over every reset."""

    def __init__(self) -> None:
        super().__init__()
        self.ever: list[Seen] = []

    def refuse(self, seen: Seen, script: Script) -> web.Response | None:
        self.ever.append(seen)
        return super().refuse(seen, script)

    def take(self) -> tuple[set[str], set[str]]:
        """Fields and addresses of all requests so far, which are then forgotten."""
        fields = {name for seen in self.ever for name in names(_camel(seen.body))}
        own = r"models/[^:]+(?=:)|(?<=interactions/)[^/]+|(?<=files/)[^:]+"
        paths = {re.sub(own, "*", seen.path.partition("?")[0]) for seen in self.ever}
        self.ever.clear()
        return fields, paths


async def test_every_field_we_send_to_google_is_one_its_sdk_sends(
    vendors_python: Path, tmp_path: Path
) -> None:
    async with Recording() as server:
        server.retry_delay = "3s"
        await run(vendors_python, "check_google.py", server.url)
        known, paths = server.take()
        assert len(known) > 40
        async with GoogleProvider(base_url=server.url, api_key=KEY) as provider:
            await use_everything(provider, tmp_path / "sea.mp4")
        fields, used = server.take()
    assert fields - known == set()
    assert used <= paths


async def test_every_frame_of_a_live_conversation_is_one_google_knows(
    vendors_python: Path, tmp_path: Path
) -> None:
    async with GeminiLiveServer() as server, GoogleProvider(base_url=server.url, api_key=KEY) as provider:
        link = await provider.realtime(RealtimeChoice(language="en-GB")).connect("Listen well.")
        await link.add(Message(Speaker.USER, "I walked to Leith."))
        await link.add(Message(Speaker.ASSISTANT, "How was the sea?"))
        for _ in range(40):
            await link.append(1, b"\x10\x00" * 320)
        await link.commit(1)
        await link.instruct("Listen better.")
        await link.respond(1)
        await server.until(lambda: any("usageMetadata" in frame for frame in server.sent))
        await server.sessions[0].go_away()
        await link.close()
        for frame in server.of("realtimeInput", "audio"):
            frame["data"] = "AAAA"  # the server keeps only the size of what it heard
        said = {"client": server.events, "server": server.sent}
    file = tmp_path / "frames.json"
    file.write_text(json.dumps(said), encoding="utf-8")
    assert await run(vendors_python, "check_google_live.py", str(file)) == ["check_frames"]
