"""What is said when somebody speaks another language than the settings say. Pure."""

from __future__ import annotations

from companion.language import tr
from companion.providers.wire.languages import Language, for_whisper
from companion.settings.languages import NAMES


def remark(chosen: str, heard: str) -> str:
    """A sentence for whoever chose one language and speaks another, both as tags; empty: there is nothing to say."""
    chosen, heard = _known(chosen), _known(heard)
    if not chosen or not heard or chosen == heard:
        return ""
    return tr(
        "That sounded like {heard}, but {chosen} is set: Settings, Hearing",
        heard=tr(NAMES.get(heard, heard)),
        chosen=tr(NAMES.get(chosen, chosen)),
    )


def _known(tag: str) -> str:
    """The language as recognisers name it: what is one to them is not told apart."""
    return for_whisper(tag) or Language.of(tag).base
