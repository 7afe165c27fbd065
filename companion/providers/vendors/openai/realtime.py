"""OpenAI's realtime socket: live transcription, and speech to speech.

`hear` runs one take over a transcription session. `OpenAIRealtime.connect` opens a conversation in which the vendor hears
and answers in one go: frames, typed words and requests go in through `RealtimeLink`, what is heard and said comes out of
`RealtimeLink.events`, each with the number of the turn it belongs to. Sound is 24 kHz on the wire (developers.openai.com,
realtime and conversations). Everything belongs to the loop's thread.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import Any

from companion.calls import RealtimeChoice
from companion.errors import AIProviderError, CompanionError, Kind
from companion.flow import (
    CAPTURE_RATE_HZ,
    Audio,
    ChatDelta,
    HearRequest,
    Message,
    Speaker,
    Transcript,
    TurnSignal,
    Usage,
)
from companion.net import Socket, SocketClosed
from companion.pcm import Resampler
from companion.providers.provider import AIProvider
from companion.providers.wire.faults import CallContext
from companion.providers.wire.languages import for_whisper
from companion.providers.wire.sockets import (
    HearingDialect,
    Outgoing,
    address,
    close_soon,
    closed,
    connect,
    hear as hear_take,
    live,
    parsed,
)
from companion.providers.wire.usage import figure, tokens, usage_of
from companion.providers.wire.voice_model import VoiceModel

HEARING_MODEL = "gpt-live-transcribe"
RATE_HZ = 24_000
_BLOCK_BYTES = CAPTURE_RATE_HZ * 2 * 80 // 1000
"""One message carries 80 ms."""
_SHORTEST_BYTES = RATE_HZ * 2 // 10
"""The vendor refuses to take less than 100 ms as a take; a shorter one is filled up with silence."""
_ONE_AT_A_TIME_S = 2.0
"""How long a cancelled answer may take to end before the next is asked for all the same."""
_FORMAT = {"type": "audio/pcm", "rate": RATE_HZ}
_ASIDE = "aside"
"""Begins the id of events that only tidy up: that there was nothing to tidy is no fault."""
_TRANSCRIPTION = "conversation.item.input_audio_transcription."

LinkEvent = tuple[int, Transcript | ChatDelta | Audio | CompanionError]


# -- hearing ------------------------------------------------------------------------------------------------


async def hear(provider: AIProvider, request: HearRequest, model: str) -> AsyncGenerator[Transcript, None]:
    """The words of a take while it is spoken, then exactly one final transcript."""
    with live(provider.spec) as call:
        make_dialect = partial(_TakeDialect, call, request, model)
        taking = hear_take(lambda: _open(provider, {"intent": "transcription"}), request, make_dialect)
        async with aclosing(taking) as transcripts:
            async for transcript in transcripts:
                yield transcript


class _TakeDialect(HearingDialect):
    """A transcription session; every item of the conversation is a part of the take."""

    def __init__(self, call: CallContext, request: HearRequest, model: str) -> None:
        super().__init__(call, rate_hz=request.rate_hz)
        self._sound = _Uplink(request.rate_hz)
        self._hearing = _hearing(model, request.language, request.context)
        self._open: set[str] = set()
        """Items whose words are not complete."""

    def first(self) -> Sequence[Outgoing]:
        heard = {"format": _FORMAT, "transcription": self._hearing, "turn_detection": None}
        return (_event("session.update", session={"type": "transcription", "audio": {"input": heard}}),)

    def sound(self, pcm: bytes) -> Outgoing:
        return _append(self._sound.take(pcm))

    def last(self) -> Sequence[Outgoing]:
        return (_append(self._sound.finish()), _event("input_audio_buffer.commit"))

    def take(self, message: dict[str, Any]) -> Transcript | None:
        kind, item = str(message.get("type", "")), str(message.get("item_id", ""))
        if kind == "error":
            raise self.call.inside(message)
        if kind == "input_audio_buffer.committed":
            self._begin(item)
        elif kind == "conversation.item.added":
            self._begin(str((message.get("item") or {}).get("id", "")))
        elif kind.startswith(_TRANSCRIPTION):
            return self._hear(kind.removeprefix(_TRANSCRIPTION), item, message)
        return None

    def _begin(self, item: str) -> None:
        """Items are joined in the order in which they are first mentioned."""
        if item not in self._open:
            self._open.add(item)
            self.turns.add(item, "")
            self.is_over = False

    def _hear(self, what: str, item: str, message: dict[str, Any]) -> Transcript | None:
        if what == "failed":
            raise self.call.inside(message)
        self._begin(item)
        if what == "delta":
            self.turns.add(item, _text(message, "delta"))
        elif what == "completed":
            self.turns.put(item, _text(message, "transcript"), settled=True)
            self.is_over = self.turns.is_settled
        else:
            return None
        return self.turns.transcript()


# -- speech to speech ---------------------------------------------------------------------------------------


class OpenAIRealtime(VoiceModel["RealtimeLink"]):
    """Opens conversations."""

    def __init__(self, provider: AIProvider, choice: RealtimeChoice) -> None:
        super().__init__(provider, replace(choice, hearing_model=choice.hearing_model or HEARING_MODEL))

    async def dial(self, instructions: str) -> AsyncGenerator[RealtimeLink, None]:
        with live(self._provider.spec) as call:
            socket = await _open(self._provider, {"model": self._choice.model})
            try:
                await socket.send(_event("session.update", session=_session(self._choice, instructions)))
                await _until_ready(call, socket)
            except BaseException:
                close_soon(socket)
                raise
        yield RealtimeLink(CallContext(self._provider.spec, opened=True), socket, self._choice, instructions)


class RealtimeLink:
    """An open conversation. One reader of `events`; everything else may be called while it reads.

    Turns are numbers the caller chooses. Of a turn that was interrupted only what it took is told. Every method but
    `close` raises an AIProviderError when the socket has ended.
    """

    def __init__(self, call: CallContext, socket: Socket, choice: RealtimeChoice, instructions: str) -> None:
        self.name = f"{call.spec.name}/{choice.model}"
        self.is_spoken = choice.is_spoken
        self._call = call
        self._socket = socket
        self._instructions = instructions
        self._sound = _Uplink(CAPTURE_RATE_HZ)
        self._waiting = bytearray()
        self._taking = 0
        """The turn whose take is being sent: words may come before it is over."""
        self._commits: deque[int] = deque()  # bounded by the answers of the vendor, one each
        self._turn_of: dict[str, int] = {}
        """Response or user item -> its turn."""
        self._words: dict[str, str] = {}
        self._spoken: dict[int, dict[str, float]] = {}
        """Turn -> the vendor's items and the seconds of sound that came of each, in order."""
        self._interrupted: set[int] = set()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        return not self._is_closed and self._socket.is_open

    # -- what goes in ---------------------------------------------------------------------------------------

    async def instruct(self, instructions: str) -> None:
        """What the model is told about its part from now on."""
        if instructions != self._instructions:
            self._instructions = instructions
            await self._send("session.update", session={"type": "realtime", "instructions": instructions})

    async def append(self, turn: int, frame: bytes) -> None:
        """The next frame of the take of `turn`, int16 mono at 16 kHz."""
        self._taking = turn
        self._waiting += frame
        if len(self._waiting) >= _BLOCK_BYTES:
            block = bytes(self._waiting)
            self._waiting.clear()
            await self._send_raw(_append(self._sound.take(block)))

    async def commit(self, turn: int) -> None:
        """The take is over, and is what was said in `turn`."""
        block, self._sound, rest = bytes(self._waiting), _Uplink(CAPTURE_RATE_HZ), self._sound
        self._waiting.clear()
        self._commits.append(turn)
        await self._send_raw(_append(rest.take(block) + rest.finish()))
        await self._send("input_audio_buffer.commit", event_id=f"commit.{turn}")

    async def clear(self) -> None:
        """Forgets the take that was begun."""
        self._waiting.clear()
        self._sound = _Uplink(CAPTURE_RATE_HZ)
        await self._send("input_audio_buffer.clear", event_id=f"{_ASIDE}.clear")

    async def add(self, message: Message) -> None:
        """Words that belong to the conversation: typed now, or said earlier."""
        kind = "output_text" if message.role is Speaker.ASSISTANT else "input_text"
        part = {"type": kind, "text": message.content}
        item = {"type": "message", "role": message.role.value, "content": [part]}
        await self._send("conversation.item.create", item=item)

    async def respond(self, turn: int) -> None:
        """Asks for the answer of `turn`, once the one before has ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_ONE_AT_A_TIME_S):
                await self._is_idle.wait()
        self._is_idle.clear()
        response = {"metadata": {"turn": str(turn)}}
        await self._send("response.create", response=response, event_id=f"respond.{turn}")

    async def interrupt(self, turn: int, heard_s: float) -> None:
        """Ends the answer of `turn`; of its sound the conversation keeps what was heard."""
        self._interrupted.add(turn)
        is_running = not self._is_idle.is_set()
        if is_running:
            await self._send("response.cancel", event_id=f"{_ASIDE}.cancel.{turn}")
        start_s = 0.0
        for item, seconds in self._spoken.pop(turn, {}).items():
            made_ms = int(seconds * 1000)
            end_ms = min(made_ms, max(0, int((heard_s - start_s) * 1000)))
            if is_running or end_ms < made_ms:
                where = {"item_id": item, "content_index": 0, "audio_end_ms": end_ms}
                await self._send("conversation.item.truncate", event_id=f"{_ASIDE}.truncate.{turn}", **where)
            start_s += seconds

    async def close(self) -> None:
        """Ends the conversation. Idempotent."""
        self._is_closed = True
        close_soon(self._socket)

    async def _send(self, kind: str, **fields: Any) -> None:
        await self._send_raw(_event(kind, **fields))

    async def _send_raw(self, message: str) -> None:
        try:
            await self._socket.send(message)
        except SocketClosed as error:
            raise closed(self._call, error) from error

    # -- what comes out -------------------------------------------------------------------------------------

    async def events(self) -> AsyncGenerator[LinkEvent, None]:
        """Turn numbers with what came for them, until `close`.

        A `Transcript` is what was said (all words so far), or with a `signal` that speech began or ended (turn 0); a
        `ChatDelta` is what is answered, the last one with its finish reason; `Audio` is its sound; a `CompanionError` a
        failure that leaves the conversation open: HEARING_FAILED of the words that were said, any other of the answer
        (turn 0: of no turn in particular).

        Raises:
            AIProviderError: the socket ended, or sent what cannot be read.
        """
        with live(self._call.spec):
            try:
                while True:
                    for told in self._read(parsed(await self._socket.receive()) or {}):
                        yield told
            except SocketClosed:
                if not self._is_closed:
                    raise
            finally:
                self._is_idle.set()  # nobody is to wait for the end of an answer that will not come

    def _read(self, event: Mapping[str, Any]) -> Sequence[LinkEvent]:
        kind, item = str(event.get("type", "")), str(event.get("item_id", ""))
        if kind.startswith(_TRANSCRIPTION):
            return self._read_words(kind.removeprefix(_TRANSCRIPTION), item, event)
        match kind:
            case "response.created":
                self._begin_response(event.get("response") or {})
            case "response.done":
                return self._end_response(event.get("response") or {})
            case (
                "response.output_audio_transcript.delta"
                | "response.output_text.delta"
                | "response.output_audio.delta"
            ):
                return self._read_answer(kind, item, event)
            case "input_audio_buffer.committed":
                self._turn_of[item] = self._commits.popleft() if self._commits else 0
            case "input_audio_buffer.speech_started":
                return ((0, Transcript(text="", signal=TurnSignal.STARTED)),)
            case "input_audio_buffer.speech_stopped":
                return ((0, Transcript(text="", signal=TurnSignal.ENDED)),)
            case "error":
                return self._read_error(event)
        return ()

    def _read_words(self, what: str, item: str, event: Mapping[str, Any]) -> Sequence[LinkEvent]:
        turn = self._turn_of.get(item, self._commits[0] if self._commits else self._taking)
        if what == "delta":
            self._words[item] = self._words.get(item, "") + _text(event, "delta")
            return ((turn, Transcript(text=self._words[item].strip())),)
        if what == "completed":
            self._words.pop(item, None)
            self._turn_of.pop(item, None)
            text = _text(event, "transcript").strip()
            return ((turn, Transcript(text=text, is_final=True, committed_chars=len(text))),)
        return ((turn, self._not_written_down(event)),) if what == "failed" else ()

    def _not_written_down(self, event: Mapping[str, Any]) -> CompanionError:
        spec, cause = self._call.spec, self._call.inside(event)
        return AIProviderError("", spec.name, cause, kind=Kind.HEARING_FAILED, who=spec.display_name)

    def _begin_response(self, response: Mapping[str, Any]) -> None:
        self._is_idle.clear()
        turn = (response.get("metadata") or {}).get("turn", "0")
        self._turn_of[str(response.get("id", ""))] = int(turn) if str(turn).isdecimal() else 0

    def _read_answer(self, kind: str, item: str, event: Mapping[str, Any]) -> Sequence[LinkEvent]:
        turn = self._turn_of.get(str(event.get("response_id", "")), 0)
        if turn in self._interrupted:
            return ()
        if kind != "response.output_audio.delta":
            return ((turn, ChatDelta(text=_text(event, "delta"))),)
        try:
            pcm = base64.b64decode(_text(event, "delta"), validate=True)
        except binascii.Error as error:
            raise self._call.cut(error) from error
        audio = Audio(pcm=pcm[: len(pcm) & ~1], rate_hz=RATE_HZ)
        items = self._spoken.setdefault(turn, {})
        items[item] = items.get(item, 0.0) + audio.seconds
        return ((turn, audio),)

    def _end_response(self, response: Mapping[str, Any]) -> Sequence[LinkEvent]:
        self._is_idle.set()
        turn = self._turn_of.pop(str(response.get("id", "")), 0)
        usage = _usage(response.get("usage"))
        took: Sequence[LinkEvent] = ((turn, ChatDelta(usage=usage)),) if usage is not None else ()
        if turn in self._interrupted:
            return took
        details = response.get("status_details") or {}
        match response.get("status"):
            case "completed":
                finish = "stop"
            case "incomplete":
                finish = "content_filter" if details.get("reason") == "content_filter" else "length"
            case "failed":
                return (*took, (turn, self._call.inside(details)))
            case _:
                return (*took, (turn, self._call.cut()))
        return ((turn, ChatDelta(finish_reason=finish, usage=usage)),)

    def _read_error(self, event: Mapping[str, Any]) -> Sequence[LinkEvent]:
        """A refusal of something that was sent; its id says of what."""
        error = event.get("error") or {}
        what, _, number = str(error.get("event_id") or "").partition(".")
        if what == _ASIDE:
            return ()
        turn = int(number) if number.isdecimal() else 0
        if what == "respond":
            self._is_idle.set()
        if what == "commit":
            with suppress(ValueError):
                self._commits.remove(turn)
        return ((turn, self._call.inside(event)),)


# -- the wire -----------------------------------------------------------------------------------------------


class _Uplink:
    """Sound on its way up: brought to the wire's rate, and filled up where it is too short to be taken."""

    def __init__(self, rate_hz: int) -> None:
        self._resampler = Resampler(rate_hz, RATE_HZ)
        self._bytes = 0

    def take(self, pcm: bytes) -> bytes:
        made = self._resampler.process(pcm)
        self._bytes += len(made)
        return made

    def finish(self) -> bytes:
        rest = self._resampler.process(b"", last=True)
        return rest + bytes(max(0, _SHORTEST_BYTES - self._bytes - len(rest)))


