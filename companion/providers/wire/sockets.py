"""What recognisers and voices on a WebSocket have in common: names of failures, sockets, and a take while it is spoken.

`hear(open_link, request, make_dialect)` runs one take with a vendor's `HearingDialect`: frames go out while words come in.
Call it inside `live(spec)`, which gives every failure its name, with sockets from `connect`. A dialect only says and reads
messages; tasks, deadlines, joining of turns, lost connections and the end of the socket are here. Voices: `voice_sockets`.
"""

from __future__ import annotations

import asyncio
import json
import random
import unicodedata
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Hashable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from companion.bounds import MAX_STREAM, check_parts
from companion.errors import AIProviderError, AIProviderTimeoutError, Kind
from companion.flow import HearRequest, Transcript, TurnSignal
from companion.language import tr
from companion.net import HandshakeRefused, Socket, SocketClosed, origin
from companion.providers.replay import Replay
from companion.providers.wire.faults import CallContext, in_call
from companion.providers.wire.refusals import NO_ADDRESS
from companion.tasks import Fairness, spawn, stop

if TYPE_CHECKING:
    from companion.providers.provider import AIProvider, Spec

Outgoing = str | bytes
LAST_WORD_S = 5.0
"""How long the last words of a take are waited for; then what is known is all there is."""
LOST = frozenset({1001, 1006, 1011, 1012, 1013, 1014})
"""Close codes of a service or network that may be back in a moment; others would say the same again."""
MOST_RECONNECTS = 5
RECONNECT_S = 0.2
"""Longest pause before the first of them; it doubles with each further one."""
CLEAN = (1000, 1005)
"""Close codes of a proper end; 1001 is a service on its way out."""
_AS_STATUS = dict.fromkeys((1002, 1003, 1007, 1008, 1009, 1010), 400) | {3000: 401, 3003: 403, 3008: 408}
"""Close codes (RFC 6455, and 3000-3008 of the IANA registry) as the HTTP status that means the same; others: 503."""
_BY_REASON = (
    (("api key", "api_key", "unauthor", "authenticat", "credential", "invalid_auth"), 401),
    (("per day", "daily", "rate limit", "too many", "concurren"), 429),
    (("quota", "credit", "payment", "billing"), 402),
    (("model not", "no such model", "is not found for api", "voice"), 404),
    (("permission", "forbidden", "not allowed", "access denied", "not enabled"), 403),
    (("language", "data-0000", "decode", "unsupported", "invalid"), 400),
)
"""Some say "policy" (1008), "data" (1007) or "internal" (1011) for anything; the reason says what it is."""
_VAGUE = (1007, 1008, 1011)
_EACH_BYTES = 100
"""What a message takes besides its content."""


# -- failures -----------------------------------------------------------------------------------------------


@contextmanager
def live(spec: Spec, read: Callable[[Any], Any] | None = None) -> Iterator[CallContext]:
    """`faults.told` for work on a WebSocket: refused handshakes and closed sockets get their names too.

    Args:
        spec: the provider.
        read: turns the body of a refusal (parsed JSON, or text) into `{"code": …, "message": …}`, where the vendor has a
            shape of its own.
    """
    with in_call(spec) as call:
        try:
            yield call
        except HandshakeRefused as error:
            raise refused(call, error, read) from error
        except SocketClosed as error:
            raise closed(call, error) from error


def refused(
    call: CallContext, error: HandshakeRefused, read: Callable[[Any], Any] | None = None
) -> AIProviderError:
    """A handshake that was answered with an HTTP status instead."""
    if error.status < 400:
        return _not_the_service(call, error)
    body: Any = error.body.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        body = json.loads(body)
    headers = {name.lower(): value for name, value in error.headers.items()}
    found = [value for name, value in headers.items() if name.endswith("request-id")]
    if isinstance(body, dict) and isinstance(body.get("request_id"), str):
        found.append(body["request_id"])
    headers |= {"x-request-id": found[0]} if found else {}
    return call.status(error.status, read(body) if read else body, headers, error)


