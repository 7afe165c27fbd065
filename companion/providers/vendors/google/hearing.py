"""Gemini's live recogniser: a take goes over the live socket while it is spoken, and its words come back.

What is being said comes as it stands, again and again, until a whole utterance settles it. Activity is marked by us, so
that a pause ends nothing. Everything belongs to the loop's thread.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from companion.flow import HearRequest, Transcript
from companion.providers.provider import AIProvider
from companion.providers.vendors.google.live import dialled, socket_faults
from companion.providers.vendors.google.sound import hearing_config
from companion.providers.vendors.google.wire import raise_failure
from companion.providers.wire.faults import CallContext
from companion.providers.wire.sockets import HearingDialect, Outgoing, hear


async def hear_live(
    provider: AIProvider, request: HearRequest, model: str
) -> AsyncGenerator[Transcript, None]:
    """The words of a take while it is spoken, then exactly one final transcript."""
    setup = {
        "model": f"models/{model}",
        "generationConfig": {"responseModalities": ["TEXT"]},
        "realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}},
        "inputAudioTranscription": hearing_config(request),
    }
    with socket_faults(provider.spec) as call:
        make_dialect = partial(_Take, call, rate_hz=request.rate_hz)
        taking = hear(lambda: dialled(call, provider, setup), request, make_dialect)
        async with aclosing(taking) as transcripts:
            async for transcript in transcripts:
                yield transcript


class _Take(HearingDialect):
    """Utterances, each in flux until it is settled."""

    block_ms = 100

    def __init__(self, call: CallContext, *, rate_hz: int) -> None:
        super().__init__(call, rate_hz=rate_hz)
        self._utterance = 0
        self._is_ending = False

    def first(self) -> Sequence[Outgoing]:
        return (json.dumps({"realtimeInput": {"activityStart": {}}}),)

    def sound(self, pcm: bytes) -> Outgoing:
        blob = {"mimeType": f"audio/pcm;rate={self.rate_hz}", "data": base64.b64encode(pcm).decode()}
        return json.dumps({"realtimeInput": {"audio": blob}})

    def last(self) -> Sequence[Outgoing]:
        self._is_ending = True
        return (json.dumps({"realtimeInput": {"activityEnd": {}}}),)

    def take(self, message: dict[str, Any]) -> Transcript | None:
        raise_failure(self.call, message)
        content = message.get("serverContent") or {}
        flux = (content.get("interimInputTranscription") or {}).get("text")
        settled = (content.get("inputTranscription") or {}).get("text")
        if flux:
            self.turns.put(self._utterance, flux)
        if settled:
            self.turns.put(self._utterance, settled, settled=True)
            self._utterance += 1
        if self._is_ending and (content.get("generationComplete") or self._was_silent(message)):
            self.is_over = True
        return self.turns.transcript() if flux or settled else None

    def _was_silent(self, message: dict[str, Any]) -> bool:
        """Of a take without a word the vendor says only that it is over."""
        activity = message.get("voiceActivity") or {}
        kind = activity.get("type") or activity.get("voiceActivityType")
        return kind == "ACTIVITY_END" and not self.turns.text
