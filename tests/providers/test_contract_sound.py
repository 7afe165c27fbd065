"""What everybody who hears or speaks over the network promises, on plain HTTP and on WebSockets.

A promise is broken on purpose by the script of the vendor's server; `SIDES` says what is particular to each vendor: where
its sound goes, how it learns that nobody listens any more, and what it cannot do.
"""

from __future__ import annotations

import array
import asyncio
import itertools
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from companion import net as net_module
from companion.errors import (
    AIProviderAuthError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderRateLimitError,
    AIProviderStreamCutError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    CompanionError,
    Kind,
)
from companion.flow import FRAME_BYTES, Audio, HearRequest, SpeakRequest, Transcript
from companion.kinds import Role
from companion.providers import registry
from companion.providers.provider import AIProvider
from companion.providers.wire import sockets, voice_sockets
from tests.servers import DeepgramServer, GoogleServer, OpenAIServer, VendorServer
from tests.servers.cartesia import CartesiaServer
from tests.servers.compatible import COMPATIBLE
from tests.servers.elevenlabs import ElevenLabsServer
from tests.servers.google_live import GeminiLiveServer
from tests.servers.openai_realtime import RealtimeServer
from tests.servers.script import TRANSCRIPT, Seen

KEY = "sk-contract-0123456789abcdef"
FRAME = b"\x10\x00" * (FRAME_BYTES // 2)
SHORT, LONG = "Hello, my friend.", "This goes on for a while, and then some more. " * 4


def hung_up(_: VendorServer, seen: Seen) -> bool:
    return seen.disconnected


def ended(_: VendorServer, seen: Seen) -> bool:
    return seen.ended_at is not None


def was_told(kind: str) -> Callable[[VendorServer, Seen], bool]:
    return lambda server, _: isinstance(server, DeepgramServer) and kind in server.kinds("in")


def was_cancelled(_: VendorServer, seen: Seen) -> bool:
    return any(isinstance(asked, dict) and asked.get("cancel") for asked in seen.body)


def was_told_to_cancel(server: VendorServer, _: Seen) -> bool:
    return isinstance(server, RealtimeServer) and bool(server.of("response.cancel"))


@dataclass(frozen=True, kw_only=True)
class Side:
    """One way of hearing or speaking."""

    provider: str
    server: type[VendorServer]
    role: Role
    at: str
    """The part of its path that tells it from other requests."""
    asks: Mapping[str, Any] = field(default_factory=dict)
    is_socket: bool = True
    noticed: Callable[[VendorServer, Seen], bool] = hung_up
    """How the server learns that nobody listens any more."""
    ends_by_closing: bool = False
    """After the last words it hangs up with 1000, and says nothing else that they were the last."""
    cannot: frozenset[str] = frozenset()
    """Faults this kind of answer has no room for: bare sound over HTTP carries no error, for instance."""


EARS, MOUTHS = Role.HEARS, Role.SPEAKS
_BARE = frozenset({"error_after", "end_after", "garbage_after"})
SIDES: dict[str, Side] = {
    "openai hears": Side(
        provider="openai", server=OpenAIServer, role=EARS, at="transcriptions", is_socket=False
    ),
    "openai hears live": Side(
        provider="openai", server=RealtimeServer, role=EARS, at="/realtime", noticed=ended,
        asks={"model": "gpt-live-transcribe"}, cannot=frozenset({"garbage_after"}),
    ),
    "flux hears": Side(provider="deepgram", server=DeepgramServer, role=EARS, at="/v2/listen", ends_by_closing=True),
    "nova hears": Side(
        provider="deepgram", server=DeepgramServer, role=EARS, at="/v1/listen", asks={"model": "nova-3"}
    ),
    "ink hears": Side(provider="cartesia", server=CartesiaServer, role=EARS, at="/stt/websocket"),
    "ink follows turns": Side(
        provider="cartesia", server=CartesiaServer, role=EARS, at="/stt/turns", ends_by_closing=True,
        asks={"turns": True},
    ),
    "scribe hears": Side(provider="elevenlabs", server=ElevenLabsServer, role=EARS, at="/realtime"),
    "openai speaks": Side(
        provider="openai", server=OpenAIServer, role=MOUTHS, at="speech", is_socket=False, cannot=_BARE
    ),
    "openai speaks live": Side(
        provider="openai", server=RealtimeServer, role=MOUTHS, at="/realtime", noticed=was_told_to_cancel,
        asks={"model": "gpt-realtime-2.1-mini"}, cannot=frozenset({"garbage_after"}),
    ),
    "aura speaks": Side(
        provider="deepgram", server=DeepgramServer, role=MOUTHS, at="/v1/speak", noticed=was_told("Clear")
    ),
    "flux speaks": Side(
        provider="deepgram", server=DeepgramServer, role=MOUTHS, at="/v2/speak", noticed=was_told("Interrupt"),
        asks={"model": "flux-alexis-en"},
    ),
    "sonic speaks": Side(
        provider="cartesia", server=CartesiaServer, role=MOUTHS, at="/tts", noticed=was_cancelled
    ),
    "eleven speaks": Side(provider="elevenlabs", server=ElevenLabsServer, role=MOUTHS, at="/stream-input"),
    "eleven v3 speaks": Side(
        provider="elevenlabs", server=ElevenLabsServer, role=MOUTHS, at="/stream?", is_socket=False, cannot=_BARE,
        asks={"model": "eleven_v3"},
    ),
    "mistral hears": Side(
        provider="mistral", server=COMPATIBLE["mistral"], role=EARS, at="transcriptions", is_socket=False
    ),
    "groq speaks": Side(
        provider="groq", server=COMPATIBLE["groq"], role=MOUTHS, at="speech", is_socket=False, cannot=_BARE
    ),
    "gemini hears": Side(
        provider="google", server=GoogleServer, role=EARS, at="streamGenerateContent", is_socket=False
    ),
    "gemini hears live": Side(
        provider="google", server=GeminiLiveServer, role=EARS, at="/ws/", noticed=ended,
        asks={"model": "gemini-3.5-transcribe-live"}, cannot=frozenset({"garbage_after"}),
    ),
    "gemini speaks": Side(
        provider="google", server=GoogleServer, role=MOUTHS, at="streamGenerateContent", is_socket=False
    ),
}  # fmt: skip


async def take(seconds: float = 1.0) -> AsyncIterator[bytes]:
    for _ in range(int(seconds * 50)):
        yield FRAME


async def talking_on() -> AsyncIterator[bytes]:
    """Somebody who goes on speaking."""
    while True:
        yield FRAME
        await asyncio.sleep(0.001)


def samples(chunks: Iterable[Transcript | Audio]) -> array.array[int]:
    return array.array("h", b"".join(chunk.pcm for chunk in chunks if isinstance(chunk, Audio)))


@dataclass
class Line:
    """A provider, the side of it that is used, and the server it talks to."""

    side: Side
    provider: AIProvider
    server: VendorServer

    def begin(self, *, goes_on: bool = False) -> AsyncGenerator[Transcript | Audio]:
        """`goes_on`: there is more to hear or to say than anybody waits for."""
        if self.side.role is EARS:
            frames = talking_on() if goes_on and self.side.is_socket else take()
            heard = self.provider.transcribe(HearRequest(frames=frames, **self.side.asks))
            return cast(AsyncGenerator[Transcript | Audio], heard)
        sound = self.provider.speak(SpeakRequest(text=LONG if goes_on else SHORT, **self.side.asks))
        return cast(AsyncGenerator[Transcript | Audio], sound)

    async def use(self) -> list[Transcript | Audio]:
        return [chunk async for chunk in self.begin()]

    async def outcome(self) -> str | int:
        """The words or the number of samples of a proper answer."""
        chunks = await self.use()
        if self.side.role is EARS:
            return "".join(chunk.text for chunk in chunks if isinstance(chunk, Transcript) and chunk.is_final)
        return len(samples(chunks))

    async def fail(self, *, goes_on: bool = False) -> tuple[AIProviderError, list[Transcript | Audio]]:
        """The error an attempt ends with, and what came before it."""
        came: list[Transcript | Audio] = []

        async def attempt() -> None:
            async with asyncio.timeout(5):
                async for chunk in self.begin(goes_on=goes_on):
                    if not isinstance(chunk, Transcript) or chunk.text:
                        came.append(chunk)

        with pytest.raises(AIProviderError) as caught:
            await attempt()
        assert not any(isinstance(chunk, Transcript) and chunk.is_final for chunk in came)
        return caught.value, came

    @property
    def seen(self) -> Seen:
        """The request in which the work is done."""
        return self.server.asked(self.side.at)[-1]

    def close_with(self, code: int) -> None:
        if isinstance(self.server, (RealtimeServer, GeminiLiveServer)):
            self.server.close_code = code
        else:
            self.server.close_with = (code, "")  # type: ignore[attr-defined]


def of(*wanted: bool, role: Role | None = None, lacking: str = "") -> list[str]:
    """Names of the sides of a role, on a socket or not, that have room for a fault."""
    return [
        name
        for name, side in SIDES.items()
        if side.is_socket in (wanted or (True, False)) and side.role in (role or side.role,)
        if lacking not in side.cannot
    ]


@pytest.fixture
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    side = SIDES[request.param]
    async with (
        side.server() as server,
        registry.provider_class(side.provider)(base_url=server.url, api_key=KEY) as provider,
    ):
        yield Line(side, provider, server)


every_side = pytest.mark.parametrize("line", SIDES, indirect=True)
every_ear = pytest.mark.parametrize("line", of(role=EARS), indirect=True)
every_mouth = pytest.mark.parametrize("line", of(role=MOUTHS), indirect=True)
every_socket = pytest.mark.parametrize("line", of(True), indirect=True)


@pytest.mark.parametrize("role", [EARS, MOUTHS])
def test_every_provider_with_an_address_is_held_to_it(role: Role) -> None:
    known = {spec.name for spec in registry.with_role(role) if spec.base_url.startswith("http")}
    held = {side.provider for side in SIDES.values() if side.role is role}
    assert held <= known
    assert known - held <= COMPATIBLE.keys(), "only what answers at once is held in test_vendors alone"


# -- the good case ------------------------------------------------------------------------------------------


@every_ear
async def test_a_recogniser_gives_exactly_one_final(line: Line) -> None:
    heard = [chunk for chunk in await line.use() if isinstance(chunk, Transcript)]
    assert [transcript.is_final for transcript in heard].count(True) == 1
    assert heard[-1].is_final
    assert heard[-1].text == TRANSCRIPT
    assert len(heard) > 2
    assert all(later.text.startswith(earlier.text) for earlier, later in itertools.pairwise(heard))


@every_ear
async def test_a_take_without_words_is_empty_and_one_without_a_frame_is_told(line: Line) -> None:
    line.server.script.empty = True
    assert await line.outcome() == ""
    with pytest.raises(AIProviderError) as caught:
        [heard async for heard in line.provider.transcribe(HearRequest(frames=take(0), **line.side.asks))]
    assert caught.value.kind is Kind.HEARD_NOTHING


@every_mouth
async def test_a_voice_streams_whole_samples(line: Line) -> None:
    whole = samples(await line.use())
    line.server.script.split = True
    sound = [chunk for chunk in await line.use() if isinstance(chunk, Audio)]
    assert len(sound) > 1
    assert all(len(chunk.pcm) % 2 == 0 and chunk.pcm for chunk in sound)
    loudest = max(abs(one - other) for one, other in zip(whole, samples(sound), strict=True))
    assert loudest < 3000, "half a sample was lost on the way"
    line.server.script.split = False
    long = [chunk async for chunk in line.begin(goes_on=True)]
    assert len(samples(long)) > 2 * len(whole)


# -- ending early -------------------------------------------------------------------------------------------


@every_side
async def test_ending_early_reaches_the_server_and_spoils_nothing(line: Line) -> None:
    whole = await line.outcome()
    line.server.script.token_delay_s = 0.03
    answer = line.begin(goes_on=True)
    await anext(answer)
    await answer.aclose()
    seen = line.seen
    await line.server.until(lambda: line.side.noticed(line.server, seen))
    line.server.script.token_delay_s = 0
    assert await line.outcome() == whole


@every_side
async def test_cancelling_before_the_first_byte_reaches_the_server(line: Line) -> None:
    line.server.script.header_delay_s = 30
    reading = asyncio.ensure_future(line.use())
    await line.server.until(lambda: bool(line.server.requests))
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await line.server.until(lambda: line.server.requests[-1].disconnected)


@every_side
async def test_many_interruptions_leave_few_connections_and_none_after_closing(line: Line) -> None:
    whole = await line.outcome()
    line.server.script.token_delay_s = 0.002
    for _ in range(20):
        answer = line.begin(goes_on=True)
        await anext(answer)
        await answer.aclose()
    line.server.script.token_delay_s = 0
    assert await line.outcome() == whole
    await line.server.until(lambda: line.server.open_sockets <= 4)
    answer = line.begin(goes_on=True)
    await anext(answer)
    await answer.aclose()
    await line.provider.aclose()
    await line.provider.aclose()
    await line.server.until(lambda: line.server.open_sockets == 0)


# -- refusals -----------------------------------------------------------------------------------------------


every_refusal = pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, AIProviderAuthError, Kind.KEY_REFUSED),
        (403, AIProviderAuthError, Kind.FORBIDDEN),
        (404, AIProviderModelNotFoundError, Kind.MODEL_UNKNOWN),
        (429, AIProviderRateLimitError, Kind.RATE_LIMITED),
        (500, AIProviderUnavailableError, Kind.UNAVAILABLE),
        (503, AIProviderUnavailableError, Kind.UNAVAILABLE),
    ],
)