def _not_the_service(call: CallContext, error: HandshakeRefused) -> AIProviderError:
    """A web page or a redirection, as networks send it that want a sign-in first."""
    name, who = call.spec.name, call.spec.display_name
    message = ""
    if error.status >= 300:
        target = urlsplit(error.headers.get("Location", "")).hostname or "another address"
        message = tr(
            "{who} sends the request on to {target}; the key was not sent there.", who=who, target=target
        )
    return AIProviderError(message, name, error, kind=Kind.NOT_AN_API, who=who, status=error.status)


def closed(call: CallContext, error: SocketClosed) -> AIProviderError:
    """A socket that ended before the work was done.

    Either what was sent was wrong, or the vendor stopped: that is worth another try while nothing was delivered, and an
    answer cut off after that.
    """
    status = _AS_STATUS.get(error.code, error.code - 4000 if 4400 <= error.code < 4600 else 503)
    if error.code in _VAGUE:
        lowered = error.reason.lower()
        status = next(
            (known for words, known in _BY_REASON if any(word in lowered for word in words)), status
        )
    found = call.status(status, {"message": error.reason}, {}, error)
    if call.said and found.kind is Kind.UNAVAILABLE:
        return call.cut(error)
    found.status = None  # there was none; it only led to the right row of the table
    return found


# -- connecting ---------------------------------------------------------------------------------------------


def address(base_url: str, path: str, query: Mapping[str, object] | None = None) -> str:
    """An address with `wss` for `https`; in `query` None is left out, booleans are `true` or `false`, lists repeat it."""
    base = base_url.rstrip("/")
    if base.startswith("http"):
        base = "ws" + base.removeprefix("http")
    pairs = [
        (name, str(one).lower() if isinstance(one, bool) else str(one))
        for name, value in (query or {}).items()
        for one in (value if isinstance(value, (list, tuple)) else (value,))
        if one is not None
    ]
    return f"{base}{path}" + (f"?{urlencode(pairs)}" if pairs else "")


async def connect(provider: AIProvider, url: str, headers: Mapping[str, str]) -> Socket:
    """Opens a socket through the provider's gate. Call it inside `live`."""
    spec = provider.spec
    if not origin(url):
        raise CallContext(spec).fault(NO_ADDRESS, retryable=False)
    try:
        return await provider.net.websocket(url, headers, who=spec.display_name)
    except AIProviderError as error:
        error.provider = spec.name  # the gate knows only the host
        raise


def close_soon(link: Socket) -> None:
    """Closes a socket without waiting for the other side."""
    task = spawn(link.close(), name="close a live connection")
    _leaving.add(task)
    task.add_done_callback(_leaving.discard)


async def all_closed() -> None:
    """Waits for the sockets that are on their way out; a provider's `aclose` ends with it."""
    loop = asyncio.get_running_loop()
    if waiting := [task for task in _leaving if task.get_loop() is loop]:
        await asyncio.wait(waiting)


_leaving: set[asyncio.Task[None]] = set()


def parsed(message: Outgoing) -> dict[str, Any] | None:
    """The JSON object in a message, also in a binary one; None where there is none."""
    try:
        check_parts(message)
        found = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


# -- exchanging ----------------------------------------------------------------------------------------------


