"""The words in what recognisers answer: JSON of any shape, plain text, subtitles. Marks of models are taken out. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from companion.media import media_type_of
from companion.providers.wire.faults import CallContext

_MARKS = re.compile(
    r"<\|[^|<>]{0,40}\|>|\[(?:BLANK_AUDIO|SILENCE|NO_SPEECH)\]|<\|[^|<>]{0,40}\|?$", re.IGNORECASE
)
"""Tokens that a model writes between words, such as `<|0.00|>` and `<|en|>`; at the end also half of one."""
_CUE = re.compile(r"\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->.*")
_TAG = re.compile(r"</?(?:[cbiuv]|ruby|rt|lang|font)(?:[.\s][^>]*)?>|<(?:\d+:)?\d{2}:\d{2}\.\d{3}>")
_WHISPER_CPP = re.compile(r"^\s*\[\d+:\d{2}:\d{2}\.\d{3} --> \d+:\d{2}:\d{2}\.\d{3}\]\s*", re.MULTILINE)
_WHOLE = ("text", "transcript", "transcription", "DisplayText", "display_text", "hypothesis")
_PARTS = (
    "segments",
    "utterances",
    "chunks",
    "results",
    "channels",
    "alternatives",
    "words",
    "phrases",
    "combinedPhrases",
)
_WRAPS = ("result", "data", "output", "response", "results")
_DEEP = 6


def clean(text: str) -> str:
    """What was said, without marks, numbers and times."""
    text = _WHISPER_CPP.sub("", text)
    if text.lstrip("\ufeff").startswith("WEBVTT") or any(_CUE.match(line) for line in text.splitlines()[:4]):
        text = _TAG.sub("", " ".join(_spoken_lines(text)))
    return " ".join(_MARKS.sub("", text).split(" ")).strip()


def _spoken_lines(subtitles: str) -> Iterator[str]:
    """The lines of cues: those behind a line of times, up to the next empty one."""
    in_cue = False
    for line in subtitles.splitlines():
        if _CUE.match(line):
            in_cue = True
        elif not line.strip():
            in_cue = False
        elif in_cue:
            yield line.strip()


def words_in(call: CallContext, body: bytes) -> str:
    """The words of a whole answer; empty where nothing was said.

    Raises:
        AIProviderError: it tells an error.
        ValueError: it is no transcript.
    """
    text = body.decode("utf-8", "replace").strip()
    kind = media_type_of(body.lstrip()) if text else ""
    if kind == "text/html" or "\x00" in text:
        raise ValueError("no transcript")
    if body and not text:
        return ""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        if not text or text.startswith("{"):
            raise
        return clean(text)
    return words_of(call, answer)


def words_of(call: CallContext, answer: Any) -> str:
    """The words of an answer in JSON.

    Raises:
        AIProviderError: it tells an error.
        ValueError: it is no transcript.
    """
    found = _words(answer, _DEEP)
    if isinstance(answer, dict) and (answer.get("error") or answer.get("object") == "error"):
        raise call.inside(answer)
    if found is None:
        if isinstance(answer, dict) and (
            answer.get("detail") or answer.get("message") or answer.get("errors")
        ):
            raise call.inside(answer)
        raise ValueError("no transcript")
    return clean(found)


def _words(value: object, depth: int) -> str | None:
    """None: it holds none."""
    if isinstance(value, str):
        return value
    if not depth:
        return None
    if isinstance(value, list):
        return _joined([_words(part, depth - 1) for part in value])
    if not isinstance(value, dict):
        return None
    whole = next((value[name] for name in _WHOLE if name in value), None)
    text = _words(whole, depth - 1) if isinstance(whole, str | list) else None
    if text:
        return text
    if isinstance(word := value.get("punctuated_word") or value.get("word"), str):
        return word
    for name in (*_PARTS, *_WRAPS):
        parts = value.get(name)
        if name == "alternatives" and isinstance(parts, list):
            parts = parts[:1]
        if isinstance(parts, list | dict) and (found := _words(parts, depth - 1)) is not None:
            return found
    return text


def _joined(parts: list[str | None]) -> str | None:
    """Parts that bring their own spaces keep them."""
    known = [part for part in parts if part is not None]
    if not known:
        return "" if not parts else None
    spaced = any(part[:1].isspace() for part in known[1:])
    return "".join(known) if spaced else " ".join(part.strip() for part in known)
