"""Voices on a WebSocket: sentences go out while sound comes in, over connections that are kept between requests.

`say(links, url, request, make_dialect)` speaks one request with a vendor's `VoiceDialect`; `Links` keeps the connections.
Call it inside `sockets.live(spec)`. A dialect only says and reads messages; tasks, deadlines, the second try on a
connection that had died unnoticed, and stopping the vendor when nobody listens any more are here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

from companion.decoding import Bare, Decoder, NoSound
from companion.flow import Audio, SpeakRequest, SpokenWord
from companion.net import Socket, SocketClosed
from companion.providers.wire.faults import CallContext
from companion.providers.wire.sockets import (
    CLEAN,
    Exchange,
    Outgoing,
    all_closed,
    close_soon,
    close_source,
    too_late,
)
from companion.providers.wire.sound import no_voice
from companion.tasks import spawn, stop

SILENCE_S = 660.0
"""How long a voice that was given all its text may send nothing; the policy of its provider is less patient."""
IDLE_S = 60.0
"""How long an unused voice connection is kept."""
CLEAR_S = 2.0
"""How long a cancelled voice connection is listened to for the vendor's word that it is clear."""
_MOST_IDLE = 2


class VoiceDialect:
    """How one vendor's voice is spoken to, for one request on one connection. Subclass; `say` does the rest.

    Set `piece` to the index of the piece that the incoming sound says, and make `is_over` true when all pieces that were
    given to `text` have been spoken; it counts only after `last`.
    """

    rate_hz = 24_000
    """Of the bare samples that are asked for; of what has come once some has."""

    def __init__(self, call: CallContext) -> None:
        self.call = call
        self.piece = 0
        self.is_over = False
        self.said_s = 0.0
        """How much sound came."""
        self.words: tuple[SpokenWord, ...] = ()
        """Words whose times are known, for the next `audio`."""
        self._decoder = Decoder(Bare(self.rate_hz), at_once=True)

    def first(self) -> Sequence[Outgoing]:
        """Messages before the first piece."""
        return ()

    def text(self, index: int, piece: str) -> Sequence[Outgoing]:
        """Messages that have a piece spoken."""
        raise NotImplementedError

    def last(self) -> Sequence[Outgoing]:
        """Messages after the last piece."""
        return ()

    def take(self, message: Outgoing) -> Audio | None:
        """The sound in a message, or None after noting what it says.

        Raises:
            AIProviderError: the vendor reports a failure.
        """
        raise NotImplementedError

    def cancel(self) -> Sequence[Outgoing]:
        """Messages that stop the vendor when nobody listens any more."""
        return ()

    def is_cleared(self, message: Outgoing) -> bool:
        """Whether a message that came after `cancel` shows that the connection can be used again.

        Where stale messages are told apart by their context, leave `clears_at_once` set instead.
        """
        return False

    clears_at_once = False
    """After `cancel` the connection can be used again without an answer."""
    is_reusable = True
    """The connection serves more than one request."""
    closes = False
    """After `last` the vendor says the rest and hangs up, which is then a proper end."""

    def whole(self, data: bytes, *, last: bool = False) -> bytes:
        """`data` in whole samples of `rate_hz`, also where a file is sent instead; what is incomplete is kept.

        Raises:
            AIProviderError: VOICE_FAILED, it is no sound.
        """
        try:
            pcm = self._decoder.end(data) if last else self._decoder.take(data)
        except NoSound as error:
            raise no_voice(self.call, str(error)) from error
        self.rate_hz = self._decoder.rate_hz
        self.said_s += len(pcm) / 2 / self.rate_hz
        return pcm

    def audio(self, pcm: bytes) -> Audio:
        """Whole samples with the words that are known by now."""
        words, self.words = (self.words, ()) if pcm else ((), self.words)
        return Audio(pcm=pcm, rate_hz=self.rate_hz, piece=self.piece, words=words)

    def late_words(self) -> Audio | None:
        """Words whose times came after their sound travel with one sample of silence."""
        return self.audio(b"\x00\x00") if self.words and self.said_s else None

    def rest(self) -> Audio | None:
        """What a file still held when all was said."""
        pcm = self.whole(b"", last=True)
        return self.audio(pcm) if pcm else None


