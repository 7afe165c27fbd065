"""What a model does not take of a chat request: left out and told in a notice, or refused where it must not be missing.

The catalogue says what a model can; a dialect adds what its wire has no place for. Pure.
"""

from __future__ import annotations

import hashlib
import re
import string
from collections.abc import Collection
from typing import TYPE_CHECKING

from companion.errors import AIProviderNotSupportedError
from companion.flow import ChatRequest, Speaker
from companion.language import mark, tr

if TYPE_CHECKING:
    from companion.providers.catalogue import ModelEntry
    from companion.providers.provider import Spec

SAMPLING = ("temperature", "top_p", "frequency_penalty", "presence_penalty")
"""Go together: a model that reasons takes none of them."""
_WORDS = {
    "top_p": mark("top-p"),
    "frequency_penalty": mark("frequency penalty"),
    "presence_penalty": mark("presence penalty"),
    "stop": mark("stop words"),
    "user": mark("name of the user"),
    "name": mark("names of speakers"),
    "max_tokens": mark("limit to its length"),
    "reasoning_effort": mark("reasoning effort"),
}
_ABILITIES = {
    "tools": ("tools", mark("{who} cannot use tools.")),
    "images": ("vision", mark("{who} cannot look at pictures.")),
    "sounds": ("audio_in", mark("{who} cannot listen to sound.")),
    "schema": ("json", mark("{who} cannot answer in a given form.")),
}
"""What must not be left out -> the catalogue's name of it, and what one cannot do without it."""


def left_out(
    request: ChatRequest, entry: ModelEntry | None, lacking: Collection[str] = ()
) -> tuple[str, ...]:
    """The fields of `request` that are set and are not to be sent. `lacking`: what the dialect has no place for."""
    unwanted = set(lacking)
    if entry is not None:
        unwanted |= entry.refuses
        unwanted |= set() if entry.temperature else set(SAMPLING)
        if entry.abilities and "reasoning" not in entry.abilities:
            unwanted.add("reasoning_effort")
    return tuple(sorted(name for name in unwanted if _is_set(request, name)))


def _is_set(request: ChatRequest, name: str) -> bool:
    if name == "name":
        return any(message.name and message.role is not Speaker.TOOL for message in request.messages)
    return getattr(request, name) not in (None, "", (), {})


def notice(label: str, name: str) -> str:
    """What a person is told of a parameter that was left out."""
    return tr("{label} takes no {what}; it was left out.", label=label, what=tr(_WORDS.get(name, name)))


def require_abilities(
    request: ChatRequest, spec: Spec, entry: ModelEntry | None, lacking: Collection[str] = ()
) -> None:
    """Refuses what would mean something else if it were left out.

    Raises:
        AIProviderNotSupportedError: the model, or the dialect (`lacking` tools, images, sounds, schema), cannot do it.
    """
    wanted = {
        "tools": bool(request.tools),
        "schema": request.schema is not None,
        "images": any(message.images for message in request.messages),
        "sounds": any(message.sounds for message in request.messages),
    }
    for what in (name for name, is_wanted in wanted.items() if is_wanted):
        ability, words = _ABILITIES[what]
        knows_better = entry is not None and entry.abilities and ability not in entry.abilities
        if what in lacking or knows_better:
            who = spec.display_name if what in lacking or entry is None else entry.label
            raise AIProviderNotSupportedError(
                tr(words, who=who), spec.name, who=who, hint=tr("Choose another model for it.")
            )


# -- a conversation that began elsewhere --------------------------------------------------------------------

_LETTERS = string.ascii_letters + string.digits


def fitting_id(call_id: str, shape: str) -> str:
    """The id of a tool call in the shape a vendor takes, a pattern: as it is, or nine letters and digits made of it."""
    if re.fullmatch(shape, call_id):
        return call_id
    digest = hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:9])


def kept_by(origin: str, opaque: str) -> str:
    """What `kept_for` wrote for the same vendor; empty: it is another's, and means nothing here."""
    return opaque.removeprefix(f"{origin}:") if opaque.startswith(f"{origin}:") else ""


def kept_for(origin: str, kept: str) -> str:
    """`ToolCall.opaque` for what a vendor wants back unread, marked as its own."""
    return f"{origin}:{kept}" if kept else ""
