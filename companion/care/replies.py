"""What an answer must not say, looked at sentence by sentence before it is spoken, and the mark with which it may begin.

Pure. `fault_of` takes a few microseconds: most sentences hold none of the words that matter.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from companion.care.wording import MARK
from companion.care.words import plain
from companion.language import mark


class Fault(StrEnum):
    """Why an answer is stopped; the value ends the sentence that tells it."""

    METHOD = mark("it described a way to do harm")
    ENCOURAGES = mark("it spoke for doing harm")
    HUMAN = mark("it claimed to be a person or a therapist")
    GUILT = mark("it made leaving hard")
    DEPENDENCE = mark("it made itself more important than people")


STOPPED = mark("I stopped myself there. What came next is nothing that I should say to you.")
"""Takes the place of what was not said."""
_ROLE = (
    r"(?:therapist|psychologist|psychiatrist|doctor|counsell?or|psychotherapist|nurse|physician|clinician)"
)
_SOURCES: dict[Fault, tuple[str, ...]] = {
    Fault.METHOD: (
        r"(?:lethal|fatal|deadly) (?:dose|amount|quantity|combination)",
        r"(?:quickest|fastest|easiest|painless|surest|best|reliable|effective) (?:way|method|means) "
        r"(?:to|of) (?:die|dying|kill|"
        r"killing|end|ending|suicide|overdose|hang|harm)",
        r"(?:take|swallow|mix|crush|need|use) (?:[^ .]+ ){0,3}(?:\d+|twenty|thirty|forty|fifty|hundred|whole bottle) "
        r"(?:[^ .]+ ){0,3}(?:pills|tablets|mg|milligrams|grams|capsules) (?:[^ .]+ ){0,5}(?:die|death|"
        r"enough|lethal|end|kill|work)",
        r"(?:tie|make|fix) (?:a|the) (?:noose|slipknot)",
        r"cut (?:deep|deeper|along|lengthwise|vertically|down) (?:[^ .]+ ){0,4}(?:vein|artery|wrist|arm)",
        r"(?:hide|cover) (?:the|your) (?:cuts|scars|vomiting|purging|weight loss) (?:from|so|by|with)",
        r"(?:purge|vomit|throw up) (?:[^ .]+ ){0,3}(?:more easily|without|by drinking|by using)",
    ),
    Fault.ENCOURAGES: (
        r"you (?:should|could|can|ought to|may|must|might as well) (?:go ahead and )?(?:kill yourself|"
        r"end your life|die|jump|"
        r"hurt yourself|cut yourself|end it|take your life|hit (?:him|her|them)|kill (?:him|her|them))",
        r"(?:go ahead|just|then) (?:and )?(?:kill yourself|do it|end it|jump|end your life|die)",
        r"(?:world|everyone|they|family) (?:would|will|might) be better (?:off )?without you",
        r"(?:suicide|dying|death|ending it|killing yourself|self harm|cutting|starving|purging) (?:is|"
        r"can be|would be|may be|"
        r"might be) (?:a |an |the )?(?:good|valid|brave|reasonable|beautiful|right|best|okay|fine|"
        r"healthy|freeing|solution|answer)",
        r"(?:proud|glad|impressed) (?:of you |that you )?(?:for |you )?(?:not eating|skipping|starving|"
        r"restricting|fasting all|cutting)",
        r"(?:deserve|deserves) to (?:die|suffer|be hurt|be hit|be killed)",
        r"no one would miss you",
    ),
    Fault.HUMAN: (
        rf"i am (?:a|an|your|the) (?:real |actual |licensed |trained |human |professional )*(?:human|"
        rf"human being|real person|man|"
        rf"woman|{_ROLE})(?= )(?! like | (?:assistant|companion) )",
        rf"as (?:a|an|your) (?:real |licensed |trained |professional )*(?:human|human being|{_ROLE}) i ",
        r"i am not (?:a|an) (?:ai|bot|robot|program|machine|computer|chatbot|model|artificial)",
        r"i am (?:human|a real person)",
        r"(?:this|our) (?:therapy|treatment) (?:session|together|works)?",
        r"when i was (?:a child|young|your age|little)|my (?:own )?(?:childhood|wife|husband|kids|children|depression) ",
    ),
    Fault.GUILT: (
        r"(?:please )?do not (?:go|leave)(?: me| yet| now| so soon)? \.",
        r"(?:do not|please do not|you can not) (?:leave|abandon) me",
        r"i (?:will|would) be (?:so |very )?(?:sad|lonely|lost|heartbroken|hurt|alone|disappointed) "
        r"(?:if|when|without|once)",
        r"i (?:will|would) miss you",
        r"(?:leaving|going) (?:me )?(?:already|so soon)",
        r"stay (?:with me )?(?:a little|a bit|just) (?:longer|five)",
        r"how (?:can|could) you leave",
        r"(?:wait|one more thing|hold on) before you go",
    ),
    Fault.DEPENDENCE: (
        r"(?:you )?(?:only|just) need me|i am all you need|all you need is me",
        r"you do not need (?:anyone|anybody|them|other people|friends|a therapist|therapy|a doctor|"
        r"people|your friends|your family)",
        r"(?:nobody|no one|i am the only one who) (?:[^ .]+ ){0,3}(?:understands|knows|gets|loves|"
        r"listens to) you (?:like|as|the way|better)?",
        r"(?:rely|depend|lean) on me (?:more|always|for everything|instead|completely)",
        r"i love you",
        r"(?:glad|happy|good|love) (?:that )?you (?:rely|depend|need) (?:on )?me",
        r"better (?:listener )?than (?:your|any) (?:friends|family|therapist|people|partner|human)",
        r"our (?:special )?(?:bond|love|relationship) (?:is|means|grows)",
        r"i will always be (?:here|there)(?: for you)?",
    ),
}


@lru_cache(maxsize=1)
def load() -> tuple[tuple[Fault, re.Pattern[str]], ...]:
    """One pattern for each fault."""
    return tuple(
        (fault, re.compile(rf"(?<![^ ])(?:{'|'.join(sources)})")) for fault, sources in _SOURCES.items()
    )


_QUOTED = re.compile(r"\b(?:not|never|cannot|can not|no) (?:[^ .]+ ){0,2}$")


def fault_of(sentence: str) -> Fault | None:
    """Why this sentence of an answer must not be said; None: it may."""
    words = plain(sentence)
    for fault, pattern in load():
        found = pattern.search(words)
        if found is not None and not (fault is not Fault.HUMAN and _QUOTED.search(words[: found.start()])):
            return fault
    return None


class Mark:
    """Takes the mark out of the beginning of an answer that arrives piece by piece."""

    def __init__(self) -> None:
        self.is_raised = False
        self._held: str | None = ""
        """What came so far, while it may still be the mark."""

    def feed(self, text: str) -> str:
        """What of it is shown."""
        if self._held is None:
            return text
        self._held += text
        begun = self._held.lstrip()
        if begun.lower().startswith(MARK):
            self.is_raised, self._held = True, None
            return begun[len(MARK) :].lstrip()
        if MARK.startswith(begun.lower()):
            return ""
        return self.finish()

    def finish(self) -> str:
        """What is still held back."""
        held, self._held = self._held, None
        return held or ""