@dataclass(slots=True, eq=False)
class Link:
    """A voice connection in use or kept for the next request."""

    socket: Socket
    url: str
    is_fresh: bool = True
    """Opened for the present request; a kept one may have died without our knowing."""
    expiry: asyncio.TimerHandle | None = None


class Links:
    """Voice connections that outlive their requests. Each serves one request at a time; unused ones close after `idle_s`.

    Args:
        open_link: opens a socket at an address.
    """

    def __init__(self, open_link: Callable[[str], Awaitable[Socket]], *, idle_s: float = IDLE_S) -> None:
        self._open = open_link
        self._idle_s = idle_s
        self._idle: list[Link] = []
        self._opening = asyncio.Lock()
        self._leaving: dict[asyncio.Task[None], Link] = {}

    async def take(self, url: str, *, fresh: bool = False) -> Link:
        """A kept connection, or a new one; `fresh`: certainly a new one."""
        if not fresh and (link := self._kept(url)) is not None:
            return link
        async with self._opening:  # `warm` may be at it
            if not fresh and (link := self._kept(url)) is not None:
                return link
            return Link(await self._open(url), url)

    def give_back(self, link: Link) -> None:
        """Keeps a connection on which nothing is outstanding."""
        if not link.socket.is_open:
            return
        link.is_fresh = False
        link.expiry = asyncio.get_running_loop().call_later(self._idle_s, self._drop, link)
        self._idle.append(link)
        while len(self._idle) > _MOST_IDLE:
            self._drop(self._idle[0])

    async def warm(self, url: str) -> None:
        """Has a connection ready. Raises what opening raises."""
        async with self._opening:
            if not any(link.url == url and link.socket.is_open for link in self._idle):
                self.give_back(Link(await self._open(url), url))

    def cancel(self, link: Link, dialect: VoiceDialect) -> None:
        """In the background: stops the vendor, and keeps the connection if it is clear soon; otherwise closes it."""
        task = spawn(self._cancel(link, dialect), name="stop a voice")
        self._leaving[task] = link
        task.add_done_callback(self._leaving.pop)

    async def aclose(self) -> None:
        """Closes every connection that is not in use."""
        leaving = dict(self._leaving)
        await stop(*leaving)
        for link in leaving.values():  # a task that is stopped before its first step closes nothing
            close_soon(link.socket)
        for link in tuple(self._idle):
            self._drop(link)
        await all_closed()

    async def _cancel(self, link: Link, dialect: VoiceDialect) -> None:
        is_clear = False
        try:
            with suppress(SocketClosed, TimeoutError):
                async with asyncio.timeout(CLEAR_S):
                    for message in dialect.cancel():
                        await link.socket.send(message)
                    is_clear = dialect.clears_at_once
                    while dialect.is_reusable and not is_clear:
                        is_clear = dialect.is_cleared(await link.socket.receive())
        finally:
            if is_clear and dialect.is_reusable:
                self.give_back(link)
            else:
                close_soon(link.socket)

    def _kept(self, url: str) -> Link | None:
        for link in tuple(self._idle):
            if not link.socket.is_open:
                self._drop(link)
        found = next((link for link in self._idle if link.url == url), None)
        if found is not None:
            self._idle.remove(found)
            if found.expiry is not None:
                found.expiry.cancel()
        return found

    def _drop(self, link: Link) -> None:
        if link.expiry is not None:
            link.expiry.cancel()
        self._idle.remove(link)
        close_soon(link.socket)