@every_refusal
@every_side
async def test_a_refusal_has_its_name(
    line: Line, status: int, error: type[AIProviderError], kind: Kind
) -> None:
    line.server.script.only = line.side.at.rstrip("?")
    line.server.script.status, line.server.script.retry_after = status, "7"
    found, _ = await line.fail(goes_on=True)
    assert isinstance(found, error)
    assert (found.kind, found.status, found.provider) == (kind, status, line.side.provider)
    assert found.retryable == (status >= 429)
    assert found.retry_after_s == 7 or not found.retryable
    assert found.who in found.message
    assert len(line.server.asked(line.side.at)) == 1, "trying again is the middleware's"


@every_side
async def test_a_web_page_is_not_the_service_and_a_gateways_is_an_outage(line: Line) -> None:
    line.server.script.html = True
    found, _ = await line.fail()
    assert found.kind is Kind.NOT_AN_API
    line.server.script.status = 502
    found, _ = await line.fail()
    assert found.kind is Kind.UNAVAILABLE


@every_side
async def test_a_redirect_is_refused_and_named(line: Line) -> None:
    async with line.side.server() as elsewhere:
        line.server.script.redirect_to = elsewhere.url.replace("127.0.0.1", "localhost") + "/other"
        with pytest.raises(CompanionError) as caught:
            await line.use()
        assert caught.value.kind is Kind.NOT_AN_API
        assert "localhost" in caught.value.message
        assert not elsewhere.requests


