"""Deepgram on WebSockets: Flux, which follows turns, and Nova hear while the person speaks; Aura and Flux speak.

A take is one connection, opened when it begins. A voice connection is kept between requests; sentences are marked by
flushes, so that every piece of sound says which sentence it is. Only Flux sends turn signals (`Transcript.signal`);
`Spec.follows_turns` speaks for the whole provider. Wire format: developers.deepgram.com, listen v1 and v2, speak v1 and v2.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from companion.errors import AIProviderModelNotFoundError, CompanionError
from companion.flow import Audio, Health, HearRequest, SpeakRequest, Transcript
from companion.kinds import Role, VoiceInfo
from companion.providers.provider import Spec
from companion.providers.vendors.deepgram.wire import (
    MOST_FLUSHES,
    SPEECH_HZ,
    Aura,
    Flux,
    FluxVoice,
    Nova,
    refusal,
)
from companion.providers.wire.faults import health
from companion.providers.wire.languages import Language, heard_in_any_language, nearest, tags
from companion.providers.wire.on_sockets import OnSockets
from companion.providers.wire.sockets import address, hear, live
from companion.providers.wire.voice_sockets import VoiceDialect, say
from companion.providers.wire.voices import said_in_any_voice

if TYPE_CHECKING:
    from companion.net import Socket

EAGER_THRESHOLD = 0.5
"""From which confidence Flux says that the turn is probably over; its own default is never to say so."""
MOST_KEYTERMS = 50
_VOICES = (
    ("thalia", "clear, confident, energetic"),
    ("andromeda", "casual, expressive, comfortable"),
    ("helena", "caring, natural, friendly"),
    ("luna", "friendly, natural, young"),
    ("harmonia", "empathetic, clear, calm"),
    ("cora", "smooth, melodic, caring"),
    ("vesta", "natural, patient, empathetic"),
    ("pandora", "smooth, calm, British"),
    ("theia", "expressive, sincere, Australian"),
    ("apollo", "confident, comfortable, casual"),
    ("arcas", "natural, smooth, clear"),
    ("aries", "warm, energetic, caring"),
    ("orpheus", "professional, clear, trustworthy"),
    ("zeus", "deep, trustworthy, smooth"),
    ("draco", "warm, trustworthy, British"),
    ("hyperion", "caring, warm, Australian"),
)
SPEC = Spec(
    name="deepgram",
    display_name="Deepgram",
    roles=frozenset({Role.HEARS, Role.SPEAKS}),
    needs_key=True,
    key_env=("DEEPGRAM_API_KEY",),
    key_page="https://console.deepgram.com",
    base_url="https://api.deepgram.com",
    default_models={Role.HEARS: "flux-general-en", Role.SPEAKS: "aura-2-thalia-en"},
    voices=(
        *(
            VoiceInfo(id=f"aura-2-{name}-en", name=name.capitalize(), description=how)
            for name, how in _VOICES
        ),
        VoiceInfo(id="flux-alexis-en", name="Alexis", description="conversational, newest kind"),
    ),
    hears_live=True,
    follows_turns=True,
    streams_text=True,
    summary="Hears while you speak, and speaks at once. Your voice and the answers go to api.deepgram.com, "
    "which is asked not to learn from them.",
)


class DeepgramProvider(OnSockets):
    """Flux and Nova recognisers, Aura and Flux voices. A voice is a model of its own: `aura-2-luna-en`, `flux-alexis-en`.

    Args:
        eager_eot_threshold: 0.3..0.9, from where Flux sends EAGER_END; None: never.
        eot_threshold: 0.5..1, from where Flux ends a turn; 1: only when the take ends.
        eot_timeout_ms: 500..60000, silence after which Flux ends a turn in any case.
        keyterms: words to listen for, besides those of the request's `context`.
        mip_opt_out: what is said is not kept to improve models (the vendor may charge more for that).
    """

    spec = SPEC

    def __init__(
        self,
        *,
        eager_eot_threshold: float | None = EAGER_THRESHOLD,
        eot_threshold: float | None = None,
        eot_timeout_ms: int | None = None,
        keyterms: Sequence[str] = (),
        mip_opt_out: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._thresholds: dict[str, float | None] = {
            "eager_eot_threshold": eager_eot_threshold,
            "eot_threshold": eot_threshold,
            "eot_timeout_ms": eot_timeout_ms,
        }
        self._keyterms = tuple(keyterms)
        self._mip_opt_out = mip_opt_out
        self._takes: set[Socket] = set()
        """Flux takes under way, for `configure`."""
        self._spoken_at = ""
        self._flushes: deque[float] = deque(maxlen=MOST_FLUSHES)

    # -- hearing --------------------------------------------------------------------------------------------

    def transcribe(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        model = self._hearing_model(request)
        return heard_in_any_language(self, replace(request, model=model), self._hear, partial(_form, model))

    async def _hear(self, request: HearRequest) -> AsyncGenerator[Transcript, None]:
        with self._live() as call:
            model = request.model
            follows = model.startswith("flux")
            url = self._flux_url(request, model) if follows else self._nova_url(request, model)
            links: list[Socket] = []

            async def open_link() -> Socket:
                links.append(await self._open(url))
                if follows:
                    self._takes.difference_update(links)
                    self._takes.add(links[-1])
                return links[-1]

            make_dialect = partial(Flux if follows else Nova, call, rate_hz=request.rate_hz)
            try:
                async with aclosing(hear(open_link, request, make_dialect)) as transcripts:
                    async for transcript in transcripts:
                        yield transcript
            finally:
                self._takes.difference_update(links)

    async def configure(self, *, keyterms: Sequence[str] | None = None, **thresholds: float) -> None:
        """Changes thresholds or keyterms of Flux, for the take under way and all later ones; what is left out stays."""
        if unknown := thresholds.keys() - self._thresholds.keys():
            raise TypeError(f"deepgram: unknown threshold {', '.join(sorted(unknown))}")
        self._thresholds |= thresholds
        change: dict[str, Any] = {"type": "Configure"}
        if thresholds:
            change["thresholds"] = dict(thresholds)
        if keyterms is not None:
            self._keyterms = tuple(keyterms)
            change["keyterms"] = list(keyterms)
        with live(self.spec):
            for link in tuple(self._takes):
                await link.send(json.dumps(change))

    def _hearing_model(self, request: HearRequest) -> str:
        model = request.model or self.models[Role.HEARS]
        if model == "flux-general-en" and request.language and Language.of(request.language).base != "en":
            return "flux-general-multi"  # the English one would write English words for whatever it hears
        return model

    def _flux_url(self, request: HearRequest, model: str) -> str:
        hint = (request.language or None) if model.endswith("-multi") else None
        query = {
            "model": model,
            "encoding": "linear16",
            "sample_rate": request.rate_hz,
            **self._thresholds,
            "keyterm": self._terms(request),
            "language_hint": hint,
            "mip_opt_out": self._mip_opt_out,
        }
        return address(self.base_url, "/v2/listen", query)

    def _nova_url(self, request: HearRequest, model: str) -> str:
        query = {
            "model": model,
            "encoding": "linear16",
            "sample_rate": request.rate_hz,
            "channels": 1,
            "language": request.language or ("multi" if model.startswith(("nova-2", "nova-3")) else None),
            "interim_results": True,
            "smart_format": True,
            "keyterm": self._terms(request) if model.startswith("nova-3") else (),
            "mip_opt_out": self._mip_opt_out,
        }
        return address(self.base_url, "/v1/listen", query)

    def _terms(self, request: HearRequest) -> list[str]:
        likely = (term.strip() for term in re.split(r"[,;\n]", request.context))
        terms = dict.fromkeys((*self._keyterms, *(term for term in likely if 0 < len(term) <= 60)))
        return list(terms)[:MOST_KEYTERMS]

    # -- speaking -------------------------------------------------------------------------------------------

    def speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        return said_in_any_voice(
            self, request, self._speak, self._default_voice, AIProviderModelNotFoundError
        )

    async def _default_voice(self) -> str:
        return self.spec.default_models[Role.SPEAKS]

    async def _speak(self, request: SpeakRequest) -> AsyncGenerator[Audio, None]:
        with self._live() as call:
            voice = request.voice or request.model or self.models[Role.SPEAKS]
            is_flux = voice.startswith("flux")
            url = self._spoken_at = self._voice_url(voice, request.speed)

            def make_dialect() -> VoiceDialect:
                return FluxVoice(call) if is_flux else Aura(call, self._flushes)

            async with aclosing(say(self._links, url, request, make_dialect)) as sound:
                async for audio in sound:
                    yield audio

    def _voice_url(self, voice: str, speed: float) -> str:
        is_flux = voice.startswith("flux")
        query: dict[str, object] = {
            "model": voice,
            "encoding": "linear16",
            "sample_rate": SPEECH_HZ,
            "mip_opt_out": self._mip_opt_out,
        }
        if speed != 1.0 and is_flux:
            query["speed"] = round(min(1.5, max(0.5, speed)) * 20) / 20
        elif speed != 1.0 and voice.startswith("aura-2"):  # Aura 1 has one speed
            query["speed"] = round(min(1.5, max(0.7, speed)), 2)
        return address(self.base_url, "/v2/speak" if is_flux else "/v1/speak", query)

    # -- the rest -------------------------------------------------------------------------------------------

    async def check(self) -> Health:
        async def ask() -> Sequence[str]:
            await self._get("/v1/auth/token")
            return ()

        return await health(self, ask)

    async def warm(self) -> None:
        if self.api_key is None:
            return
        url = self._spoken_at or self._voice_url(self.tts_voice or self.models[Role.SPEAKS], 1.0)
        with suppress(CompanionError), self._live():
            await self._links.warm(url)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Token {self.require_key()}"}

    def _reason(self, body: Any) -> Any:
        return refusal(body)


PROVIDER = DeepgramFluxSTTProvider = DeepgramSTT = DeepgramProvider


_FLUX = tags("en es fr de hi ru pt ja it nl")
"""What Flux takes as a hint."""
_NOVA = tags(
    "multi zh-CN zh-Hans zh-TW zh-Hant zh-HK zh da-DK en-US en-AU en-GB en-IN en-NZ fr-CA de-CH ko-KR pt-BR pt-PT es-419 "
    "sv-SE th-TH nl-BE tl"
)
"""Forms that Nova takes besides the plain code of a language."""


def _form(model: str, tag: str) -> str:
    """A language as a model takes it; what Nova does not know it refuses, and is then asked without."""
    base = Language.of(tag).base
    if model.startswith("flux"):
        return base if model.endswith("-en") or base in _FLUX else ""
    return nearest(tag, _NOVA) or base
