"""WebSockets down to the bytes: frames through the protocol of `websockets`, healthy conversations on top.

The conversations are Deepgram's: Flux (listen v2), Nova (listen v1) and Aura (speak v1). Each runs until the client hangs
up; whatever it says passes `slip`, where a fault may change it, lose it, or end everything.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from random import Random
from typing import Any

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from companion.chaos.answers import BLOCK, pieces, tone
from companion.chaos.wire import Asked, Line

Message = str | bytes
BYTES_PER_WORD = 5_120
"""How much sound (int16 mono at 16 kHz) brings one more word of the transcript."""


class Over(Exception):
    """The conversation has ended, whatever the other side thinks."""


class Talk:
    """One WebSocket. `said` counts the messages that went out."""

    def __init__(self, line: Line, asked: Asked, dice: Random, transcript: str) -> None:
        self.line, self.asked, self.dice, self.transcript = line, asked, dice, transcript
        self.slip: Slip | None = None
        self.said = 0
        self._protocol = ServerProtocol()

    async def open(self) -> None:
        """Completes the handshake.

        Raises:
            Over: it was none.
        """
        self.line.is_open = False  # whatever follows, it is no HTTP
        self._protocol.receive_data(self.asked.head)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._protocol.send_response(self._protocol.accept(event))
        await self._flush()

    async def messages(self) -> AsyncGenerator[Message, None]:
        """What the client says, until it hangs up."""
        while True:
            data = await self.line.reader.read(65_536)
            if not data:
                return
            self._protocol.receive_data(data)
            for event in self._protocol.events_received():
                if not isinstance(event, Frame) or event.opcode not in (Opcode.TEXT, Opcode.BINARY):
                    continue
                yield bytes(event.data).decode() if event.opcode is Opcode.TEXT else bytes(event.data)
            await self._flush()
            if self._protocol.close_expected():
                return

    async def say(self, message: Message | Mapping[str, Any]) -> None:
        """One message, as `slip` lets it pass."""
        plain = message if isinstance(message, (str, bytes)) else json.dumps(message, ensure_ascii=False)
        passed = await self.slip(self, plain) if self.slip is not None else plain
        self.said += 1
        if passed is not None:
            await self.send(passed)

    async def send(self, message: Message) -> None:
        """One message as it is.

        Raises:
            Over: the other side is hanging up.
        """
        try:
            if isinstance(message, bytes):
                self._protocol.send_binary(message)
            else:
                self._protocol.send_text(message.encode())
        except InvalidState:
            raise Over from None
        await self._flush()

    async def close(self, code: int | None, reason: str = "") -> None:
        """Hangs up with that code (None: without one).

        Raises:
            Over: always.
        """
        if code is not None and code in (1005, 1006, 1015):
            self.line.cut()  # these are never sent; they are what the other side is left with
            raise Over
        with suppress(InvalidState):  # the other side was first
            self._protocol.send_close(code, reason)
            await self._flush()
        raise Over

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                await self.line.raw(data)


Slip = Callable[[Talk, Message], Awaitable[Message | None]]


async def flux(talk: Talk) -> None:
    """Listen v2: the transcript grows with the sound; a forced end or the end of the stream brings the rest."""
    words, heard, told = pieces(talk.transcript), 0, 0
    await talk.say({"type": "Connected", "request_id": "req_chaos", "sequence_id": 0})

    def turn(event: str, count: int) -> dict[str, Any]:
        text = "".join(words[:count]).strip()
        found = [{"word": word.strip(), "confidence": 0.9} for word in words[:count]]
        return {
            "type": "TurnInfo", "event": event, "turn_index": 0, "audio_window_start": 0.0,
            "audio_window_end": heard / 32_000, "transcript": text, "words": found, "end_of_turn_confidence": 0.1,
        }  # fmt: skip

    async for message in talk.messages():
        if isinstance(message, bytes):
            heard += len(message)
            while told < min(len(words) - 1, heard // BYTES_PER_WORD):
                told += 1
                await talk.say(turn("Update" if told > 1 else "StartOfTurn", told))
            continue
        match json.loads(message).get("type"):
            case "ForceEndTurn" if heard:
                await talk.say(turn("EndOfTurn", len(words)))
            case "CloseStream":
                await talk.close(1000)


async def nova(talk: Talk) -> None:
    """Listen v1: one segment, interim results while it grows."""
    words, heard, told = pieces(talk.transcript), 0, 0

    def results(count: int, *, is_final: bool) -> dict[str, Any]:
        best = {"transcript": "".join(words[:count]).strip(), "confidence": 0.98, "words": []}
        return {
            "type": "Results", "channel_index": [0, 1], "duration": 1.0, "start": 0.0, "is_final": is_final,
            "speech_final": is_final, "from_finalize": is_final, "channel": {"alternatives": [best]},
        }  # fmt: skip

    async for message in talk.messages():
        if isinstance(message, bytes):
            heard += len(message)
            while told < min(len(words) - 1, heard // BYTES_PER_WORD):
                told += 1
                await talk.say(results(told, is_final=False))
            continue
        match json.loads(message).get("type"):
            case "Finalize":
                await talk.say(results(len(words), is_final=True))
            case "CloseStream":
                await talk.say({"type": "Metadata", "request_id": "req_chaos", "duration": heard / 32_000})
                await talk.close(1000)


async def aura(talk: Talk) -> None:
    """Speak v1: what is flushed is spoken."""
    held = ""

    async def speak(text: str) -> None:
        sound = tone(0.05 * max(4, len(text)))
        for at in range(0, len(sound), BLOCK):
            await talk.say(sound[at : at + BLOCK])

    await talk.say(
        {"type": "Metadata", "request_id": "req_chaos", "model_name": talk.asked.query.get("model", "")}
    )
    async for message in talk.messages():
        told = {} if isinstance(message, bytes) else json.loads(message)
        match told.get("type"):
            case "Speak":
                held += told["text"]
            case "Flush":
                await speak(held)
                held = ""
                await talk.say({"type": "Flushed", "sequence_id": 0})
            case "Clear":
                held = ""
                await talk.say({"type": "Cleared", "sequence_id": 0})
            case "Close":
                await speak(held)
                await talk.close(1000)