class Exchange:
    """One request on one socket: a task sends, a task receives ahead of the reader, so that pings are answered in time."""

    def __init__(self, link: Socket) -> None:
        self._link = link
        self._inbox: deque[Outgoing] = deque()  # bounded by bytes
        self._bytes = 0
        self._fairness = Fairness()
        self._news = asyncio.Event()
        self._trouble: BaseException | None = None
        self._deadline: float | None = None
        self.has_sent_all = False
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    def begin(self, sending: Coroutine[Any, Any, None]) -> None:
        self._tasks = (
            spawn(self._send(sending), name="live: send"),
            spawn(self._receive(), name="live: receive"),
        )

    async def receive(
        self, is_over: Callable[[], bool], wait_s: float, *, renews: bool = False
    ) -> Outgoing | None:
        """The next message; None when all was sent and `is_over()`. The clock of `wait_s` starts when all was sent.

        Raises:
            TimeoutError: nothing came in time; `renews`: for `wait_s` in a row.
        """
        loop = asyncio.get_running_loop()
        if renews:
            self._deadline = None
        while True:
            if self.has_sent_all and is_over():
                return None
            if self._inbox:
                message = self._inbox.popleft()
                self._bytes -= len(message)
                return message
            if self._trouble is not None:
                raise self._trouble
            if self.has_sent_all and self._deadline is None:
                self._deadline = loop.time() + wait_s
            self._news.clear()
            async with asyncio.timeout_at(self._deadline):
                await self._news.wait()

    async def stop(self) -> None:
        await stop(*self._tasks)

    async def _send(self, sending: Coroutine[Any, Any, None]) -> None:
        try:
            await sending
            self.has_sent_all = True
        except SocketClosed:
            pass  # the receiving task says so, after what came before
        except Exception as error:  # noqa: BLE001 - raised again where the words or the sound are read
            self._trouble = self._trouble or error
        self._news.set()

    async def _receive(self) -> None:
        try:
            while True:
                message = await self._link.receive()
                if self._fairness.is_due():
                    await asyncio.sleep(0)
                self._bytes += len(message) + _EACH_BYTES
                if self._bytes > MAX_STREAM:
                    raise AIProviderError(
                        tr("The answer was longer than it may be, so it was stopped."), retryable=False
                    )
                self._inbox.append(message)
                self._news.set()
        except Exception as error:  # noqa: BLE001 - raised again where the words or the sound are read
            self._trouble = self._trouble or error
        self._news.set()


def too_late(call: CallContext, error: BaseException) -> AIProviderTimeoutError:
    return AIProviderTimeoutError("", call.spec.name, error, who=call.spec.display_name)


async def close_source(source: AsyncIterator[Any] | None) -> None:
    close = getattr(source, "aclose", None)
    if close is not None:
        await close()


# -- hearing ------------------------------------------------------------------------------------------------


class Turns:
    """The words of one take that come in turns or segments, joined in the order in which these first appeared."""

    def __init__(self) -> None:
        self.before = ""
        """Words settled on an earlier connection."""
        self._parts: dict[Hashable, str] = {}
        self._settled: set[Hashable] = set()

    def put(self, key: Hashable, text: str, *, settled: bool = False) -> None:
        """The text of a part so far, instead of what it was. `settled`: it will not change any more."""
        self._parts[key] = text.strip()
        if settled:
            self._settled.add(key)
        else:
            self._settled.discard(key)

    def add(self, key: Hashable, delta: str) -> None:
        """More text at the end of a part; spaces are the vendor's own."""
        self._parts[key] = self._parts.get(key, "") + delta

    @property
    def text(self) -> str:
        return _joined((self.before, *self._parts.values()))

    @property
    def settled_text(self) -> str:
        """The part of it, from its beginning, that will not change any more."""
        leading = [self.before]
        for key, part in self._parts.items():
            if key not in self._settled:
                break
            leading.append(part)
        return _joined(leading)

    @property
    def is_settled(self) -> bool:
        """Something was said, and nothing of it will change."""
        return bool(self._parts) and self._settled.issuperset(self._parts)

    def transcript(
        self, *, is_final: bool = False, signal: TurnSignal | None = None, confidence: float | None = None
    ) -> Transcript:
        """Everything up to now; committed are the settled parts before the first one that is not."""
        text = self.text
        committed = len(text) if is_final else len(self.settled_text)
        return Transcript(
            text=text, is_final=is_final, committed_chars=committed, signal=signal, confidence=confidence
        )


