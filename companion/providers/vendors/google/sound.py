"""Gemini's ears and voices: what is sent for them, and the sound and the words in their event streams.

A recording goes out whole and comes back in words; a text goes out whole and comes back in pieces of sound. Pure.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from companion.decoding import Bare, Decoder, NoSound
from companion.flow import Audio, HearRequest, SpeakRequest, Transcript
from companion.pcm import to_wav
from companion.providers.vendors.google.wire import Reading, inline
from companion.providers.wire.faults import CallContext
from companion.providers.wire.heard import clean
from companion.providers.wire.sound import decoded_base64, form_of, no_voice

SPEECH_HZ = 24_000
"""Where the media type of the sound names no rate."""
LONGEST_TAKE_S = 420.0
"""A request holds 20 MB, which base64 makes of seven minutes at 16 kHz."""
MOST_TERMS = 100
"""Likely words that help; more do harm."""
FASTER, SLOWER = "spoken faster than usual", "spoken more slowly than usual"
"""Speech has no number for its pace, only a style."""
STYLED = re.compile(r"gemini-(3\.[89]|[4-9])")
"""These voices take a style apart from the text; others would read it aloud."""
_INSTRUCTION = (
    "Write down word for word what is said in this recording, in the language it is said in. "
    "Answer with these words alone; where nothing is said, with nothing."
)
"""For models that are no recognisers by trade."""


# -- hearing ------------------------------------------------------------------------------------------------


def hear_body(request: HearRequest, model: str, take: Audio) -> dict[str, Any]:
    """What is sent for a recording."""
    recording = inline("audio/wav", to_wav(take))
    if "transcribe" not in model:
        terms = _likely(request)
        likely = f" Likely words: {', '.join(terms)}." if terms else ""
        return {"contents": [{"role": "user", "parts": [recording, {"text": _INSTRUCTION + likely}]}]}
    return {
        "contents": [{"role": "user", "parts": [recording]}],
        "generationConfig": {"audioTranscriptionConfig": hearing_config(request)},
    }


def hearing_config(request: HearRequest) -> dict[str, Any]:
    """What a recogniser is told of the language and of likely words."""
    terms = _likely(request)
    return {
        **({"languageCodes": [request.language]} if request.language else {}),
        **({"customVocabulary": terms} if terms else {}),
    }


def _likely(request: HearRequest) -> list[str]:
    return [term.strip() for term in re.split(r"[,;\n]", request.context) if term.strip()][:MOST_TERMS]


class Hearing(Reading):
    """The words of a recording so far: whole utterances of a recogniser, pieces of text of any other model."""

    def __init__(self, call: CallContext) -> None:
        super().__init__(call)
        self._text = ""

    @property
    def text(self) -> str:
        return clean(self._text)

    def take(self, event: Mapping[str, Any]) -> bool:
        """Whether there are more words now."""
        before = len(self._text)
        for part in self.parts(event):
            if written := (part.get("audioTranscription") or {}).get("text"):
                self._text += f" {written}" if self._text else written
            elif not part.get("thought"):
                self._text += part.get("text") or ""
        self.call.said = self.call.said or bool(self.text)
        return len(self._text) > before and bool(self.text)

    def end(self) -> Transcript:
        """The final transcript.

        Raises:
            AIProviderError: as `require_end`; CUT_OFF when there is more than the model had room for.
        """
        if self.require_end() != "stop":
            raise self.call.cut()
        return Transcript(text=self.text, is_final=True, committed_chars=len(self.text), usage=self.usage)


# -- speaking -----------------------------------------------------------------------------------------------


def speak_body(request: SpeakRequest, model: str, voice: str) -> dict[str, Any]:
    """What is sent for a text. The voices a person made go by another name than those of the vendor."""
    part: dict[str, Any] = {"text": request.text}
    if abs(request.speed - 1.0) >= 0.1 and STYLED.match(model):
        part["speechMetadata"] = {"style": FASTER if request.speed > 1 else SLOWER}
    is_own = voice.startswith(("voice_", "voicekey_"))
    chosen = {"voice": voice} if is_own else {"prebuiltVoiceConfig": {"voiceName": voice}}
    return {
        "contents": [{"role": "user", "parts": [part]}],
        "generationConfig": {
            "responseModalities": ["AUDIO"],
            "speechConfig": {"voiceConfig": chosen},
        },
    }


class Speech(Reading):
    """The sound of a text in base64: bare samples of the rate its media type names, or a file."""

    def __init__(self, call: CallContext) -> None:
        super().__init__(call)
        self._decoder: Decoder | None = None

    def take(self, event: Mapping[str, Any]) -> Iterator[Audio]:
        """The sound of one event, in whole samples."""
        for part in self.parts(event):
            blob = part.get("inlineData")
            if blob and (audio := self._heard(*self._data(blob))) is not None:
                yield audio

    def _data(self, blob: Mapping[str, Any]) -> tuple[bytes, Bare | None]:
        media_type = str(blob.get("mimeType", "")).lower()
        form = form_of({"content-type": media_type}, SPEECH_HZ)
        is_bare = not media_type or media_type.startswith(("audio/l16", "audio/pcm", "audio/raw"))
        try:
            return decoded_base64(blob.get("data") or ""), form if is_bare else None
        except binascii.Error as error:
            raise self.call.cut(error) from error

    def _heard(self, data: bytes, form: Bare | None = None, *, last: bool = False) -> Audio | None:
        decoder = self._decoder = self._decoder or Decoder(form)
        try:
            pcm = decoder.end(data) if last else decoder.take(data)
        except NoSound as error:
            raise no_voice(self.call, str(error)) from error
        self.call.said = self.call.said or bool(pcm)
        return Audio(pcm=pcm, rate_hz=decoder.rate_hz, usage=self.usage) if pcm else None

    def end(self) -> Audio | None:
        """The rest of the sound, when all was said.

        Raises:
            AIProviderError: as `require_end`; VOICE_FAILED when there was no sound.
        """
        finish = self.require_end()
        rest = self._heard(b"", last=True)
        if not self.call.said:
            raise no_voice(self.call, "no sound")
        if finish != "stop":
            raise self.call.cut()
        return rest