async def _open(provider: AIProvider, query: Mapping[str, object]) -> Socket:
    headers = {"Authorization": f"Bearer {provider.require_key()}"}
    return await connect(provider, address(provider.base_url, "/realtime", query), headers)


async def _until_ready(call: CallContext, socket: Socket) -> None:
    """Returns when the session is as we asked."""
    while (event := parsed(await socket.receive()) or {}).get("type") != "session.updated":
        if event.get("type") == "error":
            raise call.inside(event)


def _session(choice: RealtimeChoice, instructions: str) -> dict[str, Any]:
    turns = {"type": "server_vad"} if choice.follows_turns else None
    hearing = _hearing(choice.hearing_model, for_whisper(choice.language), "")
    output: dict[str, Any] = {"format": _FORMAT, "voice": choice.voice}
    if choice.speed != 1.0:
        output["speed"] = choice.speed
    return {
        "type": "realtime",
        "instructions": instructions,
        "output_modalities": ["audio"] if choice.is_spoken else ["text"],
        "audio": {
            "input": {"format": _FORMAT, "transcription": hearing, "turn_detection": turns},
            "output": output,
        },
    }


def _hearing(model: str, language: str, context: str) -> dict[str, Any]:
    found = {"model": model}
    if language:
        found["language"] = language
    if context and model != "gpt-realtime-whisper":  # it takes no prompt
        found["prompt"] = context
    return found


def _event(kind: str, **fields: Any) -> str:
    return json.dumps({"type": kind, **fields}, ensure_ascii=False)


def _append(pcm: bytes) -> str:
    return _event("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())


def _text(event: Mapping[str, Any], name: str) -> str:
    found = event.get(name)
    return found if isinstance(found, str) else ""


def _usage(told: object) -> Usage | None:
    read = "input_token_details"
    return usage_of(
        read=tokens(figure(told, "input_tokens")),
        written=tokens(figure(told, "output_tokens")),
        cached=figure(told, read, "cached_tokens"),
        heard=figure(told, read, "audio_tokens"),
        spoken=figure(told, "output_token_details", "audio_tokens"),
        cached_heard=figure(told, read, "cached_tokens_details", "audio_tokens"),
    )