def _joined(parts: Iterable[str]) -> str:
    text = ""
    for part in (part.strip() for part in parts):
        if text and part:
            text += "" if _is_han(text[-1]) and _is_han(part[0]) else " "
        text += part
    return text


def _is_han(sign: str) -> bool:
    """Whether no spaces are written beside it: Chinese and Japanese, not Korean."""
    return (
        unicodedata.east_asian_width(sign) in "WF"
        and not "\u1100" <= sign <= "\u11ff"
        and not "\uac00" <= sign <= "\ud7a3"
    )


class HearingDialect:
    """How one vendor's recogniser is spoken to, for one take. Subclass; `hear` does the rest.

    Set `is_over` when the vendor has answered the forced end (`last`), so that nothing more will come; it counts only
    after the end of the take.
    """

    block_ms = 80
    """How much sound one message carries."""
    keep_alive_s: float | None = None
    """After such a pause in the sound `keep_alive` is sent."""
    closes = False
    """After `last` the vendor says the rest and hangs up, which is then a proper end."""

    def __init__(self, call: CallContext, *, rate_hz: int = 16_000) -> None:
        self.call = call
        self.rate_hz = rate_hz
        self.turns = Turns()
        self.covered_s = 0.0
        """How much of the sound, from its beginning, the settled turns have the words of; 0: the vendor does not say."""
        self.is_over = False

    def first(self) -> Sequence[Outgoing]:
        """Messages before the first sound."""
        return ()

    def sound(self, pcm: bytes) -> Outgoing:
        """The message that carries a block of int16 mono at `rate_hz`."""
        return pcm

    def keep_alive(self) -> Outgoing:
        raise NotImplementedError

    def last(self) -> Sequence[Outgoing]:
        """Messages that make the vendor say the last words now. Called once, after the last sound."""
        return ()

    def take(self, message: dict[str, Any]) -> Transcript | None:
        """Reads one message into `turns`; gives what is to be told, usually `self.turns.transcript()`. Unknown types: None.

        Raises:
            AIProviderError: the vendor reports a failure (`self.call.inside(…)`, `self.call.status(…)`).
        """
        raise NotImplementedError


async def hear(
    open_link: Callable[[], Awaitable[Socket]],
    request: HearRequest,
    make_dialect: Callable[[], HearingDialect],
) -> AsyncGenerator[Transcript, None]:
    """Partial transcripts while the frames go out, and exactly one final soon after their end. Ends the socket.

    A connection that is lost in the middle is made anew, with a dialect of its own; the sound whose words were not settled
    is sent again, and meanwhile the person speaks on into memory.

    Raises:
        AIProviderError: HEARD_NOTHING for a take without a frame; what the dialect found; TIMEOUT when the last word does
            not come and no word is known.
        SocketClosed: the vendor hung up before the end and did not come back (`live` names it).
    """
    replay = Replay(request.frames)
    run = _Run(replay, make_dialect(), 0)
    lost: SocketClosed | None = None
    tries = shown = 0
    try:
        while True:
            try:
                link = await open_link()
            except (HandshakeRefused, AIProviderError) as error:
                if lost is None or not _may_come_back(error):
                    raise
            else:
                try:
                    async for transcript in run.hear(link, request.rate_hz):
                        # what is heard once more was shown already
                        if lost is None or transcript.is_final or len(transcript.text) >= shown:
                            shown = len(transcript.text)
                            yield transcript
                    return
                except SocketClosed as error:
                    if error.code not in LOST:
                        raise
                    lost = error
                run = run.after_loss(make_dialect(), request.rate_hz)
            if tries == MOST_RECONNECTS:
                raise lost
            await asyncio.sleep(RECONNECT_S * 2**tries * (0.5 + random.random() / 2))
            tries += 1
    finally:
        await replay.aclose()


def _may_come_back(error: Exception) -> bool:
    return error.status >= 500 if isinstance(error, HandshakeRefused) else getattr(error, "retryable", False)


