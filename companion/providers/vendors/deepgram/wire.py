"""What is said to Deepgram and what it says back: the dialects of its recognisers and voices, and of its refusals.

No sockets and no tasks: `sockets` and `voice_sockets` run them. Flux hearing is listen v2, Nova listen v1, Aura speak v1,
Flux speech speak v2 (developers.deepgram.com).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from companion.errors import AIProviderError
from companion.flow import Audio, Transcript, TurnSignal
from companion.providers.wire.faults import CallContext
from companion.providers.wire.sockets import HearingDialect, Outgoing, parsed
from companion.providers.wire.voice_sockets import VoiceDialect

SPEECH_HZ = 24_000
LONGEST_SPEAK = 1900
"""Characters of one Speak message; Aura takes 2,000."""
MOST_FLUSHES, FLUSH_WINDOW_S = 20, 60.0
"""Aura answers so many flushes in such a time."""
SENTENCE_FLUSHES = 15
"""How many of them sentences may have; the others are for the ends of replies."""
_COVERED_S = 0.1
"""A turn that ends so close to the end of the sound has heard it all."""
_SIGNALS = {
    "StartOfTurn": TurnSignal.STARTED,
    "EagerEndOfTurn": TurnSignal.EAGER_END,
    "TurnResumed": TurnSignal.RESUMED,
    "EndOfTurn": TurnSignal.ENDED,
}
_OUR_FAULT = ("DATA", "BIG", "MESSAGE", "SCHEMA", "UNPARS", "INVALID", "BAD")
"""How codes begin that speak of what was sent; the others are of the service."""
_log = logging.getLogger(__name__)


def refusal(body: Any) -> Any:
    """The two shapes of a refusal (`err_code`, `err_msg`; `category`, `message`, `details`) as code and message."""
    if not isinstance(body, dict):
        return body
    text = str(body.get("err_msg") or body.get("message") or body.get("details") or "")
    code = str(body.get("err_code") or body.get("category") or "")
    return {"code": "model_not_found" if "no such model" in text.lower() else code, "message": text}


def _failure(call: CallContext, message: Mapping[str, Any]) -> AIProviderError:
    """An `Error` message inside an open socket."""
    code = str(message.get("code") or message.get("variant") or "")
    text = str(message.get("description") or message.get("message") or "")
    is_ours = code.upper().startswith(_OUR_FAULT)
    found = call.status(400 if is_ours else None, {"code": code, "message": text}, {})
    found.status = None
    return found


def _note(message: Mapping[str, Any]) -> None:
    """Warnings and refused settings change nothing for the person; the code is enough to find out why."""
    if message.get("type") in ("Warning", "ConfigureFailure"):
        _log.info("deepgram: %s %s", message["type"], message.get("code"))


def _message(kind: str, **fields: str) -> str:
    return json.dumps({"type": kind, **fields})


# -- recognisers --------------------------------------------------------------------------------------------


class Flux(HearingDialect):
    """Listen v2. The forced end closes a turn with what is decoded by then, and is ignored between turns; CloseStream has
    the rest decoded before the server hangs up. So both are sent, and the first that settles all the sound ends the take.
    """

    closes = True
    _sent_bytes = 0
    _is_forced = False

    def sound(self, pcm: bytes) -> Outgoing:
        self._sent_bytes += len(pcm)
        return pcm

    def last(self) -> Sequence[Outgoing]:
        self._is_forced = True
        return (_message("ForceEndTurn"), _message("CloseStream"))

    def take(self, message: dict[str, Any]) -> Transcript | None:
        if message.get("type") == "Error":
            raise _failure(self.call, message)
        if message.get("type") != "TurnInfo":
            _note(message)
            return None
        event, text = message.get("event"), str(message.get("transcript") or "")
        is_end = event == "EndOfTurn"
        if text or is_end:
            self.turns.put(message.get("turn_index"), text, settled=is_end)
        if is_end:
            self.covered_s = float(message.get("audio_window_end") or 0.0)
        if is_end and self._is_forced:
            sent_s = self._sent_bytes / 2 / self.rate_hz
            self.is_over = self.covered_s >= sent_s - _COVERED_S
        confidence = _mean_confidence(message.get("words")) if is_end else None
        return self.turns.transcript(signal=_SIGNALS.get(str(event)), confidence=confidence)


class Nova(HearingDialect):
    """Listen v1: segments that change until they are final; `Metadata` is the last word."""

    keep_alive_s = 4.0
    _segment = 0
    _is_forced = False

    def keep_alive(self) -> Outgoing:
        return _message("KeepAlive")

    def last(self) -> Sequence[Outgoing]:
        self._is_forced = True
        return (_message("Finalize"), _message("CloseStream"))

    def take(self, message: dict[str, Any]) -> Transcript | None:
        kind = message.get("type")
        if kind == "Error":
            raise _failure(self.call, message)
        if kind == "Metadata" and self._is_forced:
            self.is_over = True
        if kind != "Results":
            _note(message)
            return None
        best = message["channel"]["alternatives"][0]
        is_final = bool(message.get("is_final"))
        self.turns.put(self._segment, str(best["transcript"]), settled=is_final)
        self._segment += is_final
        if is_final:
            self.covered_s = float(message.get("start") or 0.0) + float(message.get("duration") or 0.0)
        self.is_over = self.is_over or (self._is_forced and bool(message.get("from_finalize")))
        confidence = best.get("confidence") if is_final and best["transcript"] else None
        return self.turns.transcript(confidence=confidence)


def _mean_confidence(words: object) -> float | None:
    found = [word["confidence"] for word in words] if isinstance(words, list) else []
    return sum(found) / len(found) if found else None


# -- voices -------------------------------------------------------------------------------------------------


class _Voice(VoiceDialect):
    """What both voices share: flushed stretches of text come back as stretches of sound, in order."""

    over = ""
    """The type of the message that comes after the sound of a stretch."""

    def __init__(self, call: CallContext) -> None:
        super().__init__(call)
        self._stretches: deque[int] = deque()
        """Of each stretch that has not fully sounded: the index of its first piece."""

    def take(self, message: Outgoing) -> Audio | None:
        told = parsed(message) if isinstance(message, str) or message.startswith(b"{") else None
        if told is None and isinstance(message, bytes):
            self.piece = self._stretches[0] if self._stretches else self.piece
            return self.audio(self.whole(message))
        told = told or {}
        if told.get("type") == "Error":
            raise _failure(self.call, told)
        if told.get("type") == self.over and self._stretches:
            self._stretches.popleft()
            self.is_over = not self._stretches
        _note(told)
        return None


class Aura(_Voice):
    """Speak v1. When flushes run short, sentences share one, and at last a reply ends with its connection instead.

    Args:
        flushes: when the latest were sent, on whatever connection.
    """

    over = "Flushed"

    def __init__(self, call: CallContext, flushes: deque[float]) -> None:
        super().__init__(call)
        self._flushes = flushes
        self._is_open = False
        """The last stretch waits for more text or for its flush."""

    def text(self, index: int, piece: str) -> Sequence[Outgoing]:
        if self._is_open:
            piece = f" {piece.lstrip()}"  # joined as it stands to what was sent before
        else:
            self._stretches.append(index)
        self._is_open, self.is_over = True, False
        return (*_spoken(piece), *(self._flush() if self._may_flush(SENTENCE_FLUSHES) else ()))

    def last(self) -> Sequence[Outgoing]:
        if not self._is_open:
            return ()
        if self._may_flush(MOST_FLUSHES):
            return self._flush()
        self.closes, self.is_reusable = True, False
        return (_message("Close"),)

    def cancel(self) -> Sequence[Outgoing]:
        return (_message("Clear"),)

    def is_cleared(self, message: Outgoing) -> bool:
        return isinstance(message, str) and (parsed(message) or {}).get("type") == "Cleared"

    def _flush(self) -> Sequence[Outgoing]:
        self._flushes.append(_now())
        self._is_open = False
        return (_message("Flush"),)

    def _may_flush(self, most: int) -> bool:
        return len(self._flushes) < most or _now() - self._flushes[-most] > FLUSH_WINDOW_S


class FluxVoice(_Voice):
    """Speak v2. Every piece is a turn of its own, which the server queues; it carries the tone from one to the next.

    A turn that was interrupted may be followed by what is queued behind it, so the connection is not used again.
    """

    over = "SpeechMetadata"

    def text(self, index: int, piece: str) -> Sequence[Outgoing]:
        self._stretches.append(index)
        self.is_over = False
        return (*_spoken(piece), _message("Flush"))

    def cancel(self) -> Sequence[Outgoing]:
        self.is_reusable = False
        return (_message("Interrupt"),)


def _spoken(piece: str) -> list[Outgoing]:
    """Speak messages of a length the vendor takes, cut at white space where there is some."""
    messages: list[Outgoing] = []
    while piece:
        end = len(piece)
        if end > LONGEST_SPEAK:
            end = max(piece.rfind(" ", 0, LONGEST_SPEAK) + 1, 0) or LONGEST_SPEAK
        messages.append(_message("Speak", text=piece[:end]))
        piece = piece[end:]
    return messages


def _now() -> float:
    return asyncio.get_running_loop().time()
