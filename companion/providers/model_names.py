"""What a model's name says: what it is for, where its server does not say so, and how a person calls it. Pure text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from companion.kinds import Role

if TYPE_CHECKING:
    from collections.abc import Iterable

_SIGNS = {
    Role.HEARS: re.compile(
        r"whisper|transcri|parakeet|canary|moonshine|sensevoice|(^|[-_/.])(asr|stt)([-_/.]|$)"
    ),
    Role.SPEAKS: re.compile(r"kokoro|piper|orpheus|chatterbox|bark|parler|(^|[-_/.])x?tts([-_/.]|$)"),
    Role.EMBEDS: re.compile(r"embed|minilm|(^|[-_/.])(bge|e5|gte)([-_/.]|$)"),
    Role.DRAWS: re.compile(r"stable-?diffusion|dall-?e|gpt-image|imagen|(^|[-_/.])(flux|sdxl)([-_/.]|$)"),
}
"""Nothing here: it thinks."""


def use_of(model: str) -> Role:
    """The role a model was most likely made for."""
    name = model.lower()
    return next((role for role, sign in _SIGNS.items() if sign.search(name)), Role.THINKS)


def made_for(role: Role, models: Iterable[str]) -> tuple[str, ...]:
    """Those of `models` that were most likely made for `role`, in their order."""
    return tuple(model for model in models if use_of(model) is role)


_NO_TURN = re.compile(r"moderation|rerank|(^|[-_/.])(sora|veo|realtime|guard|ocr)([-_/.\d]|$)")


def is_for_no_turn(model: str) -> bool:
    """Whether its name says that it neither hears, thinks nor speaks: it checks, sorts, films."""
    return _NO_TURN.search(model.lower()) is not None


_PATH = re.compile(r"(?:[A-Za-z]:)?[\\/]|\.{1,2}[\\/]|~")
_WEIGHTS = re.compile(r"\.(gguf|ggml|bin|safetensors|onnx|pt|pth)$", re.IGNORECASE)
_SHARD = re.compile(r"-00001-of-\d{5}$")


def label_of_model(model: str) -> str:
    """How a person knows a model: by the name of its file, where a server gives the whole path of it."""
    is_file = _WEIGHTS.search(model) is not None
    if not is_file and not _PATH.match(model):
        return model
    name = re.split(r"[\\/]", model.rstrip("\\/"))[-1]
    return _SHARD.sub("", _WEIGHTS.sub("", name)) or model
