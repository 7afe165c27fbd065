"""Whether a question asks for what the person has already told: a question and their words in, yes or no out. Pure.

Only questions for a fact are looked at (when, who, where, which word); anybody may say more about the rest.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from companion.providers.here.guide.noticing import notice

_BODY = (
    r"(?:chest|stomach|belly|throat|head|neck|shoulders?|back|jaw|hands?|heart|legs?|knees?|face|eyes|skin)"
)
_WHEN = r"(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|tomorrow|tonight|noon|christmas|easter)"
_MONTH = r"(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_RULES: tuple[tuple[str, str], ...] = (
    (
        r"by when|how long may",
        rf"(?:by|until|till|before|on|in) (?:the end|next|this|the \d|\d|{_WHEN}|{_MONTH})|deadline",
    ),
    (
        r"when (?:did you notice|does this|do you feel|do you notice)|what was there just before",
        r"this morning|last night|when i (?:woke|wake|get|got|go|went|come|came|lie|see|hear)|at night|in bed|"
        r"in the (?:morning|evening|night)|every (?:morning|evening|night|day|time)|since ",
    ),
    (
        r"how long have",
        r"for (?:\d|years|months|weeks|ages|a long|a while|so long|half|two|three|ten)|since ",
    ),
    (
        r"how old is",
        r"\d+ years old|when i was|in (?:\w+ )?years|my \w+[- ]year[- ]old|of twenty|at (?:\d|twelve|twenty)",
    ),
    (r"what are you choosing", r"between|either|whether|stay or|go or|or not| or "),
    (
        r"who (?:knows|is with you)",
        r"(?:nobody|no one|everyone|everybody|only \w+|\w+ \w+) knows|(?:have|got|there's|there is) (?:nobody|no one)|"
        r"(?:don't|do not|haven't) (?:have |got )?any(?:one|body)|i (?:have )?(?:only )?told (?!you)",
    ),
    (
        r"who (?:could|would) you .*tell",
        r"i (?:have )?told (?!you)|i (?:want to|will|could|can) (?:tell|call|ring|talk to) ",
    ),
    (
        r"what have you already done",
        r"i (?:have )?(?:already |even )?(?:tried|called|wrote|asked|looked|went to|spoke)",
    ),
    (r"what did they say", r"(?:he|she|they) (?:always |often )?(?:said|told me|used to say|would say)"),
    (
        r"(?:where in your body|where do you notice it|what do you notice in your shoulders|where is there tension)",
        rf"my {_BODY} |in my {_BODY}|\b{_BODY}\.?$",
    ),
    (r"what is holding you up", r"\b(?:chair|floor|bed|sofa|couch|bench|ground)\b"),
    (r"what gave you strength", r"gave me|took (?:a lot|all|it|so much|everything)"),
    (
        r"how has your day been",
        r"my day (?:was|has been|is)|today (?:was|has been|is)|a (?:long|good|bad|hard) day",
    ),
)
"""How a question begins, and how the answer to it sounds in the person's words, both in lower case."""


def is_told(question: str, said: Sequence[str]) -> bool:
    """Whether one of the messages `said` has answered `question`."""
    asked = question.lower()
    for begins, answered in _rules():
        if begins.match(asked):
            return any(answered.search(text.lower().replace("’", "'")) for text in said)
    if "one word" in asked and "feeling" in asked:
        return any(notice(text).felt for text in said)
    if asked.startswith("who had a part"):
        return _has_topic(said, "people")
    if asked.startswith(("where were you", "where do you see them")):
        return _has_topic(said, "places")
    return False


def _has_topic(said: Sequence[str], kind: str) -> bool:
    return any(topic.kind.name == kind for text in said for topic in notice(text).topics)


@lru_cache(maxsize=1)
def _rules() -> tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]:
    return tuple(
        (re.compile(begins), re.compile(rf"(?<!\w)(?:{answered})", re.MULTILINE))
        for begins, answered in _RULES
    )