@every_side
async def test_a_key_that_comes_back_is_in_no_message(line: Line) -> None:
    line.server.script.message = f"The key {KEY} is wrong. Authorization: Bearer {KEY}"
    for status in (400, 401, 500):
        line.server.script.status = status
        found, _ = await line.fail()
        assert KEY[3:] not in " ".join((str(found), repr(found), found.message, found.hint))
    line.server.script.status, line.server.script.error_after = 0, 1
    if "error_after" not in line.side.cannot:
        found, _ = await line.fail(goes_on=True)
        assert KEY[3:] not in " ".join((str(found), repr(found), found.message, found.hint))


@every_side
async def test_a_missing_key_is_told_before_anything_is_sent(line: Line) -> None:
    line.provider.api_key = None
    found, _ = await line.fail()
    assert found.kind is Kind.KEY_MISSING
    await line.provider.warm()
    assert not (await line.provider.check()).ok
    assert not line.server.requests


# -- the network --------------------------------------------------------------------------------------------


@every_side
async def test_nobody_listening_is_unreachable(line: Line) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        line.provider.base_url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        found, _ = await line.fail()
        await line.provider.warm()
    assert isinstance(found, AIProviderUnavailableError)
    assert (found.kind, found.provider) == (Kind.UNREACHABLE, line.side.provider)
    assert found.retryable


