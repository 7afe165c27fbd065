"""What a vendor's refusal means: status, code and prose in, a `Verdict` out. One table for all who talk over HTTP. Pure.

Codes count first, then what only the prose gives away, then the status. Three things hide behind other words everywhere
and are looked for in the prose: an allowance that is too small for the request or used up for the day, a model that is
still being loaded, and an address at which no such service lives.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from companion.errors import (
    AIProviderAuthError,
    AIProviderContentRefusedError,
    AIProviderError,
    AIProviderInvalidRequestError,
    AIProviderModelNotFoundError,
    AIProviderNotSupportedError,
    AIProviderQuotaError,
    AIProviderRateLimitError,
    AIProviderTimeoutError,
    AIProviderUnavailableError,
    AIProviderVoiceNotFoundError,
    Kind,
)
from companion.language import Worded, mark, tr

_READ = 8_000
"""Characters of a refusal that are looked at."""


@dataclass(frozen=True, slots=True)
class Verdict(Worded):
    """What a failure is."""

    WORDS = frozenset({"sentence", "hint"})
    error: type[AIProviderError]
    kind: Kind | None = None
    """Finer than the class's own."""
    sentence: str = ""
    hint: str = ""
    retryable: bool | None = None
    """Instead of what the kind says."""


TOO_LONG = Verdict(
    AIProviderInvalidRequestError,
    None,
    "This conversation has become too long for the model of {who}.",
    "What you said is kept. Begin a new reflection, or choose a model with more room.",
)
_OVER_ALLOWANCE = Verdict(
    AIProviderInvalidRequestError,
    None,
    "This conversation is too long for what your account at {who} may send at once.",
    "What you said is kept. Begin a new reflection, or choose a model with a larger allowance.",
)
FOR_TODAY = Verdict(
    AIProviderRateLimitError,
    None,
    "Your account at {who} has used up what it may ask for today.",
    "What you said is kept.",
    retryable=False,
)
_NOT_IN_PLAN = Verdict(
    AIProviderQuotaError, None, "The plan of your account at {who} does not include this model."
)
LOADING = Verdict(
    AIProviderUnavailableError,
    None,
    "The model of {who} is still being loaded.",
    "Try again in a moment. What you said is kept.",
)
NO_VOICE = Verdict(
    AIProviderVoiceNotFoundError,
    None,
    "{who} does not have this voice.",
    "Choose another voice. The answer is shown as text.",
)
TAKE_TOO_LONG = Verdict(
    AIProviderInvalidRequestError,
    None,
    "The recording is too long for {who}.",
    "What you said is kept. Say it in shorter parts, or choose another recogniser.",
)
_UNREADABLE = Verdict(
    AIProviderInvalidRequestError,
    None,
    "{who} could not read the recording.",
    "What you said is kept. Try again, or choose another recogniser.",
)
_FORBIDDEN = Verdict(AIProviderAuthError, Kind.FORBIDDEN)
NOT_AN_API = Verdict(AIProviderError, Kind.NOT_AN_API)
UNREACHABLE = Verdict(AIProviderUnavailableError, Kind.UNREACHABLE)
NO_ADDRESS = Verdict(
    AIProviderUnavailableError,
    Kind.UNREACHABLE,
    "The address set for {who} is not a web address.",
    "Correct it in the settings. What you said is kept.",
)
_AUTH = Verdict(AIProviderAuthError)
_QUOTA = Verdict(AIProviderQuotaError)
_MODEL = Verdict(AIProviderModelNotFoundError)
_RATE = Verdict(AIProviderRateLimitError)
TIMEOUT = Verdict(AIProviderTimeoutError)
INVALID = Verdict(AIProviderInvalidRequestError)
UNAVAILABLE = Verdict(AIProviderUnavailableError)
_REFUSED = Verdict(AIProviderContentRefusedError)


def _unable(sentence: str) -> Verdict:
    return Verdict(AIProviderNotSupportedError, None, sentence, mark("Choose another model for it."))


