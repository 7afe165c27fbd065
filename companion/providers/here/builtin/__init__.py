"""The voice and the recogniser that come with Companion, as what is known of them: the first frame of the window shows it.

`provider` does the work, and is loaded when somebody asks for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from companion.flow import Role, VoiceInfo
from companion.language import mark
from companion.providers.provider import Spec

if TYPE_CHECKING:
    from companion.providers.here.builtin.provider import PROVIDER, BuiltinProvider

__all__ = ["PROVIDER", "SPEC", "VOICES", "BuiltinProvider"]

VOICES = (
    VoiceInfo(id="en-us", name="American"),
    VoiceInfo(id="en-us+f3", name="American, higher"),
    VoiceInfo(id="en-gb", name="British"),
    VoiceInfo(id="en-gb+f3", name="British, higher"),
    VoiceInfo(id="en-gb-x-rp", name="British, received pronunciation"),
    VoiceInfo(id="en-gb-scotland", name="Scottish"),
    VoiceInfo(id="en-029", name="Caribbean"),
    VoiceInfo(id="de", name="German", language="de"),
    VoiceInfo(id="fr-fr", name="French", language="fr"),
    VoiceInfo(id="es", name="Spanish", language="es"),
    VoiceInfo(id="es-419", name="Latin American Spanish", language="es-419"),
    VoiceInfo(id="it", name="Italian", language="it"),
    VoiceInfo(id="pt", name="Portuguese", language="pt"),
    VoiceInfo(id="pt-br", name="Brazilian Portuguese", language="pt-br"),
    VoiceInfo(id="nl", name="Dutch", language="nl"),
    VoiceInfo(id="sv", name="Swedish", language="sv"),
    VoiceInfo(id="pl", name="Polish", language="pl"),
    VoiceInfo(id="uk", name="Ukrainian", language="uk"),
    VoiceInfo(id="ru", name="Russian", language="ru"),
    VoiceInfo(id="tr", name="Turkish", language="tr"),
    VoiceInfo(id="hi", name="Hindi", language="hi"),
    VoiceInfo(id="cmn", name="Mandarin Chinese", language="zh"),
)
"""The ones offered. Any other language of espeak-ng works by its tag, with "+f1".."+f5" or "+m1".."+m8" for its pitch."""

SPEC = Spec(
    name="builtin",
    display_name=mark("This computer"),
    roles=frozenset({Role.HEARS, Role.SPEAKS, Role.EMBEDS}),
    default_models={Role.EMBEDS: "words"},
    hears_live=True,
    voices=VOICES,
    summary="Whisper and a natural voice once they are here; until then plain ones: 44 of 100 words are wrong.",
    summaries={
        Role.HEARS: "Whisper once it is here; until then a plain recogniser: 44 of 100 words are wrong.",
        Role.SPEAKS: "A natural voice once one is here; until then a plain one.",
    },
)


def __getattr__(name: str) -> object:
    if name not in ("PROVIDER", "BuiltinProvider"):
        raise AttributeError(f"{__name__} has no {name}")
    found: object = getattr(importlib.import_module(f"{__name__}.provider"), name)
    return found