@every_side
async def test_an_address_that_is_none_is_told(line: Line) -> None:
    for address in ("nonsense", "http://[", "ftp://example.invalid/x"):
        line.provider.base_url = address
        with pytest.raises(CompanionError) as caught:
            await line.use()
        assert caught.value.kind in (Kind.UNREACHABLE, Kind.UNSAFE_ADDRESS)
        assert not caught.value.retryable
        await line.provider.warm()


@every_side
async def test_a_line_that_cannot_be_made_safe_is_told(line: Line) -> None:
    line.provider.base_url = line.server.url.replace("http:", "https:")
    found, _ = await line.fail()
    assert found.kind is Kind.UNREACHABLE
    assert "secure connection" in found.message
    assert not found.retryable


@every_side
async def test_what_the_gate_says_comes_out_as_itself(line: Line) -> None:
    line.provider.base_url = "http://service.invalid/v1"
    with pytest.raises(CompanionError) as caught:
        await line.use()
    assert caught.value.kind is Kind.UNSAFE_ADDRESS
    line.provider.net.shut = True
    line.provider.base_url = "https://service.invalid/v1"
    with pytest.raises(CompanionError) as caught:
        await line.use()
    assert caught.value.kind is Kind.NETWORK_SHUT


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(net_module, "CONNECT_S", 1.0)  # a busy machine connects late
    for where, name in ((net_module, "READ_S"), (sockets, "LAST_WORD_S"), (voice_sockets, "SILENCE_S")):
        monkeypatch.setattr(where, name, 0.3)