_UNUSABLE_PICTURE = (
    "invalid_image", "invalid_image_format", "invalid_base64_image", "invalid_image_url", "invalid_image_mode",
    "image_too_large", "image_too_small", "image_parse_error", "image_file_too_large", "image_file_not_found",
    "empty_image_file", "unsupported_image_media_type", "failed_to_download_image",
)  # fmt: skip
_BY_NAME: Mapping[str, Verdict] = {
    "insufficient_quota": _QUOTA,
    "billing_error": _QUOTA,
    "billing_not_active": _QUOTA,
    "billing_hard_limit_reached": _QUOTA,
    "invalid_api_key": _AUTH,
    "authentication_error": _AUTH,
    "permission_error": _FORBIDDEN,
    "model_not_found": _MODEL,
    "not_found_error": _MODEL,
    "deploymentnotfound": _MODEL,
    "context_length_exceeded": TOO_LONG,
    "exceed_context_size_error": TOO_LONG,
    "string_above_max_length": TOO_LONG,
    "request_too_large": TOO_LONG,
    "content_policy_violation": _REFUSED,
    "content_filter": _REFUSED,
    "image_content_policy_violation": _REFUSED,
    "invalid_prompt": _REFUSED,
    "bio_policy": _REFUSED,
    "misalignment_policy_violation": _REFUSED,
    "data_residency_mismatch": INVALID,
    "vector_store_timeout": TIMEOUT,
    **dict.fromkeys(_UNUSABLE_PICTURE, INVALID),
    "rate_limit_exceeded": _RATE,
    "rate_limit_error": _RATE,
    "timeout_error": TIMEOUT,
    "overloaded_error": UNAVAILABLE,
    "voice_not_found": NO_VOICE,
    "voice_id_does_not_exist": NO_VOICE,
    "invalid_voice_id": NO_VOICE,
    "invalid_voice": NO_VOICE,
    "audio_too_long": TAKE_TOO_LONG,
    "audio_too_large": TAKE_TOO_LONG,
    "audio_duration_too_long": TAKE_TOO_LONG,
    "audio_decode_error": _UNREADABLE,
}
"""Codes and types that say more than the status, in vendors' own words; also the only clue inside an open stream."""
_BY_WORDS: tuple[tuple[str, Verdict], ...] = (
    ("usage limit", _QUOTA),
    ("credit balance", _QUOTA),
    ("missing scopes", _FORBIDDEN),
    ("prompt is too long", TOO_LONG),
    ("input is too long", TOO_LONG),
    ("maximum context length", TOO_LONG),
    ("maximum prompt length", TOO_LONG),
    ("exceeds the available context size", TOO_LONG),
    ("exceeds the context window", TOO_LONG),
    ("greater than the context length", TOO_LONG),
    ("context length of only", TOO_LONG),
    ("reduce the length of the messages", TOO_LONG),
    ("does not support tools", _unable(mark("The chosen model of {who} cannot use tools."))),
    ("does not support thinking", _unable(mark("The chosen model of {who} cannot think first."))),
    (
        "does not support embeddings",
        _unable(mark("The chosen model of {who} cannot turn text into vectors.")),
    ),
)
"""For what vendors answer as a plain 400, with the reason in prose only."""
_BY_STATUS: Mapping[int, Verdict] = {
    400: INVALID,
    401: _AUTH,
    402: _QUOTA,
    403: _FORBIDDEN,
    404: _MODEL,
    405: NOT_AN_API,
    408: TIMEOUT,
    409: UNAVAILABLE,
    413: TOO_LONG,
    422: INVALID,
    429: _RATE,
    504: TIMEOUT,
}
_NO_ROUTE = re.compile(
    r"\W*(?:error\W*)?(?:404\W*)?(?:(?:page|file|route|path|resource|endpoint|url)\s)?not[\s_]found\W*"
    r"|.*(?:cannot (?:get|post)\b|no (?:such )?route|route .{1,200} (?:not|could not be) found|no static resource"
    r"|invalid url\b|unknown (?:request )?(?:url|path|endpoint)|unrecognized request url|unexpected endpoint"
    r"|the requested (?:url|path|page) |no matching (?:route|handler)|method not allowed|no handler found).*",
    re.IGNORECASE | re.DOTALL,
)
"""What web frameworks and gateways say of an address behind which there is nothing."""
_OF_SOUND: tuple[tuple[re.Pattern[str], Verdict], ...] = (
    (
        re.compile(
            r"\b(?:no such|unknown|invalid|unsupported|unrecogni[sz]ed)\b[^.:]{0,20}\bvoice\b(?!.{0,12}format)"
            r"|\bvoice\b[^.]{0,80}\b(?:not found|(?:does|do|did) not exist|doesn't exist|is (?:not|un)\s?\w+|not supported"
            r"|not available|invalid|unknown)\b|'voice'[^a-z]{1,4}(?:input should be|value)",
            re.IGNORECASE,
        ),
        NO_VOICE,
    ),
    (
        re.compile(
            r"\b(?:audio|file|recording|duration)\b[^.]{0,60}\b(?:too (?:long|large|big)|longer than|exceed\w*)"
            r"|maximum (?:content|file|upload|audio) (?:size|length|duration)",
            re.IGNORECASE,
        ),
        TAKE_TOO_LONG,
    ),
    (
        re.compile(
            r"(?:could not|cannot|failed to|unable to) (?:decode|process|read|parse)\w* (?:the )?(?:audio|file|media)"
            r"|(?:audio|media|file) (?:file )?(?:could not be|might be|is) (?:decoded|corrupt\w*|unsupported)"
            r"|(?:invalid|unsupported|unrecogni[sz]ed) (?:file|audio|media) (?:format|type)|corrupt or unsupported data"
            r"|\bDATA-0000\b",
            re.IGNORECASE,
        ),
        _UNREADABLE,
    ),
)
"""What only hearing and speech are refused for, by the prose."""
_LOADING = re.compile(
    r"(?<!error )(?<!failed )(?<!while )\bloading (?:the )?model"
    r"|\b(?:is|currently|still|model) (?:still |currently |being )?(?:loading|loaded|warming up|starting up)\b",
    re.IGNORECASE,
)
_DAILY = re.compile(r"per[\s_-]?day|\b[RT]PD\b|\bdaily\b|24[\s-]?h", re.IGNORECASE)
_LIMIT = re.compile(r"limit:?\s*([\d,_]+).{0,60}?requested:?\s*([\d,_]+)", re.IGNORECASE | re.DOTALL)
_AGAIN = re.compile(
    r"(?:again|retry|wait)\b.{0,20}?((?:\d+(?:\.\d+)?\s?(?:ms|milliseconds?|h(?:ours?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)\b"
    r"[\s,]*|\d+[hm](?=\d))+)",
    re.IGNORECASE,
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s?(ms|milli|h|m|s)", re.IGNORECASE)
_UNITS = {"ms": 0.001, "milli": 0.001, "h": 3600.0, "m": 60.0, "s": 1.0}


@dataclass(frozen=True, slots=True)
class Reason:
    """What a vendor says about its refusal: nested `{"error": {…}}`, flat `{"message", "code"}`, `{"detail"}`, or text."""

    names: tuple[str, ...] = ()
    """Code and type, lower case, the more telling first."""
    text: str = ""
    is_json: bool = field(default=True)
    wait_s: float | None = None
    """How long it says that it will take."""
    is_loading: bool = False
    window: int = 0
    """Tokens the model reads at once, where a conversation was too long for it; 0: not said."""
    counted: int = 0
    """Tokens of that conversation."""

    @staticmethod
    def of(body: object) -> Reason:
        if isinstance(body, list) and body:
            body = body[0]
        if not isinstance(body, dict):
            text = body if isinstance(body, str) else ""
            return Reason((), text[:_READ], is_json=False, wait_s=_wait_in(text))
        inner = body.get("error", body)
        told = inner if isinstance(inner, dict) else body
        names = tuple(str(each).lower() for each in (told.get("code"), told.get("type")) if _is_name(each))
        if told.get("param") == "voice":
            names += ("invalid_voice",)
        text = " ".join(dict.fromkeys(_sentences(inner, body)))[:_READ]
        takes = body.get("estimated_time")
        wait_s = float(takes) if isinstance(takes, int | float) and 0 <= takes < 86_400 else _wait_in(text)
        is_loading = takes is not None or bool(_LOADING.search(text))
        wait_s = _reset_in(told) if wait_s is None else wait_s
        window, counted = _room_in(told, text)
        return Reason(names, text, wait_s=wait_s, is_loading=is_loading, window=window, counted=counted)

    def verdict(self, status: int | None) -> Verdict:
        """Names first, then what the prose gives away, then the status."""
        if status is None:  # inside a stream some vendors put the status where others put a code
            status = next((int(name) for name in self.names if name.isdecimal()), None)
        if found := self._hidden(status):
            return found
        for name in self.names:
            if name in _BY_NAME:
                return _BY_NAME[name]
        lowered = self.text.lower()
        for words, verdict in _BY_WORDS:
            if words in lowered:
                return verdict
        if status == 404 and not self.is_json and not re.match(r"[^<]*\bmodel\b", lowered):
            return NOT_AN_API
        if status is None:
            return INVALID if "invalid_request_error" in self.names else UNAVAILABLE
        return _BY_STATUS.get(status, INVALID if 400 <= status < 500 else UNAVAILABLE)

    def _hidden(self, status: int | None) -> Verdict | None:
        """What is said in other words than the code's and the status's."""
        if status in (429, 413) or {"rate_limit_exceeded", "rate_limit_error"} & set(self.names):
            return self._allowance()
        if status in (None, 400, 404) and self.is_json and _NO_ROUTE.fullmatch(self.text):
            return NOT_AN_API if status is not None or "endpoint" in self.text.lower() else None
        if status in (None, 400, 404, 413, 415, 422):
            return next((verdict for words, verdict in _OF_SOUND if words.search(self.text)), None)
        if self.is_loading and (status is None or status in (409, 423, 425) or status >= 500):
            return LOADING
        return None

    def _allowance(self) -> Verdict | None:
        """Of a refusal for asking too much: whether a pause would not help."""
        if {"insufficient_quota", "billing_error"} & set(self.names):
            return _QUOTA
        limits = _LIMIT.search(self.text)
        if limits and _count(limits[2]) > _count(limits[1]):
            return _OVER_ALLOWANCE if _count(limits[1]) else _NOT_IN_PLAN
        if "request too large" in self.text.lower():
            return _OVER_ALLOWANCE
        if re.search(r"limit: 0\b", self.text):
            return _NOT_IN_PLAN
        return FOR_TODAY if _DAILY.search(self.text) or "daily_quota" in self.names else None


def until(wait_s: float | None) -> str:
    """When something that is used up can be used again, as a person reads it."""
    if wait_s is None or wait_s > 20 * 3600:
        return tr("It can be asked again tomorrow.")
    clock = time.strftime("%H:%M", time.localtime(time.time() + wait_s + 59))
    return tr("It can be asked again at about {clock}.", clock=clock)


def _is_name(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _sentences(*places: object) -> list[str]:
    """What prose there is, of the first place that has any; a host's own words behind a router's too."""
    for place in places:
        if isinstance(place, str):
            found = [place]
            if isinstance(places[-1], dict):
                found += _prose(places[-1])
        else:
            found = _prose(place) if isinstance(place, dict) else []
        if found:
            return found
    return []


def _prose(told: Mapping[str, Any]) -> list[str]:
    found = [told[name] for name in ("message", "detail", "title", "msg") if isinstance(told.get(name), str)]
    for several in (told.get("detail"), told.get("message"), told.get("errors")):
        parts = several.get("detail") if isinstance(several, dict) else several
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict):
                place = part.get("loc")
                where = str(place[-1]) if isinstance(place, list) and place else ""
                said = part.get("msg") or part.get("message") or ""
                found.append(f"'{where}': {said}" if where else str(said))
            elif isinstance(part, str):
                found.append(part)
    metadata = told.get("metadata")
    if isinstance(metadata, dict) and isinstance(raw := metadata.get("raw"), str):
        try:
            found += Reason.of(json.loads(raw)).text.splitlines()
        except (ValueError, RecursionError):
            found.append(raw)
    return [text for text in found if text]


def _count(written: str) -> int:
    digits = re.sub(r"\D", "", written)
    return int(digits[:18] or 0)


def _wait_in(text: str) -> float | None:
    """Seconds in "Please try again in 7m12.5s"."""
    if not (found := _AGAIN.search(text[:_READ])):
        return None
    return sum(float(number) * _UNITS[unit.lower()] for number, unit in _DURATION.findall(found[1])) or None


def _reset_in(told: Mapping[str, Any]) -> float | None:
    """Seconds until the moment that a router passes on (`metadata.headers`, milliseconds since the epoch)."""
    metadata = told.get("metadata")
    headers = metadata.get("headers") if isinstance(metadata, dict) else None
    reset = headers.get("X-RateLimit-Reset") if isinstance(headers, dict) else None
    if not str(reset or "").isdecimal():
        return None
    wait_s = int(str(reset)[:15]) / 1000 - time.time()
    return wait_s if 0 < wait_s < 40 * 86_400 else None


_WINDOW = re.compile(
    r"context (?:length|size|window)(?: is| of)?(?: only)? \(?([0-9][0-9,]{2,9})(?= tokens)|tokens > ([0-9]+) maximum"
)
"""How prose says it: "maximum context length is 4096 tokens", "context size (1024 tokens)", "context length of only …"."""
_COUNTED = re.compile(r"(?:in|request \(|long: ) ?([0-9][0-9,]{2,9}) (?:input )?tokens")
""" "Your messages resulted in 9000 tokens", "request (3031 tokens)"."""


def _room_in(told: Mapping[str, Any], text: str) -> tuple[int, int]:
    """What a refusal says of a window, and of what was too long for it."""
    window, counted = told.get("n_ctx"), told.get("n_prompt_tokens")  # llama.cpp
    return (
        window if isinstance(window, int) and window > 0 else _figure(_WINDOW.search(text)),
        counted if isinstance(counted, int) else _figure(_COUNTED.search(text)),
    )


def _figure(found: re.Match[str] | None) -> int:
    figures = [group for group in found.groups() if group] if found else []
    return int(figures[0].replace(",", "")) if figures else 0
