"""What the guide says in another language: it has no more than a greeting, a farewell, and who it is. Pure, any thread."""

from __future__ import annotations

from companion.language import language, tr
from companion.providers.here.guide.lexicon import Language, load_lexicon
from companion.providers.here.guide.noticing import Noticed, whole_words
from companion.providers.here.guide.wording import SENTENCE_END, Wording


def in_their_language(noticed: Noticed, said: str, wording: Wording) -> str:
    """The answer to a message in another language, or to "hi" and "bye" where the interface is in that; else empty."""
    theirs = noticed.language or _of_the_interface()
    if theirs is None or not theirs.hello:
        return ""
    whole = whole_words(said)
    if noticed.occasion in {"goodbye", "good night", "thanks"} or theirs.takes_leave(whole):
        return theirs.farewell if theirs.farewell and wording.is_new(theirs.farewell) else ""
    greets = noticed.occasion == "greeting" or whole in theirs.alone
    lead = theirs.hello if greets or not theirs.heard else theirs.heard
    for line in theirs.lines:
        text = line.replace("{thinking}", tr("Thinking"))
        if wording.is_new(SENTENCE_END.split(text)[0]):
            return f"{lead} {text}" if wording.is_new(lead) else text
    return ""


def _of_the_interface() -> Language | None:
    return next((each for each in load_lexicon().languages if each.code == language()), None)
