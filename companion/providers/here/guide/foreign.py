"""What the guide says in another language: it has no more than a greeting, a farewell, and who it is. Pure, any thread."""

from __future__ import annotations

from companion.language import tr
from companion.providers.here.guide.noticing import Noticed, whole_words
from companion.providers.here.guide.wording import SENTENCE_END, Wording


def in_their_language(noticed: Noticed, said: str, wording: Wording) -> str:
    """The answer to a message in a language that the guide does not speak; empty: it has said all of it."""
    theirs = noticed.language
    if theirs is None or not theirs.hello:
        return ""
    whole = whole_words(said)
    if theirs.takes_leave(whole):
        return theirs.farewell if theirs.farewell and wording.is_new(theirs.farewell) else ""
    lead = theirs.hello if whole in theirs.alone or not theirs.heard else theirs.heard
    for line in theirs.lines:
        text = line.replace("{thinking}", tr("Thinking"))
        if wording.is_new(SENTENCE_END.split(text)[0]):
            return f"{lead} {text}" if wording.is_new(lead) else text
    return ""
