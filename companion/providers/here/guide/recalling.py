"""What the guide brings up of earlier days: one sentence at most, the person's own words with their day. Pure, any thread.

Only where they ask about what was, or where it bears so strongly on what they say that they would think of it themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from companion.flow import EARLIER, Message
from companion.providers.here.guide.wording import SENTENCE_END, Wording

_STRONG = 0.95
_LONGEST = 140
"""Characters that are quoted."""


def recalled(
    messages: Sequence[Message], wording: Wording, pools: Mapping[str, tuple[str, ...]]
) -> tuple[str, bool]:
    """(the sentence, or empty; whether it answers what they asked)."""
    try:
        notes = json.loads(messages[0].metadata.get(EARLIER, "[]")) if messages else []
    except ValueError:
        return "", False
    for note in notes:  # the newest first
        is_asked = bool(note["asked"])
        quote = _beginning(note["text"])
        if quote and (is_asked or float(note["strength"]) >= _STRONG):
            pool = pools["earlier said" if is_asked else "earlier"]
            sentence = wording.say(pool, {"day": note["day"], "quote": quote})
            if sentence:
                return sentence, is_asked
    return "", False


def _beginning(text: str) -> str:
    """The first sentences of a passage, as long as there is room, fit to stand in quotation marks."""
    plain = " ".join(text.replace('"', "'").replace("\u201c", "'").replace("\u201d", "'").split())
    taken = ""
    for sentence in SENTENCE_END.split(plain):
        if len(taken) + len(sentence) > _LONGEST:
            break
        taken = f"{taken} {sentence}".strip()
    if not taken:
        taken = plain[:_LONGEST].rpartition(" ")[0] + " \u2026"
    return taken.strip(" .")