@every_side
@pytest.mark.usefixtures("short_patience")
async def test_a_server_that_never_answers_is_a_timeout(line: Line) -> None:
    line.server.script.header_delay_s = 30
    found, _ = await line.fail()
    assert type(found) is AIProviderTimeoutError
    assert (found.provider, found.retryable) == (line.side.provider, True)


@every_side
@pytest.mark.usefixtures("short_patience")
async def test_a_server_that_says_nothing_is_a_timeout(line: Line) -> None:
    line.server.script.stall_after = 0
    found, came = await line.fail()
    assert type(found) is AIProviderTimeoutError
    assert not came


@every_mouth
@pytest.mark.usefixtures("short_patience")
async def test_a_voice_that_falls_silent_is_a_timeout(line: Line) -> None:
    line.server.script.stall_after = 2
    found, came = await line.fail()
    assert type(found) is AIProviderTimeoutError
    assert came


# -- streams that end before their end ----------------------------------------------------------------------


def check_ending(line: Line, found: AIProviderError, came: list[Transcript | Audio]) -> None:
    """Only what nobody has heard may be asked for again."""
    if came:
        assert type(found) is AIProviderStreamCutError
        assert found.kind is Kind.CUT_OFF
    else:
        assert found.kind is (Kind.UNAVAILABLE if line.side.is_socket else Kind.CUT_OFF)
    assert found.retryable == (not came)


@pytest.mark.parametrize("chunks", [0, 2])
@pytest.mark.parametrize(
    ("line", "how"),
    [(name, how) for how in ("cut_after", "end_after", "garbage_after") for name in of(lacking=how)],
    indirect=["line"],
)
async def test_an_answer_without_its_end_is_no_answer(line: Line, how: str, chunks: int) -> None:
    setattr(line.server.script, how, chunks)
    found, came = await line.fail(goes_on=True)
    if how == "garbage_after" and not line.side.is_socket and not came:
        assert found.kind is Kind.NOT_AN_API
        return
    assert bool(came) == bool(chunks)
    check_ending(line, found, came)


@pytest.mark.parametrize("chunks", [0, 2])
@pytest.mark.parametrize("code", [1000, 1001, 1011, 1012, 1013])
@every_socket
async def test_a_vendor_that_hangs_up_is_not_working_or_cuts_off(line: Line, code: int, chunks: int) -> None:
    line.server.script.end_after = chunks
    line.close_with(code)
    found, came = await line.fail(goes_on=True)
    assert bool(came) == bool(chunks)
    check_ending(line, found, came)


@pytest.mark.parametrize("code", [1003, 1007, 1008, 1009])
@every_socket
async def test_what_a_vendor_cannot_take_is_not_sent_again(line: Line, code: int) -> None:
    line.close_with(code)
    for chunks in (0, 2):
        line.server.script.end_after = chunks
        found, _ = await line.fail(goes_on=True)
        assert type(found) is AIProviderInvalidRequestError
        assert not found.retryable


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (name, code)
        for name in of(True, role=EARS)
        for code in (1000, 1001, 1011)
        if code != 1000 or not SIDES[name].ends_by_closing
    ],
    indirect=["line"],
)
async def test_a_take_whose_last_words_do_not_come_has_no_final(line: Line, code: int) -> None:
    """It is over and its end was asked for; what is known by then is not all that was said."""
    line.server.script.end_after = 4
    line.close_with(code)
    found, came = await line.fail()
    check_ending(line, found, came)


@pytest.mark.parametrize("chunks", [0, 2])
@pytest.mark.parametrize("line", of(lacking="error_after"), indirect=True)
async def test_an_error_inside_the_stream_is_an_error(line: Line, chunks: int) -> None:
    line.server.script.error_after = chunks
    found, came = await line.fail(goes_on=True)
    assert type(found) is AIProviderUnavailableError
    assert found.kind is Kind.UNAVAILABLE
    assert bool(came) == bool(chunks)


@every_mouth
async def test_a_voice_without_sound_is_told(line: Line) -> None:
    line.server.script.empty = True
    found, _ = await line.fail()
    assert found.kind is Kind.VOICE_FAILED


# -- the check ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({side.provider: name for name, side in SIDES.items()}.values()))
async def test_a_check_says_in_one_sentence_what_it_found(name: str) -> None:
    side = SIDES[name]
    async with (
        side.server() as server,
        registry.provider_class(side.provider)(base_url=server.url, api_key=KEY) as provider,
    ):
        health = await provider.check()
        assert health.ok
        assert health.latency_ms is not None
        for status in (401, 403, 404, 429, 500):
            server.script.status = status
            health = await provider.check()
            assert not health.ok
            assert health.detail.endswith(".")
            assert "{" not in health.detail
