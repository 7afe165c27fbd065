"""The voice and the recogniser that come with Companion, as what is known of them: the first frame of the window shows it.

`provider` does the work, and is loaded when somebody asks for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from companion.kinds import Role, VoiceInfo
from companion.language import mark
from companion.providers.spec import Spec

if TYPE_CHECKING:
    from companion.providers.here.builtin.provider import PROVIDER, BuiltinProvider

__all__ = ["PROVIDER", "SPEC", "VOICES", "BuiltinProvider"]

VOICES = (
    VoiceInfo(id="en-us", name=mark("American")),
    VoiceInfo(id="en-us+f3", name=mark("American, higher")),
    VoiceInfo(id="en-gb", name=mark("British")),
    VoiceInfo(id="en-gb+f3", name=mark("British, higher")),
    VoiceInfo(id="en-gb-x-rp", name=mark("British, received pronunciation")),
    VoiceInfo(id="en-gb-scotland", name=mark("Scottish")),
    VoiceInfo(id="en-029", name=mark("Caribbean")),
    VoiceInfo(id="de", name=mark("German"), language="de"),
    VoiceInfo(id="fr-fr", name=mark("French"), language="fr"),
    VoiceInfo(id="es", name=mark("Spanish"), language="es"),
    VoiceInfo(id="es-419", name=mark("Latin American Spanish"), language="es-419"),
    VoiceInfo(id="it", name=mark("Italian"), language="it"),
    VoiceInfo(id="pt", name=mark("Portuguese"), language="pt"),
    VoiceInfo(id="pt-br", name=mark("Brazilian Portuguese"), language="pt-br"),
    VoiceInfo(id="nl", name=mark("Dutch"), language="nl"),
    VoiceInfo(id="sv", name=mark("Swedish"), language="sv"),
    VoiceInfo(id="pl", name=mark("Polish"), language="pl"),
    VoiceInfo(id="uk", name=mark("Ukrainian"), language="uk"),
    VoiceInfo(id="ru", name=mark("Russian"), language="ru"),
    VoiceInfo(id="tr", name=mark("Turkish"), language="tr"),
    VoiceInfo(id="hi", name=mark("Hindi"), language="hi"),
    VoiceInfo(id="cmn", name=mark("Mandarin Chinese"), language="zh"),
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
