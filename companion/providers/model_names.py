"""What a model is for, guessed from its name: for servers that list their models without saying so. Pure text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from companion.flow import Role

_SIGNS = {
    Role.HEARS: re.compile(
        r"whisper|transcri|parakeet|canary|moonshine|sensevoice|(^|[-_/.])(asr|stt)([-_/.]|$)"
    ),
    Role.SPEAKS: re.compile(r"kokoro|piper|orpheus|chatterbox|bark|parler|(^|[-_/.])x?tts([-_/.]|$)"),
    Role.EMBEDS: re.compile(r"embed|minilm|(^|[-_/.])(bge|e5|gte)([-_/.]|$)"),
    Role.DRAWS: re.compile(r"stable-?diffusion|(^|[-_/.])(flux|sdxl)([-_/.]|$)"),
}
"""Nothing here: it thinks."""


def use_of(model: str) -> Role:
    """The role a model was most likely made for."""
    name = model.lower()
    return next((role for role, sign in _SIGNS.items() if sign.search(name)), Role.THINKS)


def made_for(role: Role, models: Iterable[str]) -> tuple[str, ...]:
    """Those of `models` that were most likely made for `role`, in their order."""
    return tuple(model for model in models if use_of(model) is role)
