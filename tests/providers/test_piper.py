"""Piper on this computer: what is said when it or a voice is missing, and how voices are fetched through the gate.

That Piper itself loads a voice and speaks is shown in `tests/own_servers/test_piper.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import web

from companion.errors import CompanionError, Kind
from companion.flow import SpeakRequest
from companion.net import Net
from companion.providers import registry
from companion.providers.here.piper import INSTALL, OFFERED, PROVIDER, SPEC, PiperProvider
from companion.providers.here.whisper import Progress

VOICE = "en_US-lessac-medium"
MODEL = bytes(range(256)) * 8000
"""2 MB: several pieces."""


class Hub:
    """Serves one voice as the Hugging Face hub does: a redirect to the storage, and ranges."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        """Path and `Range`."""
        self.is_slow = False
        self.ends_early = False

    async def __aenter__(self) -> Hub:
        app = web.Application()
        app.router.add_get("/rhasspy/piper-voices/resolve/main/{rest:.*}", self._redirect)
        app.router.add_get("/storage/{file}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _redirect(self, request: web.Request) -> web.Response:
        self.asked.append((request.path.split("/resolve/main/")[1], request.headers.get("Range", "")))
        if VOICE not in request.path:
            raise web.HTTPNotFound
        raise web.HTTPFound(f"/storage/{request.path.rsplit('/', 1)[1]}")

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        content = b'{"espeak": {"voice": "en-us"}}' if request.path.endswith(".json") else MODEL
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        headers = {"Content-Length": str(len(content) - start)}
        answer = web.StreamResponse(status=206 if start else 200, headers=headers)
        await answer.prepare(request)
        for at in range(start, len(content), 200_000):
            with suppress(ConnectionError):  # the client went away, which is its right
                await answer.write(content[at : at + 200_000])
            if self.is_slow:
                await asyncio.sleep(0.1)
            if self.ends_early:
                assert request.transport is not None
                request.transport.close()
                break
        return answer


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program called piper is found; nothing here loads it."""
    (tmp_path / "packages" / "piper").mkdir(parents=True)
    (tmp_path / "packages" / "piper" / "__init__.py").write_text("raise ImportError('must not be imported')")
    monkeypatch.syspath_prepend(tmp_path / "packages")


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    async with Hub() as hub:
        yield hub


@pytest.fixture
async def piper(tmp_path: Path, hub: Hub) -> AsyncIterator[PiperProvider]:
    async with PiperProvider(models_dir=tmp_path / "voices", hub=hub.url) as provider:
        assert isinstance(provider, PiperProvider)
        yield provider


async def refusal(piper: PiperProvider, voice: str = VOICE) -> CompanionError:
    with pytest.raises(CompanionError) as caught:
        _ = [audio async for audio in piper.speak(SpeakRequest(text="Hello.", voice=voice))]
    return caught.value


async def test_without_the_program_it_says_how_to_get_it(
    piper: PiperProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("companion.providers.here.piper.importlib.util.find_spec", lambda _: None)
    health = await piper.check()
    assert not health.ok
    assert INSTALL in health.detail
    error = await refusal(piper)
    assert error.kind is Kind.ENGINE_MISSING
    assert INSTALL in error.hint
    with pytest.raises(CompanionError) as caught:
        await piper.download(VOICE)
    assert caught.value.kind is Kind.ENGINE_MISSING


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("voice", [VOICE, "../../etc/passwd", "nobody#3", ""])
async def test_a_voice_that_is_not_here_is_told_with_what_to_do(piper: PiperProvider, voice: str) -> None:
    error = await refusal(piper, voice)
    assert error.kind is Kind.ENGINE_MISSING
    assert "is not on this computer yet" in error.message
    assert "Fetch it in Settings under Voice" in error.hint


@pytest.mark.usefixtures("installed")
async def test_a_voice_is_fetched_with_progress_and_booked(piper: PiperProvider, hub: Hub) -> None:
    told: list[Progress] = []
    await piper.download(VOICE, told.append)
    assert piper.has_voice(VOICE)
    assert (piper.models_dir / f"{VOICE}.onnx").read_bytes() == MODEL
    assert [path for path, _ in hub.asked] == [
        f"en/en_US/lessac/medium/{VOICE}.onnx",
        f"en/en_US/lessac/medium/{VOICE}.onnx.json",
    ]
    assert told[-1].fraction == 1.0
    assert 0 < told[0].fraction < 1.0
    assert piper.net.traffic["127.0.0.1"].received >= len(MODEL) * 0.9
    assert (await piper.check()).ok
    assert (await piper.voices())[0].id == VOICE


@pytest.mark.usefixtures("installed")
async def test_a_cancelled_download_goes_on_where_it_was(piper: PiperProvider, hub: Hub) -> None:
    hub.is_slow, begun = True, asyncio.Event()
    fetching = asyncio.ensure_future(piper.download(VOICE, lambda _: begun.set()))
    await begun.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    assert not piper.has_voice(VOICE)
    hub.is_slow = False
    await piper.download(VOICE)
    assert hub.asked[1][1].startswith("bytes=")
    assert hub.asked[1][1] != "bytes=0-"
    assert (piper.models_dir / f"{VOICE}.onnx").read_bytes() == MODEL


@pytest.mark.usefixtures("installed")
async def test_half_a_voice_is_none(piper: PiperProvider, hub: Hub) -> None:
    hub.ends_early = True
    with pytest.raises(CompanionError) as caught:
        await piper.download(VOICE)
    assert caught.value.kind is Kind.DOWNLOAD_FAILED
    assert VOICE in caught.value.message
    assert not piper.has_voice(VOICE)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("voice", "kind"), [("Lessac", Kind.MODEL_UNKNOWN), ("de_DE-nobody-low", Kind.DOWNLOAD_FAILED)]
)
async def test_a_voice_that_does_not_exist_is_told(piper: PiperProvider, voice: str, kind: Kind) -> None:
    with pytest.raises(CompanionError) as caught:
        await piper.download(voice)
    assert caught.value.kind is kind


@pytest.mark.usefixtures("installed")
async def test_nothing_is_fetched_while_the_gate_is_shut(tmp_path: Path) -> None:
    net = Net()
    net.shut = True
    async with PiperProvider(models_dir=tmp_path, net=net) as piper:
        with pytest.raises(CompanionError) as caught:
            await piper.download(VOICE)  # type: ignore[attr-defined]
    assert caught.value.kind is Kind.NETWORK_SHUT


def test_it_is_a_provider_like_any_other() -> None:
    assert registry.provider_class("piper") is PROVIDER
    assert SPEC in registry.specs()
    assert all(len(name.split("-")) == 3 for name in OFFERED)