class _Run:
    """One connection's share of a take: the frames from `start` on."""

    def __init__(self, replay: Replay[bytes], dialect: HearingDialect, start: int) -> None:
        self._replay, self._dialect, self._start = replay, dialect, start

    async def hear(self, link: Socket, rate_hz: int) -> AsyncGenerator[Transcript, None]:
        dialect = self._dialect
        sender = _Sender(link, self._replay.again(self._start), dialect, rate_hz)
        exchange = Exchange(link)
        heard: Transcript | None = None
        exchange.begin(sender.send())
        try:
            while (message := await exchange.receive(lambda: dialect.is_over, LAST_WORD_S)) is not None:
                heard = dialect.take(data) if (data := parsed(message)) is not None else None
                if heard is not None and not (exchange.has_sent_all and dialect.is_over):
                    dialect.call.said = dialect.call.said or bool(heard.text)
                    yield heard
        except TimeoutError as error:
            if not dialect.turns.text:
                raise too_late(dialect.call, error) from error
            heard = None
        except SocketClosed as error:
            is_end = error.code in CLEAN or (error.code == 1006 and dialect.turns.is_settled)
            if not (dialect.closes and exchange.has_sent_all and is_end):
                raise
            heard = None
        finally:
            try:
                await exchange.stop()
            finally:  # also when whoever gave it up does so a second time
                close_soon(link)
        if not self._replay.items:
            spec = dialect.call.spec
            raise AIProviderError("", spec.name, kind=Kind.HEARD_NOTHING, who=spec.display_name)
        whole = dialect.turns.transcript(is_final=True)
        yield whole if heard is None else replace(whole, signal=heard.signal, confidence=heard.confidence)

    def after_loss(self, dialect: HearingDialect, rate_hz: int) -> _Run:
        """What is left to do on another connection: words that are settled stay, the sound after them goes out again."""
        before, items = self._dialect, self._replay.items
        start, covered = self._start, round(before.covered_s * rate_hz) * 2
        while start < len(items) and len(items[start]) <= covered:
            covered -= len(items[start])
            start += 1
        dialect.turns.before = before.turns.settled_text if before.covered_s else before.turns.before
        return _Run(self._replay, dialect, start)


class _Sender:
    """The sending side of a take: blocks of the size the vendor likes, signs of life, the forced end."""

    def __init__(
        self, link: Socket, source: AsyncIterator[bytes], dialect: HearingDialect, rate_hz: int
    ) -> None:
        self._link, self._source, self._dialect = link, source, dialect
        self._block = rate_hz * dialect.block_ms // 1000 * 2
        self._has_sent_sound = False
        self._sent_at = 0.0

    async def send(self) -> None:
        dialect = self._dialect
        alive = spawn(self._keep_alive(), name="keep alive") if dialect.keep_alive_s else None
        try:
            await self._send(dialect.first())
            waiting = bytearray()
            async for frame in self._source:
                waiting += frame
                while len(waiting) >= self._block:
                    await self._send_sound(bytes(waiting[: self._block]))
                    del waiting[: self._block]
            if waiting:
                await self._send_sound(bytes(waiting))
            await self._send(dialect.last() if self._has_sent_sound else ())
        finally:
            await stop(alive)
            await close_source(self._source)
        if not self._has_sent_sound:
            dialect.is_over = True  # nobody will answer to nothing

    async def _send_sound(self, pcm: bytes) -> None:
        self._has_sent_sound = True
        await self._send((self._dialect.sound(pcm),))

    async def _send(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            await self._link.send(message)
        self._sent_at = asyncio.get_running_loop().time()

    async def _keep_alive(self) -> None:
        pause_s = self._dialect.keep_alive_s or 0.0
        with suppress(SocketClosed):  # the receiving side says so
            while True:
                await asyncio.sleep(max(0.01, self._sent_at + pause_s - asyncio.get_running_loop().time()))
                if asyncio.get_running_loop().time() >= self._sent_at + pause_s:
                    await self._send((self._dialect.keep_alive(),))