async def say(
    links: Links, url: str, request: SpeakRequest, make_dialect: Callable[[], VoiceDialect]
) -> AsyncGenerator[Audio, None]:
    """The sound of a request over one connection. Closing it early stops the vendor and gives the connection back.

    A kept connection that turns out to be dead before the first sound is replaced once; the pieces are then said again.

    Raises:
        AIProviderError: what the dialect found; VOICE_FAILED when no sound came; TIMEOUT after `SILENCE_S` of nothing.
        SocketClosed: the vendor hung up before the end (`live` names it).
    """
    pieces = _Pieces(request)
    said = False
    try:
        for attempt in (1, 2):
            link = await links.take(url, fresh=attempt > 1)
            dialect = make_dialect()
            try:
                async with aclosing(_said(links, link, pieces, dialect)) as sound:
                    async for audio in sound:
                        said = dialect.call.said = True
                        yield audio
                break
            except SocketClosed:
                if link.is_fresh or said:
                    raise
        if pieces.had_text and not said:
            raise no_voice(dialect.call, "no sound")
    finally:
        await pieces.aclose()


async def _said(
    links: Links, link: Link, pieces: _Pieces, dialect: VoiceDialect
) -> AsyncGenerator[Audio, None]:
    async def send() -> None:
        for message in dialect.first():
            await link.socket.send(message)
        async with aclosing(pieces.each()) as each:
            async for index, piece in each:
                for message in dialect.text(index, piece) if piece.strip() else ():
                    await link.socket.send(message)
        for message in dialect.last():
            await link.socket.send(message)

    exchange = Exchange(link.socket)
    exchange.begin(send())
    is_over: Callable[[], bool] = lambda: dialect.is_over or not pieces.had_text  # noqa: E731 - as it is then
    is_unwanted = is_done = False
    try:
        while (message := await exchange.receive(is_over, SILENCE_S, renews=True)) is not None:
            audio = dialect.take(message)
            if audio is not None and audio.pcm:
                yield audio
        is_done = True
        if (audio := dialect.rest()) is not None:
            yield audio
    except TimeoutError as error:
        raise too_late(dialect.call, error) from error
    except SocketClosed as error:
        if not (dialect.closes and exchange.has_sent_all and error.code in CLEAN):
            raise
    except (GeneratorExit, asyncio.CancelledError):
        is_unwanted = True
        raise
    finally:
        try:
            await exchange.stop()
        finally:  # also when whoever gave it up does so a second time
            if is_done and dialect.is_reusable:
                links.give_back(link)
            elif is_unwanted:
                links.cancel(link, dialect)
            else:
                close_soon(link.socket)


class _Pieces:
    """The pieces of a request, which can be gone through again from the start when a connection has to be replaced."""

    def __init__(self, request: SpeakRequest) -> None:
        self._source = request.pieces
        self._known = [request.text] if request.pieces is None and request.text.strip() else []
        self._pulling: asyncio.Task[tuple[str | None, Exception | None]] | None = None

    @property
    def had_text(self) -> bool:
        return any(piece.strip() for piece in self._known)

    async def each(self) -> AsyncGenerator[tuple[int, str], None]:
        index = 0
        while True:
            if index == len(self._known):
                piece = await self._pull()
                if piece is None:
                    return
                self._known.append(piece)
            yield index, self._known[index]
            index += 1

    async def _pull(self) -> str | None:
        """The next piece of the source; the pulling goes on when whoever waits here is cancelled."""
        if self._source is None:
            return None
        if self._pulling is None:
            self._pulling = spawn(self._pull_one(self._source), name="next piece")
        await asyncio.wait((self._pulling,))
        (piece, error), self._pulling = self._pulling.result(), None
        if error is not None:
            raise error
        return piece

    @staticmethod
    async def _pull_one(source: AsyncIterator[str]) -> tuple[str | None, Exception | None]:
        try:
            return await anext(source), None
        except StopAsyncIteration:
            return None, None
        except Exception as error:  # noqa: BLE001 - raised again by whoever waits for the piece
            return None, error

    async def aclose(self) -> None:
        await stop(self._pulling)
        await close_source(self._source)
